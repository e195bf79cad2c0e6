/** The hub itself: its sessions, what they bring and what goes to them. It opens nothing; connections are handed to it. */
import type { Clock } from "../../../base/clock.ts";
import { SampanError } from "../../../base/errors.ts";
import type { Peer } from "../../../wire/websockets/peer.ts";
import { type Envelope, formatEnvelope } from "../../link/envelope.ts";
import type { KubeObject } from "../../../spec/kubernetes/kube.ts";
import type { Informer } from "../informer/informer.ts";
import { isNewer, lacking } from "../sync/plan.ts";
import type { Records } from "../sync/records.ts";
import type { SyncWriter } from "../sync/writer.ts";
import { ask } from "./ask.ts";
import { claimNode, claimOf, type ClaimsOptions } from "./claims.ts";
import { compose } from "./compose.ts";
import type { AskOptions, Delivery, Edge, Handler, Hub, Source } from "./hub.ts";
import { receive } from "./receive.ts";
import { type Release, releaseOf } from "./release.ts";
import { Session, type SessionHome } from "./session.ts";

export interface SessionsOptions {
  readonly clock: Clock;
  readonly log: (text: string) => void;
  readonly nodes: Informer;
  readonly records: Records;
  readonly writer: SyncWriter;
  readonly claims: ClaimsOptions;
  /** Milliseconds after which an edge that sends nothing of its own is let go. */
  readonly patience: number;
}

/** Milliseconds between two looks at a node, and the least part of it that each node may cost. */
const round = 5_000;
const perNode = 4;
const second = 1000;
/** Milliseconds: a clock that goes further between two looks was set, or all stood still. */
const longestStep = 3_000;
/** Bytes of messages that have begun and not ended, of all edges; beyond it the one with the most goes. */
const mostBegun = 512 << 20;
/** Milliseconds within which a node that connects again may be there twice. */
const soon = 30_000;
/** Milliseconds that an edge has to answer the end of its session. */
const politeness = 2_000;
/** Of the protocol of WebSockets: going away; policy. */
const closed = { away: 1001, policy: 1008 } as const;

export class Sessions implements Hub, SessionHome {
  readonly handlers = new Map<string, Handler>();
  private readonly options: SessionsOptions;
  private readonly sessions = new Map<string, Session>();
  /** With something in their queue. */
  private readonly busy = new Set<Session>();
  private readonly sources: Source[] = [];
  private readonly connecting: ((edge: Edge) => void)[] = [];
  /** Nodes in the order of their next look. */
  private looks: string[] = [];
  private looked = 0;
  private ticked: number;
  /** Milliseconds that do not jump with the clock, up to the last look. */
  private time = 0;
  private closing = false;
  private cancelTick: () => void = () => {};

  constructor(options: SessionsOptions) {
    this.options = options;
    this.ticked = options.clock.now();
    options.nodes.onChange((now, before) => this.nodeChanged(now, before));
    this.planTick();
  }

  get size(): number {
    return this.sessions.size;
  }

  /** Milliseconds since some beginning, without the jumps of a clock that is set. */
  private get now(): number {
    return this.time + Math.min(Math.max(this.options.clock.now() - this.ticked, 0), longestStep);
  }

  edges(): readonly Edge[] {
    return [...this.sessions.values()];
  }

  edge(node: string): Edge | undefined {
    return this.sessions.get(node);
  }

  on(target: Parameters<Hub["on"]>[0], handler: Handler): void {
    if (this.handlers.has(target))
      throw new SampanError("already_exists", `cannot take what edges say to "${target}": somebody does`);
    this.handlers.set(target, handler);
  }

  addSource(source: Source): void {
    this.sources.push(source);
    for (const session of this.sessions.values()) this.look(session);
  }

  onConnect(handler: (edge: Edge) => void): void {
    this.connecting.push(handler);
    for (const session of this.sessions.values()) this.greet(handler, session);
  }

  resync(node: string): void {
    const session = this.sessions.get(node);
    if (session) this.look(session);
  }

  deliver(node: string, delivery: Delivery): void {
    const session = this.sessions.get(node);
    if (session) this.enqueue(session, delivery);
  }

  send(node: string, message: Envelope): boolean {
    return this.sessions.get(node)?.send(formatEnvelope(message)) ?? false;
  }

  async ask(node: string, message: Envelope, options: AskOptions): Promise<Envelope> {
    options.signal.throwIfAborted();
    const session = this.sessions.get(node);
    if (!session) throw new SampanError("unavailable", `cannot ask node "${node}": it is not connected`);
    return await ask(session, message, { ...options, clock: this.options.clock });
  }

  /** A connection whose certificate is that of the node. The newest wins. */
  open(node: string, peer: Peer): Session {
    const { clock, log } = this.options;
    const older = this.sessions.get(node);
    if (older && clock.now() - older.since < soon)
      log(`node "${node}" connects again and again: two machines may have its certificate`);
    if (older) this.end(older, "the node connected again", closed.policy);
    const session = new Session(this, node, peer, { since: clock.now(), now: this.now });
    this.sessions.set(node, session);
    this.looks.push(node);
    this.claim(session);
    for (const handler of this.connecting) this.greet(handler, session);
    this.look(session);
    return session;
  }

  heard(session: Session, data: Buffer): void {
    receive(this, session, { data, now: this.now, log: this.options.log });
  }

  lost(session: Session): void {
    this.end(session, "the connection ended");
  }

  releaseOf(node: string): Release {
    return releaseOf(this.options.nodes.store.get(undefined, node));
  }

  /** What an edge acknowledged. */
  acknowledged(session: Session, id: string): void {
    const delivery = session.queue.acknowledged(id);
    if (!delivery) return;
    if (delivery.recorded !== false) this.options.writer.acknowledged(session.node, delivery);
    this.pump(session);
  }

  /** A node that begins anew: nothing that it once had counts. */
  forget(node: string): void {
    this.options.writer.forget(node);
  }

  end(session: Session, reason: string, code?: number): void {
    if (this.sessions.get(session.node) === session) this.sessions.delete(session.node);
    this.busy.delete(session);
    session.end(reason, code);
    if (code !== undefined) this.options.clock.after(politeness, () => session.terminate());
  }

  get isClosed(): boolean {
    return this.closing;
  }

  close(): void {
    this.closing = true;
    this.cancelTick();
    for (const session of this.sessions.values()) this.end(session, "the cloud ends", closed.away);
  }

  private greet(handler: (edge: Edge) => void, session: Session): void {
    try {
      handler(session);
    } catch (error) {
      this.options.log(`cannot greet node "${session.node}": ${String(error)}`);
    }
  }

  private enqueue(session: Session, delivery: Delivery): void {
    if (!this.isNeeded(session, delivery) || !session.queue.put(delivery)) return;
    this.busy.add(session);
    this.pump(session);
  }

  private isNeeded({ node, queue }: Session, { operation, object, recorded }: Delivery): boolean {
    const { uid = "", name = "", resourceVersion } = object.metadata;
    if (uid === "") {
      this.options.log(`node "${node}": cannot deliver ${object.kind} "${name}": it has no uid`);
      return false;
    }
    if (recorded === false || queue.last(uid)?.operation === "delete") return true;
    const { version, isGone } = this.options.writer.known(node, uid);
    return operation === "delete" ? !isGone : isNewer(resourceVersion, version);
  }

  /** Sends what there is room for. */
  private pump(session: Session): void {
    const { now } = this;
    const make = (delivery: Delivery) => compose(delivery, this.options.clock.now());
    while (session.hasRoom) {
      try {
        const made = session.queue.next(now, make);
        if (!made) break;
        session.send(made.text);
      } catch (error) {
        this.options.log(`node "${session.node}": ${SampanError.from(error).message}`);
      }
    }
    if (session.queue.size === 0) this.busy.delete(session);
  }

  /** Compares what the node should have with what it has. */
  private look(session: Session): void {
    const { node } = session;
    try {
      for (const delivery of lacking(node, this.options.records.of(node), this.sources))
        this.enqueue(session, delivery);
    } catch (error) {
      this.options.log(`cannot look at what node "${node}" should have: ${String(error)}`);
    }
  }

  private claim(session: Session): void {
    const { claims, log } = this.options;
    claimNode(session.node, () => session.isOpen, claims).then(
      (number) => {
        session.claim = number;
        this.yieldTo(session, claims.informer.store.get(undefined, session.node));
      },
      (error: unknown) => {
        if (!claims.signal.aborted) log(`cannot claim node "${session.node}": ${String(error)}`);
      },
    );
  }

  private yieldTo(session: Session, node: KubeObject | undefined): void {
    const claim = claimOf(node);
    const { claims } = this.options;
    const isLost =
      claim !== undefined && claim.hub !== claims.hub && claim.number > (session.claim ?? Infinity);
    if (isLost) this.end(session, `hub "${claim.hub}" has the node`, closed.away);
  }

  private nodeChanged(now: KubeObject | undefined, before: KubeObject | undefined): void {
    const name = (now ?? before)?.metadata.name ?? "";
    if (!now) this.options.writer.forget(name);
    const session = this.sessions.get(name);
    if (!session) return;
    if (!now) this.end(session, "the node was deleted", closed.policy);
    else if (session.claim === undefined) this.claim(session);
    else this.yieldTo(session, now);
  }

  private planTick(): void {
    this.cancelTick = this.options.clock.after(second, () => {
      this.planTick();
      this.tick();
    });
  }

  private tick(): void {
    const { clock, patience } = this.options;
    const { now } = this;
    const passed = now - this.time;
    this.time = now;
    this.ticked = clock.now();
    let begun = 0;
    let largest: Session | undefined;
    for (const session of this.sessions.values()) {
      const reason = session.look(now, patience);
      begun += session.begun;
      if (session.begun > (largest?.begun ?? 0)) largest = session;
      if (reason !== undefined) this.lose(session, reason);
    }
    if (largest && begun > mostBegun) this.lose(largest, "messages that do not end take too much memory");
    for (const session of this.busy) {
      for (const { text } of session.queue.overdue(now)) if (session.hasRoom) session.send(text);
      this.pump(session);
    }
    this.lookOn(passed);
  }

  private lose(session: Session, reason: string): void {
    this.options.log(`node "${session.node}" is gone: ${reason}`);
    this.end(session, reason);
  }

  /** Looks at so many nodes that each has its turn once a round. */
  private lookOn(passed: number): void {
    const whole = Math.max(round, this.sessions.size * perNode);
    const share = Math.ceil((this.sessions.size * Math.min(passed, whole)) / whole);
    for (let count = 0; count < share; count++) {
      if (this.looked >= this.looks.length) {
        this.looks = [...this.sessions.keys()];
        this.looked = 0;
      }
      const session = this.sessions.get(this.looks[this.looked++] ?? "");
      if (session) this.look(session);
    }
  }
}
