import { expect, test } from "bun:test";
import type { KubeObject } from "../../../spec/kubernetes/kube.ts";
import { type Row, SyncShelf, syncVersion } from "./shelf.ts";

const uid = "3b0f6a9e-5b57-4a3c-8f0c-0d6b0a6f3c11";

function sync(name: string, namespace?: string, version = "7"): KubeObject {
  return {
    apiVersion: syncVersion,
    kind: namespace === undefined ? "ClusterObjectSync" : "ObjectSync",
    metadata: { name, ...(namespace === undefined ? {} : { namespace }), uid: "own", resourceVersion: "9" },
    spec: { objectAPIVersion: "v1", objectKind: "Pod", objectName: "web" },
    status: { objectResourceVersion: version },
  };
}

function open() {
  const nodes = new Map<string, Map<string, Row>>();
  return { nodes, namespaced: new SyncShelf(nodes, true), cluster: new SyncShelf(nodes, false) };
}

test("a sync is a row of its node, by the uid of what the node has", () => {
  const { nodes, namespaced } = open();
  expect(namespaced.put(sync(`a.node.${uid}`, "default"))).toBeUndefined();
  const row = nodes.get("a.node")?.get(uid);
  expect(row).toMatchObject({ uid, namespace: "default", apiVersion: "v1", kind: "Pod", name: "web" });
  expect(row?.version).toBe("7");
});

test("what an informer asks of it is what was put in", () => {
  const { namespaced } = open();
  namespaced.put(sync(`n.${uid}`, "default"));
  const { kind, metadata } = sync(`n.${uid}`, "default");
  expect(namespaced.get("default", `n.${uid}`)).toEqual({ apiVersion: syncVersion, kind, metadata });
  expect(namespaced.all()).toEqual([{ apiVersion: syncVersion, kind, metadata }]);
  expect(namespaced.get("other", `n.${uid}`)).toBeUndefined();
});

test("each kind sees its own", () => {
  const { nodes, namespaced, cluster } = open();
  namespaced.put(sync(`n.${uid}`, "default"));
  cluster.put(sync("n.other"));
  expect(nodes.get("n")?.size).toBe(2);
  expect(namespaced.all()).toHaveLength(1);
  expect(cluster.all().map(({ metadata }) => metadata.name)).toEqual(["n.other"]);
  expect(cluster.get(undefined, `n.${uid}`)).toBeUndefined();
});

test("a node of which nothing is left is not kept", () => {
  const { nodes, namespaced } = open();
  namespaced.put(sync(`n.${uid}`, "default"));
  expect(namespaced.remove("other", `n.${uid}`)).toBeUndefined();
  expect(namespaced.remove("default", `n.${uid}`)?.metadata.uid).toBe("own");
  expect(nodes.size).toBe(0);
});

test("a version that is no number counts as none, and a name of another form as nobody's", () => {
  const { nodes, namespaced } = open();
  namespaced.put(sync(`n.${uid}`, "default", "x"));
  expect(nodes.get("n")?.get(uid)?.version).toBeUndefined();
  for (const name of ["nothing", `.${uid}`, "n."]) namespaced.put(sync(name, "default"));
  expect(nodes.size).toBe(1);
});
