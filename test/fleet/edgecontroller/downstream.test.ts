import { afterAll, beforeAll, expect, test } from "bun:test";
import { ids } from "../../../src/fleet/cloud/edgecontroller/ids.ts";
import { startEdgeController } from "../../../src/fleet/cloud/edgecontroller/start.ts";
import type { KubeObject } from "../../../src/spec/kubernetes/kube.ts";
import { openTestCloud, type TestCloud } from "./_cloud.ts";

let cloud: TestCloud;
beforeAll(async () => {
  cloud = await openTestCloud([startEdgeController]);
});
afterAll(() => cloud[Symbol.asyncDispose]());

const merge = { type: "application/merge-patch+json" } as const;
const names = (node: string): readonly string[] =>
  cloud.hub
    .delivered(node)
    .map(({ operation, type, object }) => `${operation} ${type} ${object.metadata.name}`);
const wanted = (node: string): readonly string[] =>
  cloud.hub
    .wanted(node)
    .map(({ type, object }) => `${type} ${object.metadata.name}`)
    .toSorted();
const make = (resource: (typeof ids)["secrets"], kind: string, name: string): Promise<KubeObject> =>
  cloud.create(resource, { kind, metadata: { name, namespace: "default" } });

test("a pod comes after what it refers to, and what it refers to follows its changes", async () => {
  await cloud.join("one");
  await cloud.join("two");
  for (const name of ["conf", "unused"])
    await cloud.seen(ids.configMaps, await make(ids.configMaps, "ConfigMap", name));
  await cloud.seen(ids.secrets, await make(ids.secrets, "Secret", "pull"));
  await cloud.run("one", "p", {
    imagePullSecrets: [{ name: "pull" }],
    containers: [{ name: "c", image: "i", envFrom: [{ configMapRef: { name: "conf" } }] }],
  });
  expect(names("one")).toEqual(["update secret pull", "insert configmap conf", "insert pod p"]);
  expect(wanted("one")).toEqual(["configmap conf", "node one", "pod p", "secret pull"]);
  cloud.hub.forget();
  const changed = await cloud.client.patch(
    ids.configMaps,
    { namespace: "default", name: "conf" },
    { data: { a: "1" } },
    merge,
  );
  await cloud.seen(ids.configMaps, changed);
  await cloud.client.patch(
    ids.configMaps,
    { namespace: "default", name: "unused" },
    { data: { a: "1" } },
    merge,
  );
  await cloud.client.delete(ids.secrets, { namespace: "default", name: "pull" });
  await cloud.hub.untilDelivered("one", ({ operation }) => operation === "delete");
  expect(names("one")).toEqual(["update configmap conf", "delete secret pull"]);
  expect(names("two")).toEqual([]);
});

test("a status that a node reported is not sent back to it, neither at once nor later", async () => {
  await cloud.join("quiet");
  const pod = await cloud.run("quiet", "still");
  cloud.hub.forget();
  const key = { namespace: "default", name: "still", subresource: "status" };
  const reported = await cloud.client.patch(ids.pods, key, { status: { phase: "Running" } }, merge);
  await cloud.seen(ids.pods, reported);
  expect(cloud.hub.delivered("quiet")).toEqual([]);
  const kept = cloud.hub.wanted("quiet").find(({ type }) => type === "pod");
  expect(kept?.object.metadata.resourceVersion).toBe(pod.metadata.resourceVersion ?? "");
  expect(kept?.object).toMatchObject({ status: { phase: "Running" } });
  const labelled = await cloud.client.patch(
    ids.pods,
    { namespace: "default", name: "still" },
    { metadata: { labels: { a: "b" } } },
    merge,
  );
  await cloud.seen(ids.pods, labelled);
  expect(names("quiet")).toEqual(["update pod still"]);
  expect(cloud.hub.delivered("quiet")[0]?.object.metadata.resourceVersion).toBe(
    labelled.metadata.resourceVersion ?? "",
  );
});

test("a condition that the node waits for is sent to it", async () => {
  await cloud.join("gated");
  await cloud.run("gated", "waits", { readinessGates: [{ conditionType: "example.com/ready" }] });
  cloud.hub.forget();
  const status = { conditions: [{ type: "example.com/ready", status: "True" }] };
  const key = { namespace: "default", name: "waits", subresource: "status" };
  await cloud.seen(ids.pods, await cloud.client.patch(ids.pods, key, { status }, merge));
  expect(names("gated")).toEqual(["update pod waits"]);
});

test("a pod that is being deleted, and one that is gone", async () => {
  await cloud.join("ending");
  await cloud.run("ending", "dies");
  cloud.hub.forget();
  const key = { namespace: "default", name: "dies" };
  await cloud.client.delete(ids.pods, key, { gracePeriodSeconds: 30 });
  await cloud.hub.untilDelivered("ending", ({ object }) => object.metadata.deletionTimestamp !== undefined);
  await cloud.client.delete(ids.pods, key, { gracePeriodSeconds: 0 });
  const gone = await cloud.hub.untilDelivered("ending", ({ operation }) => operation === "delete");
  expect(gone.object).toMatchObject({ kind: "Pod", apiVersion: "v1", spec: { nodeName: "ending" } });
  expect(wanted("ending")).toEqual(["node ending"]);
});

test("a node is sent to those that do not ask for it, and not for its heartbeats alone", async () => {
  await cloud.join("new");
  await cloud.join("old", "1.22.0");
  const beat = (node: string, lastHeartbeatTime: string) =>
    cloud.client.patch(
      ids.nodes,
      { name: node, subresource: "status" },
      { status: { conditions: [{ type: "Ready", status: "True", lastHeartbeatTime }] } },
      merge,
    );
  for (const node of ["new", "old"]) await cloud.seen(ids.nodes, await beat(node, "2026-11-21T06:24:01Z"));
  expect(names("new")).toContain("update node new");
  cloud.hub.forget();
  for (const node of ["new", "old"]) await cloud.seen(ids.nodes, await beat(node, "2026-11-21T06:29:01Z"));
  expect([...names("new"), ...names("old")]).toEqual([]);
  expect([wanted("new"), wanted("old")]).toEqual([["node new"], []]);
});

test("a claim brings its volume, and an ephemeral container what it refers to", async () => {
  await cloud.join("stateful");
  const spec = {
    accessModes: ["ReadWriteOnce"],
    resources: { requests: { storage: "1Gi" } },
    volumeName: "disk",
  };
  await cloud.seen(
    ids.claims,
    await cloud.create(ids.claims, {
      kind: "PersistentVolumeClaim",
      metadata: { name: "data", namespace: "default" },
      spec,
    }),
  );
  await cloud.run("stateful", "db", {
    volumes: [{ name: "d", persistentVolumeClaim: { claimName: "data" } }],
  });
  const volume = {
    capacity: { storage: "1Gi" },
    accessModes: ["ReadWriteOnce"],
    hostPath: { path: "/srv" },
    claimRef: { namespace: "default", name: "data" },
  };
  await cloud.create(ids.volumes, { kind: "PersistentVolume", metadata: { name: "disk" }, spec: volume });
  await cloud.hub.untilDelivered("stateful", ({ type }) => type === "persistentvolume");
  const own = ["node stateful", "persistentvolume disk", "persistentvolumeclaim data", "pod db"];
  expect(wanted("stateful")).toEqual(own);
});

test("what came to a node while it was away it should have when it comes", async () => {
  await cloud.run("late", "early");
  cloud.hub.connect("late");
  expect(wanted("late")).toEqual(["pod early"]);
});
