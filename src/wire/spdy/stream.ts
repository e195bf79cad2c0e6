/** One stream of a SPDY session. */
import { broken, type ByteStream, Inbox } from "../byte-stream.ts";
import { initialWindow, type ResetReason } from "./frames.ts";
import type { Headers } from "./headers.ts";

/** What a stream needs of its session. */
export interface StreamDoor {
  data(stream: number, data: Uint8Array, fin: boolean): Promise<void>;
  reply(stream: number): Promise<void>;
  reset(stream: number, reason: ResetReason): void;
  taken(stream: SpdyStream, bytes: number): void;
  forget(stream: number): void;
}

/** So much of a stream waits here before the whole session reads no further. */
const mark = 256 << 10;
const largestPiece = 32 << 10;

export class SpdyStream implements ByteStream {
  readonly id: number;
  readonly headers: Headers;
  readonly input: Inbox;
  /** Resolves when the peer has accepted it; rejects when it was refused. */
  readonly replied: Promise<void>;
  /** Bytes that may still be sent, where the peer keeps windows. */
  window: number;
  private readonly door: StreamDoor;
  private readonly answer = Promise.withResolvers<void>();
  private readonly over = Promise.withResolvers<void>();
  private failure: Error | undefined;
  private replying: Promise<void> | undefined;
  private isOpen = { in: true, out: true };
  private isReset = false;
  private waiters: (() => void)[] = [];

  constructor(id: number, headers: Headers, door: StreamDoor, window = initialWindow) {
    this.id = id;
    this.headers = headers;
    this.door = door;
    this.window = window;
    this.input = new Inbox(mark, (bytes) => door.taken(this, bytes));
    this.replied = this.answer.promise;
    this.replied.catch(() => {});
  }

  /** Whether bytes of the peer are still wanted. */
  get takes(): boolean {
    return this.isOpen.in && this.input.open;
  }

  /** Whether the peer has broken it off, and the connection goes on. */
  get wasReset(): boolean {
    return this.isReset;
  }

  /** Resolves when both halves have ended, or it broke. */
  get closed(): Promise<void> {
    return this.over.promise;
  }

  /** For a stream that the peer began. What is written meanwhile follows the reply: peers drop what comes before it. */
  async reply(): Promise<void> {
    this.replying = this.door.reply(this.id);
    await this.replying;
  }

  async write(data: Uint8Array): Promise<void> {
    await this.replying;
    for (let start = 0; start < data.byteLength;) {
      this.check();
      await this.allowance();
      this.check();
      const piece = data.subarray(start, start + Math.min(largestPiece, this.window));
      this.window -= piece.byteLength;
      start += piece.byteLength;
      await this.door.data(this.id, piece, false);
    }
  }

  async end(): Promise<void> {
    if (!this.isOpen.out) return;
    this.isOpen.out = false;
    await this.replying;
    await this.door.data(this.id, new Uint8Array(), true);
    this.settle();
  }

  destroy(): void {
    this.reset("cancel");
  }

  reset(reason: ResetReason): void {
    if (this.isOpen.in || this.isOpen.out) this.door.reset(this.id, reason);
    this.fail(broken("the stream was left"), { drop: true });
  }

  /** Called by the session: the peer has accepted. */
  accepted(): void {
    this.answer.resolve();
  }

  /** Called by the session: the peer's half is over. */
  ended(): void {
    this.isOpen.in = false;
    this.input.end();
    this.settle();
  }

  /** Called by the session: bytes more may be sent. */
  widen(bytes: number): void {
    this.window += bytes;
    this.wake();
  }

  /** Called by the session: the peer has broken it off. */
  resetByPeer(reason: number): void {
    this.isReset = true;
    this.fail(broken(`the peer has reset the stream (reason ${reason})`));
  }

  /** Called by the session: the peer, or the connection, has broken it. */
  fail(error: Error, options: { readonly drop?: boolean } = {}): void {
    this.failure ??= error;
    this.isOpen = { in: false, out: false };
    this.answer.reject(error);
    this.input.fail(error, options);
    this.wake();
    this.settle();
  }

  private check(): void {
    if (this.failure) throw this.failure;
    if (!this.isOpen.out) throw broken("cannot write to the stream: it was ended");
  }

  private async allowance(): Promise<void> {
    while (this.window <= 0 && !this.failure)
      await new Promise<void>((resolve) => void this.waiters.push(resolve));
  }

  private wake(): void {
    const waiters = this.waiters;
    this.waiters = [];
    for (const waiter of waiters) waiter();
  }

  private settle(): void {
    if (this.isOpen.in || this.isOpen.out) return;
    this.door.forget(this.id);
    this.over.resolve();
  }
}
