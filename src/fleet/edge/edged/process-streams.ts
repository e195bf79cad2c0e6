/** An attachment of the engine as streams of a process. */
import { outputPieces, type OutputPiece } from "../../../engine/containers/attachment-output.ts";
import type { startExec } from "../../../engine/containers/exec.ts";
import type { ProcessStreams } from "./access.ts";

type Attachment = NonNullable<Awaited<ReturnType<typeof startExec>>>;

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

/** `finished` is called when all has been read, or nobody reads any more. */
async function* piecesOf(
  attachment: Attachment,
  finished: () => void,
): AsyncGenerator<OutputPiece, void, undefined> {
  try {
    yield* outputPieces(attachment);
  } finally {
    finished();
  }
}
