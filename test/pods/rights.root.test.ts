/** Who the processes of a pod are, what they may, and what limits them: in containers that run. */
import { existsSync, mkdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { expect } from "bun:test";
import { createExec, startExec } from "../../src/engine/containers/exec.ts";
import { killContainer } from "../../src/engine/containers/kill.ts";
import { startContainer } from "../../src/engine/containers/start.ts";
import { updateContainer } from "../../src/engine/containers/update.ts";
import { hear } from "../containers/live.ts";
import { needing } from "../needs.ts";
import { must } from "../networks/_place.ts";
import { needs, World } from "./_world.ts";

const { test } = needing(needs);

const reasonOf = async (work: Promise<unknown>) => await work.then(() => "", String);
const unified = existsSync("/sys/fs/cgroup/cgroup.controllers");

/** Until the container's program has come to its rest. */
const asleep = "until grep -q sleep /proc/1/comm; do sleep 0.01; done";

async function exec(world: World, id: string, User: string, script: string): Promise<string> {
  const body = { Cmd: ["sh", "-c", script], AttachStdout: true, AttachStderr: true, User };
  const made = await createExec(world.engine, id, body);
  await using attachment = await startExec(world.engine, made, { detach: false });
  const { stdout, stderr } = await hear(attachment);
  return stdout + stderr;
}

const users = [
  ["merge", "user", "1000 42 5555\n"],
  ["merge", "user:7", "7 42 5555\n"],
  ["strict", "user", "1000 42\n"],
  ["strict", "1000:7", "7 42\n"],
] as const;

test("a user has the groups of the image where they are merged, and none of them where it is strict", async () => {
  await using world = await World.open();
  const { id } = await world.pod({ network: "none" });
  for (const [supplementalGroupsPolicy, User, groups] of users) {
    const made = await world.make(id, ["id -G; [ -e /tmp/on ] || exec sleep 1000"], {
      body: { User },
      host: { GroupAdd: ["42"] },
      extras: { supplementalGroupsPolicy },
    });
    await startContainer(world.engine, made.id);
    const script = `${asleep}; echo extra:x:5555:user >> /etc/group; touch /tmp/on`;
    expect(await exec(world, made.id, "0", script)).toBe("");
    // Another user than the container's has of GroupAdd nothing.
    expect(await exec(world, made.id, User, "id -G")).toBe(groups.replace(" 42", ""));
    await killContainer(world.engine, made.id, "SIGKILL");
    expect(await world.hear(made.id)).toBe(groups);
  }
});

test("an ambient capability is in effect for who is not root, and for what it calls", async () => {
  await using world = await World.open();
  const { id } = await world.pod({
    network: "none",
    sysctls: { "net.ipv4.ip_unprivileged_port_start": "1024" },
  });
  const sets = "grep Cap /proc/self/status | cut -f2 | sed 's/^0*//' | tr '\n' ' '";
  const capabilities = async (ambient: string[], User: string) => {
    const made = await world.make(id, [sets], {
      body: { User },
      host: { CapDrop: ["ALL"] },
      extras: { ambientCapabilities: ambient },
    });
    return await world.hear(made.id);
  };
  expect(await capabilities(["CAP_NET_BIND_SERVICE"], "1000")).toBe("400 400 400 400 400 ");
  expect(await capabilities([], "1000")).toBe("     ");
  expect(await capabilities(["CAP_CHOWN", "CAP_NET_BIND_SERVICE"], "0")).toBe("401 401 401 401 401 ");
});

test("ALL is every capability there is, without those that are dropped by name", async () => {
  await using world = await World.open();
  const { id } = await world.pod({ network: "none" });
  const own = BigInt(`0x${/CapBnd:\s*(\S+)/.exec(readFileSync("/proc/self/status", "utf8"))?.[1]}`);
  const said = await world.run(id, "grep CapBnd /proc/self/status | cut -f2", {
    CapAdd: ["ALL"],
    CapDrop: ["CHOWN"],
  });
  expect(BigInt(`0x${said.trim()}`)).toBe(own & ~1n);
});

test("limits of a container change before it starts, while it runs, and stay for its next start", async () => {
  await using world = await World.open();
  const { id } = await world.pod({ network: "none" });
  const file = unified ? "/sys/fs/cgroup/memory.max" : "/sys/fs/cgroup/memory/memory.limit_in_bytes";
  const made = await world.make(id, [`cat ${file}; [ -e /tmp/on ] || exec sleep 1000`], {});
  const set = async (megabytes: number) =>
    await updateContainer(world.engine, made.id, {
      Memory: megabytes << 20,
      MemorySwap: megabytes << 20,
      CpusetCpus: "0",
      hugepages: [{ pageSize: "2MB", limit: 0 }],
    });
  expect(await set(64)).toEqual([]);
  await startContainer(world.engine, made.id);
  expect(await exec(world, made.id, "0", `${asleep}; cat ${file}; touch /tmp/on`)).toBe(`${64 << 20}\n`);
  await set(32);
  expect(await exec(world, made.id, "0", `cat ${file}`)).toBe(`${32 << 20}\n`);
  await killContainer(world.engine, made.id, "SIGKILL");
  expect(await world.hear(made.id)).toBe(`${32 << 20}\n`);
  expect(world.engine.containers.get(made.id).extras.hugepages).toEqual([{ pageSize: "2MB", limit: 0 }]);
  const change = async (limits: Parameters<typeof updateContainer>[2]) =>
    await reasonOf(updateContainer(world.engine, made.id, limits));
  expect(await change({ CpusetCpus: "4096" })).toContain("cannot set CpusetCpus");
  expect(await change({ unified: { "../x": "1" } })).toContain("wanted the name of a file of cgroup v2");
  if (!unified)
    expect(await change({ unified: { "memory.high": "1" } })).toContain("this host has cgroup v1");
});

test("what cannot be given is refused before anything is made, with its name", async () => {
  await using world = await World.open();
  const { id } = await world.pod({ network: "none" });
  const refusal = async (host: object, extras = {}) =>
    await reasonOf(world.make(id, ["true"], { host, extras }));
  expect(await refusal({ SecurityOpt: ["seccomp={}"] })).toContain("cannot use the seccomp profile");
  expect(await refusal({ SecurityOpt: ["seccomp=/etc/passwd"] })).toContain("it is no JSON");
  expect(await refusal({ SecurityOpt: [`seccomp=[${" ".repeat(2 << 20)}]`] })).toContain("wanted at most");
  if (!existsSync("/sys/module/apparmor"))
    expect(await refusal({ SecurityOpt: ["apparmor=k8s-deny-write"] })).toContain(
      'cannot use AppArmor profile "k8s-deny-write": this kernel has AppArmor off',
    );
  expect(await refusal({}, { selinux: { level: "s0\n" } })).toContain("cannot use SELinux level");
  expect(await refusal({ UsernsMode: "host" })).toBe("");
  if (!existsSync("/sys/fs/selinux/enforce"))
    expect(await refusal({}, { selinux: { level: "s0:c1,c2" } })).toBe("");
});

test("only parameters of the pod's own namespaces are set, and the refusal names the others", async () => {
  await using world = await World.open();
  const refusal = async (name: string, more = {}) =>
    await reasonOf(world.pod({ sysctls: { [name]: "1" }, ...more }));
  expect(await refusal("net.ipv4.ip_forward", { network: "host" })).toContain(
    '"net.ipv4.ip_forward=1": it would be the host\'s, whose network',
  );
  expect(await refusal("kernel.shmmax", { hostIpc: true })).toContain(
    '"kernel.shmmax=1": it would be the host\'s, whose IPC namespace',
  );
  expect(await refusal("kernel.hostname")).toContain('"kernel.hostname=1": it is the whole host\'s');
  expect(await refusal("net.ipv4.no_such_parameter")).toContain("net.ipv4.no_such_parameter");
  expect(world.engine.pods.list()).toEqual([]);
});

test("a container joins the PID namespace of another of its pod, to look into it", async () => {
  await using world = await World.open();
  const { id } = await world.pod({ network: "none" });
  const target = await world.start(id, ["exec sleep 4711"]);
  const PidMode = `container:${target}`;
  expect(await world.run(id, "ps -o args | grep -c '[s]leep 4711'; cat /proc/1/comm", { PidMode })).toBe(
    "1\nsleep\n",
  );
  await killContainer(world.engine, target, "SIGKILL");
  expect(await reasonOf(world.run(id, "true", { PidMode }))).toContain("non running container");
});

test("children of the pod's init are reaped, and it lives on when they are killed", async () => {
  await using world = await World.open();
  const { id } = await world.pod({ network: "none", sharePid: true });
  const host = { PidMode: `pod:${id}` };
  // Two generations that lose their parents at once: what nobody waits for becomes the init's.
  const orphans = "for i in 1 2 3; do (sh -c 'sleep 0.02 & exit' &) ; done; exec sleep 4711";
  await world.start(id, [orphans], host);
  const zombies = "grep -l '^State:.Z' /proc/[0-9]*/status 2>/dev/null | wc -l";
  const settled = `until ! ps -o args | grep -q '[s]leep 0.02' && [ $(${zombies}) = 0 ]; do sleep 0.01; done`;
  expect(await world.run(id, `${settled}; kill -9 -1`, host)).toBe("");
  await world.again();
  expect(await world.run(id, "cat /proc/1/comm; ps | grep -c '[s]leep 4711'", host)).toBe("init\n0\n");
  expect(world.engine.pods.get(id).state).toBe("ready");
});

test("a device of CDI and one of the host are in a container of a pod, and no other", async () => {
  await using world = await World.open();
  const { id } = await world.pod({ network: "none" });
  const kind = `sampan-test-${process.pid}.example.com/thing`;
  const file = `/var/run/cdi/sampan-test-${process.pid}.json`;
  const made = mkdirSync("/var/run/cdi", { recursive: true });
  // The kernel's log: writing to it needs no right but the cgroup's.
  const node = `${world.folder}/node`;
  must(["mknod", node, "c", "1", "11"]);
  const edits = {
    env: ["THING=1"],
    deviceNodes: [{ path: "/dev/thing", hostPath: node, permissions: "r" }],
  };
  writeFileSync(
    file,
    JSON.stringify({ cdiVersion: "0.6.0", kind, devices: [{ name: "a", containerEdits: edits }] }),
  );
  try {
    const said = await world.run(
      id,
      "echo $THING; stat -c %t:%T /dev/thing; (: >/dev/thing) 2>/dev/null || echo no; head -c 1 /dev/mine | od -An -tx1; ls /dev/kmsg 2>/dev/null",
      {
        DeviceRequests: [{ Driver: "cdi", DeviceIDs: [`${kind}=a`] }],
        Devices: [{ PathOnHost: "/dev/full", PathInContainer: "/dev/mine", CgroupPermissions: "r" }],
      },
    );
    expect(said.replaceAll(" ", "")).toBe("1\n1:b\nno\n00\n");
    const unknown = { DeviceRequests: [{ Driver: "cdi", DeviceIDs: [`${kind}=b`] }] };
    expect(await reasonOf(world.run(id, "true", unknown))).toContain(`cannot give device "${kind}=b"`);
  } finally {
    rmSync(file);
    if (made !== undefined) rmdirSync("/var/run/cdi");
  }
});
