/** All parts of the cloud together, with an edge that speaks the protocol: what somebody writes into the API reaches the edge, and what the edge says stands in the API. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../src/base/clock.ts";
import { type ApiServer, openApiServer } from "../../src/fleet/cloud/apiserver/server.ts";
import { type Cloud, openCloud } from "../../src/fleet/cloud/cloud.ts";
import { type Envelope, message } from "../../src/fleet/link/envelope.ts";
import type { KubeObject, ResourceId } from "../../src/spec/kubernetes/kube.ts";
import { connectEdge, type FakeEdge, joinEdge } from "../fleet/hub/fake-edge.ts";
import { until } from "../fleet/until.ts";

const folder = mkdtempSync(join(tmpdir(), "sampan-fleet-"));
const host = "127.0.0.1";
let server: ApiServer;
let cloud: Cloud;
let edge: FakeEdge;

beforeAll(async () => {
  server = await openApiServer({ folder, host, port: 0, log: () => {} });
  await server.whenReady;
  cloud = await openCloud({
    client: server.client,
    clock: systemClock(),
    log: () => {},
    install: true,
    hub: { host, port: 0, joinPort: 0, names: [host] },
    router: { host, port: 0 },
  });
  const { hub } = cloud;
  const identity = await joinEdge({ host, joinPort: hub.joinPort, node: "e1", token: await hub.token() });
  edge = await connectEdge({ host, port: hub.port, node: "e1", identity });
  const labels = { "node-role.kubernetes.io/edge": "" };
  await server.client.create(core("nodes"), {
    apiVersion: "v1",
    kind: "Node",
    metadata: { name: "e1", labels },
  });
});

afterAll(async () => {
  await edge.close();
  await cloud[Symbol.asyncDispose]();
  await server.close();
  rmSync(folder, { recursive: true });
});

const core = (resource: string): ResourceId => ({ group: "", version: "v1", resource });
const devices = (resource: string): ResourceId => ({
  group: "devices.kubeedge.io",
  version: "v1beta1",
  resource,
});
const of = (resource: string) => (envelope: Envelope) => envelope.route.resource === resource;

async function make(resource: ResourceId, object: Omit<KubeObject, "metadata"> & { metadata: object }) {
  const metadata = { namespace: "default", ...object.metadata };
  return await server.client.create(resource, { ...object, metadata } as KubeObject);
}

test("a pod that is bound to the node reaches it, with the settings that it uses", async () => {
  await make(core("configmaps"), {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "settings" },
    data: { a: "1" },
  });
  await make(core("pods"), {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "p1" },
    spec: {
      nodeName: "e1",
      automountServiceAccountToken: false,
      containers: [{ name: "c", image: "busybox", envFrom: [{ configMapRef: { name: "settings" } }] }],
    },
  });
  const pod = await edge.until(of("default/pod/p1"));
  expect((pod.content as { spec: { nodeName: string } }).spec.nodeName).toBe("e1");
  const settings = await edge.until(of("default/configmap/settings"));
  expect((settings.content as { data: object }).data).toEqual({ a: "1" });
});

test("what the edge asks for is answered", async () => {
  const query = message(
    { source: "edged", group: "meta", operation: "query", resource: "default/configmap/settings" },
    null,
  );
  edge.send(query);
  const answer = await edge.until(({ parent }) => parent === query.id);
  expect((answer.content as { data: object }).data).toEqual({ a: "1" });
});

test("a device of the node reaches it with its model, and what it reports is kept", async () => {
  const properties = [{ name: "temp", type: "INT", accessMode: "ReadOnly" }];
  await make(devices("devicemodels"), {
    apiVersion: "devices.kubeedge.io/v1beta1",
    kind: "DeviceModel",
    metadata: { name: "thermometer" },
    spec: { protocol: "modbus", properties },
  });
  await make(devices("devices"), {
    apiVersion: "devices.kubeedge.io/v1beta1",
    kind: "Device",
    metadata: { name: "d1" },
    spec: {
      nodeName: "e1",
      deviceModelRef: { name: "thermometer" },
      properties: [{ name: "temp", visitors: { protocolName: "modbus" } }],
      protocol: { protocolName: "modbus" },
    },
  });
  await edge.until(of("default/devicemodel/thermometer"));
  await edge.until(of("default/device/d1"));
  const report = message(
    {
      source: "twin",
      group: "resource",
      operation: "update",
      resource: "device/default/d1/twin/edge_updated",
    },
    {
      event_id: "1",
      timestamp: 1_795_242_621_803,
      twin: {
        temp: {
          actual: { value: "22", metadata: { timestamp: 1_795_242_621_792 } },
          optional: true,
          metadata: { type: "int" },
          actual_version: { cloud: 0, edge: 1 },
        },
      },
    },
  );
  edge.send(report);
  const answer = await edge.until(({ parent }) => parent === report.id);
  expect(answer.content).toBe("OK");
});

test("a pod that is deleted for good is taken from the edge, and nothing is left of it in the syncs", async () => {
  const syncs: ResourceId = {
    group: "reliablesyncs.kubeedge.io",
    version: "v1alpha1",
    resource: "objectsyncs",
  };
  await server.client.delete(core("pods"), { namespace: "default", name: "p1" }, { gracePeriodSeconds: 0 });
  await edge.until(({ route }) => route.operation === "delete" && route.resource === "default/pod/p1");
  await edge.until(
    ({ route }) => route.operation === "delete" && route.resource === "default/configmap/settings",
  );
  await until(async () => {
    const { items } = await server.client.list(syncs, { namespace: "default" });
    const kinds = items.map(({ spec }) => (spec as { objectKind: string }).objectKind);
    return !kinds.includes("Pod") && !kinds.includes("ConfigMap");
  });
});
