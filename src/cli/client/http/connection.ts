/** A stream of bytes in both directions, each of which ends alone. */
import type { Duplex } from "node:stream";
import { SampanError } from "../../../base/errors.ts";

export interface Connection extends AsyncIterable<Uint8Array> {
  /** Nothing can be sent any more. */
  readonly destroyed: boolean;
  /** The next bytes; undefined when the other side has ended. For one reader at a time. Errors: what broke it, what it was destroyed for. */
  read(): Promise<Uint8Array | undefined>;
  /** They come first when it is read the next time. */
  putBack(bytes: Uint8Array): void;
  /** Resolves when there is room for more. For one writer at a time. */
  write(bytes: Uint8Array): Promise<void>;
  /** Ends what we send. */
  end(): void;
  destroy(reason?: unknown): void;
}

export async function* bytesOf(connection: Connection): AsyncGenerator<Uint8Array> {
  for (;;) {
    const bytes = await connection.read();
    if (!bytes) return;
    yield bytes;
  }
}

export function wentAway(cause?: unknown): SampanError {
  return new SampanError("unavailable", "the daemon closed the connection", { cause });
}

/** By TCP and TLS: a socket of node:net, once it is connected. */
export function overDuplex(socket: Duplex): Connection {
  // Whoever reads is told; one that breaks while nobody reads is no error of the program.
  socket.on("error", () => {});
  return {
    get destroyed() {
      return socket.destroyed;
    },
    read: () => readSome(socket),
    putBack: (bytes) => socket.unshift(bytes),
    write: async (bytes) => {
      if (socket.destroyed) throw wentAway();
      if (!socket.write(bytes)) await room(socket);
    },
    end: () => void socket.end(),
    destroy: (reason) => void socket.destroy(reason as Error | undefined),
    [Symbol.asyncIterator]() {
      return bytesOf(this);
    },
  };
}

/** Without an iterator, which would destroy the stream at its end. */
function readSome(socket: Duplex): Promise<Uint8Array | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array | undefined>();
  if (socket.errored) return Promise.reject(socket.errored);
  const there = socket.read() as Buffer | null;
  if (there) return Promise.resolve(there);
  if (socket.readableEnded || socket.destroyed) return Promise.resolve(undefined);
  const onReadable = () => {
    const bytes = socket.read() as Buffer | null;
    if (bytes) done(bytes);
  };
  const done = (bytes: Buffer | undefined) => {
    socket.off("readable", onReadable).off("end", onEnd).off("error", onError).off("close", onEnd);
    resolve(bytes);
  };
  const onEnd = () => done(undefined);
  const onError = (error: Error) => {
    reject(error);
    done(undefined);
  };
  socket.on("readable", onReadable).on("end", onEnd).on("error", onError).on("close", onEnd);
  return promise;
}

function room(socket: Duplex): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const done = () => {
    socket.off("drain", done).off("close", done);
    resolve();
  };
  socket.on("drain", done).on("close", done);
  return promise;
}
