/** Docker's multiplexed frames: stream (1 stdout, 2 stderr), three zeros, the length big-endian, the bytes. Pure. */
export const HEADER = 8;
export const streams = { stdout: 1, stderr: 2 } as const;

export interface Piece {
  readonly stream: keyof typeof streams;
  readonly bytes: Uint8Array;
}

/** Several pieces as one run of frames. */
export function encodeFrames(pieces: readonly Piece[]): Uint8Array {
  const all = Buffer.allocUnsafe(pieces.reduce((sum, { bytes }) => sum + HEADER + bytes.length, 0));
  let at = 0;
  for (const { stream, bytes } of pieces) {
    all.writeUInt32BE(streams[stream] * 0x1000000, at);
    all.writeUInt32BE(bytes.length, at + 4);
    all.set(bytes, at + HEADER);
    at += HEADER + bytes.length;
  }
  return all;
}

/** Takes the headers away from frames, however they are cut. */
export class FrameStripper {
  readonly #header = Buffer.alloc(HEADER);
  #held = 0;
  #left = 0;

  *take(bytes: Uint8Array): Generator<Uint8Array> {
    for (let at = 0; at < bytes.length;) {
      if (this.#left > 0) {
        const piece = bytes.subarray(at, at + this.#left);
        this.#left -= piece.length;
        at += piece.length;
        yield piece;
        continue;
      }
      const part = bytes.subarray(at, at + HEADER - this.#held);
      this.#header.set(part, this.#held);
      this.#held += part.length;
      at += part.length;
      if (this.#held < HEADER) continue;
      this.#held = 0;
      this.#left = this.#header.readUInt32BE(4);
    }
  }
}
