/** What the broker keeps for clients that are away, bounded: so many sessions, so many messages for each, so many bytes for all. The library's own store in memory does the keeping. */
import type { Client, Subscription } from "aedes";
import { SampanError } from "../../../base/errors.ts";

export interface SessionLimits {
  readonly sessions: number;
  /** Messages for one. */
  readonly queued: number;
  readonly retained: number;
  readonly retainedBytes: number;
}

/** Bytes that wait for all sessions together. */
const mostBytes = 32 << 20;

interface Packet {
  readonly topic: string;
  readonly payload: Uint8Array | string;
  readonly messageId?: number;
}
type Named = { readonly id: string };

/** What the broker calls of its store, as far as it is watched here. */
export interface Store {
  addSubscriptions(client: Named, subscriptions: readonly Subscription[]): Promise<void>;
  cleanSubscriptions(client: Named): Promise<void>;
  outgoingEnqueueCombi(sessions: readonly { readonly clientId: string }[], packet: Packet): Promise<void>;
  outgoingClearMessageId(client: Named, packet: Packet): Promise<Packet | undefined>;
  outgoingStream(client: Named): AsyncIterable<Packet>;
  storeRetained(packet: Packet): Promise<void>;
}

interface Session {
  readonly user: string;
  messages: number;
  bytes: number;
  away: boolean;
}

const sizeOf = ({ topic, payload }: Packet): number => topic.length + payload.length;

export class Sessions {
  readonly #store: Store;
  readonly #limits: SessionLimits;
  /** Those that came last are last. */
  readonly #sessions = new Map<string, Session>();
  readonly #retained = new Map<string, number>();
  #bytes = 0;
  #retainedBytes = 0;

  /**
   * Watches the broker's store in place.
   * @param granted whether the client was given the subscription: the library stores all of a packet when it was given one.
   */
  constructor(store: Store, limits: SessionLimits, granted: (client: Client, filter: string) => boolean) {
    this.#limits = limits;
    this.#store = store;
    const add = store.addSubscriptions.bind(store);
    store.addSubscriptions = async (client, subscriptions) =>
      await add(
        client,
        subscriptions.filter(({ topic }) => granted(client as Client, topic)),
      );
    const enqueue = store.outgoingEnqueueCombi.bind(store);
    store.outgoingEnqueueCombi = async (sessions, packet) =>
      await enqueue(
        sessions.filter(({ clientId }) => this.#count(clientId, packet)),
        packet,
      );
    const clear = store.outgoingClearMessageId.bind(store);
    store.outgoingClearMessageId = async (client, packet) => {
      const found = await clear(client, packet);
      if (found) this.#discount(client.id, found);
      return found;
    };
  }

  /** A client that wants a session is there. The one that is away longest makes room. */
  async come(client: Named, user: string): Promise<void> {
    const session = this.#sessions.get(client.id) ?? { user, messages: 0, bytes: 0, away: false };
    this.#sessions.delete(client.id);
    this.#sessions.set(client.id, { ...session, away: false });
    if (this.#sessions.size <= this.#limits.sessions) return;
    const oldest = [...this.#sessions].find(([, { away }]) => away)?.[0];
    if (oldest === undefined) throw new SampanError("resource_exhausted", "too many clients have a session");
    await this.#end({ id: oldest });
  }

  /** Whether the session by the client's id, if there is one, is that user's. */
  isFree({ id }: Named, user: string): boolean {
    return (this.#sessions.get(id)?.user ?? user) === user;
  }

  go({ id }: Named): void {
    const session = this.#sessions.get(id);
    if (session) session.away = true;
  }

  /** A client of that id begins without one. */
  async forget(client: Named): Promise<void> {
    if (this.#sessions.has(client.id)) await this.#end(client);
  }

  async #end(client: Named): Promise<void> {
    for await (const packet of this.#store.outgoingStream(client))
      await this.#store.outgoingClearMessageId(client, packet);
    await this.#store.cleanSubscriptions(client);
    this.#sessions.delete(client.id);
  }

  #count(id: string, packet: Packet): boolean {
    const session = this.#sessions.get(id);
    const size = sizeOf(packet);
    if (!session || session.messages >= this.#limits.queued || this.#bytes + size > mostBytes) return false;
    session.messages += 1;
    session.bytes += size;
    this.#bytes += size;
    return true;
  }

  #discount(id: string, packet: Packet): void {
    const session = this.#sessions.get(id);
    if (!session) return;
    const size = Math.min(sizeOf(packet), session.bytes);
    session.messages -= 1;
    session.bytes -= size;
    this.#bytes -= size;
  }

  /** Whether there is room to keep this message for its topic; it is counted then. An empty one removes what is kept. */
  retain(topic: string, bytes: number): boolean {
    const before = this.#retained.get(topic);
    const after = bytes === 0 ? 0 : bytes + topic.length;
    const total = this.#retainedBytes - (before ?? 0) + after;
    if (
      after > 0 &&
      (total > this.#limits.retainedBytes ||
        (before === undefined && this.#retained.size >= this.#limits.retained))
    )
      return false;
    this.#retainedBytes = total;
    if (after === 0) this.#retained.delete(topic);
    else this.#retained.set(topic, after);
    return true;
  }
}
