/**
 * A hub without a network, for tests of the controllers of the cloud: the contract of src/fleet/cloud/hub/hub.ts in memory. A test connects edges, says what they say, and looks at (or
 * awaits) what was sent and delivered to them. Nothing is acknowledged, and nothing is written down; `wanted` asks the sources as the hub does when a node connects.
 */
import { SampanError } from "../../src/base/errors.ts";
import type { Delivery, Edge, Handler, Hub, Source } from "../../src/fleet/cloud/hub/hub.ts";
import { message, type Envelope } from "../../src/fleet/link/envelope.ts";
import { requireOwnNode } from "../../src/fleet/link/resources.ts";
import { routeUpstream } from "../../src/fleet/link/routing.ts";
import { newest, parseVersion, traitsOf } from "../../src/fleet/link/versions.ts";
import { matching, within } from "./until.ts";

type Wanted = Omit<Delivery, "operation">;
type Match<T> = (each: T) => boolean;

export interface FakeHub extends Hub {
  /** A new session of the node; an older one ends. `version`: `1.15.4`; the newest without it. */
  connect(node: string, version?: string): Edge;
  disconnect(node: string): void;
  /** What the edge says. Resolves when the handler is through; a refusal by the hub itself rejects. */
  say(node: string, envelope: Envelope): Promise<void>;
  /** Says it, and resolves with the message that answers it. */
  request(node: string, route: Partial<Envelope["route"]>, content: unknown): Promise<Envelope>;
  /** Sent once, in order, of this node. */
  sent(node: string): readonly Envelope[];
  delivered(node: string): readonly Delivery[];
  /** Resolves with the first one that matches, sent already or yet to come. */
  untilSent(node: string, match: Match<Envelope>): Promise<Envelope>;
  untilDelivered(node: string, match: Match<Delivery>): Promise<Delivery>;
  /** Forgets what was sent and delivered. */
  forget(): void;
  /** What all sources say that the node should have. */
  wanted(node: string): readonly Wanted[];
  /** How `ask` is answered by the edges; without it asking rejects with `unavailable`. */
  answer(how: (node: string, asked: Envelope) => Envelope | Promise<Envelope>): void;
  /** Nodes of which a look was asked for. */
  readonly resynced: readonly string[];
  /** What handlers threw. */
  readonly thrown: readonly unknown[];
}

interface Session {
  readonly edge: Edge;
  readonly stop: AbortController;
}

/** A list that can be waited on. */
class Log<T> {
  items: { readonly node: string; readonly item: T }[] = [];
  private readonly waiting = new Set<() => void>();

  add(node: string, item: T): void {
    this.items.push({ node, item });
    for (const look of this.waiting) look();
  }

  of(node: string): T[] {
    return this.items.filter((each) => each.node === node).map(({ item }) => item);
  }

  async until(node: string, match: Match<T>): Promise<T> {
    const { promise, resolve } = Promise.withResolvers<T>();
    const look = (): void => {
      const found = this.of(node).find(match);
      if (found !== undefined) resolve(found);
    };
    this.waiting.add(look);
    look();
    try {
      return await within(promise, () => matching(match, this.of(node)));
    } finally {
      this.waiting.delete(look);
    }
  }
}

export function openFakeHub(): FakeHub {
  const sessions = new Map<string, Session>();
  const handlers = new Map<string, Handler>();
  const sources: Source[] = [];
  const connecting: ((edge: Edge) => void)[] = [];
  const sent = new Log<Envelope>();
  const delivered = new Log<Delivery>();
  const resynced: string[] = [];
  const thrown: unknown[] = [];
  let answering: Parameters<FakeHub["answer"]>[0] | undefined;
  const edgeOf = (node: string): Edge => {
    const found = sessions.get(node)?.edge;
    if (!found) throw new SampanError("unavailable", `cannot reach node "${node}": it is not connected`);
    return found;
  };
  const hub: FakeHub = {
    edges: () => [...sessions.values()].map(({ edge }) => edge),
    edge: (node) => sessions.get(node)?.edge,
    deliver(node, delivery) {
      if (sessions.has(node)) delivered.add(node, delivery);
    },
    send(node, envelope) {
      if (!sessions.has(node)) return false;
      sent.add(node, envelope);
      return true;
    },
    async ask(node, envelope) {
      edgeOf(node);
      sent.add(node, envelope);
      if (!answering) throw new SampanError("unavailable", "cannot ask: nobody answers");
      return await answering(node, envelope);
    },
    on: (target, handler) => void handlers.set(target, handler),
    addSource: (source) => void sources.push(source),
    onConnect(handler) {
      connecting.push(handler);
      for (const { edge } of sessions.values()) handler(edge);
    },
    resync: (node) => void resynced.push(node),
    connect(node, version) {
      hub.disconnect(node);
      const stop = new AbortController();
      const known = version === undefined ? newest : parseVersion(version);
      const edge: Edge = {
        node,
        version: known,
        traits: traitsOf(known),
        since: Date.now(),
        signal: stop.signal,
      };
      sessions.set(node, { edge, stop });
      for (const handler of connecting) handler(edge);
      return edge;
    },
    disconnect(node) {
      const session = sessions.get(node);
      sessions.delete(node);
      session?.stop.abort();
    },
    async say(node, envelope) {
      const edge = edgeOf(node);
      requireOwnNode(envelope, node);
      try {
        await handlers.get(routeUpstream(envelope))?.(edge, envelope);
      } catch (error) {
        thrown.push(error);
      }
    },
    async request(node, route, content) {
      const asked = message(route, content);
      await hub.say(node, asked);
      return await hub.untilSent(node, ({ parent }) => parent === asked.id);
    },
    sent: (node) => sent.of(node),
    delivered: (node) => delivered.of(node),
    untilSent: (node, match) => sent.until(node, match),
    untilDelivered: (node, match) => delivered.until(node, match),
    forget() {
      sent.items = [];
      delivered.items = [];
    },
    wanted: (node) => sources.flatMap((source) => [...source.wanted(node)]),
    answer(how) {
      answering = how;
    },
    resynced,
    thrown,
  };
  return hub;
}
