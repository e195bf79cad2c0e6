/**
 * What the library does not bound of a connection. Coming in: a packet's length is known from its first bytes (MQTT 3.1.1, 2.2.3), and one that is too long ends the connection before it is gathered.
 * Going out: a client that does not read holds up nobody. Writing never waits; what waits for the client is counted, and at the limit the connection ends.
 */
import type { Socket } from "node:net";

export interface GuardLimits {
  readonly packet: number;
  readonly stuck: number;
}

/** Follows the packets of a stream by their lengths. */
export class Frames {
  readonly #most: number;
  /** Bytes of the body that are still to come. */
  #rest = 0;
  /** Bytes of the length that were read; -1: the first byte of a packet is next. */
  #lengthBytes = -1;
  #length = 0;

  constructor(most: number) {
    this.#most = most;
  }

  /** False when a packet is longer than it may be, or its length has more than four bytes. */
  take(bytes: Uint8Array): boolean {
    for (let at = 0; at < bytes.length;) {
      if (this.#rest > 0) {
        const skipped = Math.min(this.#rest, bytes.length - at);
        this.#rest -= skipped;
        at += skipped;
      } else if (this.#lengthBytes < 0) {
        this.#lengthBytes = 0;
        this.#length = 0;
        at += 1;
      } else if (!this.#takeLength(bytes[at++] ?? 0)) return false;
    }
    return true;
  }

  #takeLength(byte: number): boolean {
    this.#length += (byte & 0x7f) << (7 * this.#lengthBytes);
    this.#lengthBytes += 1;
    if (this.#length > this.#most) return false;
    if ((byte & 0x80) !== 0) return this.#lengthBytes < 4;
    this.#rest = this.#length;
    this.#lengthBytes = -1;
    return true;
  }
}

/** Bounds a connection in place, before the broker has it. `refused` is told once why it was ended. */
export function guard(socket: Socket, { packet, stuck }: GuardLimits, refused: (why: string) => void): void {
  const frames = new Frames(packet);
  const read = socket.read.bind(socket);
  const write = socket.write.bind(socket) as (...args: unknown[]) => boolean;
  const end = (why: string) => {
    if (!socket.destroyed) refused(why);
    socket.destroy();
  };
  socket.read = (size?: number): unknown => {
    const bytes = read(size) as Buffer | null;
    if (bytes === null || frames.take(bytes)) return bytes;
    end(`a packet has more than ${packet} bytes`);
    return null;
  };
  socket.write = ((...args: unknown[]): boolean => {
    if (socket.writableLength > stuck) {
      end(`it does not read what it is sent`);
      return true;
    }
    write(...args);
    // Never full: the library would hold back the message for all others until this client has read.
    return true;
  }) as typeof socket.write;
}
