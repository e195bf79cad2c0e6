/** `start`: finds the shim of a container's group, or begins one, and tells containerd where it listens. */
import { readFileSync, writeFileSync } from "node:fs";
import { answers } from "../../wire/unix-socket.ts";
import { textIn, writeAddress } from "./bundle.ts";
import type { ShimFlags } from "./flags.ts";
import { scheme, socketPath } from "./socket.ts";

export interface StartRequest {
  readonly flags: ShimFlags;
  readonly bundle: string;
  /** The command line of this program as a shim. */
  readonly command: readonly string[];
  /** Where its sockets lie, when containerd says so. */
  readonly socketFolder?: string | undefined;
  readonly shimCgroup?: string | undefined;
}

/** In this order: the first that a configuration has is the group. */
const groups = ["io.containerd.runc.v2.group", "io.kubernetes.cri.sandbox-id"] as const;

/** A pod's id; "" for everything else of a namespace, which has one shim for all of it. */
export function groupOf(configuration: string): string {
  const { annotations } = JSON.parse(configuration) as { readonly annotations?: unknown };
  if (typeof annotations !== "object" || annotations === null) return "";
  const known = annotations as Readonly<Record<string, unknown>>;
  for (const name of groups) if (typeof known[name] === "string") return known[name];
  return "";
}

/** Gives the address. Its file in the bundle is written before anybody listens there. */
export async function start(request: StartRequest): Promise<string> {
  const { flags, bundle, command, socketFolder, shimCgroup } = request;
  const { address, namespace, id, debug } = flags;
  const group = groupOf(textIn(`${bundle}/config.json`) ?? "{}");
  const socket =
    flags.socket === "" ? socketPath({ address, namespace, group, folder: socketFolder }) : flags.socket;
  const found = `${scheme}${socket}`;
  writeAddress(bundle, found);
  // Mostly there is one; what begins one is loaded for the first alone.
  if (await answers(socket)) return found;
  const { beginKept } = await import("../../runtime/keeper/begin.ts");
  const own = ["-namespace", namespace, "-id", id, "-address", address, "-bundle", bundle, "-socket", socket];
  await beginKept({
    socket,
    command: [...command, ...own, ...(debug ? ["-debug"] : [])],
    before: () => settle(shimCgroup),
  });
  return found;
}

/** The kernel is to end containerd after its shims, and the shim lies where it was asked to. This process hands both on. */
function settle(cgroup: string | undefined): void {
  const score = Number(readFileSync("/proc/self/oom_score_adj", "utf8"));
  writeFileSync("/proc/self/oom_score_adj", String(Math.min(1000, score + 1)));
  if (cgroup) joinCgroup(cgroup);
}

function joinCgroup(path: string): void {
  const mounts = readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .filter((line) => / - cgroup2? /.test(line))
    .map((line) => line.split(" ")[4] ?? "");
  for (const mount of mounts) writeFileSync(`${mount}/${path}/cgroup.procs`, String(process.pid));
}
