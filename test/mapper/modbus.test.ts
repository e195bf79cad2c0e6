/** The Modbus mapper between a simulated thermostat and an edge's DMI. */
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { modbusDriver } from "../../src/mapper/modbus/driver.ts";
import { bytesOf, type Layout, numberFrom } from "../../src/mapper/modbus/numbers.ts";
import { runMapper } from "../../src/mapper/run.ts";
import { openModbusThermostat, Room } from "../../src/mapper/simulator/thermostat.ts";
import { type DeviceSpec, deviceOf, dmiWorld, modelOf } from "./world.ts";

function thermostat(port: number, desired?: string): DeviceSpec {
  return {
    name: "thermostat",
    protocol: "modbus",
    configData: { ip: "127.0.0.1", port, slaveID: 1 },
    properties: [
      {
        name: "temperature",
        type: "FLOAT",
        accessMode: "ReadOnly",
        configData: { register: "InputRegister", offset: 0, scale: 0.1 },
      },
      {
        name: "target",
        type: "FLOAT",
        ...(desired === undefined ? {} : { desired }),
        configData: { register: "HoldingRegister", offset: 0, scale: 0.1 },
      },
      {
        name: "heating",
        type: "BOOLEAN",
        accessMode: "ReadOnly",
        configData: { register: "DiscreteInputRegister", offset: 0 },
      },
    ],
  };
}

async function world(desired?: string) {
  const stack = new AsyncDisposableStack();
  const dmi = stack.use(await dmiWorld());
  const device = stack.use(
    await openModbusThermostat(
      { host: "127.0.0.1", port: 0 },
      new Room({ begin: 18.5, target: 18, pace: 600 }),
    ),
  );
  const spec = thermostat(device.port, desired);
  const end = new AbortController();
  const log: string[] = [];
  const start = () => {
    const running = runMapper(modbusDriver, {
      dmi: dmi.path,
      socket: join(dmi.folder, "modbus.sock"),
      log: (text) => log.push(text),
      signal: end.signal,
    });
    stack.defer(async () => {
      end.abort();
      await running;
    });
  };
  return { dmi, device, spec, log, start, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

const actual =
  (name: string, fits: (value: string) => boolean) =>
  (said: { properties?: readonly { name: string; actual?: string }[] }) =>
    said.properties?.some((each) => each.name === name && each.actual !== undefined && fits(each.actual));

describe("a device that is there when the mapper registers", () => {
  test("is read, written and said to be online", async () => {
    await using here = await world("21.5");
    const { dmi, device, spec } = here;
    dmi.twins.change("insert", deviceOf(spec), modelOf(spec));
    here.start();
    await dmi.twins.until((said) => said.name === "thermostat" && said.state === "online");
    await dmi.twins.until(actual("temperature", (value) => Number(value) > 5));
    const report = await dmi.twins.until((said) =>
      said.properties?.find((each) => each.name === "target" && each.actual === "21.5"),
    );
    expect(report).toMatchObject({ expected: "21.5" });
    expect(device.room.target).toBe(21.5);
    await dmi.twins.until(actual("heating", (value) => value === "true"));
  });
});

describe("a device that comes later", () => {
  test("is told to the mapper, then each change of it, then its end", async () => {
    await using here = await world();
    const { dmi, device, spec } = here;
    here.start();
    await here.dmi.restart();
    dmi.twins.change("insert", deviceOf(spec), modelOf(spec));
    await dmi.twins.until(actual("temperature", () => true));
    for (const desired of ["25", "12.5"]) {
      dmi.twins.change("update", deviceOf(thermostat(device.port, desired)), modelOf(spec));
      await dmi.twins.until(actual("target", (value) => value === desired));
      expect(device.room.target).toBe(Number(desired));
    }
    dmi.twins.change("delete", deviceOf(spec));
    const other = { ...spec, name: "other" };
    dmi.twins.change("insert", deviceOf(other), modelOf(other));
    await dmi.twins.until((said) => said.name === "other" && said.properties);
    const before = dmi.twins.said.filter(({ name }) => name === "thermostat").length;
    await dmi.twins.until(
      (said) => said.name === "other" && said.properties?.find((each) => each.name === "heating"),
    );
    expect(dmi.twins.said.filter(({ name }) => name === "thermostat")).toHaveLength(before);
  });
});

test("a mapper hears of changes after a restart of the edge, without registering again", async () => {
  await using here = await world();
  const { dmi, device, spec } = here;
  here.start();
  dmi.twins.change("insert", deviceOf(spec), modelOf(spec));
  await dmi.twins.until(actual("temperature", () => true));
  await dmi.restart();
  dmi.twins.change("update", deviceOf(thermostat(device.port, "30")), modelOf(spec));
  await dmi.twins.until(actual("target", (value) => value === "30"));
});

test("a device that goes away is offline, and online again when it is back", async () => {
  await using dmi = await dmiWorld();
  const first = await openModbusThermostat({ host: "127.0.0.1", port: 0 });
  const spec = thermostat(first.port);
  dmi.twins.change("insert", deviceOf(spec), modelOf(spec));
  const end = new AbortController();
  const running = runMapper(modbusDriver, {
    dmi: dmi.path,
    socket: join(dmi.folder, "m.sock"),
    log: () => {},
    signal: end.signal,
  });
  await dmi.twins.until(({ state }) => state === "online");
  await first[Symbol.asyncDispose]();
  await dmi.twins.until(({ state }) => state === "offline");
  dmi.twins.said.length = 0;
  await using again = await openModbusThermostat({ host: "127.0.0.1", port: first.port });
  await dmi.twins.until(({ state }) => state === "online");
  expect(again.port).toBe(first.port);
  end.abort();
  await running;
});

describe("settings that are none", () => {
  test.each([
    ["no address", { port: 502 }, "configData.ip"],
    ["a port that is none", { ip: "h", port: 0 }, "configData.port"],
    ["a unit that is none", { ip: "h", slaveID: 300 }, "configData.slaveID"],
  ])("of a device: %s", (_, data, field) => {
    expect(() => modbusDriver.config(data)).toThrow(field);
  });

  test.each([
    ["an unknown register", { register: "Coil", offset: 0 }, "configData.register"],
    ["an offset that is none", { register: "CoilRegister", offset: -1 }, "configData.offset"],
    ["too many registers", { register: "InputRegister", offset: 0, limit: 9 }, "configData.limit"],
  ])("of a property: %s", (_, data, field) => {
    expect(() => modbusDriver.visitor(data, { name: "p", type: "INT", isWritable: true })).toThrow(field);
  });
});

const plain: Layout = {
  count: 1,
  scale: 1,
  isByteSwapped: false,
  isWordSwapped: false,
  isUnsigned: false,
  isFloat: false,
};

test.each<[string, string, number, Partial<Layout>]>([
  ["a signed word", "ff38", -200, {}],
  ["an unsigned word", "ff38", 65_336, { isUnsigned: true }],
  ["tenths", "00d6", 21.4, { scale: 0.1 }],
  ["swapped bytes", "d600", 214, { isByteSwapped: true }],
  ["two words", "00010002", 65_538, { count: 2 }],
  ["two words in the other order", "00020001", 65_538, { count: 2, isWordSwapped: true }],
  ["a float", "41ab3333", 21.3999996185, { count: 2, isFloat: true }],
  ["a double", "4035666666666666", 21.4, { count: 4, isFloat: true }],
  ["64 bits", "ffffffffffffff38", -200, { count: 4 }],
])("%s is read and written back", (_, hex, value, layout) => {
  const whole = { ...plain, ...layout };
  expect(numberFrom(Buffer.from(hex, "hex"), whole)).toBe(value);
  expect(bytesOf(value, whole).toString("hex")).toBe(hex);
});

test("a value that does not fit is refused", () => {
  expect(() => bytesOf(40_000, plain)).toThrow("does not fit into 1 registers");
});

test("a room that may heat comes to its target, and cools without", () => {
  const room = new Room({ outside: 8, begin: 15, target: 20, pace: 60 });
  for (let step = 0; step < 600; step++) room.pass(0.1);
  expect(room.temperature).toBeGreaterThan(19.5);
  expect(room.temperature).toBeLessThan(20.5);
  room.isEnabled = false;
  for (let step = 0; step < 600; step++) room.pass(0.1);
  expect(room.temperature).toBeLessThan(15);
});
