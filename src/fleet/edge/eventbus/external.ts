/** A broker that is there already, mosquitto in most places: two clients as KubeEdge has them, one that listens and one that speaks, each of which comes back when the broker does. */
import type { IClientOptions, MqttClient } from "mqtt";
import type { Clock } from "../../../base/clock.ts";
import { invalid, SampanError } from "../../../base/errors.ts";
import type { Taken } from "./internal.ts";
import type { ExternalBroker } from "./options.ts";

export interface ExternalOptions {
  readonly clock: Clock;
  readonly log: (text: string) => void;
  readonly take: (message: Taken) => Promise<void> | void;
  /** What to listen to, now. */
  readonly filters: readonly string[];
  readonly qos: 0 | 1 | 2;
}

/** Milliseconds between attempts: doubled with each, with a random part. Messages that wait for the broker. */
const again = { first: 500, longest: 30_000 } as const;
const most = { waiting: 1000, packet: 1 << 20, dealing: 100 } as const;

/** Errors: `invalid_argument`. */
function addressOf(url: string): Pick<IClientOptions, "protocol" | "host" | "port"> {
  const { protocol, hostname, port } = URL.canParse(url)
    ? new URL(url)
    : { protocol: "", hostname: "", port: "" };
  const secure = protocol === "mqtts:" || protocol === "ssl:";
  if ((!secure && protocol !== "mqtt:" && protocol !== "tcp:") || hostname === "")
    throw invalid(`cannot use broker "${url}": wanted mqtt://<host>:<port> or mqtts://<host>:<port>`);
  return {
    protocol: secure ? "mqtts" : "mqtt",
    host: hostname.replace(/^\[|\]$/g, ""),
    port: port === "" ? (secure ? 8883 : 1883) : Number(port),
  };
}

const digits = (): string =>
  Array.from(crypto.getRandomValues(new Uint8Array(10)), (each) => each % 10).join("");

export class ExternalBrokerClient implements AsyncDisposable {
  readonly #options: ExternalOptions;
  readonly #hears: MqttClient;
  readonly #speaks: MqttClient;
  readonly #filters: Set<string>;
  #waiting = 0;
  #dealing = 0;

  private constructor(options: ExternalOptions, hears: MqttClient, speaks: MqttClient) {
    this.#options = options;
    this.#hears = hears;
    this.#speaks = speaks;
    this.#filters = new Set(options.filters);
  }

  /** Does not wait for the broker: it may come later than this node. */
  static async open(broker: ExternalBroker, options: ExternalOptions): Promise<ExternalBrokerClient> {
    const { connect } = await import("mqtt");
    const { url = "mqtt://127.0.0.1:1883", ...rest } = broker;
    const make = (role: "sub" | "pub"): MqttClient =>
      connect({
        ...addressOf(url),
        ...rest,
        clientId: `hub-client-${role}-${digits()}`,
        protocolVersion: 4,
        clean: true,
        resubscribe: false,
        connectTimeout: 10_000,
        keepalive: 30,
        reconnectPeriod: again.first,
        queueQoSZero: false,
        manualConnect: true,
      });
    const client = new ExternalBrokerClient(options, make("sub"), make("pub"));
    client.#start(url);
    return client;
  }

  #start(url: string): void {
    for (const client of [this.#hears, this.#speaks]) this.#comeBack(client, url);
    this.#hears.on("connect", () => this.#subscribe([...this.#filters]));
    this.#hears.handleMessage = (packet, done) => {
      if (packet.cmd !== "publish" || packet.topic === "" || packet.payload.length > most.packet)
        return done();
      const taken = {
        topic: packet.topic,
        payload: Buffer.from(packet.payload),
        qos: packet.qos,
        from: url,
      };
      this.#deal(taken, done);
    };
    this.#hears.connect();
    this.#speaks.connect();
  }

  /** Many are dealt with together, so that one device does not wait for another; when there are too many, nothing is read. */
  #deal(taken: Taken, done: () => void): void {
    this.#dealing += 1;
    const held = this.#dealing >= most.dealing;
    if (!held) done();
    const end = () => {
      this.#dealing -= 1;
      if (held) done();
    };
    Promise.resolve(this.#options.take(taken)).then(end, end);
  }

  #comeBack(client: MqttClient, url: string): void {
    const { log } = this.#options;
    let told = false;
    client.on("error", (error) => {
      if (!told) log(`eventbus: the broker at ${url}: ${error.message || SampanError.from(error).code}`);
      told = true;
    });
    client.on("connect", () => {
      told = false;
      client.options.reconnectPeriod = again.first;
    });
    client.on("close", () => {
      const next = Math.min((client.options.reconnectPeriod ?? again.first) * 2, again.longest);
      client.options.reconnectPeriod = Math.round(next * (0.75 + Math.random() / 4));
    });
  }

  get connected(): boolean {
    return this.#hears.connected && this.#speaks.connected;
  }

  listen(filter: string): void {
    this.#filters.add(filter);
    if (this.#hears.connected) this.#subscribe([filter]);
  }

  unlisten(filter: string): void {
    this.#filters.delete(filter);
    if (this.#hears.connected) this.#hears.unsubscribe(filter, () => {});
  }

  #subscribe(filters: readonly string[]): void {
    if (filters.length === 0) return;
    this.#hears.subscribe([...filters], { qos: 1 }, (error) => {
      if (error) this.#options.log(`eventbus: cannot subscribe: ${error.message}`);
    });
  }

  /** What cannot wait for the broker any more is dropped. */
  publish(topic: string, payload: string | Uint8Array): void {
    if (this.#waiting >= most.waiting) return;
    this.#waiting += 1;
    const bytes = typeof payload === "string" ? payload : Buffer.from(payload);
    this.#speaks.publish(topic, bytes, { qos: this.#options.qos, retain: false }, () => {
      this.#waiting -= 1;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(
      [this.#hears, this.#speaks].map(async (client) => {
        await new Promise<void>((resolve) => client.end(true, {}, () => resolve()));
        client.removeAllListeners();
        client.on("error", () => {});
      }),
    );
  }
}
