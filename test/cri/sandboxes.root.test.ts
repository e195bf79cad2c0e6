/** What a pod sandbox of the CRI gives its containers, and what it leaves alone. */
import { expect } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { NamespaceMode, PodSandboxState } from "../../src/wire/cri/cri_pb.ts";
import { needing } from "../needs.ts";
import { needs, World } from "./_world.ts";

const { test } = needing(needs);

const unified = existsSync("/sys/fs/cgroup/cgroup.controllers");
const cgroups = unified ? "/sys/fs/cgroup" : "/sys/fs/cgroup/memory";

const { POD, CONTAINER, NODE, TARGET } = NamespaceMode;
type Mode = (typeof NamespaceMode)[keyof typeof NamespaceMode];
const modes = (options: { pid?: Mode; ipc?: Mode; network?: Mode }) => ({
  linux: { securityContext: { namespaceOptions: { pid: CONTAINER, ...options } } },
});

test("its name, its name servers and its network are its containers'", async () => {
  await using world = await World.open();
  const { id } = await world.pod({
    hostname: "harbour",
    dnsConfig: { servers: ["10.10.10.10"], searches: ["example.org"], options: ["ndots:8"] },
  });
  const said = await world.said(id, "hostname; cat /etc/resolv.conf; hostname -i");
  const { status } = await world.runtime.podSandboxStatus({ podSandboxId: id });
  expect(said.split("\n")).toEqual([
    "harbour",
    "nameserver 10.10.10.10",
    "search example.org",
    "options ndots:8",
    status?.network?.ip ?? "none",
    "",
  ]);
  expect(status?.linux?.namespaces?.options).toMatchObject({ pid: CONTAINER, network: POD, ipc: POD });
});

test("with the node's network it has the node's name, no address of its own, and ports are the node's already", async () => {
  await using world = await World.open();
  const { id } = await world.pod({
    ...modes({ network: NODE }),
    portMappings: [{ containerPort: 80, hostPort: 8080 }],
  });
  expect(await world.said(id, "hostname")).toBe(`${hostname()}\n`);
  const { status } = await world.runtime.podSandboxStatus({ podSandboxId: id });
  expect(status?.network?.ip).toBe("");
  expect(status?.state).toBe(PodSandboxState.SANDBOX_READY);
});

test("processes are the container's, the pod's, the node's or another container's, as it is asked", async () => {
  await using world = await World.open();
  const pidOf = async (id: string, pid: Mode, more: { name: string; targetId?: string }) => {
    const options = { pid, ...(more.targetId && { targetId: more.targetId }) };
    const script = "readlink /proc/self/ns/pid; cat /proc/1/comm; :";
    const said = await world.said(id, script, {
      name: more.name,
      linux: { securityContext: { namespaceOptions: options } },
    });
    const [namespace = "", first = ""] = said.split("\n");
    return { namespace, first };
  };
  const own = await world.pod(modes({ pid: CONTAINER }));
  expect((await pidOf(own.id, CONTAINER, { name: "a" })).first).toBe("sh");
  // Nothing is shared: what says nothing has its own.
  expect((await pidOf(own.id, POD, { name: "b" })).first).toBe("sh");
  const target = await world.start(own.id, "exec sleep 1000", { name: "target" });
  expect((await pidOf(own.id, TARGET, { name: "c", targetId: target })).first).toBe("sleep");

  const shared = await world.pod(modes({ pid: POD }));
  const [first, second] = [
    await pidOf(shared.id, POD, { name: "a" }),
    await pidOf(shared.id, POD, { name: "b" }),
  ];
  expect(first).toEqual(second);
  expect(first.first).not.toBe("sh");
  expect((await pidOf(shared.id, CONTAINER, { name: "c" })).first).toBe("sh");

  const node = await world.pod(modes({ pid: NODE }));
  expect((await pidOf(node.id, NODE, { name: "a" })).first).toBe(readFileSync("/proc/1/comm", "utf8").trim());
});

test("parameters of its own namespaces are set", async () => {
  await using world = await World.open();
  const { id } = await world.pod({
    linux: {
      sysctls: { "net.ipv4.ip_unprivileged_port_start": "42", "kernel.shm_rmid_forced": "1" },
      securityContext: { namespaceOptions: { pid: CONTAINER } },
    },
  });
  const said = await world.said(
    id,
    "cat /proc/sys/net/ipv4/ip_unprivileged_port_start /proc/sys/kernel/shm_rmid_forced",
  );
  expect(said).toBe("42\n1\n");
});

test("a cgroup that was there before holds its containers and stays, with what was in it", async () => {
  await using world = await World.open();
  const parent = `/sampan-cri-test-${process.pid}`;
  const pods = `${parent}/pod1`;
  // As kubelet makes it: in all trees.
  const trees = unified
    ? [cgroups]
    : readdirSync("/sys/fs/cgroup")
        .map((tree) => join("/sys/fs/cgroup", tree))
        .filter((tree) => existsSync(join(tree, "cgroup.procs")));
  const made = trees.flatMap((tree) => [join(tree, parent), join(tree, pods)]);
  for (const folder of made) mkdirSync(folder, { recursive: true });
  try {
    const { id } = await world.pod({
      linux: { cgroupParent: pods, securityContext: { namespaceOptions: { pid: POD } } },
    });
    const containerId = await world.start(id, "exec sleep 1000");
    expect(readdirSync(join(cgroups, pods))).toContain(`sampan-${containerId}`);
    await world.runtime.stopPodSandbox({ podSandboxId: id });
    await world.runtime.removePodSandbox({ podSandboxId: id });
    expect(made.filter((folder) => !existsSync(folder))).toEqual([]);
    expect(readdirSync(join(cgroups, pods)).filter((name) => name.startsWith("sampan-"))).toEqual([]);
  } finally {
    for (const folder of made.toReversed()) rmdirSync(folder);
  }
});

test("a cgroup that is asked for and not there is made with the pod's limits, and goes with it", async () => {
  await using world = await World.open();
  const { runtime } = world;
  const parent = `/sampan/cri-test-${process.pid}`;
  const limit = () =>
    readFileSync(join(cgroups, parent, unified ? "memory.max" : "memory.limit_in_bytes"), "utf8").trim();
  const { id: podSandboxId } = await world.pod({
    linux: {
      cgroupParent: parent,
      resources: { memoryLimitInBytes: 64n << 20n },
      overhead: { memoryLimitInBytes: 4n << 20n },
    },
  });
  expect(limit()).toBe(String(68 << 20));
  await runtime.updatePodSandboxResources({
    podSandboxId,
    resources: { memoryLimitInBytes: 96n << 20n },
  });
  expect(limit()).toBe(String(96 << 20));
  await runtime.removePodSandbox({ podSandboxId });
  expect(existsSync(join(cgroups, parent))).toBe(false);
});

test("ports of the node lead to it", async () => {
  await using world = await World.open();
  const { id } = await world.pod({
    portMappings: [{ containerPort: 80, hostPort: 8088 }, { containerPort: 81 }],
  });
  await world.start(id, "echo ahoy > /tmp/index.html; exec httpd -f -p 80 -h /tmp");
  const { status } = await world.runtime.podSandboxStatus({ podSandboxId: id });
  const gateway = (status?.network?.ip ?? "").replace(/\d+$/, "1");
  const fetched = async () => {
    for (;;) {
      const { exitCode, stdout } = Bun.spawnSync([
        "busybox",
        "wget",
        "-qO-",
        `http://${gateway}:8088/index.html`,
      ]);
      if (exitCode === 0) return stdout.toString();
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };
  expect(await fetched()).toBe("ahoy\n");
});

test("lists are what the filter says, whole or in pieces", async () => {
  await using world = await World.open();
  const { runtime } = world;
  const one = await world.pod({ labels: { app: "one", tier: "web" } });
  const two = await world.pod({ labels: { app: "two", tier: "web" } });
  await runtime.stopPodSandbox({ podSandboxId: two.id });
  const ids = async (filter: Parameters<typeof runtime.listPodSandbox>[0]["filter"]) => {
    const { items } = await runtime.listPodSandbox({ ...(filter && { filter }) });
    const streamed: string[] = [];
    for await (const { podSandboxes } of runtime.streamPodSandboxes({ ...(filter && { filter }) }))
      streamed.push(...podSandboxes.map(({ id }) => id));
    expect(streamed).toEqual(items.map(({ id }) => id));
    return items.map(({ id }) => id).toSorted();
  };
  expect(await ids(undefined)).toEqual([one.id, two.id].toSorted());
  expect(await ids({ id: one.id })).toEqual([one.id]);
  expect(await ids({ id: two.id.slice(0, 13) })).toEqual([two.id]);
  expect(await ids({ labelSelector: { tier: "web" } })).toHaveLength(2);
  expect(await ids({ labelSelector: { tier: "web", app: "two" } })).toEqual([two.id]);
  expect(await ids({ state: { state: PodSandboxState.SANDBOX_READY } })).toEqual([one.id]);
  expect(await ids({ id: one.id, state: { state: PodSandboxState.SANDBOX_NOTREADY } })).toEqual([]);
});
