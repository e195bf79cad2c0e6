/** Objects reach an edge whatever is lost on the way, and what it has is written down. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import type { Envelope } from "../../../src/fleet/link/envelope.ts";
import { compareVersions } from "../../../src/fleet/link/envelope.ts";
import type { KubeObject } from "../../../src/spec/kubernetes/kube.ts";
import { annotation } from "../../../src/fleet/cloud/hub/claims.ts";
import {
  type Api,
  type Cloud,
  configMap,
  core,
  delivery,
  openApi,
  openCloudHub,
  syncs,
  Turned,
} from "./_cloud.ts";
import { until } from "../until.ts";
import { connectDead } from "./fake-edge.ts";

let api: Api;
let clock: Turned;
const clouds: Cloud[] = [];

beforeEach(async () => {
  api = await openApi();
  clock = new Turned();
});
afterEach(async () => {
  for (const cloud of clouds.splice(0)) await cloud[Symbol.asyncDispose]();
  await api[Symbol.asyncDispose]();
});

async function open(more: Parameters<typeof openCloudHub>[1] = {}): Promise<Cloud> {
  const cloud = await openCloudHub(api.client, { clock, joinExisting: "always", ...more });
  clouds.push(cloud);
  return cloud;
}

async function end(cloud: Cloud): Promise<void> {
  clouds.splice(clouds.indexOf(cloud), 1);
  await cloud[Symbol.asyncDispose]();
}

async function syncOf(name: string): Promise<KubeObject | undefined> {
  return await api.client.get(syncs("objectsyncs"), { namespace: "default", name }).catch(() => undefined);
}

const versionOf = async (name: string) =>
  ((await syncOf(name))?.["status"] as { objectResourceVersion?: string } | undefined)?.objectResourceVersion;

const written = async (name: string, version: string) =>
  await until(async () => (await versionOf(name)) === version);

const of = (name: string) => (message: Envelope) => message.route.resource === `default/configmap/${name}`;
/** `insert a 7` */
const told = ({ route, resourceVersion }: Envelope) =>
  `${route.operation} ${route.resource.split("/")[2]} ${resourceVersion ?? ""}`.trimEnd();

test("an object reaches a node, and its version is written down when it is acknowledged", async () => {
  const cloud = await open();
  const edge = await cloud.connect("e1", await cloud.join("e1"));
  cloud.hub.deliver("e1", delivery(configMap("a", 7), "insert"));
  const { route, resourceVersion, content } = await edge.until(of("a"));
  expect(route).toEqual({
    source: "edgecontroller",
    group: "resource",
    operation: "insert",
    resource: "default/configmap/a",
  });
  expect(resourceVersion).toBe("7");
  expect(content).toEqual(configMap("a", 7));
  await written("e1.uid-of-a", "7");
  expect((await syncOf("e1.uid-of-a"))?.["spec"]).toEqual({
    objectAPIVersion: "v1",
    objectKind: "ConfigMap",
    objectName: "a",
  });
  cloud.hub.deliver("e1", delivery(configMap("a", 9)));
  await written("e1.uid-of-a", "9");
  cloud.hub.deliver("e1", delivery(configMap("a", 9), "delete"));
  await until(async () => (await syncOf("e1.uid-of-a")) === undefined);
  expect(edge.received.filter(of("a")).map(told)).toEqual(["insert a 7", "update a 9", "delete a 9"]);
});

test("an object of the cluster has a sync of the cluster", async () => {
  const cloud = await open();
  const edge = await cloud.connect("e1", await cloud.join("e1"));
  const volume = {
    apiVersion: "v1",
    kind: "PersistentVolume",
    metadata: { name: "v", uid: "uid-of-v", resourceVersion: "3" },
  };
  cloud.hub.deliver("e1", {
    operation: "insert",
    object: volume,
    type: "persistentvolume",
    source: "edgecontroller",
  });
  await edge.until(({ route }) => route.resource === "null/persistentvolume/v");
  await until(async () => {
    const sync = await api.client
      .get(syncs("clusterobjectsyncs"), { name: "e1.uid-of-v" })
      .catch(() => undefined);
    return (
      (sync?.["status"] as { objectResourceVersion?: string } | undefined)?.objectResourceVersion === "3"
    );
  });
});

test("what is not to be recorded is delivered and not written down", async () => {
  const cloud = await open();
  const edge = await cloud.connect("e1", await cloud.join("e1"));
  cloud.hub.deliver("e1", { ...delivery(configMap("watched", 7)), recorded: false });
  cloud.hub.deliver("e1", delivery(configMap("a", 7)));
  await edge.until(of("watched"));
  await written("e1.uid-of-a", "7");
  expect(await syncOf("e1.uid-of-watched")).toBeUndefined();
});

test("one lost acknowledgement holds up nobody, and is made up for under the same id", async () => {
  const cloud = await open();
  let lost = 2;
  const edge = await cloud.connect("e1", await cloud.join("e1"), {
    acknowledges: (message) => !(of("a")(message) && lost-- > 0),
  });
  for (const name of ["a", "b", "c"]) cloud.hub.deliver("e1", delivery(configMap(name, 1)));
  await Promise.all([written("e1.uid-of-b", "1"), written("e1.uid-of-c", "1")]);
  expect(await syncOf("e1.uid-of-a")).toBeUndefined();
  edge.keepalive();
  await edge.ping();
  await clock.pass(5_000);
  await edge.ping();
  await clock.pass(5_000);
  await written("e1.uid-of-a", "1");
  const sent = edge.received.filter(of("a"));
  expect(sent).toHaveLength(3);
  expect(new Set(sent.map(({ id }) => id)).size).toBe(1);
});

test("an edge that could not keep something gets it again", async () => {
  const cloud = await open();
  let refused = 0;
  const edge = await cloud.connect("e1", await cloud.join("e1"), { acknowledges: () => refused > 0 });
  cloud.hub.deliver("e1", delivery(configMap("a", 1)));
  const { id, route } = await edge.until(of("a"));
  edge.send({
    id: "1",
    parent: id,
    timestamp: 0,
    route: { ...route, operation: "error" },
    content: "disk full",
  });
  await edge.ping();
  refused += 1;
  await clock.pass(5_000);
  await written("e1.uid-of-a", "1");
});

test("what did not arrive before the connection was lost comes with the next, and what did does not", async () => {
  const cloud = await open();
  cloud.wanted.set("a", configMap("a", 1)).set("b", configMap("b", 1));
  const identity = await cloud.join("e1");
  const first = await cloud.connect("e1", identity, { acknowledges: of("a") });
  await first.until(of("b"));
  await written("e1.uid-of-a", "1");
  first.terminate();
  await until(() => cloud.hub.edge("e1") === undefined);
  const second = await cloud.connect("e1", identity);
  await written("e1.uid-of-b", "1");
  expect(second.received.map(told)).toEqual(["insert b 1"]);
});

test("what changed and what went while an edge was away is made good", async () => {
  const cloud = await open();
  for (const name of ["a", "b", "c"]) cloud.wanted.set(name, configMap(name, 1));
  const identity = await cloud.join("e1");
  const first = await cloud.connect("e1", identity);
  for (const name of ["a", "b", "c"]) await written(`e1.uid-of-${name}`, "1");
  await first.close();
  await until(() => cloud.hub.edge("e1") === undefined);
  cloud.wanted.delete("a");
  cloud.wanted.set("b", configMap("b", 12)).set("c", configMap("c", 1)).set("d", configMap("d", 2));
  const second = await cloud.connect("e1", identity);
  await until(async () => (await syncOf("e1.uid-of-a")) === undefined);
  await written("e1.uid-of-d", "2");
  await written("e1.uid-of-b", "12");
  expect(second.received.map(told).toSorted()).toEqual(["delete a", "insert d 2", "update b 12"]);
  const deletion = second.received.find(of("a"));
  expect(deletion?.content).toEqual({
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "a", namespace: "default", uid: "uid-of-a" },
  });
});

test("an object that was made anew under its name is another one", async () => {
  const cloud = await open();
  cloud.wanted.set("a", configMap("a", 5, "first"));
  const identity = await cloud.join("e1");
  const edge = await cloud.connect("e1", identity);
  await written("e1.first", "5");
  cloud.wanted.set("a", configMap("a", 6, "second"));
  cloud.hub.resync("e1");
  await written("e1.second", "6");
  await until(async () => (await syncOf("e1.first")) === undefined);
  expect(edge.received.map(told)).toEqual(["insert a 5", "insert a 6", "delete a"]);
});

test("what nobody told of is found within some seconds", async () => {
  const cloud = await open();
  const edge = await cloud.connect("e1", await cloud.join("e1"));
  await edge.ping();
  cloud.wanted.set("quiet", configMap("quiet", 1));
  await clock.pass(6_000);
  await edge.until(of("quiet"));
});

test("versions are compared as numbers, and one of an object never goes back", async () => {
  const cloud = await open();
  const edge = await cloud.connect("e1", await cloud.join("e1"));
  for (const version of [9, 10, 9, 100, 99, 1_000])
    cloud.hub.deliver("e1", delivery(configMap("a", version)));
  await written("e1.uid-of-a", "1000");
  const versions = edge.received.filter(of("a")).map(({ resourceVersion }) => resourceVersion);
  expect(versions.toSorted((x, y) => compareVersions(x, y))).toEqual(versions);
  expect(versions.at(-1)).toBe("1000");
});

test("many changes of an object that is not acknowledged cost no more than two messages", async () => {
  const cloud = await open();
  const edge = await cloud.connect("e1", await cloud.join("e1"), { acknowledges: () => false });
  for (let version = 1; version <= 1_000; version++)
    cloud.hub.deliver("e1", delivery(configMap("a", version)));
  await edge.until(of("a"));
  await edge.ping();
  await clock.pass(5_000);
  await edge.until((message) => message.resourceVersion === "1000");
  expect(edge.received.filter(of("a")).map(told)).toEqual(["update a 1", "update a 1000"]);
});

test("what a message cannot be made of is told and holds up no other", async () => {
  const cloud = await open();
  const edge = await cloud.connect("e1", await cloud.join("e1"));
  const bad = configMap("a", 1);
  cloud.hub.deliver("e1", delivery({ ...bad, metadata: { ...bad.metadata, name: "../../etc" } }));
  cloud.hub.deliver("e1", delivery(configMap("b", 1)));
  await edge.until(of("b"));
  expect(edge.received.map(told)).toEqual(["update b 1"]);
  expect(cloud.lines.some((line) => line.includes("cannot read resource"))).toBe(true);
});

test("with its node goes what it had", async () => {
  const cloud = await open();
  await api.client.create(core("nodes"), { apiVersion: "v1", kind: "Node", metadata: { name: "e1" } });
  const edge = await cloud.connect("e1", await cloud.join("e1"));
  cloud.hub.deliver("e1", delivery(configMap("a", 1)));
  await written("e1.uid-of-a", "1");
  await api.client.delete(core("nodes"), { name: "e1" });
  await edge.closed;
  await until(async () => (await syncOf("e1.uid-of-a")) === undefined);
});

test("what a node had that went while no hub was there is cleaned up", async () => {
  const metadata = { name: "past.node.some-uid", namespace: "default" };
  const spec = { objectAPIVersion: "v1", objectKind: "ConfigMap", objectName: "a" };
  const sync = { apiVersion: "reliablesyncs.kubeedge.io/v1alpha1", kind: "ObjectSync", metadata, spec };
  await api.client.create(syncs("objectsyncs"), sync);
  await open();
  await until(async () => (await syncOf(metadata.name)) === undefined);
});

test("a hub that was killed has taken nothing with it", async () => {
  const first = await open();
  first.wanted.set("a", configMap("a", 1)).set("b", configMap("b", 1));
  const identity = await first.join("e1");
  const edge = await first.connect("e1", identity, { acknowledges: of("a") });
  await edge.until(of("b"));
  await written("e1.uid-of-a", "1");
  await end(first);
  expect(await edge.closed).toContain("the cloud ends");
  await api.client.create(core("nodes"), { apiVersion: "v1", kind: "Node", metadata: { name: "e1" } });
  const second = await open();
  second.wanted.set("a", configMap("a", 1)).set("b", configMap("b", 1));
  const again = await second.connect("e1", identity);
  await again.until(of("b"));
  await written("e1.uid-of-b", "1");
  expect(again.received.map(told)).toEqual(["insert b 1"]);
});

test("of two hubs on one API the one that an edge came to last has it", async () => {
  await api.client.create(core("nodes"), { apiVersion: "v1", kind: "Node", metadata: { name: "e1" } });
  const [one, other] = [await open({ name: "one" }), await open({ name: "other" })];
  const holder = async () =>
    (await api.client.get(core("nodes"), { name: "e1" })).metadata.annotations?.[annotation];
  const identity = await one.join("e1");
  // A certificate of the one is good at the other: they have the same authority. The first connection is one that its edge has left without a word.
  const dead = await connectDead({ host: "127.0.0.1", port: one.hub.port, node: "e1", identity });
  await until(async () => (await holder()) === "1.one");
  const edge = await other.connect("e1", identity);
  await until(async () => (await holder()) === "2.other");
  await until(() => one.hub.edge("e1") === undefined);
  expect(other.hub.edge("e1")).toBeDefined();
  const back = await one.connect("e1", identity);
  expect(await edge.closed).toContain('hub "one" has the node');
  expect(await holder()).toBe("3.one");
  expect(one.hub.edge("e1")).toBeDefined();
  expect(other.hub.edge("e1")).toBeUndefined();
  dead.destroy();
  await back.close();
});

test("a node that is made after its edge connected is claimed too", async () => {
  const cloud = await open({ name: "one" });
  await cloud.connect("e1", await cloud.join("e1"));
  await until(() => cloud.hub.edge("e1"));
  await api.client.create(core("nodes"), { apiVersion: "v1", kind: "Node", metadata: { name: "e1" } });
  await until(async () => {
    const { metadata } = await api.client.get(core("nodes"), { name: "e1" });
    return metadata.annotations?.[annotation] === "1.one";
  });
});
