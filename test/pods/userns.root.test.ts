/** Pods with a user namespace of their own: root in them is nobody on the host. */
import { chownSync, mkdirSync, readFileSync, readlinkSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "bun:test";
import { createExec, startExec } from "../../src/engine/containers/exec.ts";
import { startContainer } from "../../src/engine/containers/start.ts";
import type { Remap } from "../../src/engine/snapshots/snapshotter.ts";
import { hear } from "../containers/live.ts";
import { needing } from "../needs.ts";
import { needs, World } from "./_world.ts";

const { test } = needing(needs);

const first = 300_000;
const ranges = [{ containerID: 0, hostID: first, size: 65_536 }];
const userns: Remap = { uids: ranges, gids: ranges };

function namespaceOf(pid: number | undefined, name: string): string {
  return readlinkSync(`/proc/${pid}/ns/${name}`);
}

test("containers of a pod are in one user namespace, which owns all that the pod has", async () => {
  await using world = await World.open();
  const parent = `/sampan-test-${process.pid}`;
  const { id, state } = await world.pod({
    userns,
    cgroupParent: parent,
    sysctls: { "kernel.shmmax": "123456" },
  });
  expect(state).toBe("ready");
  const [one, two] = [await world.start(id, ["exec sleep 1000"]), await world.start(id, ["exec sleep 1000"])];
  // CVE-2025-47291: such pods were outside of their cgroups, without their limits.
  for (const each of [one, two])
    expect(readFileSync(`/proc/${world.engine.containers.get(each).pid}/cgroup`, "utf8")).toMatch(
      new RegExp(`:.*memory.*:${parent}/sampan-${each}$|^0::${parent}/sampan-${each}$`, "m"),
    );
  const [a, b] = [one, two].map((each) => world.engine.containers.get(each).pid);
  for (const name of ["user", "net", "ipc", "uts"]) {
    expect(namespaceOf(a, name)).toBe(namespaceOf(b, name));
    expect(namespaceOf(a, name)).not.toBe(readlinkSync(`/proc/self/ns/${name}`));
  }
  expect(readFileSync(`/proc/${a}/uid_map`, "utf8").trim().split(/\s+/)).toEqual(["0", `${first}`, "65536"]);
  expect(readFileSync(`/proc/${a}/status`, "utf8")).toContain(`Uid:\t${first}\t${first}`);
  const said = await world.run(
    id,
    "id -u; stat -c %u /bin/busybox /sys/class/net/lo/uevent /dev/mqueue; hostname renamed && hostname; ip addr add 10.9.8.7/32 dev lo && echo owns; cat /proc/sys/kernel/shmmax; touch /new && stat -c %u /new",
    { CapAdd: ["NET_ADMIN", "SYS_ADMIN"] },
  );
  expect(said).toBe("0\n0\n0\n0\nrenamed\nowns\n123456\n0\n");
  const body = { Cmd: ["cat", "/proc/self/uid_map"], AttachStdout: true };
  const exec = await startExec(world.engine, await createExec(world.engine, one, body), { detach: false });
  await using _exec = exec;
  expect((await hear(exec)).stdout.trim().split(/\s+/)).toEqual(["0", `${first}`, "65536"]);
});

test("a pod that shares its PID namespace has an init of its own ids", async () => {
  await using world = await World.open();
  const { id } = await world.pod({ userns, sharePid: true, network: "none" });
  const host = { PidMode: `pod:${id}` };
  const first = await world.start(id, ["exec sleep 1000"], host);
  const said = await world.run(id, "cat /proc/1/comm; stat -c %u /proc/1; ps | grep -c '[s]leep 1000'", host);
  expect(said).toBe("init\n65534\n1\n");
  await world.again();
  expect(world.engine.pods.get(id).state).toBe("ready");
  expect(world.engine.containers.get(first).state).toBe("running");
});

test("mounts have the ids of the pod where that is asked for, and the host's elsewhere", async () => {
  await using world = await World.open();
  const { id } = await world.pod({ userns, network: "none" });
  const folder = join(world.folder, "volume");
  mkdirSync(folder);
  writeFileSync(join(folder, "mine"), "");
  chownSync(join(folder, "mine"), 5, 5);
  const Binds = [`${folder}:/mapped`, `${folder}:/plain`];
  const made = await world.make(
    id,
    ["stat -c %u /mapped/mine /plain/mine; touch /mapped/new; touch /plain/new"],
    {
      host: { Binds },
      extras: { idmaps: { "/mapped": userns } },
    },
  );
  const said = await world.hear(made.id);
  expect(said).toStartWith("5\n65534\n");
  expect(said).toContain("/plain/new: Permission denied");
  expect(statSync(join(folder, "new")).uid).toBe(0);
});

test("a sandbox comes back with its user namespace after a start of the machine", async () => {
  await using world = await World.open();
  const { id } = await world.pod({ userns });
  const container = await world.start(id, ["exec sleep 1000"]);
  await world.again(() => world.cutPower());
  expect(world.engine.pods.get(id).state).toBe("ready");
  await startContainer(world.engine, container);
  const { pid } = world.engine.containers.get(container);
  expect(readFileSync(`/proc/${pid}/status`, "utf8")).toContain(`Uid:\t${first}\t`);
});

test.each([
  [{ network: "host" }, "the host's network exclude each other"],
  [{ hostPid: true }, "the host's PID namespace exclude each other"],
  [{ hostIpc: true }, "the host's IPC namespace exclude each other"],
  [{ userns: { uids: [{ containerID: 0, hostID: 0, size: 9 }], gids: ranges } }, "may not be the host's"],
  [{ userns: { uids: [{ containerID: 1, hostID: 5, size: 9 }], gids: ranges } }, "must have a root"],
])("a user namespace with %j is refused: %s", async (more, why) => {
  await using world = await World.open();
  const refused = await world.pod({ userns, ...more }).then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(String(refused)).toContain(why);
});
