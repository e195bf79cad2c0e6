/** What a create that did not get to writing its state had begun: read from the plan that it kept before it started. */
import { readFileSync } from "node:fs";
import { cgroupHost } from "./cgroups/host.ts";
import { decodePlan } from "./plan/encode.ts";
import { slot, type Plan } from "./plan/operations.ts";

/** The control groups that the plan in the folder makes; none when it was never written. */
export function interruptedCgroups(dir: string): { dirs: Record<string, string>; version: 1 | 2 } {
  const version = cgroupHost().mode === "v2" ? 2 : 1;
  const paths = cgroupsOf(planIn(dir));
  const dirs = Object.fromEntries(paths.map((path, index) => [keyOf(path, { index, version }), path]));
  return { dirs, version };
}

function planIn(dir: string): Plan {
  try {
    return decodePlan(readFileSync(`${dir}/plan`));
  } catch {
    return { parent: [], middle: [], init: [] };
  }
}

function cgroupsOf({ parent }: Plan): string[] {
  return parent.flatMap(({ name, why, args }) => {
    if (why !== "linux.cgroupsPath") return [];
    if (name !== "open") return [];
    const path = String(args["path"]);
    return args["out"] === slot.cgroup ? [path] : [path.replace(/\/(tasks|cgroup\.threads)$/, "")];
  });
}

function keyOf(path: string, { index, version }: { index: number; version: 1 | 2 }): string {
  if (version === 2) return "";
  return ["devices", "freezer", "pids"].find((name) => path.includes(`/${name}/`)) ?? `hierarchy ${index}`;
}
