import { describe, expect, test } from "bun:test";
import { KubeError, type KubeClient, type WatchEvent } from "../../../../spec/kubernetes/kube.ts";
import { meanwhile, openCluster, prepare, type TestCluster } from "./_cluster.ts";
import { daemonSet, deployment, job } from "./_objects.ts";
import { kinds, type DaemonSet, type Deployment, type Job, type Pod } from "./kinds.ts";
import { condition, isFinished } from "./references.ts";

/** Numbers from 0 to 1 that are the same in every run. */
function chance(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

const refusals = [
  () => new KubeError("ServiceUnavailable", "not now"),
  () => new KubeError("Conflict", "the object has been modified"),
  () => new KubeError("TooManyRequests", "slow down"),
  () => new KubeError("InternalError", "something broke"),
] as const;

/** Of five requests one is refused, one in twenty is done and its answer is lost; watches end early or have lost their history. */
function unreliable(client: KubeClient, random: () => number): KubeClient {
  async function maybe<Result>(act: () => Promise<Result>): Promise<Result> {
    const fate = random();
    const refuse = refusals[Math.floor(random() * refusals.length)] ?? refusals[0];
    if (fate < 0.2) throw refuse();
    const result = await act();
    if (fate > 0.95) throw refuse();
    return result;
  }
  return {
    get: (...rest) => maybe(() => client.get(...rest)),
    list: (...rest) => maybe(() => client.list(...rest)),
    create: (...rest) => maybe(() => client.create(...rest)),
    update: (...rest) => maybe(() => client.update(...rest)),
    patch: (...rest) => maybe(() => client.patch(...rest)),
    delete: (...rest) => maybe(() => client.delete(...rest)),
    async *watch(resource, options): AsyncGenerator<WatchEvent> {
      for await (const event of client.watch(resource, options)) {
        const fate = random();
        if (fate < 0.05) throw new KubeError("Expired", "too old resource version");
        yield event;
        if (fate > 0.95) return;
      }
    },
  };
}

/** Everything at once: a deployment that rolls out, a job, a daemon set. */
async function createAll({ client }: TestCluster): Promise<void> {
  const metadata = (name: string) => ({ name, namespace: "default" });
  await client.create(kinds.deployments, {
    ...deployment("web", { spec: { replicas: 4 } }),
    metadata: metadata("web"),
  });
  const { selector: _, ...spec } = job({ spec: { completions: 4, parallelism: 2 } }).spec;
  await client.create(kinds.jobs, { ...job(), metadata: metadata("work"), spec });
  await client.create(kinds.daemonSets, { ...daemonSet(), metadata: metadata("agent") });
}

async function rollOut({ client }: TestCluster): Promise<void> {
  const template = { spec: { containers: [{ name: "main", image: "b" }] } };
  const options = { type: "application/merge-patch+json" } as const;
  await client.patch(
    kinds.deployments,
    { namespace: "default", name: "web" },
    { spec: { template } },
    options,
  );
}

/** Pods of the job end, all others run. */
function kubelet(pod: Pod): Pod["status"] | undefined {
  if (isFinished(pod) || pod.status?.phase === "Running") return undefined;
  if (pod.metadata.labels?.["job-name"]) return { ...pod.status, phase: "Succeeded" };
  const ready = { type: "Ready", status: "True", lastTransitionTime: new Date(0).toISOString() };
  return { ...pod.status, phase: "Running", podIP: "10.0.0.1", conditions: [ready] };
}

async function expectEnd(cluster: TestCluster): Promise<void> {
  await cluster.until<Deployment>(kinds.deployments, ([one]) => {
    const { availableReplicas, updatedReplicas, replicas, observedGeneration } = one?.status ?? {};
    const isCurrent = observedGeneration === one?.metadata.generation;
    return isCurrent && [availableReplicas, updatedReplicas, replicas].every((count) => count === 4);
  });
  await cluster.until<Job>(
    kinds.jobs,
    ([one]) => condition(one?.status?.conditions, "Complete")?.status === "True",
  );
  await cluster.until<DaemonSet>(kinds.daemonSets, ([one]) => one?.status?.["numberAvailable"] === 2);
  await cluster.until<Pod>(kinds.pods, (all) => {
    const count = (label: string, value: string): number =>
      all.filter(({ metadata }) => metadata.labels?.[label] === value).length;
    const isQuiet = all.every(
      (pod) => pod.metadata.deletionTimestamp === undefined && !pod.metadata.finalizers?.length,
    );
    return isQuiet && count("app", "web") === 4 && count("app", "agent") === 2;
  });
  const [done] = (await cluster.client.list(kinds.jobs)).items as readonly Job[];
  // A pod whose creation was done but not answered may have been made twice, and both may have ended well.
  expect(done?.status?.succeeded).toBeGreaterThanOrEqual(4);
}

describe("hardship", () => {
  for (const seed of [1, 2, 3]) {
    test(`an API that refuses, forgets and breaks off delays, and changes nothing in the end (${seed})`, async () => {
      const random = chance(seed);
      await using cluster = openCluster({ kubelet, through: (client) => unreliable(client, random) });
      const ready = prepare(cluster, 2);
      await meanwhile(ready, () => cluster.clock.turn(20));
      await createAll(cluster);
      await meanwhile(
        cluster.until<Deployment>(kinds.deployments, ([one]) => one?.status?.availableReplicas === 4),
        () => cluster.clock.turn(20),
      );
      await rollOut(cluster);
      await meanwhile(expectEnd(cluster), () => cluster.clock.turn(20));
    });
  }

  test("controllers that are ended again and again go on where they were", async () => {
    await using cluster = openCluster({ kubelet });
    await prepare(cluster, 2);
    await createAll(cluster);
    await rollOut(cluster);
    let restarts = 0;
    await meanwhile(expectEnd(cluster), async () => {
      if (restarts++ < 20) await cluster.restart();
    });
  });
});
