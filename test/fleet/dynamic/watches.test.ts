import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import { startDynamicController } from "../../../src/fleet/cloud/dynamiccontroller/start.ts";
import { ids } from "../../../src/fleet/cloud/edgecontroller/ids.ts";
import { message } from "../../../src/fleet/link/envelope.ts";
import * as kinds from "../../../src/fleet/link/kinds/application.ts";
import { openTestCloud, type TestCloud } from "../edgecontroller/_cloud.ts";

let cloud: TestCloud;
const slices = { group: "discovery.k8s.io", version: "v1", resource: "endpointslices" };
const services = { group: "", version: "v1", resource: "services" };

beforeAll(async () => {
  cloud = await openTestCloud([startDynamicController]);
  for (const [node, group] of [
    ["a", "north"],
    ["b", "north"],
    ["c", "south"],
  ] as const) {
    const made = await cloud.join(node);
    const patch = { metadata: { labels: { "apps.kubeedge.io/belonging-to": group } } };
    const type = "application/merge-patch+json";
    await cloud.seen(
      ids.nodes,
      await cloud.client.patch(ids.nodes, { name: made.metadata.name ?? "" }, patch, { type }),
    );
  }
});
afterAll(() => cloud[Symbol.asyncDispose]());
beforeEach(() => {
  for (const node of ["a", "b", "c"]) cloud.hub.connect(node);
  cloud.hub.forget();
});

const bytes = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));

function watch(node: string, key: string, option: unknown = {}): kinds.Application {
  const what = {
    Nodename: node,
    Key: key,
    Verb: "watch" as const,
    Option: bytes(option),
    ReqBody: null,
    Subresource: "",
  };
  return {
    ID: kinds.applicationId(what),
    ...what,
    RespBody: null,
    Status: "InApplying",
    Reason: "",
    Error: { ErrStatus: { metadata: {} } },
    Timestamp: "0001-01-01T00:00:00Z",
  };
}

async function begin(node: string, key: string, option: unknown = {}): Promise<kinds.Application> {
  const content = kinds.response.build(watch(node, key, option));
  const route = { source: "metaserver", group: "dynamiccontroller", operation: "null", resource: "null" };
  return kinds.response.parse((await cloud.hub.request(node, route, content)).content);
}

async function sync(node: string, live: readonly kinds.Application[]): Promise<kinds.Applications> {
  const content = kinds.watchSync.build(Object.fromEntries(live.map((each) => [each.ID, each])));
  const asked = message(
    { source: "metaserver", group: "dynamiccontroller", operation: "null", resource: "watchapp/sync" },
    content,
  );
  await cloud.hub.say(node, asked);
  const answer = await cloud.hub.untilSent(node, ({ parent }) => parent === asked.id);
  expect(answer.route.resource).toBe("watchapp/sync");
  return kinds.watchSyncReply.parse(answer.content);
}

const service = (name: string, annotations = {}) =>
  cloud.create(services, {
    kind: "Service",
    metadata: { name, namespace: "default", annotations },
    spec: { ports: [{ port: 80 }] },
  });

test("a watch brings what is there and what changes, in session and unrecorded", async () => {
  await service("web");
  expect(await begin("a", "/core/v1/services/default/null", { labelSelector: "!internal" })).toMatchObject({
    Status: "Approved",
    RespBody: null,
  });
  const first = await cloud.hub.untilDelivered("a", ({ object }) => object.metadata.name === "web");
  expect(first).toMatchObject({
    operation: "insert",
    type: "service",
    source: "dynamiccontroller",
    recorded: false,
  });
  const patch = { metadata: { labels: { tier: "front" } } };
  const type = "application/merge-patch+json";
  await cloud.client.patch(services, { namespace: "default", name: "web" }, patch, { type });
  const changed = await cloud.hub.untilDelivered("a", ({ operation }) => operation === "update");
  expect(changed.object.metadata.labels).toEqual({ tier: "front" });
  const away = { metadata: { labels: { internal: "yes" } } };
  await cloud.client.patch(services, { namespace: "default", name: "web" }, away, { type });
  const left = await cloud.hub.untilDelivered("a", ({ operation }) => operation === "delete");
  expect(left.object.metadata.name).toBe("web");
  expect(cloud.hub.delivered("b")).toEqual([]);
});

test("a watch ends with its session, and by the edge's list of those that live", async () => {
  await begin("b", "/core/v1/services/default/null");
  const live = watch("c", "/core/v1/services/default/null");
  const failing = watch("c", "/core/v1/secrets/default/other", { fieldSelector: "no.such=field" });
  const failed = await sync("c", [live, failing]);
  expect(Object.keys(failed)).toEqual([failing.ID]);
  expect(failed[failing.ID]?.Status).toBe("Rejected");
  await service("second");
  await cloud.hub.untilDelivered("c", ({ object }) => object.metadata.name === "second");
  expect(await sync("c", [])).toEqual({});
  cloud.hub.connect("b");
  await begin("a", "/core/v1/services/default/null");
  cloud.hub.forget();
  await service("third");
  await cloud.hub.untilDelivered("a", ({ object }) => object.metadata.name === "third");
  expect(cloud.hub.delivered("b")).toEqual([]);
  expect(cloud.hub.delivered("c")).toEqual([]);
});

test("a node has so many watches and no more", async () => {
  for (let index = 0; index < 64; index++)
    expect((await begin("a", `/core/v1/services/default/s${index}`)).Status).toBe("Approved");
  const more = await begin("a", "/core/v1/services/default/more");
  expect(more).toMatchObject({ Status: "Rejected", Error: { ErrStatus: { code: 429 } } });
  expect((await begin("a", "/core/v1/services/default/s0")).Status).toBe("Approved");
});

test("what a node watches of secrets is its own", async () => {
  await cloud.run("a", "secretive", { volumes: [{ name: "s", secret: { secretName: "own" } }] });
  await begin("a", "/core/v1/secrets/default/null");
  for (const name of ["foreign", "own"])
    await cloud.create(ids.secrets, { kind: "Secret", metadata: { name, namespace: "default" } });
  await cloud.hub.untilDelivered("a", ({ object }) => object.metadata.name === "own");
  expect(cloud.hub.delivered("a").map(({ object }) => object.metadata.name)).toEqual(["own"]);
});

test("no watch takes away what a node has in any case", async () => {
  const labels = { watched: "yes" };
  const containers = [{ name: "c", image: "i" }];
  const create = (name: string, nodeName: string) =>
    cloud.create(ids.pods, {
      kind: "Pod",
      metadata: { name, namespace: "default", labels },
      spec: { nodeName, containers },
    });
  const bound = await create("bound", "b");
  await cloud.seen(ids.pods, bound);
  await begin("b", "/core/v1/pods/default/null", { labelSelector: "watched" });
  await cloud.hub.untilDelivered("b", ({ object }) => object.metadata.name === "bound");
  cloud.hub.forget();
  const key = { namespace: "default", name: "bound" };
  const type = "application/merge-patch+json";
  await cloud.seen(
    ids.pods,
    await cloud.client.patch(ids.pods, key, { metadata: { labels: { watched: null } } }, { type }),
  );
  expect(cloud.hub.delivered("b")).toEqual([]);
});

const slice = (name: string, of: string) =>
  cloud.create(slices, {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: { name, namespace: "default", labels: { "kubernetes.io/service-name": of } },
    addressType: "IPv4",
    endpoints: ["a", "b", "c"].map((nodeName, index) => ({ addresses: [`10.0.0.${index + 1}`], nodeName })),
    ports: [{ port: 80 }],
  });

const nodesIn = (object: object): unknown =>
  (object as { endpoints: { nodeName: string }[] }).endpoints.map(({ nodeName }) => nodeName);

test("a node sees the endpoints of its group, and sees them anew when groups change", async () => {
  const near = await service("near", { "apps.kubeedge.io/service-topology": "range-nodegroup" });
  await cloud.seen(services, near);
  for (const node of ["a", "c"]) await begin(node, "/discovery.k8s.io/v1/endpointslices/default/null");
  await slice("near-1", "near");
  await slice("far-1", "far");
  const of = (node: string, name: string) =>
    cloud.hub.untilDelivered(node, ({ object }) => object.metadata.name === name);
  expect(nodesIn((await of("a", "near-1")).object)).toEqual(["a", "b"]);
  expect(nodesIn((await of("c", "near-1")).object)).toEqual(["c"]);
  expect(nodesIn((await of("c", "far-1")).object)).toEqual(["a", "b", "c"]);
  cloud.hub.forget();
  const patch = { metadata: { labels: { "apps.kubeedge.io/belonging-to": "south" } } };
  const type = "application/merge-patch+json";
  await cloud.client.patch(ids.nodes, { name: "b" }, patch, { type });
  expect(nodesIn((await of("c", "near-1")).object)).toEqual(["b", "c"]);
  expect(nodesIn((await of("a", "near-1")).object)).toEqual(["a"]);
});

test("the API stands at the node's own MetaServer", async () => {
  await slice("kubernetes", "kubernetes");
  await begin("b", "/discovery.k8s.io/v1/endpointslices/default/null");
  const api = await cloud.hub.untilDelivered("b", ({ object }) => object.metadata.name === "kubernetes");
  expect(api.object).toMatchObject({
    endpoints: [{ addresses: ["127.0.0.1"] }],
    ports: [{ port: 10_550 }],
  });
});
