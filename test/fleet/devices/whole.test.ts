/** The whole cloud on a real API and a real hub, with an edge of the real protocol: devices, rules and jobs go all the way. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "bun:test";
import { systemClock } from "../../../src/base/clock.ts";
import { openApiServer } from "../../../src/fleet/cloud/apiserver/server.ts";
import { openCloud, type Cloud } from "../../../src/fleet/cloud/cloud.ts";
import { message, respond, type Envelope } from "../../../src/fleet/link/envelope.ts";
import type { KubeClient, KubeObject } from "../../../src/spec/kubernetes/kube.ts";
import { connectEdge, joinEdge, type FakeEdge, type Identity } from "../hub/fake-edge.ts";
import { freePort } from "../../registry/port.ts";
import { until } from "../until.ts";

const resource = (group: string, version: string, plural: string) => ({ group, version, resource: plural });
const devices = resource("devices.kubeedge.io", "v1beta1", "devices");
const models = resource("devices.kubeedge.io", "v1beta1", "devicemodels");
const syncs = resource("reliablesyncs.kubeedge.io", "v1alpha1", "objectsyncs");
const rules = resource("rules.kubeedge.io", "v1", "rules");
const endpoints = resource("rules.kubeedge.io", "v1", "ruleendpoints");
const pulls = resource("operations.kubeedge.io", "v1alpha2", "imageprepulljobs");
const nodes = resource("", "v1", "nodes");

/** Somebody else may have taken a port before it is used: then it is another one. */
async function onFreePort(
  open: (port: number) => Promise<Cloud>,
): Promise<{ cloud: Cloud; restPort: number }> {
  for (let left = 5; ; left--) {
    const restPort = await freePort();
    try {
      return { cloud: await open(restPort), restPort };
    } catch (error) {
      if (left === 0) throw error;
    }
  }
}

interface Whole extends AsyncDisposable {
  readonly client: KubeClient;
  readonly restPort: number;
  connect(): Promise<FakeEdge>;
}

async function openWhole(): Promise<Whole> {
  await using opening = new AsyncDisposableStack();
  const folder = mkdtempSync(join(tmpdir(), "sampan-whole-"));
  opening.defer(() => rmSync(folder, { recursive: true, force: true }));
  const log = () => {};
  const server = await openApiServer({ folder, host: "127.0.0.1", port: 0, log, controllers: false });
  opening.defer(async () => await server.close());
  const { client } = server;
  const hub = { host: "127.0.0.1", port: 0, joinPort: 0, names: ["127.0.0.1"] };
  const open = async (port: number) => {
    const router = { host: "127.0.0.1", port };
    return await openCloud({ client, clock: systemClock(), log, install: true, hub, router });
  };
  const { cloud, restPort } = await onFreePort(open);
  opening.use(cloud);
  await client.create(nodes, { apiVersion: "v1", kind: "Node", metadata: { name: "edge1" } });
  const place = { host: "127.0.0.1", joinPort: cloud.hub.joinPort };
  let identity: Identity | undefined;
  const closing = opening.move();
  return {
    client,
    restPort,
    async connect() {
      // A token does not take the name of a node that is there: it joined before.
      identity ??= await joinEdge({ ...place, node: "edge1", token: await cloud.hub.token() });
      return await connectEdge({ host: "127.0.0.1", port: cloud.hub.port, node: "edge1", identity });
    },
    [Symbol.asyncDispose]: async () => await closing.disposeAsync(),
  };
}

const kinded = (group: string, kind: string, name: string, spec: object): KubeObject => ({
  apiVersion: group,
  kind,
  metadata: { name, namespace: "default" },
  spec,
});
const wordOf = ({ route }: Envelope) => `${route.operation} ${route.resource}`;

test("a device goes down with its model, its report comes up, and neither is said again", async () => {
  await using whole = await openWhole();
  const { client } = whole;
  const edge = await whole.connect();
  const version = "devices.kubeedge.io/v1beta1";
  await client.create(models, kinded(version, "DeviceModel", "m1", { properties: [] }));
  const spec = {
    deviceModelRef: { name: "m1" },
    nodeName: "edge1",
    properties: [{ name: "t", desired: { value: "1" } }],
  };
  await client.create(devices, kinded(version, "Device", "d1", spec));
  await edge.until((each) => wordOf(each) === "insert default/device/d1");
  const told = edge.received.map(wordOf).filter((word) => /device|membership/.test(word));
  expect(told.filter((word, index) => told.indexOf(word) === index)).toEqual([
    "update membership",
    "insert default/devicemodel/m1",
    "insert default/device/d1",
  ]);
  const timestamp = 1795244544000;
  const route = {
    source: "twin",
    group: "resource",
    operation: "update",
    resource: "device/default/d1/twin/edge_updated",
  };
  const twin = {
    t: { actual: { value: "7", metadata: { timestamp } }, actual_version: { cloud: 0, edge: 1 } },
  };
  const report = message(route, { event_id: "e", timestamp, twin });
  edge.send(report);
  const answer = await edge.until(({ parent }) => parent === report.id);
  expect(answer.content).toBe("OK");
  expect(await client.get(devices, { namespace: "default", name: "d1" })).toMatchObject({
    status: { twins: [{ propertyName: "t", reported: { value: "7" } }] },
  });
  const count = edge.received.filter((each) => each.route.resource === "default/device/d1").length;
  // Its sync says that the edge has it, though the API's version went on with the report.
  await until(async () => (await client.list(syncs)).items.length >= 2);
  await edge.close();
  const again = await whole.connect();
  const patch = { spec: { ...spec, properties: [{ name: "t", desired: { value: "2" } }] } };
  await client.patch(devices, { namespace: "default", name: "d1" }, patch, {
    type: "application/merge-patch+json",
  });
  const changed = await again.until((each) => each.route.resource === "default/device/d1");
  expect([count, changed.content]).toMatchObject([1, { spec: patch.spec }]);
  await again.close();
});

test("a call from REST is answered by the edge's service, and its broken sessions are told", async () => {
  await using whole = await openWhole();
  const { client, restPort } = whole;
  const edge = await whole.connect();
  const group = "rules.kubeedge.io/v1";
  await client.create(endpoints, kinded(group, "RuleEndpoint", "rest", { ruleEndpointType: "rest" }));
  const properties = { service_port: "8080" };
  await client.create(
    endpoints,
    kinded(group, "RuleEndpoint", "svc", { ruleEndpointType: "servicebus", properties }),
  );
  const spec = {
    source: "rest",
    sourceResource: { path: "/a" },
    target: "svc",
    targetResource: { path: "/b" },
  };
  await client.create(rules, kinded(group, "Rule", "r1", spec));
  const url = `http://127.0.0.1:${restPort}/edge1/default/a`;
  const answered = until(async () => {
    const response = await fetch(url);
    return response.status !== 404 && response;
  });
  const asked = await edge.until(({ route }) => route.source === "router_servicebus");
  expect(asked.route).toMatchObject({ operation: "GET", resource: "8080:/b" });
  const reply = { header: null, status_code: 202, body: Buffer.from("yes").toString("base64") };
  edge.send(
    respond(asked, { source: "servicebus", group: "user", operation: "upload", resource: "" }, reply),
  );
  const response = await answered;
  expect([response.status, await response.text()]).toEqual([202, "yes"]);
  const broken = fetch(url);
  await edge.until((each) => each.route.source === "router_servicebus" && each.id !== asked.id);
  edge.terminate();
  expect((await broken).status).toBe(502);
});

test("a job goes to the edge and comes to its end", async () => {
  await using whole = await openWhole();
  const { client } = whole;
  const edge = await whole.connect();
  const group = "operations.kubeedge.io/v1alpha2";
  const template = { images: ["nginx:1"], nodeNames: ["edge1"] };
  const { metadata, ...job } = kinded(group, "ImagePrePullJob", "job", { imagePrePullTemplate: template });
  await client.create(pulls, { ...job, metadata: { name: metadata.name! } });
  const { route } = await edge.until((each) => each.route.group === "taskmanager");
  const content = { action: "Pull", succ: true, finishTime: "", reason: "", extend: "" };
  edge.send(
    message(
      { source: "websocket", group: "hub", operation: "UpdateNodeActionStatus", resource: route.resource },
      content,
    ),
  );
  const phase = async () => ((await client.get(pulls, { name: "job" }))["status"] as { phase: string }).phase;
  await until(async () => (await phase()) !== "InProgress");
  expect(await phase()).toBe("Completed");
  await edge.close();
});
