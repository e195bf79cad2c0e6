import { describe, expect, test } from "bun:test";
import type { KubeObject, ObjectMeta } from "../../../../../spec/kubernetes/kube.ts";
import { meanwhile, openCluster, prepare, type TestCluster } from "../_cluster.ts";
import { kinds, type Condition } from "../kinds.ts";
import { condition } from "../references.ts";

const widgets = { group: "example.com", version: "v1", resource: "widgets" } as const;

const definition: KubeObject = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: "widgets.example.com" },
  spec: {
    group: "example.com",
    scope: "Namespaced",
    names: { plural: "widgets", singular: "widget", kind: "Widget", listKind: "WidgetList" },
    versions: [
      {
        name: "v1",
        served: true,
        storage: true,
        schema: { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } },
      },
    ],
  },
};

async function define(cluster: TestCluster): Promise<void> {
  await cluster.client.create(kinds.customResourceDefinitions, definition);
  await cluster.until(kinds.customResourceDefinitions, ([one]) => {
    const { conditions } = (one?.["status"] ?? {}) as { readonly conditions?: readonly Condition[] };
    return condition(conditions, "Established")?.status === "True";
  });
}

function widget(metadata: ObjectMeta): KubeObject {
  return { apiVersion: "example.com/v1", kind: "Widget", metadata: { namespace: "default", ...metadata } };
}

function configMap(metadata: ObjectMeta): KubeObject {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { namespace: "default", ...metadata } };
}

function owner({ apiVersion, kind, metadata }: KubeObject) {
  const { name = "", uid = "" } = metadata;
  return { apiVersion, kind, name, uid, blockOwnerDeletion: true };
}

describe("custom resources", () => {
  for (const propagationPolicy of ["Background", "Foreground"] as const) {
    test(`${propagationPolicy}: what they own goes with them, and they go with what owns them`, async () => {
      await using cluster = openCluster();
      await prepare(cluster, 0);
      const { client } = cluster;
      await define(cluster);
      const top = await client.create(kinds.configMaps, configMap({ name: "top" }));
      const middle = await client.create(widgets, widget({ name: "middle", ownerReferences: [owner(top)] }));
      const bottom = configMap({ name: "bottom", ownerReferences: [owner(middle)] });
      await client.create(kinds.configMaps, bottom);
      await client.delete(kinds.configMaps, { namespace: "default", name: "top" }, { propagationPolicy });
      // The collector looks from time to time for kinds that are new.
      const gone = cluster.until(kinds.configMaps, (all) =>
        all.every(({ metadata }) => metadata.name !== "top" && metadata.name !== "bottom"),
      );
      await meanwhile(gone, () => cluster.clock.turn(1000));
      await cluster.until(widgets, (all) => all.length === 0);
      expect(cluster.logged).toEqual([]);
    });
  }

  test("they go with their namespace", async () => {
    await using cluster = openCluster();
    await prepare(cluster, 0);
    const { client } = cluster;
    await define(cluster);
    await client.create(kinds.namespaces, {
      apiVersion: "v1",
      kind: "Namespace",
      metadata: { name: "team" },
    });
    await client.create(widgets, widget({ name: "w", namespace: "team" }));
    await client.delete(kinds.namespaces, { name: "team" });
    const gone = cluster.until(kinds.namespaces, (all) =>
      all.every(({ metadata }) => metadata.name !== "team"),
    );
    await meanwhile(gone, () => cluster.clock.turn(1000));
    expect((await client.list(widgets)).items).toEqual([]);
  });
});
