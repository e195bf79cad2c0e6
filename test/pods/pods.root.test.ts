import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmdirSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { expect } from "bun:test";
import { audit } from "../../src/engine/audit/audit.ts";
import { startContainer } from "../../src/engine/containers/start.ts";
import type { PodResources } from "../../src/engine/pods/pods.ts";
import { needing } from "../needs.ts";
import { mountsBelow } from "../snapshots/place.ts";
import { needs, World } from "./_world.ts";

const { test } = needing(needs);

const unified = existsSync("/sys/fs/cgroup/cgroup.controllers");
const cgroupFolder = (path: string) => join(unified ? "/sys/fs/cgroup" : "/sys/fs/cgroup/memory", path);

function limitIn(folder: string): number {
  return Number(readFileSync(join(folder, unified ? "memory.max" : "memory.limit_in_bytes"), "utf8"));
}

test("containers of a pod share its network, its host name, its queues and its memory", async () => {
  await using world = await World.open();
  const { id, ips, state } = await world.pod({ hostname: "boat" });
  expect(state).toBe("ready");
  expect(ips).toHaveLength(1);
  await world.start(id, ["echo shared > /dev/shm/a; nc -l -p 7 -e echo heard"]);
  const script =
    "until [ -e /dev/shm/a ]; do sleep 0.01; done; hostname; cat /etc/hostname /dev/shm/a; ip -o -4 addr show eth0; until nc 127.0.0.1 7; do sleep 0.01; done";
  const said = await world.run(id, script);
  expect(said).toContain("boat\nboat\nshared\n");
  expect(said).toContain(ips[0] ?? "?");
  expect(said).toEndWith("heard\n");
});

test("the files of /etc are the pod's", async () => {
  await using world = await World.open();
  const { id } = await world.pod({
    dns: { servers: ["10.96.0.10"], searches: ["default.svc.cluster.local"], options: ["ndots:5"] },
    hosts: [{ ip: "10.1.2.3", names: ["db", "db.local"] }],
    sysctls: { "net.ipv4.ip_unprivileged_port_start": "80", "kernel.shmmax": "123456" },
  });
  const said = await world.run(
    id,
    "cat /etc/resolv.conf /etc/hosts; sysctl -n net.ipv4.ip_unprivileged_port_start kernel.shmmax",
  );
  expect(said).toContain("nameserver 10.96.0.10\nsearch default.svc.cluster.local\noptions ndots:5\n");
  expect(said).toContain("10.1.2.3\tdb\n10.1.2.3\tdb.local\n");
  expect(said).toContain("\tweb\n");
  expect(said).toEndWith("80\n123456\n");
});

test("a pod with the host's namespaces has them, and its containers too", async () => {
  await using world = await World.open();
  const { id, sandbox, ips } = await world.pod({ network: "host", hostIpc: true, hostPid: true });
  expect([sandbox, ips]).toEqual([undefined, []]);
  const namespaces = ["net", "ipc", "uts", "pid"];
  const said = await world.run(id, namespaces.map((name) => `readlink /proc/self/ns/${name}`).join("; "), {
    PidMode: `pod:${id}`,
  });
  const own = namespaces.map((name) => readlinkSync(`/proc/thread-self/ns/${name}`));
  expect(said.trim().split("\n")).toEqual(own);
});

test("one PID namespace for all: its first process is an init that reaps", async () => {
  await using world = await World.open();
  const { id } = await world.pod({ sharePid: true });
  const host = { PidMode: `pod:${id}` };
  await world.start(id, ["exec sleep 1000"], host);
  const said = await world.run(
    id,
    "cat /proc/1/comm; (sleep 0 & exec true); ps | grep -c '[s]leep 1000'; kill -9 1; cat /proc/1/comm",
    host,
  );
  expect(said).toBe("init\n1\ninit\n");
  await world.again();
  expect(await world.run(id, "ps | grep -c '[s]leep 1000'", host)).toBe("1\n");
  await world.engine.pods.stop(id);
  await world.cutPower();
});

test("pods of a class weigh as much as they have asked for together", async () => {
  await using world = await World.open();
  const above = `/sampan/class-${process.pid}`;
  const folder = join(unified ? "/sys/fs/cgroup" : "/sys/fs/cgroup/cpu", above);
  const weight = () => Number(readFileSync(join(folder, unified ? "cpu.weight" : "cpu.shares"), "utf8"));
  const open = async (uid: string, CpuShares: number) =>
    await world.pod({ uid, cgroupParent: `${above}/pod${uid}`, resources: { CpuShares } });
  // 262144 shares are a weight of 10000, 2 are 1; what stands between is the kernel's to say.
  const least = unified ? 1 : 2;
  const idle = await open("u1", 2);
  expect(weight()).toBe(least);
  const first = await open("u2", 102_400);
  const alone = weight();
  const second = await open("u3", 102_400);
  expect(alone).toBeGreaterThan(least);
  expect(weight()).toBeGreaterThan(alone);
  await world.engine.pods.remove(second.id);
  expect(weight()).toBe(alone);
  await world.engine.pods.remove(first.id);
  expect(weight()).toBe(least);
  await world.engine.pods.remove(idle.id);
  expect(existsSync(folder)).toBe(false);
});

test("limits of the pod hold for its containers together, and the cgroup goes with it", async () => {
  await using world = await World.open();
  const cgroupParent = `/sampan/test-${process.pid}/podu1`;
  const { id } = await world.pod({
    cgroupParent,
    resources: { Memory: 64 << 20, CpuShares: 512, PidsLimit: 50 },
  });
  const folder = cgroupFolder(cgroupParent);
  expect(limitIn(folder)).toBe(64 << 20);
  const container = await world.start(id, ["exec sleep 1000"]);
  expect(existsSync(join(folder, `sampan-${container}`))).toBe(true);
  expect(await audit(world.engine)).toEqual([]);
  await world.engine.pods.remove(id);
  expect(existsSync(folder)).toBe(false);
  // What held it alone is gone too.
  expect(existsSync(dirname(folder))).toBe(false);
});

test("limits of a pod are changed while it runs, and come back with it", async () => {
  await using world = await World.open();
  const cgroupParent = `/sampan/test-${process.pid}/podu2`;
  const { id } = await world.pod({ cgroupParent, resources: { Memory: 64 << 20, CpuShares: 512 } });
  const folder = cgroupFolder(cgroupParent);
  for (const megabytes of [128, 32]) {
    await world.engine.pods.update(id, { Memory: megabytes << 20, PidsLimit: 0 });
    expect(limitIn(folder)).toBe(megabytes << 20);
  }
  expect(world.engine.pods.get(id).request.resources).toEqual({ Memory: 32 << 20, CpuShares: 512 });
  const why = async (limits: PodResources) =>
    await world.engine.pods.update(id, limits).then(() => "", String);
  expect(await why({ Memory: 5 })).toContain("cannot set Memory to 5");
  expect(await why({ CpuQuota: 5 })).toContain("cannot set CpuQuota to 5");
  await world.again(() => world.cutPower());
  expect(limitIn(folder)).toBe(32 << 20);
  await world.engine.pods.stop(id);
  await world.engine.pods.update(id, { Memory: 16 << 20 });
  expect(world.engine.pods.get(id).request.resources?.Memory).toBe(16 << 20);
  expect(existsSync(folder)).toBe(false);
});

test("somebody else's cgroup keeps its limits, and stays", async () => {
  await using world = await World.open();
  const cgroupParent = `/kubepods-${process.pid}`;
  const folder = cgroupFolder(cgroupParent);
  mkdirSync(folder);
  try {
    writeFileSync(join(folder, unified ? "memory.max" : "memory.limit_in_bytes"), `${256 << 20}`);
    const request = { cgroupParent, foreignCgroup: true, resources: { Memory: 64 << 20 } };
    const { id } = await world.pod(request);
    const container = await world.start(id, ["exec sleep 1000"]);
    expect(existsSync(join(folder, `sampan-${container}`))).toBe(true);
    await world.engine.pods.update(id, { Memory: 32 << 20 });
    await world.engine.pods.remove(id);
    expect(limitIn(folder)).toBe(256 << 20);
  } finally {
    for (const each of foldersOf(cgroupParent)) rmdirSync(each);
  }
});

/** Of all controllers: cgroup v1 has several. */
function foldersOf(path: string): string[] {
  const trees = unified ? [""] : readdirSync("/sys/fs/cgroup");
  return [...new Set(trees.map((tree) => realOf(join("/sys/fs/cgroup", tree, path))))].flatMap(
    (each) => each ?? [],
  );
}

function realOf(path: string): string | undefined {
  return existsSync(path) ? realpathSync(path) : undefined;
}

test("another engine finds all again and touches nothing", async () => {
  await using world = await World.open();
  const { id, ips } = await world.pod({ ports: { "7/tcp": [{ HostIp: "127.0.0.1", HostPort: "7007" }] } });
  const container = await world.start(id, ["exec sleep 1000"]);
  const { pid } = world.engine.containers.get(container);
  await world.again();
  expect(world.engine.pods.get(id)).toMatchObject({ id, ips, state: "ready", request: { name: "web" } });
  expect(world.engine.containers.get(container)).toMatchObject({ state: "running", pid });
  expect(world.engine.pods.containers(id)).toEqual([container]);
  expect(await audit(world.engine)).toEqual([]);
  expect(world.warnings).toEqual([]);
});

test("after a start of the machine the sandbox is there again, under its id", async () => {
  await using world = await World.open();
  const { id } = await world.pod({ hostname: "boat", sharePid: true });
  await world.start(id, ["exec sleep 1000"]);
  await world.again(() => world.cutPower());
  const { state, ips } = world.engine.pods.get(id);
  expect(state).toBe("ready");
  const said = await world.run(id, "hostname; cat /etc/hosts; cat /proc/1/comm", { PidMode: `pod:${id}` });
  expect(said).toStartWith("boat\n");
  expect(said).toContain(`${ips[0]}\tboat\n`);
  expect(said).toEndWith("init\n");
});

test("stopped it kills, and nothing of it can be joined; removed nothing of it is left", async () => {
  await using world = await World.open();
  const before = mountsBelow(world.folder);
  const { id } = await world.pod();
  const running = await world.start(id, ["exec sleep 1000"]);
  const waiting = await world.container(id, ["true"]);
  await world.engine.pods.stop(id);
  expect(world.engine.pods.get(id)).toMatchObject({ state: "not_ready", sandbox: undefined, ips: [] });
  expect(world.engine.containers.get(running)).toMatchObject({ state: "exited", exitCode: 137 });
  expect(startContainer(world.engine, waiting.id)).rejects.toThrow("its pod's sandbox is not ready");
  expect(world.container(id, ["true"])).rejects.toThrow("it was stopped");
  await world.engine.pods.stop(id);
  await world.engine.pods.remove(id);
  await world.engine.pods.remove(id);
  expect(world.engine.containers.list()).toEqual([]);
  expect(mountsBelow(world.folder)).toEqual(before);
  expect(readdirSync(join(world.folder, "run/pods"))).toEqual([]);
  expect(await audit(world.engine)).toEqual([]);
});

test("what cannot be is refused, and leaves nothing", async () => {
  await using world = await World.open();
  const { id } = await world.pod();
  expect(world.pod()).rejects.toThrow("there is one of attempt 0");
  expect(world.pod({ attempt: 1, network: "nothere" })).rejects.toThrow("network nothere not found");
  expect(world.pod({ attempt: 1, sysctls: { "vm.swappiness": "1" } })).rejects.toThrow("vm.swappiness");
  expect(world.pod({ attempt: 1, cgroupParent: "/a/../b" })).rejects.toThrow("cgroup parent");
  expect(world.pod({ attempt: 1, hosts: [{ ip: "1.2.3.4\n", names: ["a"] }] })).rejects.toThrow("add host");
  expect(world.container(id, ["true"], { PidMode: `pod:${id}` })).rejects.toThrow("shares no PID namespace");
  expect(world.container("f".repeat(64), ["true"])).rejects.toThrow("there is none");
  expect(world.engine.pods.list()).toHaveLength(1);
});

test("what is left of a sandbox that nobody knows is taken away", async () => {
  await using world = await World.open();
  const before = mountsBelow(world.folder);
  const { id } = await world.pod({ sharePid: true });
  world.engine.store.db.query("DELETE FROM pods WHERE id = ?").run(id);
  await world.again();
  expect(mountsBelow(world.folder)).toEqual(before);
  expect(readdirSync(join(world.folder, "run/pods"))).toEqual([]);
  expect(await audit(world.engine)).toEqual([]);
});
