/** To be attached to a process: a connection whose one direction is its output as it comes, the other what it reads. */
import type { Socket } from "node:net";
import { SampanError } from "../../base/errors.ts";
import type { Attachment } from "../runtime.ts";
import { dial, frame, nobody, tooMany } from "./dial.ts";
import { answers, frameHeader, streams } from "./protocol.ts";

export interface AttachOptions {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
}

const doneSize = frameHeader + 4;
const largestWrite = 65536;
/** Milliseconds for a monitor to answer: it never waits for anything before it does. */
const usualPatience = 10_000;

/** Resolves when the monitor has taken note: nothing that is written from now on is missed. Errors: `not_found`, `deadline_exceeded` where it hangs. */
export async function attachTo(
  folder: string,
  { stdin, stdout, stderr, patience = usualPatience }: AttachOptions & { readonly patience?: number },
): Promise<Attachment> {
  const socket = await dial(folder);
  const mask = (stdin ? streams.input : 0) | (stdout ? streams.output : 0) | (stderr ? streams.errors : 0);
  const begun = Promise.withResolvers<void>();
  const output = outputOf(folder, socket, { begun: begun.resolve, failed: begun.reject });
  socket.write(frame("attach", mask | streams.none));
  const timer = setTimeout(() => begun.reject(hangs(folder)), patience);
  try {
    await begun.promise;
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    clearTimeout(timer);
  }
  return {
    output,
    write: (bytes) => writeInput(socket, bytes),
    closeStdin: () => send(socket, frame("end_input")),
    [Symbol.asyncDispose]: async () => {
      socket.destroy();
      await Promise.resolve();
    },
  };
}

function hangs(folder: string): SampanError {
  return new SampanError(
    "deadline_exceeded",
    `cannot attach to the process of the monitor at "${folder}": it does not answer`,
  );
}

interface Outcome {
  readonly begun: () => void;
  readonly failed: (error: SampanError) => void;
}

function outputOf(folder: string, socket: Socket, { begun, failed }: Outcome): ReadableStream<Uint8Array> {
  let before: Buffer | undefined = Buffer.alloc(0);
  // Also when its reader has cancelled it: then the stream is closed already.
  let over = false;
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        const pass = (chunk: Buffer): void => {
          if (over || chunk.length === 0) return;
          controller.enqueue(chunk);
          if ((controller.desiredSize ?? 0) <= 0) socket.pause();
        };
        socket.on("data", (chunk: Buffer) => {
          if (before === undefined) return pass(chunk);
          before = Buffer.concat([before, chunk]);
          if (before.length < doneSize) return;
          if (before[0] !== answers.done) return void socket.destroy();
          if (before.readInt32BE(frameHeader) !== 0) failed(tooMany(folder));
          const rest = before.subarray(doneSize);
          before = undefined;
          begun();
          pass(rest);
        });
        const end = (): void => {
          failed(nobody(folder));
          if (over) return;
          over = true;
          controller.close();
        };
        socket.once("end", end);
        socket.once("close", end);
      },
      pull: () => void socket.resume(),
      cancel: () => {
        over = true;
        socket.destroy();
      },
    },
    new ByteLengthQueuingStrategy({ highWaterMark: largestWrite }),
  );
}

async function writeInput(socket: Socket, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length; at += largestWrite)
    await send(socket, frame("input", 0, bytes.subarray(at, at + largestWrite)));
}

function send(socket: Socket, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    const gone = (): void =>
      reject(new SampanError("unavailable", "cannot write to the process: it has ended"));
    if (socket.destroyed || !socket.writable) return gone();
    socket.once("close", gone);
    socket.write(bytes, (error) => {
      socket.off("close", gone);
      if (error) gone();
      else resolve();
    });
  });
}
