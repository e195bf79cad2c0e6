/** What the CRI refuses, with which code, and what it takes twice: kubelet decides by it. */
import { expect } from "bun:test";
import { Code } from "@connectrpc/connect";
import { RuntimeService, ImageService } from "../../src/wire/cri/cri_pb.ts";
import { needing } from "../needs.ts";
import { image, needs, refusal, World } from "./_world.ts";

const { test } = needing(needs);
const nobody = "0".repeat(64);

test("what is not there is not found by status, and stopped and removed by stop and remove", async () => {
  await using world = await World.open();
  const { runtime } = world;
  for (const id of [nobody, "", "web", "0"]) {
    const [containerId, podSandboxId] = [id, id];
    expect((await refusal(runtime.containerStatus({ containerId }))).code).toBe(Code.NotFound);
    expect((await refusal(runtime.podSandboxStatus({ podSandboxId }))).code).toBe(Code.NotFound);
    expect((await refusal(runtime.startContainer({ containerId }))).code).toBe(Code.NotFound);
    await runtime.stopContainer({ containerId });
    await runtime.removeContainer({ containerId });
    await runtime.stopPodSandbox({ podSandboxId });
    await runtime.removePodSandbox({ podSandboxId });
  }
});

test("stop and remove may be called again, and at the same time", async () => {
  await using world = await World.open();
  const { runtime } = world;
  const { id: podSandboxId } = await world.pod();
  const containerId = await world.start(podSandboxId, "exec sleep 1000");
  const thrice = async (call: () => Promise<unknown>) => await Promise.all([call(), call(), call()]);
  await thrice(() => runtime.stopContainer({ containerId, timeout: 0n }));
  await thrice(() => runtime.removeContainer({ containerId }));
  await thrice(() => runtime.stopPodSandbox({ podSandboxId }));
  await thrice(() => runtime.removePodSandbox({ podSandboxId }));
  expect((await runtime.listPodSandbox({})).items).toEqual([]);
});

test("a sandbox of the same pod and attempt is refused, and so is a container of the same name and attempt in it", async () => {
  await using world = await World.open();
  const { runtime } = world;
  const { id, config } = await world.pod();
  expect((await refusal(runtime.runPodSandbox({ config }))).code).toBe(Code.AlreadyExists);
  await world.container(id, "true");
  expect((await refusal(world.container(id, "true"))).code).toBe(Code.AlreadyExists);
  // Of two at once one is made.
  const both = await Promise.allSettled([
    world.container(id, "true", { name: "twice" }),
    world.container(id, "true", { name: "twice" }),
  ]);
  expect(both.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"]);
  await runtime.stopPodSandbox({ podSandboxId: id });
  await runtime.removePodSandbox({ podSandboxId: id });
  const again = await runtime.runPodSandbox({ config });
  expect(again.podSandboxId).not.toBe(id);
});

test("what cannot be made is refused by name, and nothing is left of it", async () => {
  await using world = await World.open();
  const { runtime } = world;
  const run = (config: Parameters<World["sandboxConfig"]>[0], runtimeHandler = "") =>
    refusal(runtime.runPodSandbox({ config: world.sandboxConfig(config), runtimeHandler }));
  expect((await run({}, "kata-none")).message).toContain("kata-none");
  expect((await run({ linux: { sysctls: { "kernel.core_pattern": "x" } } })).message).toContain(
    "kernel.core_pattern",
  );
  expect((await run({ logDirectory: "logs" })).code).toBe(Code.InvalidArgument);
  expect((await refusal(runtime.runPodSandbox({}))).code).toBe(Code.InvalidArgument);
  expect((await runtime.listPodSandbox({})).items).toEqual([]);

  const { id } = await world.pod();
  const make = (more: Parameters<World["container"]>[2]) => refusal(world.container(id, "true", more));
  expect((await make({ image: { image: "nobody/none:1" } })).code).toBe(Code.NotFound);
  expect((await make({ image: { image: "" } })).code).toBe(Code.InvalidArgument);
  expect((await make({ linux: { securityContext: { privileged: true } } })).message).toContain("privileged");
  expect((await make({ linux: { securityContext: { runAsGroup: { value: 1n } } } })).message).toContain(
    "user group is specified without user",
  );
  expect((await make({ logPath: "../../out.log" })).message).toContain("out.log");
  expect((await refusal(world.container(nobody, "true"))).code).toBe(Code.NotFound);
  expect((await runtime.listContainers({})).containers).toEqual([]);
});

test("a container that cannot be started says why, has ended, and is not started again", async () => {
  await using world = await World.open();
  const { runtime } = world;
  const { id } = await world.pod();
  const { containerId } = await runtime.createContainer({
    podSandboxId: id,
    config: { metadata: { name: "none" }, image: { image }, command: ["/no/such/program"] },
  });
  expect((await refusal(runtime.startContainer({ containerId }))).message).toContain("/no/such/program");
  const status = await world.status(containerId);
  expect(status).toMatchObject({ reason: "StartError", exitCode: 128 });
  expect(status.message).toContain("/no/such/program");
  expect(status.finishedAt).toBeGreaterThan(0n);
  expect((await refusal(runtime.startContainer({ containerId }))).code).toBe(Code.FailedPrecondition);
});

test("a container starts once", async () => {
  await using world = await World.open();
  const { runtime } = world;
  const { id } = await world.pod();
  const containerId = await world.start(id, "exit 3");
  expect((await refusal(runtime.startContainer({ containerId }))).code).toBe(Code.FailedPrecondition);
  expect(await world.ended(containerId)).toMatchObject({ exitCode: 3, reason: "Error" });
  expect((await refusal(runtime.startContainer({ containerId }))).code).toBe(Code.FailedPrecondition);
});

test("every call of the standard is one that somebody makes", async () => {
  await using world = await World.open();
  const refused: string[] = [];
  const services = [
    [RuntimeService, world.runtime],
    [ImageService, world.images],
  ] as const;
  let count = 0;
  for (const [service, client] of services)
    for (const method of service.methods) {
      count++;
      const end = new AbortController();
      const call = (client as Record<string, unknown>)[method.localName] as (
        request: object,
        options: { signal: AbortSignal },
      ) => Promise<unknown> | AsyncIterable<unknown>;
      const answer = call({}, { signal: end.signal });
      try {
        if (Symbol.asyncIterator in answer) {
          const first = answer[Symbol.asyncIterator]().next();
          // Events say nothing until something happens.
          if (method.localName === "getContainerEvents") end.abort();
          await first;
        } else await answer;
      } catch (error) {
        const { code } = await refusal(Promise.reject(error as Error));
        if (code === Code.Unimplemented) refused.push(method.name);
      }
      end.abort();
    }
  expect(count).toBe(41);
  expect(refused).toEqual([]);
});
