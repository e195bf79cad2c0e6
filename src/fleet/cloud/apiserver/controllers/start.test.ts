import { describe, expect, test } from "bun:test";
import { meanwhile, openCluster, prepare } from "./_cluster.ts";
import { pod } from "./_objects.ts";
import { kinds, type Deployment, type Pod, type ReplicaSet } from "./kinds.ts";
import { condition, isReady } from "./references.ts";

function web(part: Partial<Deployment["spec"]> = {}, image = "web:1"): Deployment {
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "web", namespace: "default" },
    spec: {
      replicas: 3,
      selector: { matchLabels: { app: "web" } },
      template: {
        metadata: { labels: { app: "web" } },
        spec: { containers: [{ name: "main", image, resources: { requests: { cpu: "100m" } } }] },
      },
      ...part,
    },
  };
}

const place = { namespace: "default", name: "web" };
const merge = { type: "application/merge-patch+json" } as const;

function isRolledOut([one]: readonly Deployment[]): boolean {
  const { observedGeneration, updatedReplicas, replicas, availableReplicas } = one?.status ?? {};
  const wanted = one?.spec.replicas;
  return (
    observedGeneration === one?.metadata.generation &&
    [updatedReplicas, replicas, availableReplicas].every((count) => count === wanted) &&
    condition(one?.status?.conditions, "Progressing")?.reason === "NewReplicaSetAvailable"
  );
}

function imageOf({ spec }: Pick<Pod, "spec">): string | undefined {
  return spec.containers[0]?.image;
}

describe("deployments", () => {
  test("three pods on two nodes, and the revision is said", async () => {
    await using cluster = openCluster();
    await prepare(cluster);
    await cluster.client.create(kinds.deployments, web());
    const [made] = await cluster.until<Deployment>(kinds.deployments, isRolledOut);
    expect(made?.metadata.annotations?.["deployment.kubernetes.io/revision"]).toBe("1");
    const pods = (await cluster.client.list(kinds.pods)).items as readonly Pod[];
    expect(pods.filter(isReady)).toHaveLength(3);
    expect(new Set(pods.map(({ spec }) => spec.nodeName))).toEqual(new Set(["n1", "n2"]));
    expect(cluster.logged).toEqual([]);
  });

  test("a new image rolls out, undo brings the old one back, and the history is kept within its limit", async () => {
    await using cluster = openCluster();
    await prepare(cluster);
    const { client } = cluster;
    await client.create(kinds.deployments, web({ revisionHistoryLimit: 1 }));
    await cluster.until(kinds.deployments, isRolledOut);
    for (const image of ["web:2", "web:3"]) {
      const containers = [{ name: "main", image }];
      await client.patch(kinds.deployments, place, { spec: { template: { spec: { containers } } } }, merge);
      await cluster.until(kinds.deployments, isRolledOut);
    }
    const sets = await cluster.until<ReplicaSet>(kinds.replicaSets, (all) => all.length === 2);
    expect(new Set(sets.map(({ spec }) => imageOf(spec.template)))).toEqual(new Set(["web:2", "web:3"]));
    const containers = [{ name: "main", image: "web:2" }];
    await client.patch(kinds.deployments, place, { spec: { template: { spec: { containers } } } }, merge);
    const [back] = await cluster.until<Deployment>(kinds.deployments, isRolledOut);
    expect(back?.metadata.annotations?.["deployment.kubernetes.io/revision"]).toBe("4");
    const pods = await cluster.until<Pod>(kinds.pods, (all) => all.length === 3);
    expect(pods.map(imageOf)).toEqual(["web:2", "web:2", "web:2"]);
    expect(cluster.logged).toEqual([]);
  });

  test("scaled up and down, and none at all", async () => {
    await using cluster = openCluster();
    await prepare(cluster);
    await cluster.client.create(kinds.deployments, web());
    for (const replicas of [5, 2, 0]) {
      await cluster.client.patch(kinds.deployments, place, { spec: { replicas } }, merge);
      await cluster.until(kinds.deployments, isRolledOut);
      await cluster.until(kinds.pods, (pods) => pods.length === replicas);
    }
  });

  test("paused, nothing rolls out", async () => {
    await using cluster = openCluster();
    await prepare(cluster);
    await cluster.client.create(kinds.deployments, web());
    await cluster.until(kinds.deployments, isRolledOut);
    const template = { spec: { containers: [{ name: "main", image: "web:2" }] } };
    await cluster.client.patch(kinds.deployments, place, { spec: { paused: true, template } }, merge);
    const [paused] = await cluster.until<Deployment>(
      kinds.deployments,
      ([one]) => condition(one?.status?.conditions, "Progressing")?.reason === "DeploymentPaused",
    );
    expect(paused?.status?.updatedReplicas ?? 0).toBe(0);
    await cluster.client.patch(kinds.deployments, place, { spec: { paused: false } }, merge);
    await cluster.until(kinds.deployments, isRolledOut);
    const pods = await cluster.until<Pod>(kinds.pods, (all) => all.length === 3);
    expect(pods.map(imageOf)).toEqual(["web:2", "web:2", "web:2"]);
  });

  test("Recreate never has pods of both templates", async () => {
    await using cluster = openCluster();
    await prepare(cluster);
    await cluster.client.create(kinds.deployments, web({ strategy: { type: "Recreate" } }));
    await cluster.until(kinds.deployments, isRolledOut);
    const template = { spec: { containers: [{ name: "main", image: "web:2" }] } };
    const images: string[][] = [];
    const seen = cluster.until<Pod>(kinds.pods, (pods) => {
      images.push([...new Set(pods.map((one) => imageOf(one) ?? ""))]);
      return pods.length === 3 && pods.every((one) => imageOf(one) === "web:2");
    });
    await cluster.client.patch(kinds.deployments, place, { spec: { template } }, merge);
    await seen;
    expect(images.filter((each) => each.length > 1)).toEqual([]);
  });

  test("a rollout that gets nowhere is said to have exceeded its deadline", async () => {
    await using cluster = openCluster({ kubelet: () => undefined });
    await prepare(cluster);
    await cluster.client.create(kinds.deployments, web({ progressDeadlineSeconds: 60 }));
    await cluster.until<Deployment>(kinds.deployments, ([one]) => one?.status?.updatedReplicas === 3);
    cluster.clock.turn(62_000);
    const [late] = await cluster.until<Deployment>(
      kinds.deployments,
      ([one]) => condition(one?.status?.conditions, "Progressing")?.status === "False",
    );
    const progress = condition(late?.status?.conditions, "Progressing");
    expect(progress?.reason).toBe("ProgressDeadlineExceeded");
    expect(progress?.message).toMatch(/^ReplicaSet "web-\w+" has timed out progressing\.$/);
  });

  test("a pod that is deleted is replaced", async () => {
    await using cluster = openCluster();
    await prepare(cluster);
    await cluster.client.create(kinds.deployments, web());
    const [first] = await cluster.until<Pod>(kinds.pods, (pods) => pods.filter(isReady).length === 3);
    const { name = "", namespace = "" } = first?.metadata ?? {};
    await cluster.client.delete(kinds.pods, { namespace, name });
    const pods = await cluster.until<Pod>(
      kinds.pods,
      (all) => all.filter(isReady).length === 3 && all.every((one) => one.metadata.name !== name),
    );
    expect(pods).toHaveLength(3);
  });
});

describe("deletion", () => {
  for (const propagationPolicy of ["Background", "Foreground"] as const) {
    test(`${propagationPolicy}: what it owned goes too`, async () => {
      await using cluster = openCluster();
      await prepare(cluster);
      await cluster.client.create(kinds.deployments, web());
      await cluster.until(kinds.deployments, isRolledOut);
      await cluster.client.delete(kinds.deployments, place, { propagationPolicy });
      await cluster.until(kinds.pods, (pods) => pods.length === 0);
      await cluster.until(kinds.replicaSets, (sets) => sets.length === 0);
      await cluster.until(kinds.deployments, (all) => all.length === 0);
      expect(cluster.logged).toEqual([]);
    });
  }

  test("Orphan: what it owned stays, without an owner, and a new one of that name adopts it", async () => {
    await using cluster = openCluster();
    await prepare(cluster);
    await cluster.client.create(kinds.deployments, web());
    await cluster.until(kinds.deployments, isRolledOut);
    await cluster.client.delete(kinds.deployments, place, { propagationPolicy: "Orphan" });
    await cluster.until(kinds.deployments, (all) => all.length === 0);
    const [orphan] = await cluster.until<ReplicaSet>(
      kinds.replicaSets,
      ([set]) => (set?.metadata.ownerReferences ?? []).length === 0,
    );
    await cluster.client.create(kinds.deployments, web());
    const [adopted] = await cluster.until<ReplicaSet>(
      kinds.replicaSets,
      ([set]) => (set?.metadata.ownerReferences ?? []).length === 1,
    );
    expect(adopted?.metadata.uid).toBe(orphan?.metadata.uid ?? "none");
  });

  test("an object whose owner never was goes", async () => {
    await using cluster = openCluster();
    await prepare(cluster);
    const { metadata: _, ...rest } = pod("lost");
    await cluster.client.create(kinds.pods, {
      ...rest,
      metadata: {
        name: "lost",
        namespace: "default",
        ownerReferences: [{ apiVersion: "v1", kind: "ConfigMap", name: "gone", uid: "no-such-uid" }],
      },
    });
    await cluster.until(kinds.pods, (pods) => pods.length === 0);
  });

  test("a namespace goes with everything in it", async () => {
    await using cluster = openCluster();
    await prepare(cluster);
    const { client } = cluster;
    await client.create(kinds.namespaces, {
      apiVersion: "v1",
      kind: "Namespace",
      metadata: { name: "team" },
    });
    const deployment = web();
    await client.create(kinds.deployments, { ...deployment, metadata: { name: "web", namespace: "team" } });
    const config = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "c", namespace: "team" } };
    await client.create(kinds.configMaps, config);
    await cluster.until<Pod>(kinds.pods, (pods) => pods.filter(isReady).length === 3);
    await client.delete(kinds.namespaces, { name: "team" });
    // The namespace is looked at once a second until it is empty.
    const gone = cluster.until(kinds.namespaces, (all) =>
      all.every(({ metadata }) => metadata.name !== "team"),
    );
    await meanwhile(gone, () => cluster.clock.turn(1000));
    for (const kind of [kinds.pods, kinds.replicaSets, kinds.deployments, kinds.configMaps]) {
      const { items } = await client.list(kind);
      expect(items.filter(({ metadata }) => metadata.namespace === "team")).toEqual([]);
    }
  });
});

describe("the scheduler", () => {
  test("says why a pod waits, and places it as soon as it fits", async () => {
    await using cluster = openCluster();
    await prepare(cluster, 1);
    const { metadata: _, ...rest } = pod("big", {
      spec: { containers: [{ name: "main", image: "a", resources: { requests: { cpu: "5" } } }] },
    });
    await cluster.client.create(kinds.pods, { ...rest, metadata: { name: "big", namespace: "default" } });
    const [waiting] = await cluster.until<Pod>(
      kinds.pods,
      ([one]) => condition(one?.status?.conditions, "PodScheduled")?.status === "False",
    );
    expect(condition(waiting?.status?.conditions, "PodScheduled")).toMatchObject({
      reason: "Unschedulable",
      message: "0/1 nodes are available: 1 Insufficient cpu.",
    });
    const events = await cluster.until(kinds.events, (all) => all.length > 0);
    expect(events.map((event) => event["reason"])).toContain("FailedScheduling");
    const status = { allocatable: { cpu: "8", memory: "8Gi", pods: "110" } };
    await cluster.client.patch(kinds.nodes, { name: "n1", subresource: "status" }, { status }, merge);
    const [placed] = await cluster.until<Pod>(kinds.pods, ([one]) => one?.spec.nodeName !== undefined);
    expect(placed?.spec.nodeName).toBe("n1");
  });

  test("leaves pods of other schedulers alone", async () => {
    await using cluster = openCluster();
    await prepare(cluster, 1);
    const specs = { other: { schedulerName: "mine" }, plain: {} };
    for (const [name, spec] of Object.entries(specs)) {
      const { metadata: _, ...rest } = pod(name, { spec });
      await cluster.client.create(kinds.pods, { ...rest, metadata: { name, namespace: "default" } });
    }
    const pods = await cluster.until<Pod>(kinds.pods, (all) => all.some(isReady));
    expect(pods.filter(({ spec }) => spec.nodeName).map(({ metadata }) => metadata.name)).toEqual(["plain"]);
  });
});
