/** Who the clients of the broker inside are, and what each of them may do. */
import type { Client } from "aedes";
import type { Clock } from "../../../base/clock.ts";
import { isFilter, isTopic } from "../../link/mqtt-topics.ts";
import type { BrokerLimits } from "./options.ts";
import { Rate } from "./rate.ts";
import { isReserved, mayPublish, maySubscribe, type Rights } from "./rights.ts";
import type { Users } from "./users.ts";

export interface Peer {
  readonly user: string;
  readonly rate: Rate;
  readonly uploads: Rate;
  /** Filters that it was given. */
  readonly granted: Set<string>;
  /** One line in the log for what it may not, not one for each message. */
  warned: boolean;
}

export interface PeerOptions {
  readonly clock: Clock;
  readonly log: (text: string) => void;
  readonly limits: BrokerLimits;
  /** undefined: everybody may do everything. */
  readonly users: Users | undefined;
}

const nothing: Rights = { publish: [], subscribe: [] };

export class Peers {
  readonly #options: PeerOptions;
  readonly #peers = new WeakMap<Client, Peer>();
  /** Who has a client's id now. */
  readonly #owners = new Map<string, Client>();

  constructor(options: PeerOptions) {
    this.#options = options;
  }

  of(client: Client): Peer {
    return this.#peers.get(client) ?? this.#add(client, "");
  }

  #add(client: Client, user: string): Peer {
    const { clock, limits } = this.#options;
    const peer: Peer = {
      user,
      rate: new Rate(clock, limits.rate, limits.burst),
      uploads: new Rate(clock, limits.uploadRate, limits.uploadBurst),
      granted: new Set(),
      warned: false,
    };
    this.#peers.set(client, peer);
    return peer;
  }

  /** The user, when the password is right; undefined when nobody comes in like that. Errors: `resource_exhausted` when too many want to. */
  async userOf(name: string | undefined, password: Uint8Array | undefined): Promise<string | undefined> {
    const { users } = this.#options;
    if (!users) return "";
    if (!name) return users.anonymous !== undefined && password === undefined ? "" : undefined;
    return (await users.verify(name, password ?? new Uint8Array())) ? name : undefined;
  }

  /** Whether nobody else is connected by the client's id: one user could end the connections of another otherwise. */
  isFree({ id }: Client, user: string): boolean {
    const owner = this.#owners.get(id);
    return owner === undefined || this.of(owner).user === user;
  }

  come(client: Client, user: string): void {
    this.#add(client, user);
    this.#owners.set(client.id, client);
  }

  /** True when no other connection has its id already. */
  go(client: Client): boolean {
    const peer = this.#peers.get(client);
    peer?.rate.close();
    peer?.uploads.close();
    if (this.#owners.get(client.id) !== client) return false;
    this.#owners.delete(client.id);
    return true;
  }

  /** As the file of users says now. */
  #rights(user: string): Rights | undefined {
    const { users } = this.#options;
    return users && (users.rightsOf(user) ?? nothing);
  }

  isTopic(topic: string): boolean {
    const { topic: most, levels } = this.#options.limits;
    return topic.length <= most && isTopic(topic) && topic.split("/").length <= levels;
  }

  mayPublish(client: Client, topic: string): boolean {
    if (!this.isTopic(topic) || topic.startsWith("$SYS/")) return false;
    const { user } = this.of(client);
    const rights = this.#rights(user);
    return !rights || (!isReserved(topic) && mayPublish(rights, topic, { user, client: client.id }));
  }

  /** Of a filter that it asks for, and of a topic that it would be sent. */
  mayHear(client: Client, filter: string): boolean {
    const { user } = this.of(client);
    const rights = this.#rights(user);
    return !rights || maySubscribe(rights, filter, { user, client: client.id });
  }

  /** True when the subscription is its from now on. */
  grant(client: Client, filter: string): boolean {
    const { topic: most, levels, subscriptions } = this.#options.limits;
    const { granted } = this.of(client);
    const fits = filter.length <= most && isFilter(filter) && filter.split("/").length <= levels;
    const room = granted.has(filter) || granted.size < subscriptions;
    if (!fits || !room || !this.mayHear(client, filter)) return false;
    granted.add(filter);
    return true;
  }

  warn(client: Client, why: string): void {
    const peer = this.of(client);
    if (peer.warned) return;
    peer.warned = true;
    const user = peer.user === "" ? "" : ` of user ${JSON.stringify(peer.user)}`;
    this.#options.log(`eventbus: client ${JSON.stringify(client.id)}${user}: ${why}`);
  }
}
