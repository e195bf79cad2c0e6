/** Programs of probes and hooks in the engine's containers. */
import { SampanError } from "../../../../base/errors.ts";
import { createExec, startExec } from "../../../../engine/containers/exec.ts";
import type { LifeParts } from "../../../../engine/containers/parts.ts";
import type { RunInContainer } from "./action.ts";

const SIGKILL = 9;
/** As shells have it, for a program that cannot be started. */
const notStarted = 126;
/** Bytes kept of what it says, with the marks between. */
const most = 16 << 10;

export function runInEngine(engine: LifeParts): RunInContainer {
  return async (id, command, signal) => {
    signal.throwIfAborted();
    const exec = await createExec(engine, id, { Cmd: command, AttachStdout: true, AttachStderr: true });
    const attachment = await startExec(engine, exec, { detach: false, signal }).catch((error: unknown) => {
      // With its container gone it says nothing; a program that is not there is one that fails.
      if (signal.aborted || engine.containers.get(id).state !== "running") throw error;
      return SampanError.from(error).message;
    });
    if (typeof attachment === "string") return { exitCode: notStarted, output: attachment };
    const record = engine.tasks.table.execs.find(exec);
    const kill = () => void record?.connection?.signal(SIGKILL).catch(() => undefined);
    signal.addEventListener("abort", kill, { once: true });
    if (signal.aborted) kill();
    try {
      const output = attachment ? await read(attachment, signal) : "";
      // One that was killed is not waited for: the kernel may take its time.
      const exitCode = signal.aborted || !record ? -1 : await ended(record.done.promise, signal);
      return { exitCode, output };
    } finally {
      signal.removeEventListener("abort", kill);
    }
  };
}

async function ended(done: Promise<number>, signal: AbortSignal): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>();
  const end = () => {
    resolve(-1);
  };
  signal.addEventListener("abort", end, { once: true });
  try {
    return await Promise.race([done, promise]);
  } finally {
    signal.removeEventListener("abort", end);
  }
}

type Attachment = NonNullable<Awaited<ReturnType<typeof startExec>>>;

/** The beginning is kept; the rest is taken from it so that it is not held up. */
async function read(attachment: Attachment, signal: AbortSignal): Promise<string> {
  const pieces: Uint8Array[] = [];
  let length = 0;
  const reader = attachment.output.getReader();
  const stop = () => void reader.cancel().catch(() => undefined);
  signal.addEventListener("abort", stop, { once: true });
  try {
    for (let next = await reader.read(); !next.done && !signal.aborted; next = await reader.read()) {
      if (length < most) pieces.push(next.value.slice(0, most - length));
      length += next.value.length;
    }
  } finally {
    signal.removeEventListener("abort", stop);
    await attachment[Symbol.asyncDispose]();
  }
  return withoutFrames(Buffer.concat(pieces));
}

const header = 8;

function withoutFrames(bytes: Buffer): string {
  const pieces: Buffer[] = [];
  for (let at = 0; at + header <= bytes.length;) {
    const length = bytes.readUInt32BE(at + 4);
    pieces.push(bytes.subarray(at + header, at + header + length));
    at += header + length;
  }
  return Buffer.concat(pieces).toString("utf8");
}
