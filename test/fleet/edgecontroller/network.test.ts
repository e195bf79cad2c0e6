/** The controllers behind the real hub, and an edge at the other end of a real connection. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { systemClock } from "../../../src/base/clock.ts";
import { startDynamicController } from "../../../src/fleet/cloud/dynamiccontroller/start.ts";
import { ids } from "../../../src/fleet/cloud/edgecontroller/ids.ts";
import { startEdgeController } from "../../../src/fleet/cloud/edgecontroller/start.ts";
import { openHub, type OpenHub } from "../../../src/fleet/cloud/hub/open.ts";
import { Informers } from "../../../src/fleet/cloud/informer/informers.ts";
import { startPolicyController } from "../../../src/fleet/cloud/policycontroller/start.ts";
import { message, type Envelope } from "../../../src/fleet/link/envelope.ts";
import { type Api, openApi, syncs } from "../hub/_cloud.ts";
import { until } from "../until.ts";
import { connectEdge, type FakeEdge, joinEdge } from "../hub/fake-edge.ts";

let api: Api;
let hub: OpenHub;
const stop = new AbortController();
const closing = new AsyncDisposableStack();

beforeAll(async () => {
  api = closing.use(await openApi());
  const clock = systemClock();
  const log = (): void => {};
  const { client } = api;
  const informers = new Informers({ client, clock, log, signal: stop.signal });
  const base = { client, informers, clock, log, signal: stop.signal };
  hub = await openHub({ ...base, host: "127.0.0.1", port: 0, joinPort: 0, names: ["127.0.0.1"] });
  closing.defer(async () => {
    stop.abort();
    await hub[Symbol.asyncDispose]();
    await informers.ended();
  });
  for (const start of [startEdgeController, startDynamicController, startPolicyController])
    closing.use(await start({ ...base, hub }));
  for (const [resource, kind, name] of [
    [{ group: "", version: "v1", resource: "namespaces" }, "Namespace", "default"],
    [ids.serviceAccounts, "ServiceAccount", "default"],
    [ids.secrets, "Secret", "key"],
  ] as const) {
    const metadata = kind === "Namespace" ? { name } : { name, namespace: "default" };
    await client.create(resource, { apiVersion: "v1", kind, metadata }).catch(() => undefined);
  }
});
afterAll(() => closing.disposeAsync());

async function connect(node: string): Promise<FakeEdge> {
  const place = { host: "127.0.0.1", joinPort: hub.joinPort };
  const identity = await joinEdge({ ...place, node, token: await hub.token() });
  return await connectEdge({ host: "127.0.0.1", port: hub.port, node, identity });
}

const edged = (operation: string, resource: string, content: unknown): Envelope =>
  message({ source: "edged", group: "meta", operation, resource }, content);

async function ask(edge: FakeEdge, asked: Envelope): Promise<unknown> {
  edge.send(asked);
  return (await edge.until(({ parent }) => parent === asked.id)).content;
}

const synced = async (node: string, uid: string | undefined): Promise<string | undefined> => {
  const name = `${node}.${uid}`;
  const found = await api.client
    .get(syncs("objectsyncs"), { namespace: "default", name })
    .catch(() => undefined);
  return (found?.["status"] as { objectResourceVersion?: string } | undefined)?.objectResourceVersion;
};

test("a node registers, gets its pod with what it needs, reports it, and ends it", async () => {
  const edge = await connect("edge1");
  const registration = {
    metadata: { name: "edge1", labels: { "node-role.kubernetes.io/edge": "" } },
    status: { nodeInfo: { kubeletVersion: "v1.30.7-kubeedge-v1.23.0" } },
  };
  expect(await ask(edge, edged("insert", "default/node/edge1", registration))).toMatchObject({ Err: null });
  const pushed = await edge.until(({ route }) => route.resource === "null/node/edge1");
  expect(pushed.route.operation).toBe("update");
  const pod = await api.client.create(ids.pods, {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "p", namespace: "default" },
    spec: {
      nodeName: "edge1",
      containers: [{ name: "c", image: "busybox:1" }],
      volumes: [{ name: "s", secret: { secretName: "key" } }],
    },
  });
  const secret = await edge.until(({ route }) => route.resource === "default/secret/key");
  expect(secret.route.operation).toBe("update");
  await edge.until(({ route }) => route.resource === "default/pod/p" && route.operation === "insert");
  const { uid, resourceVersion } = pod.metadata;
  await until(async () => (await synced("edge1", uid)) === resourceVersion);
  const patch = JSON.stringify({ metadata: { uid }, status: { phase: "Running" } });
  const patched = await ask(edge, edged("patch", "default/podpatch/p", patch));
  expect(patched).toMatchObject({ Err: null, Object: { status: { phase: "Running" } } });
  hub.resync("edge1");
  const end = edged("delete", "default/pod/p", { gracePeriodSeconds: 0, preconditions: { uid } });
  expect(await ask(edge, end)).toBe("OK");
  const ofPod = ({ route }: Envelope): boolean =>
    route.resource === "default/pod/p" && route.source === "edgecontroller";
  await edge.until((each) => ofPod(each) && each.route.operation === "delete");
  const told = edge.received.filter((each) => ofPod(each) && each.parent === undefined);
  expect(told.map(({ route }) => route.operation)).toEqual(["insert", "delete"]);
  await until(async () => (await synced("edge1", uid)) === undefined);
  await edge.close();
});

test("a pod that was taken away while its node was gone is deleted when it comes", async () => {
  const place = { host: "127.0.0.1", joinPort: hub.joinPort };
  const identity = await joinEdge({ ...place, node: "away", token: await hub.token() });
  const dial = () => connectEdge({ host: "127.0.0.1", port: hub.port, node: "away", identity });
  const first = await dial();
  await ask(first, edged("insert", "default/node/away", { metadata: { name: "away" }, status: {} }));
  const pod = await api.client.create(ids.pods, {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "q", namespace: "default" },
    spec: { nodeName: "away", containers: [{ name: "c", image: "busybox:1" }] },
  });
  const { uid, resourceVersion } = pod.metadata;
  await until(async () => (await synced("away", uid)) === resourceVersion);
  await first.close();
  await api.client.delete(ids.pods, { namespace: "default", name: "q" }, { gracePeriodSeconds: 0 });
  const second = await dial();
  const gone = await second.until(({ route }) => route.resource === "default/pod/q");
  expect([gone.route.operation, (gone.content as { metadata: { uid: string } }).metadata.uid]).toEqual([
    "delete",
    uid ?? "",
  ]);
  await until(async () => (await synced("away", uid)) === undefined);
  await second.close();
});
