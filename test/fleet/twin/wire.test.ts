import { describe, expect, test } from "bun:test";
import { texts } from "../../../src/fleet/edge/twin/values.ts";
import { parseEnvelope } from "../../../src/fleet/link/envelope.ts";
import { message } from "../../../src/fleet/link/envelope.ts";
import { twinWanted, type TwinMessage } from "../../../src/fleet/link/kinds/twin.ts";
import type { KubeObject } from "../../../src/spec/kubernetes/kube.ts";
import { fakeEdgeContext, FakeMeta } from "../fake-edge-context.ts";
import { captured } from "../link/_messages.ts";
import {
  actual,
  confirm,
  device,
  drop,
  isReport,
  isState,
  membership,
  model,
  put,
  topic,
  withDevice,
  world,
} from "./_world.ts";

const any = expect.any(Number) as number;
const uuid = expect.stringMatching(/^[0-9a-f-]{36}$/) as string;
const row = (title: string) => {
  const found = captured.find((each) => each.title.includes(title));
  if (!found) throw new Error(`no captured message "${title}"`);
  return parseEnvelope(found.text);
};

describe("what was captured between KubeEdge's own programs", () => {
  test("leads to the same messages here", async () => {
    await using at = await world();
    const { context, bus } = at;
    const [query] = context.link.sent;
    expect(query?.route).toEqual(row("up twin resource get membership").route);
    expect(JSON.parse(String(query?.content))).toEqual({
      event_type: "group_membership_event",
      event_id: uuid,
      group_id: "edge1",
      operation: "detail",
      timestamp: any,
    });
    await context.link.receive(row("down devicecontroller twin update membership"));
    await put(at, row("down devicecontroller resource insert default/devicemodel").content as KubeObject);
    await put(at, row("down devicecontroller resource insert default/device/").content as KubeObject);
    expect(bus.take().find((each) => each.topic.endsWith("membership/updated"))).toEqual({
      topic: "$hw/events/node/edge1/membership/updated",
      value: {
        event_id: uuid,
        timestamp: any,
        added_devices: [{ id: "d1", name: "d1", description: "lamp" }],
        removed_devices: null,
      },
    });
    await bus.tell(topic("twin/update", "d1"), actual("21"));
    const report = await context.link.take(isReport);
    const wanted = row("up twin resource update device/d1/twin");
    expect(report.route).toEqual(wanted.route);
    expect(report.content).toEqual({
      event_id: uuid,
      timestamp: any,
      twin: {
        temp: {
          actual: { value: "21", metadata: { timestamp: any } },
          optional: true,
          metadata: { type: "int" },
          actual_version: { cloud: 0, edge: 1 },
        },
      },
    });
    expect(Object.keys((wanted.content as TwinMessage).twin["temp"] ?? {})).toEqual(
      Object.keys((report.content as TwinMessage).twin["temp"] ?? {}),
    );
    await confirm(at, report);
    await bus.tell(topic("state/update", "d1"), { event_id: "s", state: "Online" });
    const state = await context.link.take(isState);
    expect(state.route).toEqual(row("up twin resource update device/d1/state").route);
    expect(JSON.parse(String(state.content))).toEqual({
      event_id: uuid,
      timestamp: any,
      device: {
        name: "d1",
        state: "online",
        last_online: expect.stringMatching(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/) as string,
      },
    });
  });
});

describe("an update over MQTT", () => {
  test("is answered with result and document, in this order, and goes to the cloud", async () => {
    await using at = await withDevice();
    await at.bus.tell(topic("twin/update"), actual("22", "e1"));
    const value = { value: "22", metadata: { timestamp: any } };
    const twin = { actual: value, optional: true, metadata: { type: "int" } };
    expect(at.bus.take()).toEqual([
      {
        topic: topic("twin/update/result"),
        value: { event_id: "e1", timestamp: any, twin: { temp: twin } },
      },
      {
        topic: topic("twin/update/document"),
        value: { event_id: "e1", timestamp: any, twin: { temp: { last: null, current: twin } } },
      },
    ]);
    expect((await at.context.link.take(isReport)).route.resource).toBe("device/default/d1/twin/edge_updated");
  });

  test("is followed by the delta while something wanted is not reached", async () => {
    await using at = await withDevice();
    await at.bus.tell(topic("twin/update"), { event_id: "1", twin: { temp: { expected: { value: "40" } } } });
    await at.bus.tell(topic("twin/update"), actual("22"));
    const deltas = at.bus.take().filter((each) => each.topic.endsWith("/delta"));
    expect(deltas.map(({ value }) => value["delta"])).toEqual([{ temp: "40" }, { temp: "40" }]);
    expect(deltas[1]?.value).toEqual({
      event_id: uuid,
      timestamp: any,
      twin: {
        temp: {
          expected: { value: "40", metadata: { timestamp: any } },
          actual: { value: "22", metadata: { timestamp: any } },
          optional: true,
          metadata: { type: "int" },
        },
      },
      delta: { temp: "40" },
    });
    await at.bus.tell(topic("twin/update"), actual("40"));
    expect(at.bus.take().some((each) => each.topic.endsWith("/delta"))).toBeFalse();
  });

  test("by null deletes: null in the result, no current in the document, versions to the cloud", async () => {
    await using at = await withDevice();
    await at.bus.tell(topic("twin/update"), actual("22"));
    await confirm(at, await at.context.link.take(isReport));
    at.bus.take();
    await at.bus.tell(topic("twin/update"), { event_id: "2", twin: { temp: null } });
    const [result, document] = at.bus.take();
    expect(result?.value["twin"]).toEqual({ temp: null });
    expect(document?.value["twin"]).toMatchObject({ temp: { current: null } });
    const sent = await at.context.link.take(isReport);
    expect((sent.content as TwinMessage).twin["temp"]).toEqual({
      actual: {},
      optional: true,
      metadata: { type: "deleted" },
      actual_version: { cloud: 0, edge: 2 },
    });
  });

  const readable: readonly [name: string, payload: unknown, code: number, reason: string][] = [
    ["a value of another type", actual("warm"), 400, texts.int],
    [
      "a type that is none",
      { event_id: "e", twin: { x: { actual: { value: "1" }, metadata: { type: "picture" } } } },
      400,
      texts.type,
    ],
    [
      "a boolean that is none",
      { event_id: "e", twin: { x: { actual: { value: "1" }, metadata: { type: "boolean" } } } },
      400,
      texts.boolean,
    ],
  ];
  for (const [name, payload, code, reason] of readable)
    test(`with ${name} is refused as a whole: ${reason}`, async () => {
      await using at = await withDevice();
      const { twin } = payload as { twin: Record<string, unknown> };
      await at.bus.tell(topic("twin/update"), {
        event_id: "e",
        twin: { sw: { actual: { value: "ON" } }, ...twin },
      });
      expect(at.bus.take()).toEqual([
        { topic: topic("twin/update/result"), value: { event_id: "e", timestamp: any, code, reason } },
      ]);
      await at.bus.tell(topic("twin/get"), { event_id: "g" });
      expect(at.bus.take()[0]?.value["twin"]).toEqual({});
      expect(at.context.link.sent.filter(isReport)).toEqual([]);
    });

  const unreadable: readonly [name: string, payload: unknown, reason: string][] = [
    ["no JSON", "{", texts.unreadable],
    ["a number for a value", { twin: { temp: { actual: { value: 22 } } } }, texts.unreadable],
    ["a list", "[]", texts.unreadable],
    ["nothing", "", texts.unreadable],
    ["a hundred levels", "[".repeat(100), texts.unreadable],
    ["no twin", { event_id: "e" }, texts.noTwin],
    ["a name that is none", { twin: { "a b": { actual: { value: "1" } } } }, texts.key],
    ["a value that is none", { twin: { a: { actual: { value: "a b" } } } }, texts.value],
  ];
  for (const [name, payload, reason] of unreadable)
    test(`with ${name} is refused to a device without a name, and to the one that sent it`, async () => {
      await using at = await withDevice();
      await at.bus.tell(topic("twin/update"), payload);
      const value = { event_id: "", timestamp: any, code: 400, reason };
      expect(at.bus.take()).toEqual([
        { topic: "$hw/events/device//twin/update/result", value },
        { topic: topic("twin/update/result"), value },
      ]);
    });

  test("of a device that is not there is refused with 404", async () => {
    await using at = await withDevice();
    await at.bus.tell(topic("twin/update", "default/d9"), actual("1"));
    await at.bus.tell(topic("twin/get", "d9"), { event_id: "g" });
    expect(at.bus.take().map((each) => [each.topic, each.value["code"], each.value["reason"]])).toEqual([
      [topic("twin/update/result", "default/d9"), 404, texts.unknownDevice],
      [topic("twin/get/result", "d9"), 404, "Device d9 not found while getting twin"],
    ]);
  });

  test("by the old form of topics is answered in both from then on", async () => {
    await using at = await withDevice();
    await at.bus.tell(topic("twin/update", "d1"), actual("22"));
    expect(at.bus.take().map((each) => each.topic)).toEqual([
      topic("twin/update/result"),
      topic("twin/update/result", "d1"),
      topic("twin/update/document"),
      topic("twin/update/document", "d1"),
    ]);
  });

  test("to any other topic of devices has no effect, whatever is in it", async () => {
    await using at = await withDevice();
    for (const tail of [
      "twin/update/result",
      "twin/update/delta",
      "updated",
      "twin",
      "",
      "a/b/c",
      "twin/get/result",
    ])
      for (const payload of ["{}", "\u0000", actual("1")]) await at.bus.tell(topic(tail), payload);
    expect(at.bus.take()).toEqual([]);
  });
});

describe("questions over MQTT", () => {
  test("for a twin are answered without versions and without what was deleted", async () => {
    await using at = await withDevice();
    await at.bus.tell(topic("twin/update"), {
      event_id: "1",
      twin: { temp: { actual: { value: "22" } }, sw: { actual: { value: "ON" } } },
    });
    await at.bus.tell(topic("twin/update"), { event_id: "2", twin: { sw: null } });
    at.bus.take();
    await at.bus.tell(topic("twin/get", "d1"), { event_id: "x", timestamp: 5 });
    expect(at.bus.take()).toEqual([
      {
        topic: topic("twin/get/result", "d1"),
        value: {
          event_id: "x",
          timestamp: any,
          twin: {
            temp: {
              actual: { value: "22", metadata: { timestamp: any } },
              optional: true,
              metadata: { type: "int" },
            },
          },
        },
      },
    ]);
  });

  test("for the members of this node are answered, those of another are not", async () => {
    await using at = await withDevice();
    await at.bus.tell(topic("state/update"), { event_id: "s", state: "ok" });
    at.bus.take();
    await at.bus.tell("$hw/events/node/other/membership/get", { event_id: "x" });
    await at.bus.tell("$hw/events/node/edge1/membership/get", { event_id: "x" });
    expect(at.bus.take()).toEqual([
      {
        topic: "$hw/events/node/edge1/membership/get/result",
        value: {
          event_id: "x",
          timestamp: any,
          devices: [
            {
              id: "default/d1",
              name: "d1",
              description: "lamp",
              state: "ok",
              last_online: expect.stringMatching(/T.*Z$/) as string,
            },
          ],
        },
      },
    ]);
  });

  test("a state that is none is not answered", async () => {
    await using at = await withDevice();
    for (const payload of [{ event_id: "s", state: "flying" }, {}, "{", { state: 5 }])
      await at.bus.tell(topic("state/update"), payload);
    expect(at.bus.take()).toEqual([]);
    expect(at.context.link.sent.filter(isState)).toEqual([]);
  });
});

describe("what the cloud wants", () => {
  test("by a Device becomes expected and a delta at once, once", async () => {
    await using at = await withDevice();
    await put(at, device("d1", { temp: "25" }));
    const told = at.bus.take();
    expect(told.map((each) => each.topic)).toEqual([
      topic("twin/update/document"),
      topic("twin/update/delta"),
    ]);
    expect(told[1]?.value["delta"]).toEqual({ temp: "25" });
    await put(at, device("d1", { temp: "25" }, { resourceVersion: "9" }));
    expect(at.bus.take()).toEqual([]);
    expect(at.context.link.sent.filter(isReport)).toEqual([]);
  });

  test("does not come back over what was wanted here since", async () => {
    await using at = await withDevice();
    await put(at, device("d1", { temp: "25" }));
    await at.bus.tell(topic("twin/update"), { event_id: "1", twin: { temp: { expected: { value: "30" } } } });
    at.bus.take();
    await put(at, device("d1", { temp: "25" }, { resourceVersion: "9" }));
    expect(at.bus.take()).toEqual([]);
  });

  test("and does not fit is left out, and said", async () => {
    await using at = await withDevice();
    await put(at, device("d1", { temp: "1000", sw: "ON" }));
    expect(at.bus.take()[1]?.value["delta"]).toEqual({ sw: "ON" });
    expect(at.context.logged.join()).toContain('property "temp" of device "default/d1"');
  });

  test("by a twin with versions is adopted, or answered with what is newer here", async () => {
    await using at = await withDevice();
    await at.bus.tell(topic("twin/update"), actual("22"));
    await confirm(at, await at.context.link.take(isReport));
    at.bus.take();
    const wanted = async (cloud: number, edge: number) =>
      await at.context.link.receive(
        message(
          {
            source: "devicecontroller",
            group: "twin",
            operation: "update",
            resource: "device/default/d1/twin/cloud_updated",
          },
          twinWanted.build({
            event_id: "c",
            timestamp: 1,
            twin: {
              temp: {
                actual: { value: "7" },
                actual_version: { cloud, edge },
                metadata: { type: "int" },
              },
            },
          }),
        ),
      );
    await wanted(5, 0);
    expect((await at.context.link.take(isReport)).content).toMatchObject({
      twin: { temp: { actual: { value: "22" }, actual_version: { cloud: 0, edge: 1 } } },
    });
    expect(at.bus.take()).toEqual([]);
    await wanted(5, 1);
    expect(at.bus.take().map((each) => each.topic)).toEqual([topic("twin/update/document")]);
  });

  test("is heard by old devices too", async () => {
    await using at = await withDevice();
    await at.bus.tell(topic("twin/get", "d1"), { event_id: "x" });
    await at.bus.tell(topic("state/update", "d1"), { event_id: "x", state: "ok" });
    at.bus.take();
    await put(at, device("d1", { temp: "25" }));
    expect(at.bus.take().map((each) => each.topic)).toContain(topic("twin/update/delta", "d1"));
  });
});

describe("the devices of a node", () => {
  test("come and go by their objects, which mappers are told of", async () => {
    await using at = await world();
    const told: unknown[] = [];
    using _follower = at.twins.follow((change) =>
      told.push([change.operation, change.device.metadata.name, change.model?.metadata.name]),
    );
    await put(at, model);
    await put(at, device("d1"));
    await put(at, device("d1", {}, { resourceVersion: "2" }));
    await put(at, device("d1", { temp: "1" }));
    expect(at.twins.devices().map((each) => each.device.metadata.name)).toEqual(["d1"]);
    await drop(at, device("d1"));
    expect(told).toEqual([
      ["insert", "d1", "m1"],
      ["update", "d1", "m1"],
      ["delete", "d1", "m1"],
    ]);
    expect(at.twins.devices()).toEqual([]);
    expect(
      at.bus
        .take()
        .filter((each) => each.topic.endsWith("membership/updated"))
        .map(({ value }) => [value["added_devices"], value["removed_devices"]]),
    ).toEqual([
      [[{ id: "default/d1", name: "d1", description: "lamp" }], null],
      [null, [{ id: "default/d1", name: "d1", description: "lamp" }]],
    ]);
  });

  test("come by membership before their objects, and go by it", async () => {
    await using at = await world();
    await at.context.link.receive(membership(["default/d1", "default/d2"]));
    await at.bus.tell(topic("twin/update"), actual("1"));
    expect(at.bus.take().map((each) => each.topic)).toContain(topic("twin/update/result"));
    await at.context.link.receive(membership([], ["default/d1"]));
    at.bus.take();
    await at.bus.tell(topic("twin/get"), { event_id: "x" });
    expect(at.bus.take()[0]?.value["code"]).toBe(404);
  });

  test("that are gone when this node comes back are forgotten, the others are as they were", async () => {
    using place = fakeEdgeContext();
    const { root } = place;
    {
      await using before = await withDevice({ root });
      await put(before, device("d2"));
      await before.bus.tell(topic("twin/update"), actual("22"));
      await before.bus.tell(topic("twin/update", "default/d2"), actual("23"));
    }
    const meta = new FakeMeta();
    meta.put({ namespace: "default", type: "device", name: "d1" }, device("d1"));
    await using after = await world({ root, meta });
    await after.bus.tell(topic("twin/get"), { event_id: "x" });
    await after.bus.tell(topic("twin/get", "default/d2"), { event_id: "x" });
    const [first, second] = after.bus.take().filter((each) => each.topic.endsWith("get/result"));
    expect(first?.value["twin"]).toMatchObject({ temp: { actual: { value: "22" } } });
    expect(second?.value["code"]).toBe(404);
  });

  test("are others when another one comes by the same name", async () => {
    await using at = await withDevice();
    await at.bus.tell(topic("twin/update"), actual("22"));
    await put(at, device("d1", {}, { uid: "another" }));
    at.bus.take();
    await at.bus.tell(topic("twin/get"), { event_id: "x" });
    expect(at.bus.take()[0]?.value["twin"]).toEqual({});
  });

  test("that cannot be read are left as they were", async () => {
    await using at = await withDevice();
    await put(at, { ...device("d1"), spec: { properties: [{ name: 5 }] } });
    await put(at, { ...device("a+b") });
    expect(at.context.logged).toHaveLength(2);
    await at.bus.tell(topic("twin/update"), actual("22"));
    expect(at.bus.take()[0]?.value).toMatchObject({ twin: { temp: {} } });
  });
});

describe("a mapper", () => {
  const d1 = { namespace: "default", name: "d1" };

  test("reports as MQTT does, with its own time", async () => {
    await using at = await withDevice();
    await at.twins.report(d1, [{ name: "temp", expected: "20", actual: "19", at: 5 }]);
    expect(at.bus.take().map((each) => each.topic)).toEqual([
      topic("twin/update/result"),
      topic("twin/update/document"),
      topic("twin/update/delta"),
    ]);
    expect((await at.context.link.take(isReport)).content).toMatchObject({
      twin: {
        temp: {
          expected: { value: "20", metadata: { timestamp: 5 } },
          actual: { value: "19", metadata: { timestamp: 5 } },
          expected_version: { cloud: 0, edge: 1 },
        },
      },
    });
  });

  test("whose report was under way when something else was wanted does not bring the old wish back", async () => {
    await using at = await withDevice();
    await put(at, device("d1", { temp: "20" }));
    await put(at, device("d1", { temp: "30" }));
    await at.twins.report(d1, [{ name: "temp", expected: "20", actual: "20" }]);
    expect((await at.context.link.take(isReport)).content).toMatchObject({
      twin: { temp: { actual: { value: "20" } } },
    });
    expect(JSON.stringify(at.twins.devices()[0]?.device["spec"])).toContain('"30"');
  });

  test("is refused with the property's name, and for a device that is not there", async () => {
    await using at = await withDevice();
    expect(at.twins.report(d1, [{ name: "temp", actual: "x" }])).rejects.toThrow(
      `property "temp": ${texts.int}`,
    );
    expect(at.twins.report({ ...d1, name: "d9" }, [])).rejects.toThrow(texts.unknownDevice);
    expect(at.twins.reportState(d1, "flying")).rejects.toThrow("flying");
    expect(at.bus.take()).toEqual([]);
  });
});

test("mappers are told what an application of this node wants, and not what they have reported themselves", async () => {
  await using at = await withDevice();
  await put(at, device("d1", { temp: "20" }));
  const told: string[] = [];
  using _following = at.twins.follow(({ device: { spec } }) => {
    const { properties } = spec as { properties: { name: string; desired?: { value: string } }[] };
    told.push(...properties.map(({ name, desired }) => `${name}=${desired?.value}`));
  });
  await at.twins.report({ namespace: "default", name: "d1" }, [
    { name: "temp", expected: "20", actual: "20" },
  ]);
  expect(told).toEqual([]);
  await at.bus.tell(topic("twin/update", "default/d1"), {
    event_id: "e",
    timestamp: 1,
    twin: { temp: { expected: { value: "25" } } },
  });
  expect(told).toEqual(["temp=25"]);
  // One who registers later is told the same, and the cloud's next wish counts again.
  const [known] = at.twins.devices();
  expect(JSON.stringify(known?.device["spec"])).toContain('"25"');
  await put(at, device("d1", { temp: "30" }));
  expect(told.at(-1)).toBe("temp=30");
});
