/**
 * `bun bench/edge/mqtt.ts [--json] [--quick]`: the broker inside of `sampan edge` beside Debian's mosquitto, under the same load of the same clients, and twins by MQTT.
 * Writes a table into bench/results.md; with --json all numbers, with --quick the table to standard output.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect as connectSocket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { connectAsync, type MqttClient } from "mqtt";
import { output } from "../_command.ts";
import { freePort } from "../cloud/_port.ts";
import { machine } from "../_machine.ts";
import { formOf, publish } from "../_publish.ts";
import { spreadOf, type Row } from "../_statistics.ts";
import { privateOf } from "../docker/_measure.ts";

const { values: flags } = parseArgs({ options: { json: { type: "boolean" }, quick: { type: "boolean" } } });
const rounds = flags.quick ? 2 : 7;
const rows: Row[] = [];

interface Broker extends AsyncDisposable {
  readonly name: string;
  readonly port: number;
  readonly pid: number;
}

async function ours(folder: string, { devices = 0, rate = Infinity } = {}): Promise<Broker> {
  const program = [
    process.execPath,
    join(import.meta.dir, "_broker.ts"),
    folder,
    String(devices),
    String(rate),
  ];
  const child = Bun.spawn(program, { stdin: "pipe", stdout: "pipe", stderr: "inherit" });
  const { value } = await child.stdout.getReader().read();
  return {
    name: "sampan",
    port: Number(Buffer.from(value ?? []).toString()),
    pid: child.pid,
    async [Symbol.asyncDispose]() {
      await child.stdin.end();
      await child.exited;
    },
  };
}

async function mosquitto(folder: string): Promise<Broker> {
  const port = freePort();
  const config = join(folder, "mosquitto.conf");
  // Nothing is dropped by either.
  writeFileSync(
    config,
    `listener ${port} 127.0.0.1\nallow_anonymous true\npersistence false\nmax_queued_messages 0\nmax_inflight_messages 0\n`,
  );
  const child = Bun.spawn(["mosquitto", "-c", config], {
    stdin: "ignore",
    stdout: "ignore",
    stderr: "ignore",
  });
  for (const end = performance.now() + 10_000; !(await answers(port)); await Bun.sleep(2))
    if (performance.now() > end) throw new Error("mosquitto does not answer within 10 s");
  return {
    name: "mosquitto",
    port,
    pid: child.pid,
    async [Symbol.asyncDispose]() {
      child.kill();
      await child.exited;
    },
  };
}

async function answers(port: number): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = connectSocket(port, "127.0.0.1");
    socket.on("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.on("error", () => resolve(false));
  });
}

async function client({ port }: Broker): Promise<MqttClient> {
  return await connectAsync({ host: "127.0.0.1", port, protocol: "mqtt", reconnectPeriod: 0 });
}

function add(name: string, unit: string, samples: ReadonlyMap<string, readonly number[]>): void {
  rows.push({
    name,
    unit,
    spreads: Object.fromEntries([...samples].map(([key, values]) => [key, spreadOf(values)])),
  });
  const texts = [...samples].map(([key, values]) => `${key} ${spreadOf(values).median.toFixed(1)}`);
  console.error(`${name}, ${unit}: ${texts.join("  ")}`);
}

interface Load {
  readonly publishers: number;
  readonly subscribers: number;
  readonly qos: 0 | 1;
  readonly messages: number;
}

/** Messages delivered a second, from the first publication to the last delivery. */
async function delivered(broker: Broker, { publishers, subscribers, qos, messages }: Load): Promise<number> {
  const all = await Promise.all(Array.from({ length: publishers + subscribers }, () => client(broker)));
  const [from, to] = [all.slice(0, publishers), all.slice(publishers)];
  try {
    const done = Promise.withResolvers<void>();
    let left = messages * subscribers;
    for (const each of to) {
      await each.subscribeAsync("bench/#", { qos });
      each.on("message", () => {
        if (--left === 0) done.resolve();
      });
    }
    const payload = "x".repeat(64);
    const begin = performance.now();
    for (let sent = 0; sent < messages; sent++) {
      from[sent % publishers]?.publish("bench/topic", payload, { qos });
      // Lets the clients write and read.
      if (sent % 100 === 99) await new Promise((resolve) => setImmediate(resolve));
    }
    await done.promise;
    return (messages * subscribers) / ((performance.now() - begin) / 1000);
  } finally {
    await Promise.all(all.map(async (each) => await each.endAsync(true)));
  }
}

async function turns(
  brokers: readonly Broker[],
  measure: (broker: Broker) => Promise<readonly number[]>,
): Promise<Map<string, number[]>> {
  const samples = new Map<string, number[]>(brokers.map(({ name }) => [name, []]));
  // The first round warms up.
  for (let round = 0; round <= rounds; round++)
    for (const broker of brokers) {
      const values = await measure(broker);
      if (round > 0) samples.get(broker.name)?.push(...values);
    }
  return samples;
}

async function messages(brokers: readonly Broker[]): Promise<void> {
  const total = flags.quick ? 5_000 : 30_000;
  for (const [name, load] of [
    ["1 publisher, 1 subscriber", { publishers: 1, subscribers: 1, messages: total }],
    ["10 publishers, 1 subscriber", { publishers: 10, subscribers: 1, messages: total }],
    ["1 publisher, 10 subscribers", { publishers: 1, subscribers: 10, messages: total / 10 }],
  ] as const)
    for (const qos of [0, 1] as const)
      add(
        `MQTT QoS ${qos}, ${name}`,
        "messages a second",
        await turns(brokers, async (broker) => [await delivered(broker, { ...load, qos })]),
      );
}

async function latency(brokers: readonly Broker[]): Promise<void> {
  const samples = await turns(brokers, async (broker) => {
    await using both = await pair(broker);
    const times: number[] = [];
    for (let each = 0; each < 100; each++) times.push(await both.exchange("bench/one", "x", "bench/one"));
    return times;
  });
  add("MQTT QoS 1, one message at a time", "ms", samples);
}

/** A client that publishes and waits for what comes of it. */
async function pair(broker: Broker) {
  const mqtt = await client(broker);
  return {
    mqtt,
    async exchange(topic: string, payload: string, answer: string): Promise<number> {
      const came = Promise.withResolvers<void>();
      const hear = (heard: string) => {
        if (heard === answer) came.resolve();
      };
      await mqtt.subscribeAsync(answer, { qos: 1 });
      mqtt.on("message", hear);
      const begin = performance.now();
      mqtt.publish(topic, payload, { qos: 1 });
      await came.promise;
      mqtt.off("message", hear);
      return performance.now() - begin;
    },
    [Symbol.asyncDispose]: async () => await mqtt.endAsync(true),
  };
}

const update = (value: number) =>
  JSON.stringify({ event_id: "e", timestamp: 1, twin: { temp: { actual: { value: String(value) } } } });
const topicOf = (device: number) => `$hw/events/device/default/d${device}/twin/update`;

/** Updates that are on the disk, answered, and told to the cloud, a second. */
async function twins(broker: Broker, devices: number): Promise<void> {
  const total = flags.quick ? 2_000 : 10_000;
  const samples = await turns([broker], async () => {
    await using all = new AsyncDisposableStack();
    const from = await Promise.all(
      Array.from({ length: Math.min(devices, 20) }, async () => all.use(await pair(broker)).mqtt),
    );
    const begin = performance.now();
    await Promise.all(
      Array.from({ length: total }, async (_, index) => {
        await from[index % from.length]?.publishAsync(topicOf(index % devices), update(index), { qos: 1 });
      }),
    );
    return [total / ((performance.now() - begin) / 1000)];
  });
  add(`updates of twins by MQTT QoS 1, ${devices} devices`, "a second", samples);
}

async function twinLatency(broker: Broker, name: string): Promise<void> {
  const samples = await turns([broker], async () => {
    await using one = await pair(broker);
    const times: number[] = [];
    for (let each = 0; each < 50; each++)
      times.push(await one.exchange(topicOf(0), update(each), `${topicOf(0)}/result`));
    return times;
  });
  add(name, "ms", samples);
}

/** Another client publishes as fast as it can to a twin of its own, all the while. */
async function flooded(broker: Broker): Promise<void> {
  const flood = await client(broker);
  let on = true;
  const running = (async () => {
    while (on) {
      for (let each = 0; each < 200; each++) flood.publish(topicOf(1), update(each), { qos: 0 });
      await Bun.sleep(1);
      // Waits where the connection is not read, as a real client does.
      while (on && (flood.stream.writableLength ?? 0) > 1 << 20) await Bun.sleep(1);
    }
  })();
  await twinLatency(broker, "update of a twin to its result, while another client floods its own");
  on = false;
  await running;
  await flood.endAsync(true);
}

const folder = mkdtempSync(join(tmpdir(), "sampan-bench-"));
try {
  {
    await using broker = await ours(join(folder, "plain"));
    await using peer = await mosquitto(folder);
    const brokers = [broker, peer];
    const memory = () => new Map(brokers.map(({ name, pid }) => [name, [privateOf([pid])]]));
    add("private memory of the broker's process, idle", "MiB", memory());
    await latency(brokers);
    await messages(brokers);
    add("private memory of the broker's process, after that", "MiB", memory());
  }
  {
    await using broker = await ours(join(folder, "twins"), { devices: 100 });
    await twinLatency(broker, "update of a twin to its result");
    await twins(broker, 1);
    await twins(broker, 100);
  }
  {
    await using broker = await ours(join(folder, "flood"), { devices: 100, rate: 10_000 });
    await flooded(broker);
  }
  const version = (await output(["dpkg-query", "-W", "-f", "${Version}", "mosquitto"])).trim();
  const runtimes = [
    { name: "mosquitto", version, words: [], every: 1 },
    { name: "clients", version: "npm mqtt, one process for all", words: [], every: 1 },
  ];
  const about = machine({ runtimes, missing: [] });
  publish({ title: "MQTT at the edge", about, rows, as: formOf(flags) });
} finally {
  rmSync(folder, { recursive: true, force: true });
}
