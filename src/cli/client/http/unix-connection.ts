/** A connection to a unix socket, by Bun's own sockets: node:net takes 5 ms to load, a tenth of what a whole `run` takes. */
import { bytesOf, type Connection, wentAway } from "./connection.ts";

/** What is used of Bun's socket. */
interface Socket {
  /** How many bytes the kernel took; negative when it takes none any more. */
  write(bytes: Uint8Array): number;
  shutdown(): void;
  terminate(): void;
  pause(): void;
  resume(): void;
}

/** Bytes that wait for a reader before the daemon has to. */
const most = 1 << 20;

/** Errors: as the system names them (`ENOENT`, `ECONNREFUSED`, `EACCES`). */
export async function connectUnix(path: string): Promise<Connection> {
  const connection = new UnixConnection();
  const options = {
    unix: path,
    allowHalfOpen: true,
    socket: {
      data: (_socket: unknown, bytes: Uint8Array) => connection.came(bytes),
      drain: () => connection.hasRoom(),
      end: () => connection.isOver(),
      close: () => connection.isClosed(),
      error: (_socket: unknown, error: Error) => connection.destroy(error),
    },
  };
  connection.socket = (await Bun.connect(options as never)) as unknown as Socket;
  return connection;
}

class UnixConnection implements Connection {
  socket: Socket | undefined;
  destroyed = false;
  #pieces: Uint8Array[] = [];
  #size = 0;
  #over = false;
  #reason: { readonly error: unknown } | undefined;
  #readable: (() => void) | undefined;
  #writable: (() => void) | undefined;

  came(bytes: Uint8Array): void {
    this.#pieces.push(bytes);
    this.#size += bytes.length;
    if (this.#size > most) this.socket?.pause();
    this.#readable?.();
  }

  hasRoom(): void {
    this.#writable?.();
  }

  isOver(): void {
    this.#over = true;
    this.#readable?.();
  }

  isClosed(): void {
    this.destroyed = true;
    this.isOver();
    this.hasRoom();
  }

  putBack(bytes: Uint8Array): void {
    this.#pieces.unshift(bytes);
    this.#size += bytes.length;
  }

  async read(): Promise<Uint8Array | undefined> {
    for (;;) {
      if (this.#reason) throw this.#reason.error;
      const piece = this.#pieces.shift();
      if (piece) return this.#taken(piece);
      if (this.#over) return undefined;
      await new Promise<void>((resolve) => (this.#readable = resolve));
    }
  }

  #taken(piece: Uint8Array): Uint8Array {
    if (this.#size > most && this.#size - piece.length <= most) this.socket?.resume();
    this.#size -= piece.length;
    return piece;
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      const sent = this.destroyed ? -1 : (this.socket?.write(bytes.subarray(at)) ?? -1);
      if (sent < 0) throw wentAway(this.#reason?.error);
      at += sent;
      if (at < bytes.length) await new Promise<void>((resolve) => (this.#writable = resolve));
    }
  }

  end(): void {
    if (!this.destroyed) this.socket?.shutdown();
  }

  destroy(reason?: unknown): void {
    if (reason !== undefined) this.#reason ??= { error: reason };
    if (!this.destroyed) this.socket?.terminate();
    this.isClosed();
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    return bytesOf(this);
  }
}
