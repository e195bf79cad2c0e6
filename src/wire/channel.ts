/**
 * One of several streams of bytes that share a connection, as a duplex. Where both ends keep windows, a stream that is not read holds up itself alone; otherwise what waits is bounded and
 * the session must wait for room.
 */
import { Duplex } from "node:stream";
import { broken } from "./byte-stream.ts";

/** What a channel needs of its session. */
export interface ChannelDoor {
  /** Resolves when there is room on the connection. */
  data(bytes: Uint8Array): Promise<void>;
  /** So many bytes were taken. */
  taken(bytes: number): void;
  /** Called once: this end wants no more of it. Not when the peer has ended it. */
  left(): void;
}

export const channelWindow = 256 << 10;
const largestPiece = 32 << 10;

export class Channel extends Duplex {
  private readonly door: ChannelDoor;
  private readonly queue: Uint8Array[] = [];
  private waiting = 0;
  private wanted = false;
  private peerEnded = false;
  private owed = 0;
  private window: number;
  private wake: (() => void) | undefined;
  private roomy: (() => void) | undefined;
  /** Bytes of the peer before which there is no room. */
  private readonly mark: number;

  constructor(door: ChannelDoor, { windows, mark = 1 << 20 }: { windows: boolean; mark?: number }) {
    super({ allowHalfOpen: false });
    this.door = door;
    this.window = windows ? channelWindow : Infinity;
    this.mark = windows ? 2 * channelWindow : mark;
    this.on("error", () => {});
  }

  /** Bytes of the peer that wait. */
  get waits(): number {
    return this.waiting;
  }

  /** False: the peer has sent more than it may, or than has room; the session decides. */
  receive(data: Uint8Array): boolean {
    if (this.destroyed || this.peerEnded) return true;
    this.queue.push(data);
    this.waiting += data.byteLength;
    this.flow();
    return this.waiting < this.mark;
  }

  /** Resolves when there is room, or nobody takes any more. */
  async room(): Promise<void> {
    while (this.waiting >= this.mark && !this.destroyed)
      await new Promise<void>((resolve) => void (this.roomy = resolve));
  }

  granted(bytes: number): void {
    this.window += bytes;
    this.wake?.();
  }

  /** The peer has ended it: what waits is still read. */
  ended(): void {
    if (this.peerEnded) return;
    this.peerEnded = true;
    this.queue.push(new Uint8Array());
    this.flow();
    this.wake?.();
  }

  override _read(): void {
    this.wanted = true;
    this.flow();
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    this.send(chunk).then(
      () => done(),
      (error: unknown) => done(error as Error),
    );
  }

  override _final(done: () => void): void {
    // There is no end of one half alone.
    if (!this.peerEnded) this.door.left();
    this.peerEnded = true;
    done();
    this.push(null);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    if (!this.peerEnded) this.door.left();
    this.peerEnded = true;
    this.queue.length = 0;
    this.waiting = 0;
    this.wake?.();
    this.roomy?.();
    done(error);
  }

  private flow(): void {
    while (this.wanted) {
      const data = this.queue.shift();
      if (!data) return;
      if (data.byteLength === 0) {
        if (!this.peerEnded) continue;
        this.push(null);
        return;
      }
      this.waiting -= data.byteLength;
      this.wanted = this.push(data);
      this.giveBack(data.byteLength);
      if (this.waiting < this.mark) this.roomy?.();
    }
  }

  /** A quarter of a window at a time. */
  private giveBack(bytes: number): void {
    this.owed += bytes;
    if (this.owed < channelWindow / 4) return;
    this.door.taken(this.owed);
    this.owed = 0;
  }

  private async send(chunk: Uint8Array): Promise<void> {
    for (let start = 0; start < chunk.byteLength;) {
      while (this.window <= 0 && !this.peerEnded)
        await new Promise<void>((resolve) => void (this.wake = resolve));
      if (this.peerEnded) throw broken("the other side has ended the stream");
      const piece = chunk.subarray(start, start + Math.min(largestPiece, this.window));
      this.window -= piece.byteLength;
      start += piece.byteLength;
      await this.door.data(piece);
    }
  }
}
