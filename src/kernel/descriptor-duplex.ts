/** A connected stream socket that is there as a descriptor, as a Duplex whose back-pressure goes through. Bun alone can adopt one: node:net's `fd` never becomes readable in 1.4. */
import { Duplex } from "node:stream";

interface Adopted {
  write(bytes: Uint8Array): number;
  shutdown(): void;
  terminate(): void;
  pause(): void;
  resume(): void;
}

/** Takes the descriptor over. */
export async function descriptorDuplex(fd: number): Promise<Duplex> {
  let adopted: Adopted | undefined;
  let waiting: { bytes: Uint8Array; done: (error?: Error | null) => void } | undefined;
  const flush = () => {
    if (!waiting || !adopted) return;
    const written = adopted.write(waiting.bytes);
    const { done } = waiting;
    waiting.bytes = waiting.bytes.subarray(Math.max(0, written));
    if (waiting.bytes.length > 0 && written >= 0) return;
    waiting = undefined;
    done(written < 0 ? new Error("the connection is closed") : null);
  };
  const duplex = new Duplex({
    allowHalfOpen: true,
    read: () => adopted?.resume(),
    write(chunk: Uint8Array, _encoding, done) {
      waiting = { bytes: chunk, done };
      flush();
    },
    final(done) {
      adopted?.shutdown();
      done();
    },
    destroy(error, done) {
      adopted?.terminate();
      waiting?.done(error ?? new Error("the connection is closed"));
      waiting = undefined;
      done(error);
    },
  });
  const options = {
    fd,
    allowHalfOpen: true,
    socket: {
      // What comes before it is adopted is the first that is read.
      open: (socket: Adopted) => void (adopted = socket),
      data: (socket: Adopted, chunk: Uint8Array) => {
        if (!duplex.push(Buffer.from(chunk))) socket.pause();
      },
      drain: flush,
      end: () => void duplex.push(null),
      close: () => {
        if (!duplex.readableEnded && !duplex.destroyed) duplex.push(null);
        if (!duplex.writableEnded) duplex.destroy();
      },
      error: (_socket: unknown, error: Error) => void duplex.destroy(error),
    },
  };
  adopted = (await Bun.connect(options as never)) as unknown as Adopted;
  return duplex;
}
