/** What goes on while programs die: a writer that wants more and more of the cloud, a meter that tells by MQTT, a mapper with a device, and a watch on all that the cloud says of them. */
import { connect, type MqttClient } from "mqtt";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { runMapper } from "../../../src/mapper/run.ts";
import type { Random } from "../../differential/random.ts";
import { image, node, until, within, type World } from "./_world.ts";
import { writingPod } from "./_pod.ts";

export interface PodObject {
  readonly metadata: {
    readonly name: string;
    readonly uid: string;
    readonly deletionTimestamp?: string;
    readonly ownerReferences?: readonly { readonly kind: string }[];
  };
  readonly status?: {
    readonly phase?: string;
    readonly containerStatuses?: readonly {
      readonly ready: boolean;
      readonly restartCount: number;
      readonly containerID?: string;
    }[];
  };
}

interface Twin {
  readonly propertyName: string;
  readonly reported?: { readonly value?: string };
}

interface Labelled {
  metadata: { resourceVersion: string };
}

/** Milliseconds in which each of these ends when it is told. */
const most = 70_000;

export const pods = "/api/v1/namespaces/default/pods";
const deployments = "/apis/apps/v1/namespaces/default/deployments";
const configMaps = "/api/v1/namespaces/default/configmaps";
const devices = "/apis/devices.kubeedge.io/v1beta1/namespaces/default/devices";
const models = "/apis/devices.kubeedge.io/v1beta1/namespaces/default/devicemodels";

const program =
  "echo start >> /out/$POD; trap 'echo end >> /out/$POD; exit 0' TERM; while :; do sleep 1000 & wait; done";

/** A container that writes down each of its starts, and ends when it is told. */
export function podSpec(world: World, more: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  return { ...writingPod({ node, image, program, folder: world.path("out") }), ...more };
}

const device = (name: string, protocol: string, properties: readonly string[]) => ({
  apiVersion: "devices.kubeedge.io/v1beta1",
  kind: "Device",
  metadata: { name, namespace: "default" },
  spec: {
    deviceModelRef: { name: "numbers" },
    nodeName: node,
    protocol: { protocolName: protocol, configData: {} },
    properties: properties.map((property) => ({
      name: property,
      ...(property === "target" ? { desired: { value: "0" } } : {}),
      collectCycle: 50,
      reportToCloud: true,
      visitors: { protocolName: protocol, configData: { property } },
    })),
  },
});

/** Resolves when the cloud knows what is wanted. */
export async function openLoad(world: World, random: Random): Promise<Load> {
  await using stack = new AsyncDisposableStack();
  const load = stack.use(new Load(world, random));
  await load.make();
  stack.move();
  return load;
}

/** How often the container of a pod began, by its own word. */
export function startsOf(world: World, uid: string): number {
  try {
    return readFileSync(world.path("out", uid), "utf8")
      .split("\n")
      .filter((line) => line === "start").length;
  } catch {
    return 0;
  }
}

export class Load implements AsyncDisposable {
  /** What is wanted at the end. */
  replicas = 2;
  config = 0;
  target = 0;
  /** The last one that the broker has acknowledged. */
  metered = 0;
  /** Of the mapper's driver: all that was written, in order. */
  readonly written: number[] = [];
  /** What should never have been. */
  readonly wrong: string[] = [];
  /** The last that the cloud said, by device and property. */
  readonly told = new Map<string, number>();
  private readonly world: World;
  private readonly random: Random;
  private readonly end = new AbortController();
  private readonly running: (readonly [name: string, ended: Promise<unknown>])[] = [];
  private client: MqttClient | undefined;
  private counter = 0;

  constructor(world: World, random: Random) {
    this.world = world;
    this.random = random;
  }

  async make(): Promise<void> {
    const { world } = this;
    await world.send("POST", configMaps, { metadata: { name: "config" }, data: { value: "0" } });
    await world.send("POST", models, {
      apiVersion: "devices.kubeedge.io/v1beta1",
      kind: "DeviceModel",
      metadata: { name: "numbers" },
      spec: {
        protocol: "hunt",
        properties: [
          { name: "count", type: "INT", accessMode: "ReadOnly" },
          { name: "target", type: "INT", accessMode: "ReadWrite" },
        ],
      },
    });
    await world.send("POST", devices, device("machine", "hunt", ["count", "target"]));
    await world.send("POST", devices, device("meter", "mqtt", ["count"]));
    await world.send("POST", deployments, {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: "web" },
      spec: {
        replicas: this.replicas,
        selector: { matchLabels: { app: "web" } },
        template: { metadata: { labels: { app: "web" } }, spec: podSpec(world) },
      },
    });
    const { signal } = this.end;
    const mapper = runMapper(
      {
        protocol: "hunt",
        version: "1",
        config: () => ({}),
        visitor: (data) => String(data["property"]),
        open: async () => ({
          read: async (property) => (property === "count" ? ++this.counter : (this.written.at(-1) ?? 0)),
          write: async (_, value) => this.write(Number(value)),
          [Symbol.asyncDispose]: async () => {},
        }),
      },
      { dmi: world.path("dmi.sock"), socket: join(world.folder, "mapper.sock"), log: () => {}, signal },
    );
    this.running.push(["the mapper", mapper], ["the meter", this.meter()], ["the watch", this.look()]);
  }

  private write(value: number): void {
    const last = this.written.at(-1) ?? 0;
    this.world.note(`the driver is told ${value}`);
    if (value < last) this.wrong.push(`the driver was told ${value} after ${last}`);
    this.written.push(value);
  }

  /** A number more each time, told until the broker has acknowledged it. */
  private async meter(): Promise<void> {
    const client = (this.client = connect(`mqtt://127.0.0.1:${this.world.mqttPort}`, {
      reconnectPeriod: 50,
      clientId: "meter",
      clean: true,
      queueQoSZero: false,
    }));
    client.on("error", () => {});
    const topic = "$hw/events/device/default/meter/twin/update";
    const { signal } = this.end;
    const ended = new Promise<"ended">((resolve) =>
      signal.addEventListener("abort", () => resolve("ended"), { once: true }),
    );
    while (!signal.aborted) {
      const value = this.metered + 1;
      const payload = {
        event_id: String(value),
        timestamp: Date.now(),
        twin: { count: { actual: { value: String(value) } } },
      };
      try {
        const told = client.publishAsync(topic, JSON.stringify(payload), { qos: 1 });
        // Who was not answered when all ends is never answered.
        if ((await Promise.race([told, ended])) === "ended") return;
        this.metered = value;
      } catch {
        // Told again.
      }
      await Bun.sleep(10);
    }
  }

  /** All that the cloud says of the devices, from one cloud to the next. */
  private async look(): Promise<void> {
    while (!this.end.signal.aborted) {
      try {
        const { items, metadata } = (await this.world.send("GET", devices)) as {
          items: unknown[];
          metadata: { resourceVersion: string };
        };
        for (const item of items) this.see(item);
        const ended = Promise.withResolvers<void>();
        const stop = await this.world.watch(
          `${devices}?watch=true&resourceVersion=${metadata.resourceVersion}`,
          (line) => {
            const { type, object } = JSON.parse(line) as { type: string; object: unknown };
            if (type === "MODIFIED") this.see(object);
            else if (type === "ERROR") ended.resolve();
          },
          () => ended.resolve(),
        );
        const abort = () => ended.resolve();
        this.end.signal.addEventListener("abort", abort, { once: true });
        await ended.promise;
        this.end.signal.removeEventListener("abort", abort);
        stop();
      } catch {
        await Bun.sleep(20);
      }
    }
  }

  private see(object: unknown): void {
    const { metadata, status } = object as {
      metadata: { name: string };
      status?: { twins?: readonly Twin[] };
    };
    for (const { propertyName, reported } of status?.twins ?? []) {
      if (reported?.value === undefined) continue;
      const key = `${metadata.name}/${propertyName}`;
      const [value, last] = [Number(reported.value), this.told.get(key)];
      if (last !== undefined && value < last)
        this.wrong.push(`${key} went from ${last} back to ${value} in the cloud`);
      this.told.set(key, value);
    }
  }

  /** One wish; resolves when the cloud has it, however often it dies meanwhile. */
  async wish(): Promise<string> {
    switch (this.random.integer(0, 2)) {
      case 0:
        await this.scale(this.random.integer(0, 4));
        return `replicas ${this.replicas}`;
      case 1:
        this.config += 1;
        await this.change(`${configMaps}/config`, (found: { data: Record<string, string> }) => {
          found.data["value"] = String(this.config);
        });
        return `config ${this.config}`;
      default:
        this.target += 1;
        await this.wishTarget();
        return `target ${this.target}`;
    }
  }

  async wishTarget(): Promise<void> {
    await this.change(
      `${devices}/machine`,
      (found: { spec: { properties: { name: string; desired?: { value: string } }[] } }) => {
        for (const property of found.spec.properties)
          if (property.name === "target") property.desired = { value: String(this.target) };
      },
    );
  }

  /** What another cloud says begins anew. */
  forgetTold(): void {
    this.told.clear();
  }

  async change<T>(path: string, edit: (found: T) => void): Promise<void> {
    this.world.note(
      `${path}: replicas ${this.replicas}, config ${this.config}, target ${this.target} are wished`,
    );
    await until(`${path} to be changed`, async () => {
      const found = (await this.world.send("GET", path)) as Labelled & T;
      edit(found);
      const put = (await this.world.send("PUT", path, found)) as Labelled;
      this.world.note(`${path}: the cloud has it as ${put.metadata.resourceVersion}`);
      return true;
    });
  }

  async pods(): Promise<readonly PodObject[]> {
    return ((await this.world.send("GET", pods)) as { items: PodObject[] }).items;
  }

  /** The driver's device and the meter are what they should be, in the cloud. */
  async twinsSettled(): Promise<void> {
    const goal = this.metered;
    await until(`target ${this.target} at the driver`, () => this.written.at(-1) === this.target);
    await until(`target ${this.target} reported`, () => this.told.get("machine/target") === this.target);
    await until(`count ${goal} of the meter`, () => (this.told.get("meter/count") ?? 0) >= goal);
    const count = this.counter;
    await until(`count ${count} of the machine`, () => (this.told.get("machine/count") ?? 0) >= count);
  }

  async scale(replicas: number): Promise<void> {
    this.replicas = replicas;
    await this.change(`${deployments}/web`, (found: { spec: { replicas: number } }) => {
      found.spec.replicas = replicas;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.end.abort();
    if (this.client) await within(most, "the meter's client", this.client.endAsync(true));
    for (const [name, ended] of this.running) await within(most, name, Promise.allSettled([ended]));
  }
}
