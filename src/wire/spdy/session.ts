/**
 * A SPDY/3.1 session over any duplex, as client or server. Kubernetes' programs speak it for exec, attach and port-forward; none of them keeps windows, so back-pressure is that of the
 * connection: while a stream has no room, nothing is read. Windows a stream are kept with a peer that says so by SETTINGS, which two of ours do among themselves.
 */
import type { Duplex } from "node:stream";
import { SampanError } from "../../base/errors.ts";
import { broken } from "../byte-stream.ts";
import {
  type ControlFrame,
  controlFrame,
  type DataPart,
  dataHead,
  flags,
  FrameParser,
  frameTypes,
  initialWindow,
  initialWindowSetting,
  largestWindow,
  type ResetReason,
  resetReasons,
  short,
  streamAt,
  wordAt,
  words,
} from "./frames.ts";
import { HeaderPacker, type Headers, HeaderUnpacker } from "./headers.ts";
import { SpdyStream } from "./stream.ts";

export interface SessionOptions {
  readonly side: "client" | "server";
  /** Bytes that came with the upgrade. */
  readonly head?: Uint8Array;
  /** Streams that the peer begins; without it they are refused. */
  readonly onStream?: (stream: SpdyStream) => void;
  /** Streams of the peer at once; further ones are refused. */
  readonly mostStreams?: number;
  /** Offers windows to the peer. Only a client offers; a server keeps them when it is offered. */
  readonly windows?: boolean;
  /** Writing that makes no way for so long breaks the session, in milliseconds. */
  readonly stuckAfter?: number;
}

const mostStreams = 1024;
/** Of all streams together: so much waits here before nothing more is read. */
const mark = 4 << 20;
/** Milliseconds for the peer to end the connection after we did. */
const lingering = 10_000;
/** Ids of streams are odd for those of the client. */
const highestStream = 2 ** 31 - 2;

export class SpdySession {
  /** Resolves when it is over, however it ended. */
  readonly closed: Promise<void>;
  private readonly duplex: Duplex;
  private readonly options: SessionOptions;
  private readonly streams = new Map<number, SpdyStream>();
  private readonly packer = new HeaderPacker();
  private readonly unpacker = new HeaderUnpacker();
  private readonly over = Promise.withResolvers<void>();
  private nextId: number;
  private lastOfPeer = 0;
  private packing: Promise<void> = Promise.resolve();
  private windows = false;
  private peerWindow = initialWindow;
  private readonly owed = new Map<SpdyStream, number>();
  private waiting = 0;
  private reading: (() => void) | undefined;
  private draining: PromiseWithResolvers<void> | undefined;
  private failure: Error | undefined;
  private leaving = false;
  private ending = false;

  constructor(duplex: Duplex, options: SessionOptions) {
    this.duplex = duplex;
    this.options = options;
    this.nextId = options.side === "client" ? 1 : 2;
    this.closed = this.over.promise;
    duplex.on("error", (error: Error) => this.fail(error));
    duplex.on("drain", this.roomy);
    duplex.once("close", () => this.fail(broken("the connection is closed")));
    if (options.windows) this.offerWindows();
    void this.run();
  }

  /** Begins a stream; resolves when it is on its way, whether or not the peer takes it (`replied`). Errors: `unavailable` when the session is over. */
  async open(headers: Headers, { fin = false } = {}): Promise<SpdyStream> {
    this.check();
    if (this.nextId > highestStream || this.leaving) throw broken("the SPDY session takes no more streams");
    const id = this.nextId;
    this.nextId += 2;
    const stream = new SpdyStream(id, headers, this.door, this.windows ? this.peerWindow : Infinity);
    this.streams.set(id, stream);
    await this.packed(headers, (block) =>
      controlFrame("synStream", Buffer.concat([words(id, 0), Buffer.alloc(2), block]), fin ? flags.fin : 0),
    );
    return stream;
  }

  /**
   * Tells the peer to begin no more, and ends the connection when the last stream has ended on both sides. Not before: peers drop frames that they have read and not looked at when the
   * connection ends.
   */
  async end(): Promise<void> {
    if (this.failure || this.ending) return;
    this.ending = true;
    this.leaving = true;
    await this.send(controlFrame("goAway", words(this.lastOfPeer, 0))).catch(() => {});
    // A peer that does not end its halves holds nothing of ours for longer than this.
    const timer = setTimeout(() => this.fail(broken("the peer has not ended the connection")), lingering);
    void this.closed.then(() => clearTimeout(timer));
    this.endIfIdle();
  }

  private endIfIdle(): void {
    if (this.ending && this.streams.size === 0 && !this.failure) this.duplex.end();
  }

  destroy(error: Error = broken("the SPDY session was left")): void {
    this.fail(error);
  }

  private readonly door = {
    data: async (id: number, data: Uint8Array, fin: boolean) => {
      await this.send(dataHead(id, data.byteLength, fin), data);
    },
    reply: async (id: number) => {
      await this.packed({}, (block) => controlFrame("synReply", Buffer.concat([words(id), block])));
    },
    reset: (id: number, reason: ResetReason) => void this.resetStream(id, reason),
    taken: (stream: SpdyStream, bytes: number) => this.giveBack(stream, bytes),
    forget: (id: number) => {
      this.streams.delete(id);
      this.endIfIdle();
    },
  };

  private async run(): Promise<void> {
    const parser = new FrameParser();
    try {
      if (this.options.head && this.options.head.byteLength > 0)
        await this.take(parser, Buffer.from(this.options.head));
      for await (const chunk of this.duplex) await this.take(parser, chunk as Buffer);
      this.fail(broken("the peer has ended the connection"));
    } catch (error) {
      this.fail(SampanError.from(error));
    }
  }

  private async take(parser: FrameParser, chunk: Buffer): Promise<void> {
    for (const frame of parser.parse(chunk)) {
      if (this.failure) return;
      await (frame.control ? this.control(frame) : this.data(frame));
    }
  }

  private async data({ stream: id, data, fin }: DataPart): Promise<void> {
    const stream = this.streams.get(id);
    // It was reset or never begun. What is on the way still comes.
    if (!stream) return;
    if (stream.takes) {
      this.waiting += data.byteLength;
      stream.input.push(data);
    }
    if (fin) stream.ended();
    await stream.input.room();
    while (this.waiting >= mark && !this.failure)
      await new Promise<void>((resolve) => void (this.reading = resolve));
  }

  private async control(frame: ControlFrame): Promise<void> {
    const { type, body } = frame;
    if (type === frameTypes.synStream) await this.begun(frame);
    else if (type === frameTypes.synReply || type === frameTypes.headers) await this.headed(frame);
    else if (type === frameTypes.rstStream) this.streams.get(streamAt(body))?.resetByPeer(wordAt(body, 4));
    else if (type === frameTypes.ping) await this.pinged(frame);
    else if (type === frameTypes.goAway) this.leaving = true;
    else if (type === frameTypes.settings) this.settled(body);
    else if (type === frameTypes.windowUpdate) this.widened(body);
    // Others are to be ignored (2.2.1).
  }

  private async begun({ flags: flag, body }: ControlFrame): Promise<void> {
    const id = streamAt(body);
    const headers = await this.unpacker.unpack(body.subarray(10));
    const parity = this.options.side === "client" ? 0 : 1;
    if (id % 2 !== parity || id <= this.lastOfPeer)
      throw new SampanError("invalid_argument", `the peer has begun the stream ${id} out of order`);
    this.lastOfPeer = id;
    const { onStream } = this.options;
    if (!onStream || this.leaving || this.streams.size >= (this.options.mostStreams ?? mostStreams))
      return await this.resetStream(id, "refusedStream");
    const stream = new SpdyStream(id, headers, this.door, this.windows ? this.peerWindow : Infinity);
    this.streams.set(id, stream);
    if (flag & flags.fin) stream.ended();
    onStream(stream);
  }

  private async headed({ type, flags: flag, body }: ControlFrame): Promise<void> {
    const stream = this.streams.get(streamAt(body));
    await this.unpacker.unpack(body.subarray(4));
    if (type === frameTypes.synReply) stream?.accepted();
    if (flag & flags.fin) stream?.ended();
  }

  private async pinged({ body }: ControlFrame): Promise<void> {
    const id = wordAt(body, 0);
    const ofPeer = id % 2 === (this.options.side === "client" ? 0 : 1);
    if (ofPeer) await this.send(controlFrame("ping", words(id)));
  }

  private settled(body: Buffer): void {
    const count = wordAt(body, 0);
    if (body.length < 4 + count * 8) throw short();
    for (let index = 0; index < count; index++) {
      const id = wordAt(body, 4 + index * 8) & 0xffffff;
      const value = wordAt(body, 8 + index * 8);
      if (id !== initialWindowSetting || value > largestWindow) continue;
      if (!this.windows) {
        this.windows = true;
        if (!this.options.windows) this.offerWindows();
        for (const stream of this.streams.values()) if (stream.window === Infinity) stream.window = value;
      } else for (const stream of this.streams.values()) stream.widen(value - this.peerWindow);
      this.peerWindow = value;
    }
  }

  private offerWindows(): void {
    void this.send(controlFrame("settings", words(1, initialWindowSetting, initialWindow))).catch(() => {});
  }

  private widened(body: Buffer): void {
    const stream = this.streams.get(streamAt(body));
    const delta = streamAt(body, 4);
    if (!stream || stream.window === Infinity) return;
    if (stream.window + delta > largestWindow) stream.reset("flowControlError");
    else stream.widen(delta);
  }

  /** Half a window at a time. */
  private giveBack(stream: SpdyStream, bytes: number): void {
    this.waiting -= bytes;
    if (this.waiting < mark) this.reading?.();
    if (!this.windows || this.failure) return;
    const owed = (this.owed.get(stream) ?? 0) + bytes;
    if (owed < initialWindow / 2) return void this.owed.set(stream, owed);
    this.owed.delete(stream);
    void this.send(controlFrame("windowUpdate", words(stream.id, owed))).catch(() => {});
  }

  private async resetStream(id: number, reason: ResetReason): Promise<void> {
    await this.send(controlFrame("rstStream", words(id, resetReasons[reason]))).catch(() => {});
  }

  /** Blocks are sent in the order in which they are packed. */
  private async packed(headers: Headers, frame: (block: Buffer) => Buffer): Promise<void> {
    const work = this.packing.then(async () => {
      this.check();
      const bytes = frame(await this.packer.pack(headers));
      await this.send(bytes);
    });
    this.packing = work.catch(() => {});
    await work;
  }

  private check(): void {
    if (this.failure) throw broken("the SPDY session is over", this.failure);
  }

  /** Resolves when the connection has room again. */
  private async send(...pieces: readonly Uint8Array[]): Promise<void> {
    this.check();
    this.duplex.cork();
    let roomy = true;
    for (const piece of pieces) roomy = this.duplex.write(piece);
    this.duplex.uncork();
    if (!roomy) await this.drained();
  }

  private async drained(): Promise<void> {
    this.draining ??= Promise.withResolvers<void>();
    const limit = this.options.stuckAfter;
    const timer = limit && setTimeout(() => this.fail(broken("the peer takes nothing")), limit);
    await this.draining.promise;
    clearTimeout(timer || undefined);
    this.check();
  }

  private readonly roomy = (): void => {
    const waited = this.draining;
    this.draining = undefined;
    waited?.resolve();
  };

  private fail(error: Error): void {
    if (this.failure) return;
    this.failure = error;
    for (const stream of this.streams.values()) stream.fail(error);
    this.owed.clear();
    this.reading?.();
    this.roomy();
    this.packer[Symbol.dispose]();
    this.unpacker[Symbol.dispose]();
    if (!this.duplex.destroyed) this.duplex.destroy();
    this.over.resolve();
  }
}
