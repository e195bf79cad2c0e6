/** Docker's multiplexed stream: each frame a header of 8 bytes (the stream's number, three zeros, the length in big endian) and its bytes. */
import { SampanError } from "../../../base/errors.ts";

export interface Part {
  readonly to: "out" | "err";
  readonly bytes: Uint8Array;
}

const headerSize = 8;
/** Numbers of streams; 3 carries an error of the daemon. */
const streams = ["out", "out", "err", "fault"] as const;

/** Takes bytes as they come, cut anywhere; gives parts of frames without waiting for a whole one. */
export class Frames {
  private header = Buffer.alloc(0);
  private left = 0;
  private stream: (typeof streams)[number] = "out";
  private fault = "";

  *feed(bytes: Uint8Array): Generator<Part> {
    let at = 0;
    while (at < bytes.length) {
      if (this.left === 0) {
        const take = Math.min(headerSize - this.header.length, bytes.length - at);
        this.header = Buffer.concat([this.header, bytes.subarray(at, at + take)]);
        at += take;
        if (this.header.length === headerSize) this.begin();
        continue;
      }
      const part = bytes.subarray(at, at + this.left);
      at += part.length;
      this.left -= part.length;
      if (this.stream !== "fault") yield { to: this.stream, bytes: part };
      else this.collect(part);
    }
  }

  private begin(): void {
    const stream = streams[this.header[0] ?? 255];
    if (!stream || this.header[1] || this.header[2] || this.header[3])
      throw new SampanError("unavailable", "cannot read the stream: it has no frames of Docker's");
    this.stream = stream;
    this.left = this.header.readUInt32BE(4);
    this.header = Buffer.alloc(0);
  }

  private collect(part: Uint8Array): void {
    this.fault = (this.fault + Buffer.from(part).toString()).slice(0, 4096);
    if (this.left === 0)
      throw new SampanError("unknown", `error from daemon in stream: ${this.fault.trim()}`);
  }
}
