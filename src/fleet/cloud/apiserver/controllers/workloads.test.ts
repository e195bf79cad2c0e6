import { describe, expect, test } from "bun:test";
import { openCluster, prepare, running, type Kubelet } from "./_cluster.ts";
import { daemonSet, job, node } from "./_objects.ts";
import { hashLabel, hashOf } from "./daemonset/revisions.ts";
import { kinds, type ControllerRevision, type DaemonSet, type Job, type Pod } from "./kinds.ts";
import { condition, same } from "./references.ts";
import { indexAnnotation } from "./job/tracking.ts";

const merge = { type: "application/merge-patch+json" } as const;

/** Every pod ends at once, in the phase that the function says. */
function ending(phase: (pod: Pod) => "Succeeded" | "Failed"): Kubelet {
  return (pod, now) => {
    const isOver = pod.status?.phase === "Succeeded" || pod.status?.phase === "Failed";
    return isOver ? undefined : { ...running(pod, now), phase: phase(pod) };
  };
}

function newJob(spec: Partial<Job["spec"]>): Job {
  const { metadata: _, ...made } = job({ spec });
  const { selector: __, ...rest } = made.spec;
  return { ...made, metadata: { name: "work", namespace: "default" }, spec: rest } as Job;
}

function hasEnded(type: string): (jobs: readonly Job[]) => boolean {
  return ([one]) => condition(one?.status?.conditions, type)?.status === "True";
}

describe("jobs", () => {
  test("three completions, two at a time", async () => {
    await using cluster = openCluster({ kubelet: ending(() => "Succeeded") });
    await prepare(cluster);
    await cluster.client.create(kinds.jobs, newJob({ completions: 3, parallelism: 2 }));
    const [done] = await cluster.until(kinds.jobs, hasEnded("Complete"));
    expect(done?.status).toMatchObject({ succeeded: 3 });
    expect(done?.status?.completionTime).toBeString();
    expect(cluster.logged).toEqual([]);
    const pods = await cluster.until<Pod>(kinds.pods, (all) =>
      all.every((pod) => !pod.metadata.finalizers?.length),
    );
    expect(pods).toHaveLength(3);
  });

  test("indexed: each index once, and the failed one again", async () => {
    const failed = new Set<string>();
    const kubelet = ending((pod) => {
      const index = pod.metadata.annotations?.[indexAnnotation] ?? "";
      if (index !== "1" || failed.has(index)) return "Succeeded";
      failed.add(index);
      return "Failed";
    });
    await using cluster = openCluster({ kubelet });
    await prepare(cluster);
    await cluster.client.create(
      kinds.jobs,
      newJob({ completions: 3, parallelism: 3, completionMode: "Indexed" }),
    );
    await cluster.until<Job>(kinds.jobs, ([one]) => one?.status?.failed === 1);
    // The wait after a failure.
    cluster.clock.turn(11_000);
    const [done] = await cluster.until<Job>(kinds.jobs, hasEnded("Complete"));
    expect(done?.status).toMatchObject({ succeeded: 3, failed: 1, completedIndexes: "0-2" });
  });

  test("one that fails too often has failed, and goes after its time", async () => {
    await using cluster = openCluster({ kubelet: ending(() => "Failed") });
    await prepare(cluster);
    await cluster.client.create(kinds.jobs, newJob({ backoffLimit: 0, ttlSecondsAfterFinished: 100 }));
    const [failed] = await cluster.until<Job>(kinds.jobs, hasEnded("Failed"));
    expect(condition(failed?.status?.conditions, "Failed")?.reason).toBe("BackoffLimitExceeded");
    cluster.clock.turn(101_000);
    await cluster.until(kinds.jobs, (jobs) => jobs.length === 0);
    await cluster.until(kinds.pods, (pods) => pods.length === 0);
  });

  test("suspended it has no pods, resumed it has", async () => {
    await using cluster = openCluster();
    await prepare(cluster);
    await cluster.client.create(kinds.jobs, newJob({ suspend: true }));
    await cluster.until(kinds.jobs, hasEnded("Suspended"));
    const key = { namespace: "default", name: "work" };
    await cluster.client.patch(kinds.jobs, key, { spec: { suspend: false } }, merge);
    await cluster.until<Job>(kinds.jobs, ([one]) => one?.status?.ready === 1);
    await cluster.client.patch(kinds.jobs, key, { spec: { suspend: true } }, merge);
    await cluster.until(kinds.pods, (pods) => pods.length === 0);
    const [suspended] = await cluster.until<Job>(kinds.jobs, ([one]) => (one?.status?.active ?? 0) === 0);
    expect(suspended?.status?.failed ?? 0).toBe(0);
  });
});

describe("daemon sets", () => {
  const isEverywhere =
    (nodes: number) =>
    ([one]: readonly DaemonSet[]): boolean =>
      one?.status?.["observedGeneration"] === one?.metadata.generation &&
      one?.status?.["numberAvailable"] === nodes &&
      one?.status?.["updatedNumberScheduled"] === nodes;

  test("a pod on every node, on new ones too, and a new template comes to all", async () => {
    await using cluster = openCluster();
    await prepare(cluster, 2);
    const { metadata: _, ...rest } = daemonSet();
    await cluster.client.create(kinds.daemonSets, {
      ...rest,
      metadata: { name: "agent", namespace: "default" },
    });
    await cluster.until(kinds.daemonSets, isEverywhere(2));
    const third = node("n3");
    const made = await cluster.client.create(kinds.nodes, {
      ...third,
      metadata: { name: "n3", labels: third.metadata.labels ?? {} },
    });
    await cluster.client.update(kinds.nodes, { ...made, status: third.status }, { subresource: "status" });
    await cluster.until(kinds.daemonSets, isEverywhere(3));
    const template = { spec: { containers: [{ name: "main", image: "b" }] } };
    await cluster.client.patch(
      kinds.daemonSets,
      { namespace: "default", name: "agent" },
      { spec: { template } },
      merge,
    );
    await cluster.until<DaemonSet>(
      kinds.daemonSets,
      (all) => isEverywhere(3)(all) && all[0]?.metadata.generation === 2,
    );
    const pods = await cluster.until<Pod>(kinds.pods, (all) => all.length === 3);
    expect(pods.map(({ spec }) => spec.containers[0]?.image)).toEqual(["b", "b", "b"]);
    expect(new Set(pods.map(({ spec }) => spec.nodeName)).size).toBe(3);
    expect(cluster.logged).toEqual([]);
  });

  const key = { namespace: "default", name: "agent" };
  const { metadata: _, ...described } = daemonSet({ spec: { revisionHistoryLimit: 1 } });
  const agent = { ...described, metadata: key };
  const image = (name: string) => ({
    spec: { template: { spec: { containers: [{ name: "main", image: name }] } } },
  });
  const byNumber = (all: readonly ControllerRevision[]): readonly ControllerRevision[] =>
    all.toSorted((a, b) => a.revision - b.revision);
  const numbered =
    (...numbers: readonly number[]) =>
    (all: readonly ControllerRevision[]): boolean =>
      same(
        byNumber(all).map(({ revision }) => revision),
        numbers,
      );
  const strategic = { type: "application/strategic-merge-patch+json" } as const;

  test("each template is kept, and comes back by the patch that its revision is", async () => {
    await using cluster = openCluster();
    await prepare(cluster, 1);
    await cluster.client.create(kinds.daemonSets, agent);
    await cluster.until<ControllerRevision>(kinds.controllerRevisions, numbered(1));
    await cluster.until(kinds.daemonSets, isEverywhere(1));
    await cluster.client.patch(kinds.daemonSets, key, image("b"), strategic);
    const [first] = byNumber(
      await cluster.until<ControllerRevision>(kinds.controllerRevisions, numbered(1, 2)),
    );
    await cluster.until<DaemonSet>(
      kinds.daemonSets,
      (all) => isEverywhere(1)(all) && all[0]?.metadata.generation === 2,
    );
    await cluster.client.patch(kinds.daemonSets, key, first?.data, strategic);
    const [, newest] = byNumber(
      await cluster.until<ControllerRevision>(kinds.controllerRevisions, numbered(2, 3)),
    );
    expect(newest?.metadata.uid).toBe(first?.metadata.uid);
    const [pod] = await cluster.until<Pod>(kinds.pods, ([one]) => one?.spec.containers[0]?.image === "a");
    expect(pod?.metadata.labels?.[hashLabel]).toBe(newest?.metadata.labels?.[hashLabel] ?? "none");
    await cluster.until<DaemonSet>(
      kinds.daemonSets,
      (all) => isEverywhere(1)(all) && all[0]?.metadata.generation === 3,
    );
    // One old template more than the limit.
    await cluster.client.patch(kinds.daemonSets, key, image("c"), strategic);
    await cluster.until<ControllerRevision>(kinds.controllerRevisions, numbered(3, 4));
    await cluster.client.delete(kinds.daemonSets, key, { propagationPolicy: "Background" });
    await cluster.until(kinds.controllerRevisions, (all) => all.length === 0);
    expect(cluster.logged).toEqual([]);
  });

  test("a name that something else has is passed over", async () => {
    await using cluster = openCluster();
    await prepare(cluster, 1);
    const made = (await cluster.client.create(kinds.daemonSets, agent)) as DaemonSet;
    await cluster.until(kinds.daemonSets, isEverywhere(1));
    const taken = `agent-${hashOf({ ...made, spec: { ...made.spec, template: wanted(made) } })}`;
    await cluster.client.create(kinds.controllerRevisions, {
      apiVersion: "apps/v1",
      kind: "ControllerRevision",
      metadata: { namespace: "default", name: taken },
      revision: 7,
      data: { other: true },
    });
    await cluster.client.patch(kinds.daemonSets, key, image("b"), strategic);
    const [set] = await cluster.until<DaemonSet>(
      kinds.daemonSets,
      (all) => isEverywhere(1)(all) && all[0]?.metadata.generation === 2,
    );
    expect(set?.status?.["collisionCount"]).toBe(1);
    expect(set && hashOf(set)).not.toBe(taken.replace("agent-", ""));
    const [pod] = await cluster.until<Pod>(kinds.pods, (all) => all.length === 1);
    expect(pod?.metadata.labels?.[hashLabel]).toBe(set ? hashOf(set) : "none");
  });

  /** The set's template with the other image, as the API completes it. */
  function wanted({ spec: { template } }: DaemonSet): DaemonSet["spec"]["template"] {
    const containers = template.spec.containers.map((one) => ({ ...one, image: "b" }));
    return { ...template, spec: { ...template.spec, containers } };
  }
});
