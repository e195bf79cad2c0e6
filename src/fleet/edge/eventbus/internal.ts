/** The broker inside: aedes behind listeners of our own, with authentication, rights, and bounds on all that a client can make it hold. */
import type { Socket } from "node:net";
import {
  Aedes,
  type AuthenticateError,
  type Client,
  type ConnectPacket,
  type PublishPacket,
  type Subscription,
} from "aedes";
import type { Clock } from "../../../base/clock.ts";
import { SampanError } from "../../../base/errors.ts";
import { guard } from "./guard.ts";
import { Listeners } from "./listeners.ts";
import { brokerLimits, type BrokerLimits, type InternalBroker } from "./options.ts";
import { Peers } from "./peers.ts";
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

/** What a refused publication becomes: acknowledged as MQTT 3.1.1 wants it (3.3.5), heard by nobody. */
const nowhere = "$dropped";
/** Milliseconds. */
const patience = { connect: 10_000 } as const;

export class LocalBroker implements AsyncDisposable {
  readonly #aedes: Aedes;
  readonly #takers: Takers;
  readonly #limits: BrokerLimits;
  readonly #peers: Peers;
  #kept: Sessions | undefined;
  readonly #listeners: Listeners;

  private constructor(options: InternalBroker, takers: Takers) {
    this.#takers = takers;
    this.#limits = { ...brokerLimits, ...options.limits };
    const users = options.users === undefined ? undefined : new Users(options.users, takers.log);
    this.#peers = new Peers({ clock: takers.clock, log: takers.log, limits: this.#limits, users });
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
    const granted = (client: Client, filter: string) => this.#peers.of(client).granted.has(filter);
    this.#kept = new Sessions(persistence, this.#limits, granted);
  }

  get #sessions(): Sessions {
    if (!this.#kept) throw new SampanError("internal", "the broker does not listen yet");
    return this.#kept;
  }

  #watch(): void {
    const aedes = this.#aedes;
    aedes.on("clientDisconnect", (client) => {
      if (this.#peers.go(client) && !client.clean) this.#sessions.go(client);
    });
    aedes.on("unsubscribe", (filters, client) => {
      for (const filter of filters) this.#peers.of(client).granted.delete(filter);
    });
    // A client's own faults end its connection; that is all there is to do.
    aedes.on("clientError", () => {});
    aedes.on("connectionError", () => {});
    (aedes as unknown as { on(event: "error", listener: (error: Error) => void): void }).on(
      "error",
      (error) => this.#takers.log(`eventbus: ${error.message}`),
    );
  }

  #preConnect(
    _client: Client,
    { clientId, will }: Pick<ConnectPacket, "clientId" | "will">,
    done: (error: Error | null, success: boolean) => void,
  ): void {
    const { clients, clientId: longest, will: largest } = this.#limits;
    const why =
      this.#aedes.connectedClients >= clients
        ? "too many clients"
        : clientId.length > longest
          ? "its id is too long"
          : will && (!this.#peers.isTopic(will.topic) || will.payload.length > largest)
            ? "its will is none"
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
      const user = await this.#peers.userOf(username, password);
      const may =
        user !== undefined && this.#peers.isFree(client, user) && this.#sessions.isFree(client, user);
      if (may) {
        this.#peers.come(client, user);
        await (client.clean ? this.#sessions.forget(client) : this.#sessions.come(client, user));
      }
      done(null, may);
    } catch (error) {
      done(Object.assign(SampanError.from(error), { returnCode: 3 as never }), false);
    }
  }

  #authorizePublish(
    client: Client | null,
    packet: PublishPacket,
    done: (error?: Error | null) => void,
  ): void {
    // The will of a client that is gone.
    if (!client) return done(null);
    if (!this.#peers.mayPublish(client, packet.topic)) {
      this.#peers.warn(client, `it may not publish "${packet.topic.slice(0, 80)}"`);
      Object.assign(packet, { topic: nowhere, payload: Buffer.alloc(0), retain: false });
    }
    if (packet.retain && !this.#sessions.retain(packet.topic, packet.payload.length)) {
      this.#peers.warn(client, "there is no room to retain its message, which is delivered only");
      packet.retain = false;
    }
    // A QoS 2 message may come twice: it is dealt with where the broker knows that it is the first (`published`).
    this.#pass(client, "rate", () =>
      packet.qos === 2 ? done(null) : this.#deal(client, packet, () => done(null)),
    );
  }

  /** The last that comes of a client is its will, which does not wait. */
  #pass(client: Client, by: "rate" | "uploads", call: () => void): void {
    if (client.closed) call();
    else this.#peers.of(client)[by].pass(call);
  }

  /** Done when it is where it belongs: until then the client is not read further, and has no acknowledgement. */
  #deal(client: Client, packet: PublishPacket, done: () => void): void {
    const { routeOf, device, cloud } = this.#takers;
    const route = routeOf(packet.topic);
    if (route === "none") return done();
    const { topic, qos } = packet;
    const taken = { topic, payload: Buffer.from(packet.payload), qos, from: client.id };
    if (route === "device") {
      Promise.resolve(device(taken)).then(done, done);
      return;
    }
    this.#pass(client, "uploads", () => {
      cloud(taken);
      done();
    });
  }

  #published(packet: PublishPacket, client: Client | null, done: (error?: Error | null) => void): void {
    if (client && packet.qos === 2) this.#deal(client, packet, () => done(null));
    else done(null);
  }

  #authorizeSubscribe(
    client: Client,
    subscription: Subscription,
    done: (error: Error | null, subscription?: Subscription | null) => void,
  ): void {
    const granted = this.#peers.grant(client, subscription.topic);
    if (!granted) this.#peers.warn(client, `it may not subscribe to "${subscription.topic.slice(0, 80)}"`);
    this.#pass(client, "rate", () => done(null, granted ? subscription : null));
  }

  /** Who reads slowly gets no more of what may be lost; what waits for it after a change of rights neither. */
  #mayForward(client: Client, packet: { readonly topic: string; readonly qos: number }): boolean {
    if (packet.qos === 0 && client.conn.writableLength > this.#limits.slow) return false;
    return this.#peers.mayHear(client, packet.topic);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await new Promise<void>((resolve) => this.#aedes.close(resolve));
    await this.#listeners[Symbol.asyncDispose]();
  }
}
