import { describe, expect, test } from "bun:test";
import type { KubeObject } from "../../../../spec/kubernetes/kube.ts";
import { meanwhile, openCluster, prepare, type TestCluster } from "./_cluster.ts";
import { pod } from "./_objects.ts";
import { kinds, type Claim, type Node, type PersistentVolume, type Pod } from "./kinds.ts";
import { edgeLabel } from "./nodes/evict.ts";
import { condition, isReady } from "./references.ts";
import type { EndpointSlice } from "./services/plan.ts";

const merge = { type: "application/merge-patch+json" } as const;

async function addPod(
  cluster: TestCluster,
  name: string,
  part: Parameters<typeof pod>[1] = {},
): Promise<void> {
  const { metadata: _, ...rest } = pod(name, part);
  const labels = part.metadata?.labels ?? {};
  await cluster.client.create(kinds.pods, { ...rest, metadata: { name, namespace: "default", labels } });
}

const stateOf = (node: Node): string | undefined => condition(node.status?.conditions, "Ready")?.status;

/** The node is heard of: it says so itself, as a kubelet does. */
async function say(cluster: TestCluster, name: string): Promise<void> {
  const node = (await cluster.client.get(kinds.nodes, { name })) as Node;
  const time = new Date(cluster.clock.now()).toISOString().replace(/\.\d+/, "");
  const conditions = [{ type: "Ready", status: "True", lastHeartbeatTime: time, lastTransitionTime: time }];
  const status = { ...node.status, conditions };
  const { resourceVersion: _, ...metadata } = node.metadata;
  await cluster.client.update(kinds.nodes, { ...node, metadata, status }, { subresource: "status" });
}

describe("nodes", () => {
  test("one that is not heard of loses its pods after five minutes, an edge keeps them", async () => {
    await using cluster = openCluster();
    await prepare(cluster, 3);
    const labels = { [edgeLabel]: "" };
    await cluster.client.patch(kinds.nodes, { name: "n2" }, { metadata: { labels } }, merge);
    for (const name of ["n1", "n2", "n3"]) await addPod(cluster, `on-${name}`, { spec: { nodeName: name } });
    await cluster.until<Pod>(kinds.pods, (pods) => pods.filter(isReady).length === 3);
    cluster.clock.turn(41_000);
    await say(cluster, "n3");
    await cluster.until<Node>(kinds.nodes, (nodes) => {
      return (
        nodes.map(stateOf).join() === "Unknown,Unknown,True" && (nodes[1]?.spec?.taints ?? []).length === 2
      );
    });
    await cluster.until<Pod>(kinds.pods, (pods) => pods.filter(isReady).length === 1);
    const left = await meanwhile(
      cluster.until<Pod>(kinds.pods, (pods) => pods.length === 2),
      async () => {
        cluster.clock.turn(10_000);
        await say(cluster, "n3");
      },
    );
    expect(left.map(({ metadata }) => metadata.name)).toEqual(["on-n2", "on-n3"]);
    expect(left.every(({ metadata }) => metadata.deletionTimestamp === undefined)).toBeTrue();
  });

  test("one that comes back loses its taints", async () => {
    await using cluster = openCluster();
    await prepare(cluster, 1);
    cluster.clock.turn(41_000);
    await cluster.until<Node>(kinds.nodes, ([node]) => node?.spec?.taints?.length === 2);
    await say(cluster, "n1");
    const [back] = await cluster.until<Node>(kinds.nodes, ([node]) => !node?.spec?.taints?.length);
    expect(back && stateOf(back)).toBe("True");
  });

  test("the pods of one that is deleted go without it", async () => {
    await using cluster = openCluster({ kubelet: () => undefined });
    await prepare(cluster, 1);
    await addPod(cluster, "a", { spec: { nodeName: "n1" } });
    await cluster.client.delete(kinds.nodes, { name: "n1" });
    const gone = cluster.until(kinds.pods, (pods) => pods.length === 0);
    await meanwhile(gone, () => cluster.clock.turn(20_000));
  });
});

describe("services", () => {
  test("their endpoints and slices follow the pods", async () => {
    await using cluster = openCluster();
    await prepare(cluster, 2);
    const { client } = cluster;
    const web = { metadata: { labels: { app: "web" } } };
    await addPod(cluster, "a", web);
    await client.create(kinds.services, {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "web", namespace: "default" },
      spec: { selector: { app: "web" }, ports: [{ port: 80, targetPort: 8080 }] },
    });
    const count = (slices: readonly EndpointSlice[]): number =>
      slices.reduce((sum, { endpoints }) => sum + (endpoints?.length ?? 0), 0);
    await cluster.until<EndpointSlice>(kinds.endpointSlices, (slices) => count(slices) === 1);
    await addPod(cluster, "b", web);
    await cluster.until<EndpointSlice>(kinds.endpointSlices, (slices) => count(slices) === 2);
    const isListed = (all: readonly KubeObject[], wanted: number): boolean => {
      const subsets = (all[0]?.["subsets"] ?? []) as readonly { readonly addresses?: readonly unknown[] }[];
      return (subsets[0]?.addresses?.length ?? 0) === wanted;
    };
    await cluster.until(kinds.endpoints, (all) => isListed(all, 2));
    await client.delete(kinds.pods, { namespace: "default", name: "a" });
    await cluster.until(kinds.endpoints, (all) => isListed(all, 1));
    await client.delete(kinds.services, { namespace: "default", name: "web" });
    await cluster.until(kinds.endpointSlices, (slices) => slices.length === 0);
    await cluster.until(kinds.endpoints, (all) => all.length === 0);
    expect(cluster.logged).toEqual([]);
  });
});

describe("volumes", () => {
  const volume = (name: string, node: string): KubeObject => ({
    apiVersion: "v1",
    kind: "PersistentVolume",
    metadata: { name },
    spec: {
      capacity: { storage: "2Gi" },
      accessModes: ["ReadWriteOnce"],
      storageClassName: "local",
      persistentVolumeReclaimPolicy: "Retain",
      local: { path: `/data/${name}` },
      nodeAffinity: {
        required: {
          nodeSelectorTerms: [
            { matchExpressions: [{ key: "kubernetes.io/hostname", operator: "In", values: [node] }] },
          ],
        },
      },
    },
  });
  const claim: KubeObject = {
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: { name: "data", namespace: "default" },
    spec: {
      accessModes: ["ReadWriteOnce"],
      storageClassName: "local",
      resources: { requests: { storage: "1Gi" } },
    },
  };
  const user = { spec: { volumes: [{ name: "v", persistentVolumeClaim: { claimName: "data" } }] } };

  test("a claim waits for its pod, the pod goes where the volume is, and the volume is released in the end", async () => {
    await using cluster = openCluster();
    await prepare(cluster, 2);
    const { client } = cluster;
    await client.create(kinds.storageClasses, {
      apiVersion: "storage.k8s.io/v1",
      kind: "StorageClass",
      metadata: { name: "local" },
      provisioner: "kubernetes.io/no-provisioner",
      volumeBindingMode: "WaitForFirstConsumer",
    });
    await client.create(kinds.volumes, volume("disk", "n2"));
    await cluster.until<PersistentVolume>(kinds.volumes, ([one]) => one?.status?.phase === "Available");
    await client.create(kinds.claims, claim);
    const events = await cluster.until(kinds.events, (all) =>
      all.some((event) => event["reason"] === "WaitForFirstConsumer"),
    );
    expect(events.length).toBeGreaterThan(0);
    await addPod(cluster, "a", user);
    const [placed] = await cluster.until<Pod>(kinds.pods, ([one]) => one !== undefined && isReady(one));
    expect(placed?.spec.nodeName).toBe("n2");
    const [bound] = await cluster.until<Claim>(kinds.claims, ([one]) => one?.status?.phase === "Bound");
    expect(bound?.spec.volumeName).toBe("disk");
    await cluster.until<PersistentVolume>(kinds.volumes, ([one]) => one?.status?.phase === "Bound");
    await client.delete(kinds.pods, { namespace: "default", name: "a" });
    await cluster.until(kinds.pods, (pods) => pods.length === 0);
    await client.delete(kinds.claims, { namespace: "default", name: "data" });
    await cluster.until<PersistentVolume>(kinds.volumes, ([one]) => one?.status?.phase === "Released");
    expect(cluster.logged).toEqual([]);
  });

  test("a claim that does not wait takes a volume as soon as there is one", async () => {
    await using cluster = openCluster();
    await prepare(cluster, 1);
    await cluster.client.create(kinds.claims, claim);
    await cluster.client.create(kinds.volumes, volume("disk", "n1"));
    await cluster.until<Claim>(kinds.claims, ([one]) => one?.status?.phase === "Bound");
    await cluster.until<PersistentVolume>(kinds.volumes, ([one]) => one?.status?.phase === "Bound");
  });
});

describe("every namespace", () => {
  test("has its service account and the certificate of the API", async () => {
    await using cluster = openCluster({ rootCertificate: "PEM" });
    await prepare(cluster, 0);
    const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name: "team" } };
    await cluster.client.create(kinds.namespaces, namespace);
    await cluster.until(kinds.serviceAccounts, (all) =>
      all.some(({ metadata }) => metadata.namespace === "team"),
    );
    const maps = await cluster.until(kinds.configMaps, (all) =>
      all.some(({ metadata }) => metadata.namespace === "team"),
    );
    const map = maps.find(({ metadata }) => metadata.namespace === "team");
    expect(map?.metadata.name).toBe("kube-root-ca.crt");
    expect(map?.["data"]).toEqual({ "ca.crt": "PEM" });
    await cluster.client.delete(kinds.configMaps, { namespace: "team", name: "kube-root-ca.crt" });
    const again = await cluster.until(kinds.configMaps, (all) =>
      all.some(({ metadata }) => metadata.namespace === "team" && metadata.uid !== map?.metadata.uid),
    );
    expect(again.length).toBeGreaterThan(0);
  });

  test("events that are an hour old go", async () => {
    await using cluster = openCluster();
    await prepare(cluster, 0);
    await addPod(cluster, "a");
    await cluster.until(kinds.events, (all) => all.length > 0);
    await cluster.client.delete(kinds.pods, { namespace: "default", name: "a" });
    await cluster.until(kinds.pods, (all) => all.length === 0);
    cluster.clock.turn(3_700_000);
    await cluster.until(kinds.events, (all) => all.length === 0);
  });
});
