/** The MQTT mapper between a device of mosquitto's clients and an edge's DMI. */
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { connectAsync } from "mqtt";
import { mqttDriver } from "../../src/mapper/mqtt/driver.ts";
import { valueAt, withValueAt } from "../../src/mapper/mqtt/path.ts";
import { runMapper } from "../../src/mapper/run.ts";
import { openMqttThermostat } from "../../src/mapper/simulator/mqtt.ts";
import { Room } from "../../src/mapper/simulator/thermostat.ts";
import { until } from "../fleet/until.ts";
import { needing } from "../needs.ts";
import { mosquitto } from "./mosquitto.ts";
import { type DeviceSpec, deviceOf, dmiWorld, modelOf } from "./world.ts";

const lamp = (url: string, desired?: string): DeviceSpec => ({
  name: "lamp",
  protocol: "mqtt",
  configData: { url },
  properties: [
    {
      name: "brightness",
      type: "INT",
      accessMode: "ReadOnly",
      configData: { topic: "lamp/state", path: "light.percent" },
    },
    {
      name: "power",
      type: "BOOLEAN",
      ...(desired === undefined ? {} : { desired }),
      configData: { topic: "lamp/state", path: "on", setTopic: "lamp/set", setPath: "on" },
    },
  ],
});

needing({ programs: ["mosquitto"] }).test(
  "values that a device publishes are reported, and what is wanted is published to it",
  async () => {
    await using broker = await mosquitto();
    await using dmi = await dmiWorld();
    const device = await connectAsync(broker.url);
    const set = Promise.withResolvers<string>();
    device.on("message", (_, payload) => set.resolve(payload.toString()));
    await device.subscribeAsync("lamp/set");
    // Retained, so that it is there whenever the mapper comes.
    await device.publishAsync("lamp/state", JSON.stringify({ light: { percent: 40 }, on: false }), {
      retain: true,
    });
    const spec = lamp(broker.url, "true");
    dmi.twins.change("insert", deviceOf(spec), modelOf(spec));
    const end = new AbortController();
    const running = runMapper(mqttDriver, {
      dmi: dmi.path,
      socket: join(dmi.folder, "mqtt.sock"),
      log: () => {},
      signal: end.signal,
    });
    const reported = (name: string, value: string) =>
      dmi.twins.until((said) => said.properties?.find((each) => each.name === name && each.actual === value));
    await reported("brightness", "40");
    expect(await reported("power", "false")).toMatchObject({ expected: "true" });
    expect(await set.promise).toBe('{"on":true}');
    await device.publishAsync("lamp/state", JSON.stringify({ light: { percent: 41.6 }, on: true }));
    await reported("brightness", "42");
    await reported("power", "true");
    end.abort();
    await running;
    await device.endAsync(true);
  },
);

needing({ programs: ["mosquitto"] }).test("the simulated thermostat is read and steered", async () => {
  await using broker = await mosquitto();
  await using dmi = await dmiWorld();
  await using device = await openMqttThermostat({
    url: broker.url,
    topic: "room",
    room: new Room({ begin: 18, pace: 600 }),
  });
  const value = (path: string) => ({ topic: "room/state", path, setTopic: "room/set", setPath: path });
  const spec: DeviceSpec = {
    name: "room",
    protocol: "mqtt",
    configData: { url: broker.url },
    properties: [
      { name: "temperature", type: "FLOAT", accessMode: "ReadOnly", configData: value("temperature") },
      { name: "target", type: "FLOAT", desired: "22.5", configData: value("target") },
      { name: "heating", type: "BOOLEAN", accessMode: "ReadOnly", configData: value("heating") },
    ],
  };
  dmi.twins.change("insert", deviceOf(spec), modelOf(spec));
  const end = new AbortController();
  const running = runMapper(mqttDriver, {
    dmi: dmi.path,
    socket: join(dmi.folder, "mqtt.sock"),
    log: () => {},
    signal: end.signal,
  });
  const reported = (name: string, wanted: string) =>
    dmi.twins.until((said) => said.properties?.find((each) => each.name === name && each.actual === wanted));
  await reported("target", "22.5");
  await reported("heating", "true");
  expect(device.room.target).toBe(22.5);
  // What is none changes nothing.
  const client = await connectAsync(broker.url);
  for (const text of [
    "no JSON",
    "null",
    '{"target":"hot"}',
    '{"target":1000}',
    `{"target":20,"x":"${"x".repeat(2000)}"}`,
  ])
    await client.publishAsync("room/set", text, { qos: 1 });
  await client.publishAsync("room/set", '{"enabled":false}', { qos: 1 });
  await until(() => !device.room.isEnabled);
  expect(device.room.target).toBe(22.5);
  await client.endAsync(true);
  end.abort();
  await running;
});

describe("a place in a payload", () => {
  test.each<[string, string, unknown]>([
    ["21.5", "", "21.5"],
    ['{"a":{"b":1}}', "a.b", 1],
    ['{"a":{"b":1}}', "a", undefined],
    ['{"a":[true]}', "a.0", true],
    ["no JSON", "a", undefined],
    ['{"a":1}', "__proto__", undefined],
    ["null", "a", undefined],
  ])("of %p at %p is %p", (payload, path, value) => {
    expect(valueAt(Buffer.from(payload), path)).toBe(value as string);
  });

  test("is filled with what is wanted", () => {
    expect(withValueAt("a.b", 2)).toEqual({ a: { b: 2 } });
  });
});
