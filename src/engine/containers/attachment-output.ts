/** What an attachment brings, which is multiplexed as Docker does it, as pieces of its two streams. */
import type { Attachment } from "../../runtime/runtime.ts";

/** For interfaces, which do not know the runtime. */
export type Attached = Attachment;

export interface OutputPiece {
  readonly stream: "stdout" | "stderr";
  readonly data: Uint8Array;
}

const head = 8;

/** Whoever stops to read it leaves the attachment's output. */
export async function* outputPieces({
  output,
}: Pick<Attachment, "output">): AsyncGenerator<OutputPiece, void, undefined> {
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
    await reader.cancel().catch(() => undefined);
  }
}
