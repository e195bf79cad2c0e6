/** The controller of devices on a real API, with edges that are played by the test. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { startDeviceController } from "../../../src/fleet/cloud/devicecontroller/start.ts";
import { KubeError, type KubeClient, type KubeObject } from "../../../src/spec/kubernetes/kube.ts";
import { message } from "../../../src/fleet/link/envelope.ts";
import type { Member } from "../../../src/fleet/link/kinds/membership.ts";
import { capturedMessage } from "./captured.ts";
import { openPartCloud, type PartCloud } from "./cloud.ts";

const group = "devices.kubeedge.io";
const devices = { group, version: "v1beta1", resource: "devices" };
const models = { group, version: "v1beta1", resource: "devicemodels" };
const statuses = { group, version: "v1beta1", resource: "devicestatuses" };
const definitions = { group: "apiextensions.k8s.io", version: "v1", resource: "customresourcedefinitions" };
const apiVersion = `${group}/v1beta1`;

function device(
  name: string,
  node: string,
  part: { namespace?: string; model?: string; wanted?: string } = {},
): KubeObject {
  const { namespace = "default", model = "m1", wanted = "20" } = part;
  return {
    apiVersion,
    kind: "Device",
    metadata: { name, namespace, labels: { description: "lamp" } },
    spec: {
      deviceModelRef: { name: model },
      nodeName: node,
      properties: [{ name: "temp", desired: { value: wanted } }],
    },
  };
}

const model = (name = "m1"): KubeObject => ({
  apiVersion,
  kind: "DeviceModel",
  metadata: { name, namespace: "default" },
  spec: { protocol: "modbus", properties: [{ name: "temp", type: "INT" }] },
});

async function openDevices(options?: Parameters<typeof openPartCloud>[1]): Promise<PartCloud> {
  const cloud = await openPartCloud(startDeviceController, options);
  await cloud.client.create(models, model());
  await cloud.until(models, "m1", () => true, "default");
  return cloud;
}

const report = (name: string) => ({
  source: "twin",
  group: "resource",
  operation: "update",
  resource: `device/${name}/twin/edge_updated`,
});

function content(value: string, edge: number, property = "temp") {
  const timestamp = 1795244544000 + edge;
  const twin = {
    actual: { value, metadata: { timestamp } },
    optional: true,
    metadata: { type: "int" },
    actual_version: { cloud: 0, edge },
  };
  return { event_id: "e", timestamp, twin: { [property]: twin } };
}

type Twinned = {
  twins?: { propertyName: string; reported?: { value: string } }[];
  state?: string;
  lastOnlineTime?: string;
};
const statusOf = (object: KubeObject) => (object["status"] ?? {}) as Twinned;
const valueOf = (object: KubeObject, name = "temp") =>
  statusOf(object).twins?.find(({ propertyName }) => propertyName === name)?.reported?.value;

/** What the node was sent, in order: memberships and deliveries as short words. */
function words({ hub }: PartCloud, node: string): string[] {
  const delivered = hub
    .delivered(node)
    .map(({ operation, type, object }) => `${operation} ${type} ${object.metadata.name}`);
  return delivered;
}

describe("to the edge", () => {
  test("a new device brings its membership, its model once, and itself", async () => {
    await using cloud = await openDevices();
    cloud.hub.connect("edge1");
    await cloud.client.create(devices, device("d1", "edge1"));
    await cloud.client.create(devices, device("d2", "edge1"));
    await cloud.hub.untilDelivered("edge1", ({ object }) => object.metadata.name === "d2");
    expect(words(cloud, "edge1").filter((word) => word.includes("device "))).toEqual([
      "insert device d1",
      "insert device d2",
    ]);
    expect(words(cloud, "edge1")[0]).toBe("insert devicemodel m1");
    const [first] = cloud.hub.sent("edge1");
    expect(first?.route).toEqual({
      source: "devicecontroller",
      group: "twin",
      operation: "update",
      resource: "membership",
    });
    expect(first?.content).toMatchObject({
      added_devices: [{ id: "default/d1", name: "d1", description: "lamp" }],
      removed_devices: null,
    });
    const [delivery] = cloud.hub.delivered("edge1").filter(({ type }) => type === "device");
    expect(delivery).toMatchObject({ source: "devicecontroller", object: { kind: "Device", apiVersion } });
  });

  test("an edge of 1.15 is told a device by its name alone, as it was captured", async () => {
    await using cloud = await openDevices();
    cloud.hub.connect("edge1", "1.15.4");
    await cloud.client.create(devices, device("d1", "edge1"));
    const told = await cloud.hub.untilSent("edge1", ({ route }) => route.resource === "membership");
    const seen = capturedMessage(({ route }) => route.resource === "membership");
    expect({ ...(told.content as object), event_id: "", timestamp: 0 }).toEqual({
      ...(seen.content as object),
      event_id: "",
      timestamp: 0,
    });
    expect(told.route).toEqual(seen.route);
  });

  test("what is wanted of a twin comes in one step, with nothing else", async () => {
    await using cloud = await openDevices();
    cloud.hub.connect("edge1");
    const made = await cloud.client.create(devices, device("d1", "edge1"));
    await cloud.hub.untilDelivered("edge1", ({ type }) => type === "device");
    cloud.hub.forget();
    const wanted = device("d1", "edge1", { wanted: "30" });
    await cloud.client.update(devices, { ...made, spec: wanted["spec"] });
    const told = await cloud.hub.untilDelivered("edge1", () => true);
    expect(told).toMatchObject({ operation: "update", type: "device", object: { spec: wanted["spec"] } });
    expect(words(cloud, "edge1")).toEqual(["update device d1"]);
    expect(cloud.hub.sent("edge1")).toEqual([]);
  });

  test("a device that moves goes there with its model, and comes here", async () => {
    await using cloud = await openDevices();
    cloud.hub.connect("edge1");
    cloud.hub.connect("edge2");
    const made = await cloud.client.create(devices, device("d1", "edge1"));
    await cloud.hub.untilDelivered("edge1", ({ type }) => type === "device");
    cloud.hub.forget();
    await cloud.client.update(devices, { ...made, spec: device("d1", "edge2")["spec"] });
    await cloud.hub.untilDelivered("edge2", ({ type }) => type === "device");
    expect(words(cloud, "edge1")).toEqual(["delete device d1", "delete devicemodel m1"]);
    expect(words(cloud, "edge2")).toEqual(["insert devicemodel m1", "insert device d1"]);
    expect(cloud.hub.sent("edge1")[0]?.content).toMatchObject({ removed_devices: [{ id: "default/d1" }] });
    expect(cloud.hub.sent("edge2")[0]?.content).toMatchObject({ added_devices: [{ id: "default/d1" }] });
  });

  test("a model goes with the last device of it, and its changes go where it is used", async () => {
    await using cloud = await openDevices();
    cloud.hub.connect("edge1");
    cloud.hub.connect("edge2");
    await cloud.client.create(devices, device("d1", "edge1"));
    await cloud.client.create(devices, device("d2", "edge1"));
    await cloud.hub.untilDelivered("edge1", ({ object }) => object.metadata.name === "d2");
    cloud.hub.forget();
    await cloud.client.patch(
      models,
      { namespace: "default", name: "m1" },
      { spec: { protocol: "opcua" } },
      { type: "application/merge-patch+json" },
    );
    await cloud.hub.untilDelivered("edge1", ({ type }) => type === "devicemodel");
    await cloud.client.delete(devices, { namespace: "default", name: "d1" });
    await cloud.client.delete(devices, { namespace: "default", name: "d2" });
    await cloud.hub.untilDelivered(
      "edge1",
      ({ type, operation }) => type === "devicemodel" && operation === "delete",
    );
    expect(words(cloud, "edge1")).toEqual([
      "update devicemodel m1",
      "delete device d1",
      "delete device d2",
      "delete devicemodel m1",
    ]);
    expect(words(cloud, "edge2")).toEqual([]);
  });

  test("a status that changes is no news for the edge, and its sync stays as it is", async () => {
    await using cloud = await openDevices();
    cloud.hub.connect("edge1");
    const made = await cloud.client.create(devices, device("d1", "edge1"));
    await cloud.hub.untilDelivered("edge1", ({ type }) => type === "device");
    cloud.hub.forget();
    await cloud.hub.request("edge1", report("default/d1"), content("22", 1));
    await cloud.until(devices, "d1", (object) => valueOf(object) === "22", "default");
    const wanted = cloud.hub.wanted("edge1").find(({ type }) => type === "device");
    expect(wanted?.object.metadata.resourceVersion).toBe(made.metadata.resourceVersion!);
    expect(words(cloud, "edge1")).toEqual([]);
  });

  test("what a node should have are its devices with kind and version, their models first", async () => {
    await using cloud = await openDevices();
    await cloud.client.create(devices, device("d1", "edge1"));
    await cloud.client.create(devices, device("d2", "edge2"));
    await cloud.until(devices, "d2", () => true, "default");
    expect(
      cloud.hub.wanted("edge1").map(({ object, source }) => [source, object.kind, object.metadata.name]),
    ).toEqual([
      ["devicecontroller", "DeviceModel", "m1"],
      ["devicecontroller", "Device", "d1"],
    ]);
    expect(cloud.hub.wanted("edge3")).toEqual([]);
  });

  test("an edge that connects is told its devices, and the same when it asks", async () => {
    await using cloud = await openDevices();
    await cloud.client.create(devices, device("d1", "edge1"));
    await cloud.until(devices, "d1", () => true, "default");
    cloud.hub.connect("edge1");
    expect(cloud.hub.sent("edge1")[0]?.content).toMatchObject({ added_devices: [{ id: "default/d1" }] });
    const seen = capturedMessage(({ route }) => route.resource === "membership/detail");
    const answer = await cloud.hub.request("edge1", seen.route, seen.content);
    expect(answer.route.resource).toBe("membership/detail");
    expect(answer.content).toMatchObject({ devices: [{ id: "default/d1", name: "d1" }] });
  });

  test("an edge that turns out to be an old one is told its devices by their names", async () => {
    await using cloud = await openDevices();
    await cloud.client.create(devices, device("d1", "edge1"));
    await cloud.until(devices, "d1", () => true, "default");
    cloud.hub.connect("edge1");
    const nodes = { group: "", version: "v1", resource: "nodes" };
    const node = { apiVersion: "v1", kind: "Node", metadata: { name: "edge1" } };
    await cloud.client.create(nodes, node);
    const status = { nodeInfo: { kubeletVersion: "v1.26.15-kubeedge-v1.15.4" } };
    await cloud.client.patch(
      nodes,
      { name: "edge1", subresource: "status" },
      { status },
      { type: "application/merge-patch+json" },
    );
    const told = await cloud.hub.untilSent("edge1", ({ content: said }) =>
      JSON.stringify(said).includes('"added_devices":[{"id":"d1"'),
    );
    expect(told.content).toMatchObject({ added_devices: [{ id: "d1", name: "d1" }] });
    expect(cloud.hub.sent("edge1").at(-2)?.content).toMatchObject({
      removed_devices: [{ id: "default/d1" }],
    });
  });
});

describe("from the edge", () => {
  test("a first value is in the Device and in its DeviceStatus, and then answered with OK", async () => {
    await using cloud = await openDevices();
    cloud.hub.connect("edge1");
    const made = await cloud.client.create(devices, device("d1", "edge1"));
    await cloud.until(devices, "d1", () => true, "default");
    const answer = await cloud.hub.request("edge1", report("default/d1"), content("22", 1));
    expect(answer).toMatchObject({
      route: { source: "devicecontroller", group: "twin", operation: "response", resource: "twin" },
      content: "OK",
    });
    const place = { namespace: "default", name: "d1" };
    const twins = [
      {
        propertyName: "temp",
        reported: {
          value: "22",
          metadata: { timestamp: "1795244544001", type: "int", version: "1", node: "edge1" },
        },
      },
    ];
    expect(statusOf(await cloud.client.get(devices, place)).twins).toEqual(twins as never);
    const apart = await cloud.client.get(statuses, place);
    expect(statusOf(apart).twins).toEqual(twins as never);
    expect(apart.metadata.ownerReferences?.[0]).toMatchObject({
      kind: "Device",
      name: "d1",
      uid: made.metadata.uid!,
    });
  });

  test("an edge of ours that asks is told which versions of its own are known", async () => {
    await using cloud = await openDevices();
    cloud.hub.connect("edge1");
    for (const name of ["d1", "d2"]) {
      await cloud.client.create(devices, device(name, "edge1"));
      await cloud.until(devices, name, () => true, "default");
    }
    await cloud.hub.request("edge1", report("default/d1"), content("22", 7));
    await cloud.until(devices, "d1", (each) => valueOf(each) === "22", "default");
    const seen = capturedMessage(({ route }) => route.resource === "membership/detail");
    const question = { ...(JSON.parse(String(seen.content)) as object), operation: "versions" };
    const answer = await cloud.hub.request("edge1", seen.route, JSON.stringify(question));
    const told = (answer.content as { devices: Member[] }).devices;
    expect(Object.fromEntries(told.map(({ id, twin }) => [id, twin]))).toEqual({
      "default/d1": { temp: { actual_version: { cloud: 0, edge: 7 } } },
      "default/d2": {},
    });
  });

  test("the message that was captured is taken from an edge of 1.15", async () => {
    await using cloud = await openDevices();
    cloud.hub.connect("edge1", "1.15.4");
    await cloud.client.create(devices, device("d1", "edge1"));
    await cloud.until(devices, "d1", () => true, "default");
    const seen = capturedMessage(({ route }) => route.resource.endsWith("twin/edge_updated"));
    const answer = await cloud.hub.request("edge1", seen.route, seen.content);
    expect(answer.content).toBe("OK");
    expect(valueOf(await cloud.client.get(devices, { namespace: "default", name: "d1" }))).toBe("21");
  });

  test("a state is kept with its time, of old edges by our clock", async () => {
    await using cloud = await openDevices();
    cloud.hub.connect("edge1");
    await cloud.client.create(devices, device("d1", "edge1"));
    await cloud.until(devices, "d1", () => true, "default");
    const route = { ...report("default/d1"), resource: "device/default/d1/state/update" };
    const state = (device: object) => JSON.stringify({ event_id: "e", timestamp: 1, device });
    const said = state({ name: "d1", state: "Online", last_online: "2026-11-21T07:02:25Z" });
    expect((await cloud.hub.request("edge1", route, said)).content).toBe("OK");
    const place = { namespace: "default", name: "d1" };
    expect(await cloud.client.get(statuses, place)).toMatchObject({
      status: { state: "online", lastOnlineTime: "2026-11-21T07:02:25Z" },
    });
    // Said by edgecore 1.23.0.
    const now = state({ name: "d1", state: "unhealthy", lastOnlineTime: "2026-11-21T23:39:17Z" });
    expect((await cloud.hub.request("edge1", route, now)).content).toBe("OK");
    expect(await cloud.client.get(statuses, place)).toMatchObject({
      status: { state: "unhealthy", lastOnlineTime: "2026-11-21T23:39:17Z" },
    });
    const old = state({ name: "d1", state: "offline", last_online: "2026-11-21 06:32:17" });
    await cloud.hub.request("edge1", route, old);
    expect(statusOf(await cloud.client.get(devices, place))).toMatchObject({ state: "offline" });
    expect(statusOf(await cloud.client.get(devices, place)).lastOnlineTime).not.toContain("06:32:17");
    expect((await cloud.hub.request("edge1", route, state({ state: "$(id)" }))).content).toContain(
      "is none of",
    );
  });

  test("what was reported before and comes again is answered and changes nothing", async () => {
    await using cloud = await openDevices();
    cloud.hub.connect("edge1");
    await cloud.client.create(devices, device("d1", "edge1"));
    await cloud.until(devices, "d1", () => true, "default");
    for (const edge of [1, 2, 3])
      await cloud.hub.request("edge1", report("default/d1"), content(`${edge}`, edge));
    const before = await cloud.client.get(devices, { namespace: "default", name: "d1" });
    for (const edge of [1, 3, 2]) {
      const answer = await cloud.hub.request("edge1", report("default/d1"), content(`${edge}`, edge));
      expect(answer.content).toBe("OK");
    }
    const after = await cloud.client.get(devices, { namespace: "default", name: "d1" });
    expect(valueOf(after)).toBe("3");
    expect(after.metadata.resourceVersion).toBe(before.metadata.resourceVersion!);
  });

  test("a flood of reports is few writes, and every one is answered", async () => {
    const writes: string[] = [];
    const counting = (real: KubeClient): KubeClient => ({
      ...real,
      patch: async (resource, key, patch, options) => {
        if (resource.resource === "devices") writes.push(key.name);
        return await real.patch(resource, key, patch, options);
      },
    });
    await using cloud = await openDevices({ client: counting });
    cloud.hub.connect("edge1");
    await cloud.client.create(devices, device("d1", "edge1"));
    await cloud.until(devices, "d1", () => true, "default");
    const many = Array.from({ length: 200 }, (_, index) =>
      cloud.hub.request("edge1", report("default/d1"), content(`${index}`, index + 1)),
    );
    const answers = await Promise.all(many);
    expect(new Set(answers.map(({ content: said }) => said))).toEqual(new Set(["OK"]));
    expect(valueOf(await cloud.client.get(devices, { namespace: "default", name: "d1" }))).toBe("199");
    expect(writes.length).toBeLessThan(20);
  });

  test("more than may wait is not answered, so that the edge says it again", async () => {
    const held = Promise.withResolvers<void>();
    const slow = (real: KubeClient): KubeClient => ({
      ...real,
      patch: async (resource, key, patch, options) => {
        await held.promise;
        return await real.patch(resource, key, patch, options);
      },
    });
    await using cloud = await openDevices({ client: slow });
    cloud.hub.connect("edge1");
    await cloud.client.create(devices, device("d1", "edge1"));
    await cloud.until(devices, "d1", () => true, "default");
    for (let edge = 1; edge <= 1500; edge++)
      await cloud.hub.say("edge1", message(report("default/d1"), content(`${edge}`, edge)));
    held.resolve();
    await cloud.until(
      devices,
      "d1",
      (object) => valueOf(object) === "1001" || valueOf(object) === "1000",
      "default",
    );
    expect(cloud.hub.sent("edge1").filter(({ content: said }) => said === "OK").length).toBeLessThan(1500);
    expect(cloud.logs.some((line) => line.includes("wait already"))).toBe(true);
  });

  test("somebody else's write in between is kept, and so is the report", async () => {
    let meddled = false;
    const meddling = (real: KubeClient): KubeClient => ({
      ...real,
      patch: async (resource, key, patch, options) => {
        if (resource.resource === "devices" && !meddled) {
          meddled = true;
          const other = { status: { twins: [{ propertyName: "other", reported: { value: "1" } }] } };
          await real.patch(resource, key, other, { type: "application/merge-patch+json" });
        }
        return await real.patch(resource, key, patch, options);
      },
    });
    await using cloud = await openDevices({ client: meddling });
    cloud.hub.connect("edge1");
    await cloud.client.create(devices, device("d1", "edge1"));
    await cloud.until(devices, "d1", () => true, "default");
    expect((await cloud.hub.request("edge1", report("default/d1"), content("22", 1))).content).toBe("OK");
    const after = await cloud.client.get(devices, { namespace: "default", name: "d1" });
    expect([valueOf(after), valueOf(after, "other")]).toEqual(["22", "1"]);
  });

  test("a write that fails is tried again, and answered then", async () => {
    let failures = 2;
    const failing = (real: KubeClient): KubeClient => ({
      ...real,
      patch: async (resource, key, patch, options) => {
        if (failures-- > 0) throw new KubeError("ServiceUnavailable", "not now");
        return await real.patch(resource, key, patch, options);
      },
    });
    await using cloud = await openDevices({ client: failing });
    cloud.hub.connect("edge1");
    await cloud.client.create(devices, device("d1", "edge1"));
    await cloud.until(devices, "d1", () => true, "default");
    expect((await cloud.hub.request("edge1", report("default/d1"), content("22", 1))).content).toBe("OK");
    expect(valueOf(await cloud.client.get(devices, { namespace: "default", name: "d1" }))).toBe("22");
  });

  test.each([
    ["as a status of its own", true],
    ["as part of the object", false],
  ])("a cluster whose devices have their status %s keeps it", async (_, isApart) => {
    const change = async (client: KubeClient) => {
      const name = `devices.${group}`;
      const found = await client.get(definitions, { name });
      const { versions, ...spec } = found["spec"] as { versions: { name: string }[] };
      const changed = versions.map((each) =>
        each.name === "v1beta1" && isApart ? { ...each, subresources: { status: {} } } : each,
      );
      await client.update(definitions, { ...found, spec: { ...spec, versions: changed } });
      await client.delete(definitions, { name: `devicestatuses.${group}` });
    };
    await using cloud = await openDevices({ change });
    cloud.hub.connect("edge1");
    await cloud.client.create(devices, device("d1", "edge1"));
    await cloud.until(devices, "d1", () => true, "default");
    expect((await cloud.hub.request("edge1", report("default/d1"), content("22", 1))).content).toBe("OK");
    expect(valueOf(await cloud.client.get(devices, { namespace: "default", name: "d1" }))).toBe("22");
  });

  test.each([
    ["another node's device", "default/d2"],
    ["a device that is not", "default/nothing"],
    ["a device by its name of another node", "d2"],
  ])("%s is refused with a reason", async (_, name) => {
    await using cloud = await openDevices();
    cloud.hub.connect("edge1");
    await cloud.client.create(devices, device("d2", "edge2"));
    await cloud.until(devices, "d2", () => true, "default");
    const answer = await cloud.hub.request("edge1", report(name), content("666", 1));
    expect(answer.content).toContain("it is not on this node");
    expect(valueOf(await cloud.client.get(devices, { namespace: "default", name: "d2" }))).toBeUndefined();
  });

  test("an old edge with two devices of one name is refused rather than guessed", async () => {
    await using cloud = await openDevices();
    cloud.hub.connect("edge1", "1.15.4");
    const namespaces = { group: "", version: "v1", resource: "namespaces" };
    await cloud.client.create(namespaces, {
      apiVersion: "v1",
      kind: "Namespace",
      metadata: { name: "other" },
    });
    await cloud.client.create(devices, device("d1", "edge1"));
    await cloud.client.create(devices, device("d1", "edge1", { namespace: "other" }));
    await cloud.until(devices, "d1", () => true, "other");
    const answer = await cloud.hub.request("edge1", report("d1"), content("22", 1));
    expect(answer.content).toContain("several namespaces");
  });
});

describe("a report that is none", () => {
  let cloud: PartCloud;
  beforeAll(async () => {
    cloud = await openDevices();
    cloud.hub.connect("edge1");
    await cloud.client.create(devices, device("d1", "edge1"));
    await cloud.until(devices, "d1", () => true, "default");
  });
  afterAll(async () => await cloud[Symbol.asyncDispose]());

  test.each<[string, unknown]>([
    ["no object", "x"],
    ["a twin that is none", { event_id: "e", timestamp: 1, twin: { temp: 7 } }],
    [
      "a value that is none",
      { event_id: "e", timestamp: 1, twin: { temp: { actual: { value: { a: 1 } } } } },
    ],
    ["a name with a newline", content("1", 1, "a\nb")],
    ["a value of many bytes", content("x".repeat(9000), 1)],
  ])("%s is refused, and the next report is taken", async (_, bad) => {
    const answer = await cloud.hub.request("edge1", report("default/d1"), bad);
    expect(answer.content).toContain("cannot");
    expect((await cloud.hub.request("edge1", report("default/d1"), content("22", 1))).content).toBe("OK");
    expect(cloud.hub.thrown).toEqual([]);
  });
});
