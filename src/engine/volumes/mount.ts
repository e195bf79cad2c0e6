/** Mounts what a volume's options ask for on its folder, and takes it away. */
import { readFileSync } from "node:fs";
import { SampanError } from "../../base/errors.ts";
import { MS } from "../../kernel/linux.ts";
import { mount, unmount } from "../../kernel/mounts.ts";
import type { MountOption } from "./options.ts";

/** Milliseconds for a server that does not answer. */
const patience = 60_000;

/**
 * A tmpfs and a folder of the host at once; whatever else is in a program of its own, mount(8), which knows how a network file system is asked for, and which a server that does not
 * answer can keep waiting without keeping anybody else. Errors: what the kernel or mount(8) says.
 */
export async function mountVolume(
  name: string,
  option: MountOption,
  target: string,
  signal?: AbortSignal,
): Promise<void> {
  try {
    if (option.bind) bind(option, target);
    else if (option.type === "tmpfs")
      mount({ type: "tmpfs", source: option.device, target, flags: option.flags, data: option.data });
    else await mountByProgram(option, target, signal);
  } catch (error) {
    unmount(target);
    throw SampanError.wrap(`cannot mount volume "${name}"`, error);
  }
}

/** Flags of a bind take hold in a second step, as the kernel wants it. */
function bind({ device, flags }: MountOption, target: string): void {
  const how = flags & (MS.BIND | MS.REC);
  mount({ type: "none", source: device, target, flags: MS.BIND | how, data: "" });
  const further = flags & ~(MS.BIND | MS.REC);
  if (further !== 0)
    mount({ type: "none", source: device, target, flags: MS.REMOUNT | MS.BIND | further, data: "" });
}

async function mountByProgram(
  { type, device, words }: MountOption,
  target: string,
  signal?: AbortSignal,
): Promise<void> {
  const options = words.length > 0 ? ["-o", words.join(",")] : [];
  const child = Bun.spawn(["mount", "-t", type, ...options, "--", device, target], {
    stdio: ["ignore", "ignore", "pipe"],
    signal: AbortSignal.any([AbortSignal.timeout(patience), ...(signal ? [signal] : [])]),
    killSignal: "SIGKILL",
  });
  const [status, said] = await Promise.all([child.exited, child.stderr.text()]);
  if (status === 0) return;
  signal?.throwIfAborted();
  if (child.signalCode !== null)
    throw new SampanError(
      "deadline_exceeded",
      `${type} of "${device}" did not answer within ${patience / 1000} s`,
    );
  throw new SampanError("failed_precondition", said.trim().slice(0, 1000) || `mount ended with ${status}`);
}

/** proc_pid_mountinfo(5) */
export function isMounted(target: string): boolean {
  const escaped = target.replace(
    /[ \t\n\\]/g,
    (mark) => `\\${mark.charCodeAt(0).toString(8).padStart(3, "0")}`,
  );
  return readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .some((line) => line.split(" ")[4] === escaped);
}
