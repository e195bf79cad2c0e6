/** EventBus: the broker or brokers of this node, the topics that mean something to it, and what goes between them and the cloud. */
import { join } from "node:path";
import { SampanError } from "../../../base/errors.ts";
import type { Envelope } from "../../link/envelope.ts";
import { publish, subscription } from "../../link/kinds/user.ts";
import { isFilter, isTopic, subscriptions } from "../../link/mqtt-topics.ts";
import type { EdgeContext } from "../part.ts";
import type { DeviceHandler, EventBus } from "./bus.ts";
import { ExternalBrokerClient } from "./external.ts";
import { LocalBroker, type Taken } from "./internal.ts";
import { KeptList } from "./kept-list.ts";
import type { EventBusOptions } from "./options.ts";
import { covers } from "./rights.ts";
import { Uploads } from "./uploads.ts";

export type EventBusContext = Pick<EdgeContext, "root" | "link" | "clock" | "log">;

export interface OpenEventBus extends EventBus, AsyncDisposable {
  /** Of the broker inside: of the plain listener, then of the one with TLS. */
  readonly ports: readonly number[];
  /** Whether the broker outside answers; undefined without one. */
  readonly external: boolean | undefined;
}

const ofDevices = /^\$hw\/events\/(?:device|node)\//;
/** All that goes to the cloud without a rule. */
const toCloud = ["$hw/events/upload/#", "SYS/dis/upload_records", "+/user/#"];
/** Both forms of ids: an old device keeps its topics with a new cloud. */
const always = new Set([
  ...subscriptions({ deviceId: "namespaced" }),
  ...subscriptions({ deviceId: "name" }),
]);

/** Errors: those of the broker's file of users and of its certificate. A port that is taken is waited for. */
export async function openEventBus(
  context: EventBusContext,
  options: EventBusOptions = {},
): Promise<OpenEventBus> {
  await using scope = new AsyncDisposableStack();
  const { mode = "internal", qos = 1 } = options;
  const topics = new KeptList(join(context.root, "eventbus"), "sub_topics.json", context.log);
  const uploads = scope.use(new Uploads(context));
  const bus = new Bus(context, uploads, topics, qos);
  if (mode !== "external")
    bus.inside = scope.use(await LocalBroker.listen(options.internal ?? {}, bus.takers()));
  if (mode !== "internal")
    bus.outside = scope.use(
      await ExternalBrokerClient.open(options.external ?? {}, {
        clock: context.clock,
        log: context.log,
        take: (message) => bus.take(message),
        filters: [...always, ...topics.items],
        qos,
      }),
    );
  context.link.on("eventbus", (message) => bus.obey(message));
  bus.scope = scope.move();
  return bus;
}

class Bus implements OpenEventBus {
  inside: LocalBroker | undefined;
  outside: ExternalBrokerClient | undefined;
  scope: AsyncDisposableStack | undefined;
  readonly #context: EventBusContext;
  readonly #uploads: Uploads;
  readonly #topics: KeptList;
  readonly #qos: 0 | 1 | 2;
  #devices: DeviceHandler | undefined;

  constructor(context: EventBusContext, uploads: Uploads, topics: KeptList, qos: 0 | 1 | 2) {
    this.#context = context;
    this.#uploads = uploads;
    this.#topics = topics;
    this.#qos = qos;
  }

  takers() {
    return {
      clock: this.#context.clock,
      log: this.#context.log,
      routeOf: (topic: string) => this.#routeOf(topic),
      device: (message: Taken) => this.#devices?.(message),
      cloud: (message: Taken) => this.#uploads.take(message),
    };
  }

  #routeOf(topic: string): "device" | "cloud" | "none" {
    if (ofDevices.test(topic)) return "device";
    if (toCloud.some((filter) => covers(filter, topic))) return "cloud";
    for (const filter of this.#topics.items) if (covers(filter, topic)) return "cloud";
    return "none";
  }

  /** From the broker outside. */
  take(message: Taken): Promise<void> | void {
    const route = this.#routeOf(message.topic);
    if (route === "device") return this.#devices?.(message);
    if (route === "cloud") this.#uploads.take(message);
  }

  publish(topic: string, payload: string | Uint8Array): void {
    this.inside?.publish(topic, payload, this.#qos);
    this.outside?.publish(topic, payload);
  }

  takeDevices(handler: DeviceHandler): Disposable {
    this.#devices = handler;
    return {
      [Symbol.dispose]: () => {
        if (this.#devices === handler) this.#devices = undefined;
      },
    };
  }

  /** What the cloud's rules want. Never throws: nothing of it is acknowledged. */
  obey(message: Envelope): void {
    const { resource, operation } = message.route;
    try {
      if (publish.claims(message)) this.#speak(resource, publish.parse(message.content));
      else if (subscription.claims(message)) this.#rule(operation, resource);
      else throw new SampanError("unimplemented", "it means nothing here");
    } catch (error) {
      const what = `${operation} ${JSON.stringify(resource.slice(0, 80))}`;
      this.#context.log(`eventbus: the cloud's ${what} is left out: ${SampanError.from(error).message}`);
    }
  }

  #speak(topic: string, text: string): void {
    if (!isTopic(topic)) throw new SampanError("invalid_argument", "its topic is none");
    this.publish(topic, text);
  }

  #rule(operation: string, filter: string): void {
    if (!isFilter(filter)) throw new SampanError("invalid_argument", "its topic is none");
    if (operation === "subscribe") {
      if (this.#topics.add(filter)) this.outside?.listen(filter);
    } else if (this.#topics.remove(filter) && !always.has(filter)) this.outside?.unlisten(filter);
  }

  get ports(): readonly number[] {
    return this.inside?.ports ?? [];
  }

  get external(): boolean | undefined {
    return this.outside?.connected;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.scope?.disposeAsync();
  }
}
