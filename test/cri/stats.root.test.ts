/** Statistics and metrics of containers and sandboxes by a gRPC client of the test's own. */
import { afterAll, beforeAll, expect } from "bun:test";
import { Code } from "@connectrpc/connect";
import { needing, obstacle } from "../needs.ts";
import { image, needs, refusal, World } from "./_world.ts";

const { test } = needing(needs);
let world: World;

beforeAll(async () => {
  if (obstacle(needs) === undefined) world = await World.open();
});
afterAll(async () => {
  await world?.[Symbol.asyncDispose]();
});

/** Counters go on while nobody looks: asked until they are there. */
async function until<Found>(look: () => Promise<Found | undefined>): Promise<Found> {
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const busy = "while :; do :; done";
const idle = "exec sleep 1000";

test("a container's figures are those of its cgroup and of what it has written", async () => {
  const { id: pod, config } = await world.pod();
  const script = `dd if=/dev/zero of=/written bs=1M count=3; echo written; ${busy}`;
  const containerId = await world.start(pod, script, {
    labels: { part: "a" },
    annotations: { note: "1" },
    linux: { resources: { memoryLimitInBytes: 64n << 20n } },
  });
  const read = async () => (await world.runtime.containerStats({ containerId })).stats;
  const log = Bun.file(`${config.logDirectory}/main.log`);
  await until(async () => ((await log.text()).includes("stdout F written") ? true : undefined));
  const first = await until(async () => {
    const stats = await read();
    return stats?.writableLayer ? stats : undefined;
  });
  expect(first.writableLayer?.usedBytes?.value).toBeGreaterThanOrEqual(3n << 20n);
  expect(first.attributes).toMatchObject({
    id: containerId,
    metadata: { name: "main" },
    labels: { part: "a" },
    annotations: { note: "1" },
  });
  const { memory, cpu, writableLayer } = first;
  expect(memory?.usageBytes?.value).toBeGreaterThan(0n);
  expect(memory?.workingSetBytes?.value).toBeLessThanOrEqual(memory?.usageBytes?.value ?? 0n);
  expect(memory?.availableBytes?.value).toBe((64n << 20n) - (memory?.workingSetBytes?.value ?? 0n));
  expect(memory?.pageFaults?.value).toBeGreaterThan(0n);
  expect(writableLayer?.inodesUsed?.value).toBeGreaterThan(0n);
  const { imageFilesystems } = await world.images.imageFsInfo({});
  expect(writableLayer?.fsId).toEqual(imageFilesystems[0]?.fsId);
  const grown = await until(async () => {
    const later = (await read())?.cpu;
    const before = cpu?.usageCoreNanoSeconds?.value ?? 0n;
    return (later?.usageCoreNanoSeconds?.value ?? 0n) > before && later?.usageNanoCores ? later : undefined;
  });
  expect(grown.timestamp).toBeGreaterThan(cpu?.timestamp ?? 0n);
  expect(grown.usageNanoCores?.value).toBeGreaterThan(0n);
});

test("lists have those that run and fit, and streams the same", async () => {
  const { id: pod } = await world.pod();
  const { id: other } = await world.pod();
  const one = await world.start(pod, idle, { name: "one", labels: { part: "b" } });
  const two = await world.start(pod, idle, { name: "two", labels: { part: "c" } });
  const three = await world.start(other, idle, { name: "three", labels: { part: "b" } });
  const created = await world.container(pod, idle, { name: "four", labels: { part: "b" } });
  const ids = async (filter: Parameters<typeof world.runtime.listContainerStats>[0]["filter"]) => {
    const { stats } = await world.runtime.listContainerStats({ ...(filter && { filter }) });
    const streamed: string[] = [];
    for await (const { containerStats } of world.runtime.streamContainerStats({ ...(filter && { filter }) }))
      streamed.push(...containerStats.map((each) => each.attributes?.id ?? ""));
    const listed = stats.map((each) => each.attributes?.id ?? "");
    expect(streamed.toSorted()).toEqual(listed.toSorted());
    return listed.toSorted();
  };
  expect(await ids({ podSandboxId: pod })).toEqual([one, two].toSorted());
  expect(await ids({ labelSelector: { part: "b" } })).toEqual([one, three].toSorted());
  expect(await ids({ id: two })).toEqual([two]);
  expect(await ids({ id: two, podSandboxId: other })).toEqual([]);
  expect(await ids(undefined)).not.toContain(created);
  const { stats } = await world.runtime.containerStats({ containerId: created });
  expect(stats?.attributes?.id).toBe(created);
  expect([stats?.cpu, stats?.memory]).toEqual([undefined, undefined]);
  await world.runtime.stopContainer({ containerId: two, timeout: 0n });
  expect(await ids({ podSandboxId: pod })).toEqual([one]);
});

test("a sandbox has the figures of its containers, its devices and its processes", async () => {
  const { id: podSandboxId } = await world.pod({ labels: { app: "net" } });
  await world.start(podSandboxId, idle, { name: "one" });
  await world.start(podSandboxId, idle, { name: "two" });
  const { stats } = await world.runtime.podSandboxStats({ podSandboxId });
  const linux = stats?.linux;
  expect(stats?.attributes).toMatchObject({ id: podSandboxId, labels: { app: "net" } });
  expect(linux?.containers).toHaveLength(2);
  expect(linux?.process?.processCount?.value).toBeGreaterThanOrEqual(2n);
  expect(linux?.memory?.usageBytes?.value).toBeGreaterThan(0n);
  expect(linux?.cpu?.usageCoreNanoSeconds?.value).toBeGreaterThan(0n);
  expect(linux?.network?.defaultInterface).toMatchObject({ name: "eth0", rxErrors: { value: 0n } });
  expect(linux?.network?.interfaces).toEqual([]);
  const listed = await world.runtime.listPodSandboxStats({ filter: { labelSelector: { app: "net" } } });
  expect(listed.stats.map(({ attributes }) => attributes?.id)).toEqual([podSandboxId]);
  await world.runtime.stopPodSandbox({ podSandboxId });
  const stopped = await world.runtime.listPodSandboxStats({ filter: { id: podSandboxId } });
  expect(stopped.stats).toEqual([]);
  const { stats: alone } = await world.runtime.podSandboxStats({ podSandboxId });
  expect(alone?.attributes?.id).toBe(podSandboxId);
  expect(alone?.linux).toBeUndefined();
});

test("a pod's own cgroup keeps the time of the containers that have ended", async () => {
  const cgroupParent = `/sampan-pod-stats-${process.pid}`;
  const { id: podSandboxId } = await world.pod({ linux: { cgroupParent } });
  await world.start(podSandboxId, idle, { name: "stays" });
  const ends = await world.start(podSandboxId, "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done", {
    name: "ends",
  });
  await world.ended(ends);
  await world.runtime.removeContainer({ containerId: ends });
  const { stats } = await world.runtime.podSandboxStats({ podSandboxId });
  const [left] = stats?.linux?.containers ?? [];
  const own = left?.cpu?.usageCoreNanoSeconds?.value ?? 0n;
  expect(own).toBeGreaterThan(0n);
  expect(stats?.linux?.cpu?.usageCoreNanoSeconds?.value).toBeGreaterThan(own);
});

test("metrics have the labels that their descriptors name, and no other names", async () => {
  const { id: podSandboxId } = await world.pod();
  const containerId = await world.start(podSandboxId, idle, { name: "measured" });
  const { descriptors } = await world.runtime.listMetricDescriptors({});
  const keys = new Map(descriptors.map(({ name, labelKeys }) => [name, labelKeys]));
  expect(keys.size).toBe(descriptors.length);
  const { podMetrics } = await world.runtime.listPodSandboxMetrics({});
  const ours = podMetrics.find((each) => each.podSandboxId === podSandboxId);
  const own = ours?.containerMetrics.find((each) => each.containerId === containerId);
  const all = [...(ours?.metrics ?? []), ...(own?.metrics ?? [])];
  for (const { name, labelValues } of all) expect(labelValues).toHaveLength(keys.get(name)?.length ?? -1);
  const labelled = (name: string) => {
    const found = all.find((metric) => metric.name === name);
    const labels = keys.get(name)?.map((key, index) => [key, found?.labelValues[index]]) ?? [];
    return { ...Object.fromEntries(labels), value: found?.value?.value };
  };
  expect(labelled("container_memory_working_set_bytes")).toMatchObject({
    container: "measured",
    id: containerId,
    image,
    namespace: "default",
  });
  expect(labelled("container_memory_working_set_bytes").value).toBeGreaterThan(0n);
  expect(labelled("container_cpu_usage_seconds_total")).toMatchObject({ cpu: "total" });
  expect(labelled("container_processes").value).toBe(1n);
  expect(labelled("container_network_receive_bytes_total")).toMatchObject({
    container: "",
    id: podSandboxId,
    interface: "eth0",
  });
  const streamed: string[] = [];
  for await (const piece of world.runtime.streamPodSandboxMetrics({}))
    streamed.push(...piece.podSandboxMetrics.map((each) => each.podSandboxId));
  expect(streamed.toSorted()).toEqual(podMetrics.map((each) => each.podSandboxId).toSorted());
});

test("what is not there is not found", async () => {
  const nobody = "0".repeat(64);
  expect((await refusal(world.runtime.containerStats({ containerId: nobody }))).code).toBe(Code.NotFound);
  expect((await refusal(world.runtime.podSandboxStats({ podSandboxId: nobody }))).code).toBe(Code.NotFound);
  expect((await world.runtime.listContainerStats({ filter: { id: nobody } })).stats).toEqual([]);
});

test("an image whose container runs loses its names, and goes when the container is gone", async () => {
  const { id: pod } = await world.pod();
  const containerId = await world.start(pod, idle);
  const id = world.engine.containers.get(containerId).imageId;
  const removeImage = (name: string) => world.images.removeImage({ image: { image: name } });
  const found = async (name: string) => (await world.images.imageStatus({ image: { image: name } })).image;
  await removeImage(image);
  expect(await found(image)).toBeUndefined();
  expect(await found(id)).toBeUndefined();
  expect(world.engine.containers.get(containerId).state).toBe("running");
  for (const { id: each } of world.engine.pods.list()) await world.engine.pods.remove(each);
  expect(await found(id)).toMatchObject({ id, repoTags: [] });
  await removeImage(id);
  expect(await found(id)).toBeUndefined();
});
