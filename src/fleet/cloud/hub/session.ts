/** One edge's connection, and all that is kept of it: little, since there are thousands. */
import { SampanError } from "../../../base/errors.ts";
import type { Peer, PeerOwner } from "../../../wire/websockets/peer.ts";
import type { Envelope } from "../../link/envelope.ts";
import type { Traits, Version } from "../../link/versions.ts";
import type { Edge } from "./hub.ts";
import { DeliveryQueue } from "./queue.ts";
import type { Release } from "./release.ts";

/** In milliseconds and bytes. */
export const bounds = {
  /** Nothing was heard for so long: it is asked by a ping. */
  quiet: 5_000,
  /** Nothing was heard for so long, although it was asked: it is dead. */
  dead: 9_000,
  /** Bytes a second that are more than answers to pings. */
  some: 1 << 10,
  /** What is on its way may take longer, but not longer than this. */
  longestSilence: 120_000,
  /** Bytes a second that the slowest link is thought to carry. */
  slowest: 16 << 10,
  /** Bytes not taken by the network yet with which no more objects are begun. */
  begin: 512 << 10,
  /** Bytes not taken by the network yet with which nothing more is sent at all. */
  unsent: 32 << 20,
  /** Messages a second, and at once: what comes at once is one turn in which nobody else is heard. */
  rate: 500,
  burst: 600,
  /** Bytes a second, and at once: the largest message has to fit. */
  byteRate: 8 << 20,
  byteBurst: 96 << 20,
  /** Handlers that work on messages of one edge. */
  working: 512,
  /** Messages of one session that were refused. */
  faults: 1_000,
} as const;

/** Whose sessions they are. */
export interface SessionHome {
  /** A message came, and has not been read yet. */
  heard(session: Session, data: Buffer): void;
  /** The connection ended by itself. */
  lost(session: Session): void;
  releaseOf(node: string): Release;
}

interface Made {
  /** Milliseconds since 1970. */
  readonly since: number;
  /** All other times: milliseconds that go on and never jump. */
  readonly now: number;
}

interface Waiting {
  readonly resolve: (answer: Envelope) => void;
  readonly reject: (error: SampanError) => void;
}

export class Session implements Edge, PeerOwner {
  readonly node: string;
  readonly since: number;
  readonly queue = new DeliveryQueue();
  /** A keepalive or another message, not an answer to a ping. */
  lastMessage: number;
  faults = 0;
  /** When a fault was last told. */
  told: number | undefined;
  working = 0;
  /** The claim by which this hub holds the node. */
  claim: number | undefined;
  private readonly home: SessionHome;
  private readonly peer: Peer;
  private gone: AbortController | undefined;
  private asks: Map<string, Waiting> | undefined;
  private reason: string | undefined;
  private heard: number;
  private read = 0;
  /** Bytes that had come when the last message was whole. */
  private whole = 0;
  private unheard = 0;
  private isAsked = false;
  private isPaused = false;
  private messages: number = bounds.burst;
  private bytes: number = bounds.byteBurst;
  private filled: number;

  constructor(home: SessionHome, node: string, peer: Peer, { since, now }: Made) {
    this.home = home;
    this.node = node;
    this.peer = peer;
    this.since = since;
    this.heard = now;
    this.filled = now;
    this.lastMessage = now;
  }

  get version(): Version {
    return this.home.releaseOf(this.node).version;
  }

  get traits(): Traits {
    return this.home.releaseOf(this.node).traits;
  }

  get signal(): AbortSignal {
    this.gone ??= new AbortController();
    if (this.reason !== undefined) this.gone.abort(this.lost());
    return this.gone.signal;
  }

  get isOpen(): boolean {
    return this.reason === undefined && this.peer.isOpen;
  }

  /** Why it ended. */
  get ended(): string | undefined {
    return this.reason;
  }

  /** Whether more objects may be begun. */
  get hasRoom(): boolean {
    return this.isOpen && this.peer.bufferedAmount < bounds.begin;
  }

  /** False when too much waits already. */
  send(text: string): boolean {
    const waiting = this.peer.bufferedAmount;
    if (!this.isOpen || (waiting > 0 && waiting + text.length > bounds.unsent)) return false;
    this.unheard += text.length;
    this.peer.send(text);
    return true;
  }

  wait(id: string, waiting: Waiting): void {
    this.asks ??= new Map();
    this.asks.set(id, waiting);
  }

  forgetAsk(id: string): void {
    this.asks?.delete(id);
    if (this.asks?.size === 0) this.asks = undefined;
  }

  /** Whether somebody waited for it. */
  answered(answer: Envelope): boolean {
    const waiting = answer.parent === undefined ? undefined : this.asks?.get(answer.parent);
    if (!waiting) return false;
    waiting.resolve(answer);
    return true;
  }

  /** Bytes of a message that has begun and not ended. */
  get begun(): number {
    return this.peer.bytesRead - this.whole;
  }

  /** Counts a message; what comes too fast is read later. */
  count(size: number, now: number): void {
    this.fill(now);
    this.lastMessage = now;
    this.whole = this.peer.bytesRead;
    this.messages -= 1;
    this.bytes -= size;
    this.restrain();
  }

  restrain(): void {
    const isTooFast = this.messages <= 0 || this.bytes <= 0 || this.working >= bounds.working;
    if (isTooFast === this.isPaused || !this.isOpen) return;
    this.isPaused = isTooFast;
    if (isTooFast) this.peer.pause();
    else this.peer.resume();
  }

  /** Why it is dead, or undefined. Called every second. `patience`: milliseconds without a message of its own. */
  look(now: number, patience: number): string | undefined {
    this.fill(now);
    const { bytesRead } = this.peer;
    // A long message on a slow link is one of its own, too.
    if (bytesRead - this.read >= bounds.some || this.isPaused) this.lastMessage = now;
    if (bytesRead !== this.read || this.isPaused) {
      this.read = bytesRead;
      this.heard = now;
      this.unheard = 0;
      this.isAsked = false;
    }
    this.restrain();
    const quiet = now - this.heard;
    const allowed = Math.min(bounds.dead + (this.unheard / bounds.slowest) * 1000, bounds.longestSilence);
    if (quiet >= allowed) return `nothing was heard for ${Math.round(quiet / 1000)} s`;
    if (now - this.lastMessage >= patience)
      return `it sent no keepalive for ${Math.round(patience / 1000)} s`;
    if (quiet >= bounds.quiet && !this.isAsked) {
      this.isAsked = true;
      this.peer.ping();
    }
    return undefined;
  }

  /** The connection ended, or is to end now; the first reason counts. */
  end(reason: string, code?: number): void {
    if (this.reason !== undefined) return;
    this.reason = reason;
    // Who does not take what waits does not hear why, either.
    const isPolite = code !== undefined && this.peer.isOpen && this.peer.bufferedAmount === 0;
    if (isPolite) this.peer.close(code, reason);
    else this.peer.terminate();
    this.gone?.abort(this.lost());
    const asks = [...(this.asks?.values() ?? [])];
    this.asks = undefined;
    for (const { reject } of asks) reject(this.lost());
  }

  /** For what was told to close and did not. */
  terminate(): void {
    this.peer.terminate();
  }

  message(data: Buffer): void {
    this.home.heard(this, data);
  }

  closed(): void {
    this.home.lost(this);
  }

  private lost(): SampanError {
    return new SampanError("unavailable", `node "${this.node}" is not connected: ${this.reason ?? ""}`);
  }

  private fill(now: number): void {
    const seconds = Math.max(0, now - this.filled) / 1000;
    this.filled = now;
    this.messages = Math.min(bounds.burst, this.messages + seconds * bounds.rate);
    this.bytes = Math.min(bounds.byteBurst, this.bytes + seconds * bounds.byteRate);
  }
}
