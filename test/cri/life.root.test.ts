/** The life of sandboxes and containers by the CRI, over its socket. */
import { expect } from "bun:test";
import { existsSync, statSync } from "node:fs";
import { Code } from "@connectrpc/connect";
import { ContainerState, PodSandboxState } from "../../src/wire/cri/cri_pb.ts";
import { needing } from "../needs.ts";
import { image, needs, refusal, World } from "./_world.ts";

const { test } = needing(needs);

test("a pod with a container lives from its making to its removal", async () => {
  await using world = await World.open();
  const { runtime } = world;
  const { id, config } = await world.pod({ labels: { app: "web" }, annotations: { note: "1" } });
  expect(existsSync(config.logDirectory)).toBe(true);
  const { status } = await runtime.podSandboxStatus({ podSandboxId: id });
  expect(status).toMatchObject({
    id,
    metadata: config.metadata,
    state: PodSandboxState.SANDBOX_READY,
    labels: { app: "web" },
    annotations: { note: "1" },
    runtimeHandler: "",
  });
  expect(status?.network?.ip).toMatch(/^\d+\.\d+\.\d+\.\d+$/);

  const containerId = await world.container(id, "exec sleep 1000", { labels: { part: "a" } });
  expect(await world.status(containerId)).toMatchObject({
    state: ContainerState.CONTAINER_CREATED,
    startedAt: 0n,
    logPath: `${config.logDirectory}/main.log`,
  });
  await runtime.startContainer({ containerId });
  const running = await world.status(containerId);
  expect(running).toMatchObject({
    state: ContainerState.CONTAINER_RUNNING,
    metadata: { name: "main", attempt: 0 },
    labels: { part: "a" },
    image: { image },
    finishedAt: 0n,
  });
  expect(running.startedAt).toBeGreaterThan(running.createdAt);
  const { containers } = await runtime.listContainers({});
  expect(containers.map((each) => [each.id, each.podSandboxId, each.state])).toEqual([
    [containerId, id, ContainerState.CONTAINER_RUNNING],
  ]);

  await runtime.stopContainer({ containerId, timeout: 0n });
  expect(await world.status(containerId)).toMatchObject({
    state: ContainerState.CONTAINER_EXITED,
    exitCode: 137,
    reason: "Error",
  });
  await runtime.removeContainer({ containerId });
  await runtime.stopPodSandbox({ podSandboxId: id });
  expect((await runtime.podSandboxStatus({ podSandboxId: id })).status?.state).toBe(
    PodSandboxState.SANDBOX_NOTREADY,
  );
  await runtime.removePodSandbox({ podSandboxId: id });
  expect((await refusal(runtime.podSandboxStatus({ podSandboxId: id }))).code).toBe(Code.NotFound);
  expect(world.warnings).toEqual([]);
});

test("the socket is root's and its group's", async () => {
  await using world = await World.open();
  expect(statSync(world.socket).mode & 0o777).toBe(0o660);
});
