/** The broker inside: aedes behind listeners of our own, with authentication, rights, and bounds on all that a client can make it hold. */
import type { Socket } from "node:net";
import { Aedes, type AuthenticateError, type Client, type PublishPacket, type Subscription } from "aedes";
import type { Clock } from "../../../base/clock.ts";
import { SampanError } from "../../../base/errors.ts";
import { isFilter, isTopic } from "../../link/mqtt-topics.ts";
import { guard } from "./guard.ts";
import { Listeners } from "./listeners.ts";
import { brokerLimits, type BrokerLimits, type InternalBroker } from "./options.ts";
import { Rate } from "./rate.ts";
import { isReserved, mayPublish, maySubscribe, type Rights } from "./rights.ts";
import { Sessions, type Store } from "./sessions.ts";
import { Users } from "./users.ts";

/** What a client published, and who it is. */
export interface Taken {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: 0 | 1 | 2;
  readonly from: string;
}

export interface Takers {
  readonly clock: Clock;
  readonly log: (text: string) => void;
  /** What becomes of a topic besides being delivered to subscribers. */
  readonly routeOf: (topic: string) => "device" | "cloud" | "none";
  readonly device: (message: Taken) => Promise<void> | void;
  readonly cloud: (message: Taken) => void;
}

interface Peer {
  readonly user: string;
  readonly rights: Rights | undefined;
  readonly rate: Rate;
  readonly uploads: Rate;
  readonly granted: Set<string>;
  /** One line in the log for what it may not, not one for each message. */
  warned: boolean;
}

const open: Rights = { publish: [], subscribe: [] };
/** What a refused publication becomes: acknowledged as MQTT 3.1.1 wants it (3.3.5), heard by nobody. */
const nowhere = "$dropped";
/** Milliseconds. */
const patience = { connect: 10_000 } as const;

export class LocalBroker implements AsyncDisposable {
  readonly #aedes: Aedes;
  readonly #takers: Takers;
  readonly #limits: BrokerLimits;
  readonly #users: Users | undefined;
  #store: Sessions | undefined;
  readonly #peers = new WeakMap<Client, Peer>();
  /** Who has a client's id now. */
  readonly #owners = new Map<string, Client>();
  readonly #listeners: Listeners;

  private constructor(options: InternalBroker, takers: Takers) {
    this.#takers = takers;
    this.#limits = { ...brokerLimits, ...options.limits };
    this.#users = options.users === undefined ? undefined : new Users(options.users, takers.log);
    this.#listeners = new Listeners({
      clock: takers.clock,
      log: takers.log,
      take: (socket) => this.#take(socket),
      // Those that have not said yet who they are, too.
      most: this.#limits.clients + 50,
    });
    this.#aedes = new Aedes({
      connectTimeout: patience.connect,
      maxInflightInbound: 100,
      preConnect: (client, packet, done) => this.#preConnect(client, packet, done),
      authenticate: (client, user, password, done) => void this.#authenticate(client, user, password, done),
      authorizePublish: (client, packet, done) => this.#authorizePublish(client, packet, done),
      authorizeSubscribe: (client, subscription, done) =>
        this.#authorizeSubscribe(client, subscription, done),
      authorizeForward: (client, packet) => (this.#mayForward(client, packet) ? packet : null),
      published: (packet, client, done) => this.#published(packet, client, done),
    });
  }

  /** Errors: `invalid_argument` of a certificate, those of `readUsers`. A port that is taken is waited for. */
  static async listen(options: InternalBroker, takers: Takers): Promise<LocalBroker> {
    const broker = new LocalBroker(options, takers);
    try {
      broker.#watch();
      await broker.#aedes.listen();
      broker.#keep();
      const { host = "127.0.0.1", port = 1884, tls } = options;
      await broker.#listeners.listen({ host, port });
      if (tls) await broker.#listeners.listen(tls, tls);
      return broker;
    } catch (error) {
      await broker[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Of the plain listener, then of the one with TLS. */
  get ports(): readonly number[] {
    return this.#listeners.ports;
  }

  publish(topic: string, payload: string | Uint8Array, qos: 0 | 1 | 2): void {
    const packet = {
      cmd: "publish",
      topic,
      payload: Buffer.from(payload),
      qos,
      retain: false,
      dup: false,
    } as const;
    this.#aedes.publish(packet, (error) => {
      if (error) this.#takers.log(`eventbus: cannot publish "${topic.slice(0, 80)}": ${error.message}`);
    });
  }

  #take(socket: Socket): void {
    const who = () => (socket as Socket & { client?: Client }).client?.id ?? "a client";
    guard(socket, this.#limits, (why) =>
      this.#takers.log(`eventbus: ${JSON.stringify(who())} is disconnected: ${why}`),
    );
    this.#aedes.handle(socket);
  }

  #keep(): void {
    const { persistence } = this.#aedes as unknown as { readonly persistence: Store };
    const granted = (client: Client, filter: string) => this.#peer(client).granted.has(filter);
    this.#store = new Sessions(persistence, this.#limits, granted);
  }

  get #sessions(): Sessions {
    if (!this.#store) throw new SampanError("internal", "the broker does not listen yet");
    return this.#store;
  }

  #watch(): void {
    const aedes = this.#aedes;
    aedes.on("clientDisconnect", (client) => this.#gone(client));
    aedes.on("unsubscribe", (filters, client) => {
      for (const filter of filters) this.#peers.get(client)?.granted.delete(filter);
    });
    // A client's own faults end its connection; that is all there is to do.
    aedes.on("clientError", () => {});
    aedes.on("connectionError", () => {});
    (aedes as unknown as { on(event: "error", listener: (error: Error) => void): void }).on(
      "error",
      (error) => this.#takers.log(`eventbus: ${error.message}`),
    );
  }

  #gone(client: Client): void {
    const peer = this.#peers.get(client);
    peer?.rate.close();
    peer?.uploads.close();
    // Not when another connection has the id already.
    if (this.#owners.get(client.id) !== client) return;
    this.#owners.delete(client.id);
    if (!client.clean) this.#sessions.go(client);
  }

  #peer(client: Client): Peer {
    const peer = this.#peers.get(client) ?? this.#newPeer("", this.#users ? open : undefined);
    this.#peers.set(client, peer);
    return peer;
  }

  #newPeer(user: string, rights: Rights | undefined): Peer {
    const { rate, burst, uploadRate, uploadBurst } = this.#limits;
    const { clock } = this.#takers;
    return {
      user,
      rights,
      rate: new Rate(clock, rate, burst),
      uploads: new Rate(clock, uploadRate, uploadBurst),
      granted: new Set(),
      warned: false,
    };
  }

  #preConnect(
    _client: Client,
    packet: { readonly clientId: string; readonly will?: { readonly topic: string } },
    done: (error: Error | null, success: boolean) => void,
  ): void {
    const { clients, clientId } = this.#limits;
    const why =
      this.#aedes.connectedClients >= clients
        ? "too many clients"
        : packet.clientId.length > clientId
          ? "its id is too long"
          : packet.will && !this.#isTopic(packet.will.topic)
            ? "its will has no topic"
            : undefined;
    done(why === undefined ? null : new Error(why), why === undefined);
  }

  async #authenticate(
    client: Client,
    username: string | undefined,
    password: Uint8Array | undefined,
    done: (error: AuthenticateError | null, success: boolean | null) => void,
  ): Promise<void> {
    try {
      const user = this.#users ? (username ?? "") : "";
      const good = await this.#isGood(user, password);
      const owner = this.#owners.get(client.id);
      // Otherwise one user could end the connections of another, and take over its session.
      const free = owner === undefined || this.#peer(owner).user === user;
      if (good && free) {
        this.#peers.set(client, this.#newPeer(user, this.#users?.rightsOf(user)));
        await (client.clean ? this.#sessions.forget(client) : this.#sessions.come(client));
        this.#owners.set(client.id, client);
      }
      done(null, good && free);
    } catch (error) {
      done(Object.assign(SampanError.from(error), { returnCode: 3 as never }), false);
    }
  }

  async #isGood(user: string, password: Uint8Array | undefined): Promise<boolean> {
    if (!this.#users) return true;
    if (user === "") return this.#users.anonymous !== undefined && password === undefined;
    return await this.#users.verify(user, password ?? new Uint8Array());
  }

  #isTopic(topic: string): boolean {
    const { topic: most, levels } = this.#limits;
    return topic.length <= most && isTopic(topic) && topic.split("/").length <= levels;
  }

  #mayPublish(client: Client, peer: Peer, topic: string): boolean {
    if (!this.#isTopic(topic) || topic.startsWith("$SYS/")) return false;
    if (!peer.rights) return true;
    return !isReserved(topic) && mayPublish(peer.rights, topic, { user: peer.user, client: client.id });
  }

  #authorizePublish(
    client: Client | null,
    packet: PublishPacket,
    done: (error?: Error | null) => void,
  ): void {
    // The will of a client that is gone.
    if (!client) return done(null);
    const peer = this.#peer(client);
    if (!this.#mayPublish(client, peer, packet.topic)) {
      this.#warn(client, peer, `it may not publish "${packet.topic.slice(0, 80)}"`);
      Object.assign(packet, { topic: nowhere, payload: Buffer.alloc(0), retain: false });
    }
    if (packet.retain && !this.#sessions.retain(packet.topic, packet.payload.length)) {
      this.#warn(client, peer, "there is no room to retain its message, which is delivered only");
      packet.retain = false;
    }
    // A QoS 2 message may come twice: it is dealt with where the broker knows that it is the first (`published`).
    peer.rate.pass(() =>
      packet.qos === 2 ? done(null) : this.#deal(client, peer, packet, () => done(null)),
    );
  }

  /** Done when it is where it belongs: until then the client is not read further, and has no acknowledgement. */
  #deal(client: Client, peer: Peer, packet: PublishPacket, done: () => void): void {
    const { routeOf, device, cloud } = this.#takers;
    const route = routeOf(packet.topic);
    if (route === "none") return done();
    const { topic, qos } = packet;
    const taken = { topic, payload: Buffer.from(packet.payload), qos, from: client.id };
    if (route === "device") {
      Promise.resolve(device(taken)).then(done, done);
      return;
    }
    peer.uploads.pass(() => {
      cloud(taken);
      done();
    });
  }

  #published(packet: PublishPacket, client: Client | null, done: (error?: Error | null) => void): void {
    if (client && packet.qos === 2) this.#deal(client, this.#peer(client), packet, () => done(null));
    else done(null);
  }

  #authorizeSubscribe(
    client: Client,
    subscription: Subscription,
    done: (error: Error | null, subscription?: Subscription | null) => void,
  ): void {
    const peer = this.#peer(client);
    const { topic: filter } = subscription;
    const { topic: most, levels, subscriptions } = this.#limits;
    const fits = filter.length <= most && isFilter(filter) && filter.split("/").length <= levels;
    const room = peer.granted.has(filter) || peer.granted.size < subscriptions;
    const may = !peer.rights || maySubscribe(peer.rights, filter, { user: peer.user, client: client.id });
    if (fits && room && may) peer.granted.add(filter);
    else this.#warn(client, peer, `it may not subscribe to "${filter.slice(0, 80)}"`);
    peer.rate.pass(() => done(null, fits && room && may ? subscription : null));
  }

  /** Who reads slowly gets no more of what may be lost; what waits for it after a change of rights neither. */
  #mayForward(client: Client, packet: { readonly topic: string; readonly qos: number }): boolean {
    if (packet.qos === 0 && client.conn.writableLength > this.#limits.slow) return false;
    const { rights, user } = this.#peer(client);
    return !rights || maySubscribe(rights, packet.topic, { user, client: client.id });
  }

  #warn(client: Client, peer: Peer, why: string): void {
    if (peer.warned) return;
    peer.warned = true;
    const user = peer.user === "" ? "" : ` of user ${JSON.stringify(peer.user)}`;
    this.#takers.log(`eventbus: client ${JSON.stringify(client.id)}${user}: ${why}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await new Promise<void>((resolve) => this.#aedes.close(resolve));
    await this.#listeners[Symbol.asyncDispose]();
  }
}
