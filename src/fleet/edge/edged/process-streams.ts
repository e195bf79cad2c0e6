/** An attachment of the engine, whose output is multiplexed as Docker does it, as streams of a process. */
import type { startExec } from "../../../engine/containers/exec.ts";
import type { ProcessStreams } from "./access.ts";

type Attachment = NonNullable<Awaited<ReturnType<typeof startExec>>>;
type Piece = { readonly stream: "stdout" | "stderr"; readonly data: Uint8Array };

export interface StreamsOf {
  readonly attachment: Attachment;
  /** Its exit status, once it has ended. */
  readonly exit: Promise<number>;
  readonly resize: ProcessStreams["resize"];
  /** Of an exec: ends it. */
  readonly kill?: () => void;
  readonly signal: AbortSignal;
}

export function processStreams({ attachment, exit, resize, kill, signal }: StreamsOf): ProcessStreams {
  let isLeft = false;
  const close = () => {
    if (isLeft) return;
    isLeft = true;
    signal.removeEventListener("abort", close);
    kill?.();
    Promise.resolve(attachment[Symbol.asyncDispose]()).catch(() => undefined);
  };
  signal.addEventListener("abort", close, { once: true });
  if (signal.aborted) close();
  const read = Promise.withResolvers<void>();
  return {
    write: async (data) => await attachment.write(data),
    endInput: () => void attachment.closeStdin().catch(() => undefined),
    output: piecesOf(attachment, read.resolve),
    resize,
    exit: (async () => {
      const [status] = await Promise.all([exit, read.promise]);
      signal.removeEventListener("abort", close);
      return status;
    })(),
    close,
  };
}

const head = 8;

/** `finished` is called when all has been read, or nobody reads any more. */
async function* piecesOf(
  { output }: Attachment,
  finished: () => void,
): AsyncGenerator<Piece, void, undefined> {
  const reader = output.getReader();
  let rest: Uint8Array = new Uint8Array(0);
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      rest = rest.length === 0 ? next.value : Buffer.concat([rest, next.value]);
      while (rest.length >= head) {
        const length = new DataView(rest.buffer, rest.byteOffset).getUint32(4);
        if (rest.length < head + length) break;
        yield { stream: rest[0] === 2 ? "stderr" : "stdout", data: rest.subarray(head, head + length) };
        rest = rest.subarray(head + length);
      }
    }
  } finally {
    finished();
    await reader.cancel().catch(() => undefined);
  }
}
