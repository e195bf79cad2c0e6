/** containerd's shim, runtime version 2: called as `containerd-shim-sampan-v2`, or as `sampan shim`. Each action loads only what it needs. */
import { fstatSync, readFileSync, writeSync } from "node:fs";
import { basename } from "node:path";
import { SampanError } from "../../base/errors.ts";
import { parseShimFlags, type ShimFlags } from "./flags.ts";

export const shimName = "containerd-shim-sampan-v2";

/** `command`: this program as a shim. Gives the exit status. */
export async function main(args: readonly string[], command: readonly string[]): Promise<number> {
  try {
    await act(parseShimFlags(args), command);
    return 0;
  } catch (error) {
    say(2, `${shimName}: ${SampanError.from(error).message}\n`);
    return 1;
  }
}

async function act(flags: ShimFlags, command: readonly string[]): Promise<void> {
  if (flags.version) return await printVersion();
  if (flags.info) return await printInfo();
  if (flags.namespace === "") throw new SampanError("invalid_argument", "shim namespace cannot be empty");
  const bundle = flags.bundle === "" ? process.cwd() : flags.bundle;
  if (flags.action === "start") return await begin(flags, { bundle, command });
  if (flags.action === "delete") return await remove(flags.id, bundle);
  if (flags.action !== "")
    throw new SampanError("invalid_argument", `cannot do "${flags.action}": a shim can start and delete`);
  const { serve } = await import("./serve.ts");
  const events = process.env["TTRPC_ADDRESS"] ?? "";
  const { namespace, socket, keeper: places } = flags;
  await serve({ namespace, bundle, socket, events, places, rest: restMs() });
}

/** SAMPAN_SHIM_REST_MS, or a minute. */
function restMs(): number {
  const text = process.env["SAMPAN_SHIM_REST_MS"] ?? "";
  return /^\d{1,9}$/.test(text) ? Number(text) : 60_000;
}

async function begin(
  flags: ShimFlags,
  { bundle, command }: { readonly bundle: string; readonly command: readonly string[] },
): Promise<void> {
  const input = readInput();
  // The newer ways want protobuf, which the oldest has no need to load.
  const bootstrap =
    input.length > 0 || process.env["MAX_SHIM_VERSION"] !== undefined
      ? await import("./bootstrap.ts")
      : undefined;
  const asked = bootstrap?.parseInput(input, flags);
  const { start } = await import("./start.ts");
  const address = await start({
    flags,
    bundle,
    command,
    socketFolder: asked?.socketFolder,
    shimCgroup: asked?.shimCgroup,
  });
  say(1, bootstrap ? bootstrap.answer(asked?.form, address) : address);
}

async function remove(id: string, bundle: string): Promise<void> {
  const { encodeDeleted, wasDeleted } = await import("./deleted.ts");
  // containerd asks this after each task, also of one that the shim has taken away in order: nothing more is loaded then.
  if (wasDeleted(bundle)) return say(1, encodeDeleted({ pid: 0, exit: { code: 137, at: Date.now() } }));
  const { deleteTask } = await import("./delete.ts");
  say(1, encodeDeleted(await deleteTask({ id, bundle }, (text) => say(2, `${text}\n`))));
}

async function printVersion(): Promise<void> {
  const { version, commit } = await import("../../base/version.ts");
  say(1, `${basename(shimName)}:\n  Version:  ${version}\n  Revision: ${commit()}\n\n`);
}

async function printInfo(): Promise<void> {
  const { infoOf } = await import("./info.ts");
  say(1, infoOf(readInput()));
}

/** What containerd sends on standard input: at most 10 MiB of it. Nothing where that is a terminal. */
function readInput(): Uint8Array {
  const kind = fstatSync(0);
  if (!kind.isFIFO() && !kind.isFile() && !kind.isSocket()) return new Uint8Array(0);
  const input = readFileSync(0);
  if (input.length <= 10 << 20) return input;
  throw new SampanError("invalid_argument", "what stands on standard input is longer than 10 MiB");
}

function say(fd: number, text: string | Uint8Array): void {
  const bytes = typeof text === "string" ? new TextEncoder().encode(text) : text;
  for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at);
}
