/** `start`: finds the shim of a container's group, or begins one, and tells containerd where it listens. */
import { spawn } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { SampanError } from "../../base/errors.ts";
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
  const { flags, bundle, socketFolder } = request;
  const { address, namespace } = flags;
  const group = groupOf(textIn(`${bundle}/config.json`) ?? "{}");
  const path =
    flags.socket === "" ? socketPath({ address, namespace, group, folder: socketFolder }) : flags.socket;
  const found = `${scheme}${path}`;
  writeAddress(bundle, found);
  if (await answers(path)) return found;
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  await begin(request, path);
  return found;
}

const beginMs = 20_000;

/** Begins one that lives on. Resolves when it listens. */
async function begin({ flags, bundle, command, shimCgroup }: StartRequest, path: string): Promise<void> {
  const [program = "", ...words] = command;
  const { namespace, address, id, debug } = flags;
  const own = ["-namespace", namespace, "-id", id, "-address", address, "-bundle", bundle, "-socket", path];
  const child = spawn(program, [...words, ...own, ...(debug ? ["-debug"] : [])], {
    cwd: "/",
    detached: true,
    stdio: ["ignore", "pipe", "ignore"],
  });
  try {
    await new Promise<void>((resolve, reject) => {
      const failed = (why: string): void =>
        reject(new SampanError("internal", `cannot begin the shim of "${id}": ${why}`));
      const late = setTimeout(() => failed(`it does not listen after ${beginMs} ms`), beginMs);
      child.once("error", (error) => failed(error.message));
      child.once("exit", (code) => failed(`it ended with status ${code}`));
      child.stdout.once("data", () => {
        clearTimeout(late);
        resolve();
      });
    });
    if (child.pid !== undefined) settle(child.pid, shimCgroup);
  } catch (error) {
    child.kill("SIGKILL");
    throw error;
  } finally {
    child.stdout.destroy();
    child.unref();
  }
}

/** The kernel is to end containerd after its shims, and the shim lies where it was asked to. */
function settle(pid: number, cgroup: string | undefined): void {
  const score = Number(readFileSync("/proc/self/oom_score_adj", "utf8"));
  writeFileSync(`/proc/${pid}/oom_score_adj`, String(Math.min(1000, score + 1)));
  if (cgroup) joinCgroup(pid, cgroup);
}

function joinCgroup(pid: number, path: string): void {
  const mounts = readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .filter((line) => / - cgroup2? /.test(line))
    .map((line) => line.split(" ")[4] ?? "");
  for (const mount of mounts) writeFileSync(`${mount}/${path}/cgroup.procs`, String(pid));
}
