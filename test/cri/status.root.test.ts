/** What a kubelet asks of the runtime as a whole. */
import { expect } from "bun:test";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Code } from "@connectrpc/connect";
import { CgroupDriver, RuntimeService } from "../../src/wire/cri/cri_pb.ts";
import { needing } from "../needs.ts";
import { needs, refusal, World } from "./_world.ts";

const { test } = needing(needs);

test("it says who it is, and which driver of cgroups it has", async () => {
  await using world = await World.open();
  const { runtime } = world;
  expect(await runtime.version({ version: "v1" })).toMatchObject({
    version: "0.1.0",
    runtimeName: "sampan",
    runtimeApiVersion: "v1",
  });
  expect((await runtime.runtimeConfig({})).linux?.cgroupDriver).toBe(CgroupDriver.CGROUPFS);
  await runtime.updateRuntimeConfig({ runtimeConfig: { networkConfig: { podCidr: "10.1.0.0/16" } } });
});

test("it is ready with its own bridge, and by CNI only when the plug-ins are there", async () => {
  await using world = await World.open();
  const { runtime } = world;
  const network = async () => {
    const { status } = await runtime.status({});
    const found = Object.fromEntries((status?.conditions ?? []).map((each) => [each.type, each]));
    expect(found["RuntimeReady"]?.status).toBe(true);
    return found["NetworkReady"];
  };
  expect(await network()).toMatchObject({ status: true });
  const folder = join(world.folder, "net.d");
  mkdirSync(folder);
  writeFileSync(
    join(folder, "10-none.conflist"),
    JSON.stringify({ cniVersion: "1.0.0", name: "none", plugins: [{ type: "no-such-plug-in" }] }),
  );
  expect(await network()).toMatchObject({ status: false, reason: "NetworkPluginNotReady" });
  expect((await network())?.message).toContain("no-such-plug-in");
  expect((await refusal(world.pod())).message).toContain("no-such-plug-in");
  expect((await runtime.listPodSandbox({})).items).toEqual([]);
  rmSync(folder, { recursive: true });
  expect(await network()).toMatchObject({ status: true });
});

test("handlers are the runtimes by their names, and the default", async () => {
  await using world = await World.open();
  const { runtimeHandlers, features, info } = await world.runtime.status({ verbose: true });
  expect(runtimeHandlers.map(({ name }) => name)).toEqual(["", ...world.engine.runtimes.names]);
  expect(features?.supplementalGroupsPolicy).toBe(true);
  expect(JSON.parse(info["config"] ?? "{}")).toMatchObject({ root: world.engine.settings.root });
  const { id } = await world.pod();
  expect((await world.runtime.podSandboxStatus({ podSandboxId: id })).status?.runtimeHandler).toBe("");
  const config = world.sandboxConfig();
  const { podSandboxId } = await world.runtime.runPodSandbox({ config, runtimeHandler: "native" });
  expect((await world.runtime.podSandboxStatus({ podSandboxId })).status?.runtimeHandler).toBe("native");
  expect(await world.said(podSandboxId, "echo ahoy")).toBe("ahoy\n");
});

test("a call that is none is UNIMPLEMENTED", async () => {
  await using world = await World.open();
  const sail = { ...RuntimeService.method.version, name: "Sail" };
  const call = world.connection.transport.unary(sail, undefined, 10_000, undefined, {});
  expect((await refusal(call)).code).toBe(Code.Unimplemented);
});
