import { expect, test } from "bun:test";
import { connect } from "node:net";
import { openEventBus } from "../../../src/fleet/edge/eventbus/open.ts";
import { openTwins } from "../../../src/fleet/edge/twin/open.ts";
import { fakeEdgeContext } from "../fake-edge-context.ts";
import { device, model } from "../twin/_world.ts";
import { mqttClient } from "./_client.ts";

/** A small generator with a fixed seed: what fails once fails again. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    // Numerical Recipes' linear generator, of which the high bits are good.
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const text = (value: string): number[] => {
  const bytes = [...Buffer.from(value)];
  return [bytes.length >> 8, bytes.length & 255, ...bytes];
};
const packet = (head: number, body: readonly number[]): number[] => [
  head,
  ...(body.length < 128 ? [body.length] : [(body.length & 127) | 128, body.length >> 7]),
  ...body,
];
const topic = "$hw/events/device/default/d1/twin/update";
const hello = packet(0x10, [...text("MQTT"), 4, 0x02, 0, 60, ...text("fuzz")]);
const will = packet(0x10, [...text("MQTT"), 4, 0x0e, 0, 60, ...text("fuzz"), ...text(topic), ...text("{}")]);
const packets: readonly (readonly number[])[] = [
  hello,
  will,
  packet(0x32, [...text(topic), 0, 7, ...Buffer.from('{"twin":{"temp":{"actual":{"value":"1"}}}}')]),
  packet(0x34, [...text("a/user/b"), 0, 8, 1, 2, 3]),
  packet(0x31, [...text("kept"), 1]),
  packet(0x62, [0, 8]),
  packet(0x82, [0, 9, ...text("#"), 1, ...text("$SYS/#"), 2]),
  packet(0xa2, [0, 9, ...text("#")]),
  packet(0x40, [0, 1]),
  packet(0xc0, []),
  packet(0xe0, []),
  packet(0xf0, [1, 2]),
];

/** Some packets in a row, with some bytes changed, added or left out. */
function spoiled(random: (below: number) => number): Uint8Array {
  const row = [hello, ...Array.from({ length: 1 + random(6) }, () => packets[random(packets.length)] ?? [])];
  const bytes = (random(4) === 0 ? row.slice(1) : row).flat();
  for (let change = random(4); change > 0; change--) {
    const at = random(bytes.length);
    const way = random(4);
    if (way === 0) bytes.splice(at, random(3));
    else if (way === 1) bytes.splice(at, 0, random(256));
    else bytes[at] = random(256);
  }
  return Uint8Array.from(bytes);
}

async function send(port: number, bytes: Uint8Array): Promise<void> {
  const socket = connect(port, "127.0.0.1");
  const closed = new Promise<void>((resolve) => socket.on("close", () => resolve()));
  socket.on("error", () => {});
  socket.on("data", () => {});
  socket.end(bytes);
  await closed;
}

test("the broker outlives 400 connections of spoiled packets, and serves the next client", async () => {
  using context = fakeEdgeContext();
  context.meta.put({ namespace: "default", type: "devicemodel", name: "m1" }, model);
  context.meta.put({ namespace: "default", type: "device", name: "d1" }, device("d1"));
  await using bus = await openEventBus(context, { internal: { port: 0 } });
  await using _twins = await openTwins(context, bus);
  const port = bus.ports[0] ?? 0;
  const random = randomFrom(20_261_121);
  for (let round = 0; round < 400; round++) await send(port, spoiled(random));
  await using client = await mqttClient(port);
  await client.mqtt.subscribeAsync(`${topic}/result`, { qos: 1 });
  await client.mqtt.publishAsync(topic, '{"event_id":"last","twin":{"temp":{"actual":{"value":"1"}}}}', {
    qos: 1,
  });
  for (;;) {
    const heard = JSON.parse((await client.take(`${topic}/result`)).text) as Record<string, unknown>;
    if (heard["event_id"] !== "last") continue;
    expect(heard["twin"]).toHaveProperty("temp");
    break;
  }
});

test("twins outlive 2,000 spoiled updates, and what is kept of them is whole", async () => {
  using context = fakeEdgeContext();
  context.meta.put({ namespace: "default", type: "devicemodel", name: "m1" }, model);
  context.meta.put({ namespace: "default", type: "device", name: "d1" }, device("d1", { temp: "20" }));
  await using bus = await openEventBus(context, { internal: { port: 0 } });
  await using _twins = await openTwins(context, bus);
  await using client = await mqttClient(bus.ports[0] ?? 0);
  const random = randomFrom(7);
  const good =
    '{"event_id":"e","timestamp":1,"twin":{"temp":{"actual":{"value":"22","metadata":{"timestamp":3}},"expected":{"value":"23"},"optional":true,"metadata":{"type":"int"}},"sw":null,"__proto__":{"actual":{"value":"x"}}}}';
  const tails = ["twin/update", "twin/get", "twin/cloud_updated", "state/update", "twin/update/result"];
  const sent: Promise<unknown>[] = [];
  for (let round = 0; round < 2000; round++) {
    const bytes = [...Buffer.from(good)];
    for (let change = 1 + random(4); change > 0; change--) bytes[random(bytes.length)] = random(256);
    const to = `$hw/events/device/${random(2) === 0 ? "d1" : "default/d1"}/${tails[random(tails.length)] ?? ""}`;
    sent.push(client.mqtt.publishAsync(to, Buffer.from(bytes), { qos: 1 }));
  }
  await Promise.all(sent);
  await client.mqtt.subscribeAsync("$hw/events/device/d1/twin/get/result", { qos: 1 });
  await client.mqtt.publishAsync("$hw/events/device/d1/twin/get", '{"event_id":"last"}', { qos: 1 });
  const { twin } = JSON.parse((await client.take("$hw/events/device/d1/twin/get/result")).text) as {
    twin: Record<string, { metadata: { type: string }; actual?: { value: string } }>;
  };
  expect(twin["temp"]?.metadata.type).toBe("int");
  expect(twin["temp"]?.actual?.value ?? "0").toMatch(/^[+-]?\d+$/);
});
