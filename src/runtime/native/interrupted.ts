/** What a create that did not get to writing its state had begun: read from the plan that it kept before it started. */
import { readFileSync } from "node:fs";
import { cgroupHost } from "./cgroups/host.ts";
import { decodePlan } from "./plan/encode.ts";
import { slot, type Plan } from "./plan/operations.ts";

export interface Interrupted {
  readonly dirs: Readonly<Record<string, string>>;
  readonly version: 1 | 2;
  /** systemd's unit, whose name is that of the control groups. */
  readonly unit?: string;
}

/** The control groups that the plan in the folder makes; none when it was never written. */
export function interruptedCgroups(dir: string): Interrupted {
  const version = cgroupHost().mode === "v2" ? 2 : 1;
  const plan = planIn(dir);
  const paths = cgroupsOf(plan);
  const dirs = Object.fromEntries(paths.map((path, index) => [keyOf(path, { index, version }), path]));
  const unit = plan.parent[0]?.why === "--systemd-cgroup" ? paths[0]?.split("/").at(-1) : undefined;
  return { dirs, version, ...(unit && { unit }) };
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
