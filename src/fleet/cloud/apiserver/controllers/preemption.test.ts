import { describe, expect, test } from "bun:test";
import { openCluster, prepare } from "./_cluster.ts";
import { asking, replicaSet } from "./_objects.ts";
import { kinds, type Pod, type ReplicaSet } from "./kinds.ts";
import { condition, isReady } from "./references.ts";

const classes = { group: "scheduling.k8s.io", version: "v1", resource: "priorityclasses" };
const priorityClass = (name: string, value: number, rest: object = {}) => ({
  apiVersion: "scheduling.k8s.io/v1",
  kind: "PriorityClass",
  metadata: { name },
  value,
  ...rest,
});

function small(replicas: number): ReplicaSet {
  const { metadata: _, ...made } = replicaSet("small");
  const resources = { requests: { cpu: "1" } };
  const containers = [{ name: "main", image: "a", resources }];
  const template = { metadata: { labels: { app: "web" } }, spec: { containers } };
  return {
    ...made,
    metadata: { name: "small", namespace: "default" },
    spec: { ...made.spec, replicas, template },
  };
}

function large(name: string, priorityClassName: string): Pod {
  const { metadata: _, ...made } = asking(name, { cpu: "3" });
  const containers = made.spec.containers.map((one) => ({ ...one, image: "a" }));
  return {
    ...made,
    metadata: { name, namespace: "default" },
    spec: { containers, priorityClassName },
  };
}

const isSmall = ({ metadata }: Pod): boolean => metadata.labels?.["app"] === "web";

describe("a node that is full", () => {
  test("less important pods make room, and their successors wait", async () => {
    await using cluster = openCluster();
    await prepare(cluster, 1);
    await cluster.client.create(classes, priorityClass("urgent", 1000));
    await cluster.client.create(kinds.replicaSets, small(4));
    await cluster.until<Pod>(kinds.pods, (all) => all.filter(isReady).length === 4);
    await cluster.client.create(kinds.pods, large("large", "urgent"));
    const pods = await cluster.until<Pod>(
      kinds.pods,
      (all) =>
        all.some((pod) => pod.metadata.name === "large" && isReady(pod)) &&
        all.filter(isSmall).length === 4 &&
        all.filter((pod) => isSmall(pod) && pod.status?.conditions !== undefined).length === 4,
    );
    const one = pods.find(({ metadata }) => metadata.name === "large");
    expect(one?.spec.nodeName).toBe("n1");
    expect(one?.status?.nominatedNodeName).toBe("n1");
    expect(pods.filter((pod) => isSmall(pod) && pod.spec.nodeName === "n1")).toHaveLength(1);
    const events = await cluster.until(
      kinds.events,
      (all) => all.filter(({ reason }) => reason === "Preempted").length === 3,
    );
    expect(events.find(({ reason }) => reason === "Preempted")?.["message"]).toBe(
      `Preempted by pod ${one?.metadata.uid} on node n1`,
    );
    expect(cluster.logged).toEqual([]);
  });

  test("the place is kept until those that were there are gone", async () => {
    await using cluster = openCluster();
    await prepare(cluster, 1);
    await cluster.client.create(classes, priorityClass("urgent", 1000));
    await cluster.client.create(classes, priorityClass("usual", 10));
    const slow = large("slow", "usual");
    const finalizers = ["example.com/hold"];
    await cluster.client.create(kinds.pods, { ...slow, metadata: { ...slow.metadata, finalizers } });
    await cluster.until<Pod>(kinds.pods, ([one]) => one !== undefined && isReady(one));
    await cluster.client.create(kinds.pods, large("large", "urgent"));
    const waiting = await cluster.until<Pod>(kinds.pods, (all) =>
      all.some((pod) => pod.status?.nominatedNodeName === "n1"),
    );
    const named = (all: readonly Pod[], name: string) => all.find(({ metadata }) => metadata.name === name);
    expect(named(waiting, "large")?.spec.nodeName).toBeUndefined();
    const victim = named(waiting, "slow");
    expect(victim?.metadata.deletionTimestamp).toBeString();
    expect(condition(victim?.status?.conditions, "DisruptionTarget")).toMatchObject({
      status: "True",
      reason: "PreemptionByScheduler",
    });
    const key = { namespace: "default", name: "slow" };
    const patch = { metadata: { finalizers: null } };
    await cluster.client.patch(kinds.pods, key, patch, { type: "application/merge-patch+json" });
    await cluster.until<Pod>(kinds.pods, (all) => named(all, "large")?.spec.nodeName === "n1");
    expect(cluster.logged).toEqual([]);
  });

  test("one that says Never waits until something goes by itself", async () => {
    await using cluster = openCluster();
    await prepare(cluster, 1);
    await cluster.client.create(classes, priorityClass("patient", 1000, { preemptionPolicy: "Never" }));
    await cluster.client.create(kinds.replicaSets, small(4));
    const before = await cluster.until<Pod>(kinds.pods, (all) => all.filter(isReady).length === 4);
    await cluster.client.create(kinds.pods, large("large", "patient"));
    const pods = await cluster.until<Pod>(kinds.pods, (all) =>
      all.some((pod) => pod.metadata.name === "large" && pod.status?.conditions !== undefined),
    );
    const uids = (all: readonly Pod[]) => all.filter(isSmall).map(({ metadata }) => metadata.uid ?? "");
    expect(uids(pods).toSorted()).toEqual(uids(before).toSorted());
    const key = { namespace: "default", name: "small" };
    const type = "application/merge-patch+json";
    await cluster.client.patch(kinds.replicaSets, key, { spec: { replicas: 1 } }, { type });
    await cluster.until<Pod>(kinds.pods, (all) =>
      all.some((pod) => pod.metadata.name === "large" && isReady(pod)),
    );
  });
});
