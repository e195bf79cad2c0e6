/** What is told of sandboxes and containers as it happens, and what is still there when the daemon is another one. */
import { expect } from "bun:test";
import { ContainerEventType, ContainerState, PodSandboxState } from "../../src/wire/cri/cri_pb.ts";
import { needing } from "../needs.ts";
import { needs, World } from "./_world.ts";

const { test } = needing(needs);

const words = new Map<number, string>([
  [ContainerEventType.CONTAINER_CREATED_EVENT, "created"],
  [ContainerEventType.CONTAINER_STARTED_EVENT, "started"],
  [ContainerEventType.CONTAINER_STOPPED_EVENT, "stopped"],
  [ContainerEventType.CONTAINER_DELETED_EVENT, "deleted"],
]);

test("events come in their order to everybody who listens, with the statuses of that moment", async () => {
  await using world = await World.open();
  const { runtime } = world;
  const listen = async (wanted: number) => {
    const end = new AbortController();
    const heard: { what: string; id: string; ready: boolean; states: number[] }[] = [];
    const stream = runtime.getContainerEvents({}, { signal: end.signal });
    for await (const event of stream) {
      heard.push({
        what: words.get(event.containerEventType) ?? "",
        id: event.containerId,
        ready:
          event.podSandboxStatus?.state === PodSandboxState.SANDBOX_READY && event.podSandboxStatus.id !== "",
        states: event.containersStatuses.map(({ state }) => state),
      });
      if (heard.length === wanted) break;
    }
    end.abort();
    return heard;
  };
  const { CONTAINER_CREATED: created, CONTAINER_RUNNING: running, CONTAINER_EXITED: exited } = ContainerState;
  const [first, second] = [listen(8), listen(8)];
  await world.listeners(2);
  const { id: pod } = await world.pod();
  const containerId = await world.start(pod, "exec sleep 1000");
  await runtime.stopContainer({ containerId, timeout: 0n });
  await runtime.removeContainer({ containerId });
  await runtime.stopPodSandbox({ podSandboxId: pod });
  await runtime.removePodSandbox({ podSandboxId: pod });
  const told = await first;
  expect(told).toEqual([
    { what: "created", id: pod, ready: true, states: [] },
    { what: "started", id: pod, ready: true, states: [] },
    { what: "created", id: containerId, ready: true, states: [created] },
    { what: "started", id: containerId, ready: true, states: [running] },
    { what: "stopped", id: containerId, ready: true, states: [exited] },
    { what: "deleted", id: containerId, ready: true, states: [] },
    { what: "stopped", id: pod, ready: false, states: [] },
    { what: "deleted", id: pod, ready: false, states: [] },
  ]);
  expect(await second).toEqual(told);
});

test("when the daemon is another one all is as before, and what has ended meanwhile is told", async () => {
  await using world = await World.open();
  const { id, config } = await world.pod({ labels: { app: "web" } });
  const runs = await world.start(id, "exec sleep 1000", { name: "runs" });
  const ends = await world.start(id, "while ! test -e /tmp/end; do sleep 0.05; done; exit 4", {
    name: "ends",
  });
  const waits = await world.container(id, "exit 0", { name: "waits" });
  const { exitCode } = await world.runtime.execSync({
    containerId: ends,
    cmd: ["touch", "/tmp/end"],
    timeout: 10n,
  });
  expect(exitCode).toBe(0);
  const look = async () => ({
    sandboxes: (await world.runtime.listPodSandbox({})).items,
    status: (await world.runtime.podSandboxStatus({ podSandboxId: id })).status,
    runs: await world.status(runs),
    waits: await world.status(waits),
  });
  const before = await look();
  await world.again();
  expect(await look()).toEqual(before);
  expect(await world.ended(ends)).toMatchObject({ exitCode: 4, reason: "Error" });
  await world.runtime.startContainer({ containerId: waits });
  expect(await world.ended(waits)).toMatchObject({ exitCode: 0 });
  await world.runtime.stopContainer({ containerId: runs, timeout: 0n });
  expect(await world.status(runs)).toMatchObject({ state: ContainerState.CONTAINER_EXITED, exitCode: 137 });
  expect(before.sandboxes.map(({ metadata }) => metadata)).toEqual([config.metadata]);
});

test("calls end with their deadline, and what they wait for goes on", async () => {
  await using world = await World.open();
  const { runtime } = world;
  const { id } = await world.pod();
  const containerId = await world.start(id, "trap '' TERM; touch /tmp/up; while :; do sleep 0.05; done");
  while (
    (await runtime.execSync({ containerId, cmd: ["test", "-e", "/tmp/up"], timeout: 10n })).exitCode !== 0
  );
  const stopped = runtime.stopContainer({ containerId, timeout: 1000n }, { timeoutMs: 200 });
  expect(await stopped.catch((error: Error) => error.message)).toContain("deadline_exceeded");
  expect(await world.status(containerId)).toMatchObject({ state: ContainerState.CONTAINER_RUNNING });
});
