/** One peer of a server of WebSockets: its connection, and the little that is kept of it. */
import type { Socket } from "bun";
import {
  closeCodes,
  closeFrame,
  type FrameEvents,
  FrameFault,
  frameOf,
  FrameReader,
  opcodes,
} from "./frames.ts";
import { accepting, type Answer, type Asking, refusing } from "./request.ts";

/** Who has the peer. */
export interface PeerOwner {
  message(data: Buffer): void;
  /** It is over, for whatever reason; called once. */
  closed(): void;
}

/** Bytes that wait for the network, beyond which a ping is answered later. */
const busy = 64 << 10;
const nothing = Buffer.alloc(0);

export class Peer implements FrameEvents {
  /** Bytes that came, those of the request aside. */
  bytesRead = 0;
  bufferedAmount = 0;
  isPaused = false;
  isGone = false;
  private readonly socket: Socket<Peer>;
  private readonly largest: number;
  /** It has to end soon: who waits for that is told. */
  private readonly ending: (peer: Peer) => void;
  private owner: PeerOwner | undefined;
  private reader: FrameReader | undefined;
  /** What came of the request, and after it while nobody has said yet whether it may come in. */
  private early: Buffer | undefined;
  /** Its request has come. */
  private isAsking = false;
  /** What the network has not taken yet. */
  private waiting: Buffer[] | undefined;
  /** Of the last ping that was not answered. */
  private owed: Buffer | undefined;
  /** A close frame went out, or nothing more may. */
  private isClosing = false;
  private isEnding = false;

  constructor(socket: Socket<Peer>, largest: number, ending: (peer: Peer) => void) {
    this.socket = socket;
    this.largest = largest;
    this.ending = ending;
  }

  /** Whether messages can be sent. */
  get isOpen(): boolean {
    return this.reader !== undefined && !this.isClosing && !this.isGone;
  }

  /** What came. Gives the head of the request as soon as it is whole. `most`: its bytes. */
  take(data: Buffer, most: number): { readonly head: string } | "too long" | undefined {
    if (this.isGone || this.isEnding) return undefined;
    if (this.reader) {
      this.read(data);
      return undefined;
    }
    this.early = this.early ? Buffer.concat([this.early, data]) : data;
    if (this.isAsking) {
      this.socket.pause();
      return undefined;
    }
    const end = this.early.indexOf("\r\n\r\n");
    if (end > most || (end < 0 && this.early.length > most)) return "too long";
    if (end < 0) return undefined;
    const head = this.early.toString("latin1", 0, end);
    this.early = this.early.length > end + 4 ? this.early.subarray(end + 4) : undefined;
    this.isAsking = true;
    return { head };
  }

  accept(asking: Asking, headers: Readonly<Record<string, string>>, open: (peer: Peer) => PeerOwner): void {
    const { early } = this;
    this.early = undefined;
    this.reader = new FrameReader(this.largest);
    this.write(Buffer.from(accepting(asking, headers)));
    this.owner = open(this);
    if (!early) return;
    this.read(early);
    // It may have been held up while it was not clear whether it may come in.
    if (!this.isPaused && !this.isGone) this.socket.resume();
  }

  refuse(answer: Answer): void {
    this.early = undefined;
    this.write(Buffer.from(refusing(answer)));
    this.finish();
  }

  send(text: string): void {
    if (this.isOpen) this.write(frameOf(opcodes.text, text));
  }

  ping(): void {
    if (this.isOpen) this.write(frameOf(opcodes.ping, nothing));
  }

  /** Begins the closing handshake; the peer has some time to answer. */
  close(code: number, reason: string): void {
    if (!this.isOpen) return;
    this.isClosing = true;
    this.write(closeFrame(code, reason));
    this.ending(this);
  }

  onMessage(data: Buffer): void {
    if (!this.isClosing) this.owner?.message(data);
  }

  onPing(data: Buffer): void {
    if (this.isClosing) return;
    // Only the last one has to be answered.
    if (this.bufferedAmount > busy) this.owed = data;
    else this.write(frameOf(opcodes.pong, data));
  }

  onClose(code: number): void {
    this.reader = undefined;
    if (!this.isClosing)
      this.write(code === closeCodes.noCode ? frameOf(opcodes.close, nothing) : closeFrame(code, ""));
    this.finish();
  }

  pause(): void {
    if (this.isPaused || this.isGone) return;
    this.isPaused = true;
    this.socket.pause();
  }

  resume(): void {
    if (!this.isPaused || this.isGone) return;
    this.isPaused = false;
    this.read(nothing);
    if (!this.isPaused) this.socket.resume();
  }

  terminate(): void {
    if (!this.isGone) this.socket.terminate();
  }

  /** The network takes more. */
  drain(): void {
    const { waiting = [] } = this;
    for (const [at, next] of waiting.entries()) {
      const taken = this.given(next);
      this.bufferedAmount -= taken;
      if (taken === next.length) continue;
      waiting.splice(0, at + 1, next.subarray(taken));
      return;
    }
    this.waiting = undefined;
    const { owed } = this;
    this.owed = undefined;
    if (owed) this.onPing(owed);
    if (this.isEnding) this.socket.end();
  }

  /** The connection is over. */
  left(): void {
    if (this.isGone) return;
    this.isGone = true;
    this.waiting = undefined;
    this.early = undefined;
    this.owner?.closed();
  }

  private read(data: Buffer): void {
    this.bytesRead += data.length;
    try {
      this.reader?.push(data, this);
    } catch (error) {
      if (!(error instanceof FrameFault)) throw error;
      this.reader = undefined;
      if (!this.isClosing) this.write(closeFrame(error.code, error.message));
      this.finish();
    }
  }

  /** Nothing more is said: it ends when all that waits has been taken. */
  private finish(): void {
    if (this.isEnding || this.isGone) return;
    this.isEnding = true;
    this.isClosing = true;
    this.ending(this);
    if (!this.waiting) this.socket.end();
  }

  private write(data: Buffer): void {
    if (this.isGone) return;
    const taken = this.waiting ? 0 : this.given(data);
    if (taken >= data.length) return;
    this.bufferedAmount += data.length - taken;
    const rest = taken === 0 ? data : data.subarray(taken);
    if (this.waiting) this.waiting.push(rest);
    else this.waiting = [rest];
  }

  /** How many bytes the network took; it says less than none of a connection that is gone. */
  private given(data: Buffer): number {
    return Math.max(0, this.socket.write(data));
  }
}
