/** A stream of bytes with two halves as a duplex of node's. */
import { Duplex } from "node:stream";
import type { ByteStream } from "../../../wire/byte-stream.ts";

export function byteDuplex(stream: ByteStream): Duplex {
  const input = stream.input[Symbol.asyncIterator]();
  return new Duplex({
    allowHalfOpen: true,
    read() {
      input.next().then(
        ({ done, value }) => void this.push(done ? null : value),
        (error: unknown) => this.destroy(error as Error),
      );
    },
    write(data: Buffer, _encoding, done) {
      stream.write(data).then(() => done(), done);
    },
    final(done) {
      stream.end().then(() => done(), done);
    },
    destroy(error, done) {
      stream.destroy();
      done(error);
    },
  });
}
