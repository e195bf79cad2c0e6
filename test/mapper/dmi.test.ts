/** DMI as mappers see it: what is refused, and that nothing of it brings the edge down. */
import { describe, expect, test } from "bun:test";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { decodeConfigData, encodeConfigData, shortest } from "../../src/wire/dmi/config-data.ts";
import { DeviceManagerService } from "../../src/wire/dmi/dmi_pb.ts";
import { openGrpcClient } from "../../src/wire/grpc/client.ts";
import { type DeviceSpec, deviceOf, dmiWorld, modelOf } from "./world.ts";

const lamp: DeviceSpec = {
  name: "lamp",
  protocol: "test",
  configData: { address: "here", port: 502, exact: 16_777_217, tenth: 0.1, isOn: true },
  properties: [{ name: "power", type: "BOOLEAN", configData: { register: 1 } }],
};

async function world() {
  const dmi = await dmiWorld();
  dmi.twins.change("insert", deviceOf(lamp), modelOf(lamp));
  const client = openGrpcClient(dmi.path);
  const manager = createClient(DeviceManagerService, client.transport);
  const mapper = {
    name: "m",
    version: "1",
    apiVersion: "v1beta1",
    protocol: "test",
    address: Buffer.from(join(dmi.folder, "m.sock")),
    state: "OK",
  };
  return {
    ...dmi,
    manager,
    mapper,
    async [Symbol.asyncDispose]() {
      client[Symbol.dispose]();
      await dmi[Symbol.asyncDispose]();
    },
  };
}

async function refusal(call: Promise<unknown>): Promise<ConnectError> {
  return ConnectError.from(
    await call.then(
      () => new Error("it was not refused"),
      (error: unknown) => error,
    ),
  );
}

test("a mapper that registers gets the devices and models of its protocol", async () => {
  await using here = await world();
  const other = { ...lamp, name: "other", protocol: "another" };
  here.twins.change("insert", deviceOf(other), modelOf(other));
  const { deviceList, modelList } = await here.manager.mapperRegister({
    withData: true,
    mapper: here.mapper,
  });
  expect(modelList.map(({ name }) => name)).toEqual(["test-model"]);
  expect(deviceList.map(({ name, namespace }) => `${namespace}/${name}`)).toEqual(["default/lamp"]);
  expect(decodeConfigData(deviceList[0]?.spec?.protocol?.configData)).toEqual(lamp.configData as never);
});

test("a mapper that wants no data gets none", async () => {
  await using here = await world();
  const { deviceList, modelList } = await here.manager.mapperRegister({
    withData: false,
    mapper: here.mapper,
  });
  expect([deviceList, modelList]).toEqual([[], []]);
});

test("a device that cannot be told keeps no other from a mapper", async () => {
  await using here = await world();
  const odd = { ...lamp, name: "odd", configData: { list: [1, 2] } };
  here.twins.change("insert", deviceOf(odd), modelOf(odd));
  const { deviceList } = await here.manager.mapperRegister({ withData: true, mapper: here.mapper });
  expect(deviceList.map(({ name }) => name)).toEqual(["lamp"]);
  expect(here.log.join("\n")).toContain("configData.list");
});

describe("registrations that are refused", () => {
  test.each([
    ["no mapper", undefined, "has no mapper"],
    ["no name", { name: "" }, "no name"],
    ["no protocol", { protocol: "" }, "no protocol"],
    ["an address that is no path", { address: Buffer.from("localhost:80") }, "absolute path"],
    ["an address with a control character", { address: Buffer.from("/run/\0x") }, "its address is none"],
    ["an address that is too long", { address: Buffer.from(`/${"x".repeat(200)}`) }, "absolute path"],
  ])("%s", async (_, change, why) => {
    await using here = await world();
    const call = here.manager.mapperRegister({
      withData: true,
      ...(change ? { mapper: { ...here.mapper, ...change } } : {}),
    });
    const { code, message } = await refusal(call);
    expect({ code, message }).toEqual({ code: Code.InvalidArgument, message: expect.stringContaining(why) });
  });

  test("the one after the most", async () => {
    await using here = await world();
    for (let number = 0; number < 256; number++)
      await here.manager.mapperRegister({ mapper: { ...here.mapper, name: `m${number}` } });
    const { code } = await refusal(here.manager.mapperRegister({ mapper: { ...here.mapper, name: "more" } }));
    expect(code).toBe(Code.ResourceExhausted);
    await here.manager.mapperRegister({ mapper: { ...here.mapper, name: "m0" } });
  });
});

describe("reports", () => {
  test("without a wish are taken", async () => {
    await using here = await world();
    await here.manager.reportDeviceStatus({
      deviceName: "lamp",
      deviceNamespace: "default",
      reportedDevice: {
        twins: [
          { propertyName: "power", reported: { value: "true", metadata: { timestamp: "1795242621792" } } },
        ],
      },
    });
    expect(here.twins.said).toEqual([
      {
        namespace: "default",
        name: "lamp",
        properties: [{ name: "power", actual: "true", at: 1_795_242_621_792 }],
      },
    ]);
  });

  test("of mappers that know no namespaces are taken, where one device has the name", async () => {
    await using here = await world();
    const report = () =>
      here.manager.reportDeviceStatus({ deviceName: "lamp", reportedDevice: { twins: [] } });
    await report();
    const device = deviceOf(lamp);
    here.twins.change(
      "insert",
      { ...device, metadata: { ...device.metadata, namespace: "other" } },
      modelOf(lamp),
    );
    expect(await refusal(report())).toMatchObject({ code: Code.InvalidArgument });
  });

  test("a thousand at once are all taken", async () => {
    await using here = await world();
    const one = {
      deviceName: "lamp",
      deviceNamespace: "default",
      reportedDevice: { twins: [{ propertyName: "power", reported: { value: "true" } }] },
    };
    await Promise.all(Array.from({ length: 1000 }, () => here.manager.reportDeviceStatus(one)));
    expect(here.twins.said).toHaveLength(1000);
  });

  test("of states are taken", async () => {
    await using here = await world();
    await here.manager.reportDeviceStates({
      deviceName: "lamp",
      deviceNamespace: "default",
      state: "online",
    });
    expect(here.twins.said).toEqual([{ namespace: "default", name: "lamp", state: "online" }]);
  });

  test.each<[string, object, Code, string]>([
    ["of a device that is not here", { deviceName: "none" }, Code.NotFound, "is not on this node"],
    [
      "of a device of another namespace",
      { deviceName: "lamp", deviceNamespace: "x" },
      Code.NotFound,
      "x/lamp",
    ],
    [
      "without a property's name",
      { deviceName: "lamp", reportedDevice: { twins: [{}] } },
      Code.InvalidArgument,
      "has no name",
    ],
    [
      "with too many properties",
      {
        deviceName: "lamp",
        reportedDevice: {
          twins: Array.from({ length: 2000 }, (_, index) => ({ propertyName: `p${index}` })),
        },
      },
      Code.InvalidArgument,
      "2000 properties",
    ],
    [
      "with a value that the twin refuses",
      {
        deviceName: "lamp",
        reportedDevice: { twins: [{ propertyName: "power", reported: { value: "refused" } }] },
      },
      Code.InvalidArgument,
      "is not int",
    ],
  ])("%s are refused, and the next is taken", async (_, request, code, why) => {
    await using here = await world();
    const { code: found, message } = await refusal(here.manager.reportDeviceStatus(request));
    expect({ code: found, message }).toEqual({ code, message: expect.stringContaining(why) });
    await here.manager.reportDeviceStatus({ deviceName: "lamp" });
  });
});

test("registrations that cannot be read are said, and new ones are taken", async () => {
  await using here = await world();
  writeFileSync(join(here.folder, "kept", "mappers.json"), "{ no JSON");
  await here.restart();
  expect(here.log.join("\n")).toContain("cannot be read");
  await here.manager.mapperRegister({ mapper: here.mapper });
});

test.each([0.1, 21.4, 502, -0.5, 1e-7, 123_456.7])(
  "%d goes as a float of 32 bits, and comes back as it was",
  (number) => {
    const custom = encodeConfigData({ number });
    expect(custom.data["number"]?.typeUrl).toEndWith("FloatValue");
    expect(decodeConfigData(custom)).toEqual({ number });
  },
);

test.each([16_777_217, Math.PI, 1e300])(
  "%d goes as a float of 64 bits, since the shorter one would change it",
  (number) => {
    const custom = encodeConfigData({ number });
    expect(custom.data["number"]?.typeUrl).toEndWith("DoubleValue");
    expect(decodeConfigData(custom)).toEqual({ number });
  },
);

test("the shortest decimal of a float is the one that a person wrote", () => {
  expect(shortest(Math.fround(0.1))).toBe(0.1);
});
