/** This process's standard input and output, joined with those of a program that is attached. */
import { Frames } from "../client/http/frames.ts";
import type { Attached } from "../client/daemon.ts";
import type { Connection } from "../client/http/connection.ts";
import type { Io, Output } from "../io.ts";
import { KeyWatch, parseKeys, usualKeys } from "./detach-keys.ts";

export interface Conversation {
  readonly io: Pick<Io, "input" | "out" | "err" | "raw">;
  readonly tty: boolean;
  /** Whether what comes on standard input is sent. */
  readonly stdin: boolean;
  readonly detachKeys?: string;
}

/** Until the program's output ends, or the person detaches. The terminal is as before when it resolves. */
export async function converse(
  attached: Attached,
  { io, tty, stdin, detachKeys = usualKeys }: Conversation,
): Promise<"ended" | "detached"> {
  const { stream } = attached;
  const multiplexed = attached.multiplexed ?? !tty;
  using _mode = tty && stdin && io.input.terminal ? io.raw() : undefined;
  const detached = Promise.withResolvers<"detached">();
  if (stdin) {
    const watch = tty && io.input.terminal ? new KeyWatch(parseKeys(detachKeys)) : undefined;
    // What cannot be sent any more belongs to a program that has ended: its output says the rest.
    copyIn(io.input.bytes(), stream, watch).then(
      (left) => left && detached.resolve("detached"),
      () => {},
    );
  }
  try {
    return await Promise.race([
      copyOut(stream, io, multiplexed).then(() => "ended" as const),
      detached.promise,
    ]);
  } finally {
    stream.destroy();
  }
}

async function copyOut(
  stream: Connection,
  { out, err }: { out: Output; err: Output },
  multiplexed: boolean,
): Promise<void> {
  const frames = multiplexed ? new Frames() : undefined;
  for await (const bytes of stream) {
    if (!frames) await out.write(bytes);
    else for (const part of frames.feed(bytes)) await (part.to === "out" ? out : err).write(part.bytes);
  }
}

/** True when the person pressed the keys. */
async function copyIn(
  input: AsyncIterable<Uint8Array>,
  stream: Connection,
  watch: KeyWatch | undefined,
): Promise<boolean> {
  for await (const bytes of input) {
    const { send, detached } = watch?.feed(bytes) ?? { send: bytes, detached: false };
    if (send.length > 0) await stream.write(send);
    if (detached) return true;
    if (stream.destroyed) return false;
  }
  stream.end();
  return false;
}
