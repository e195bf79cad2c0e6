/** What a container of the CRI is made of, as its own processes see it. */
import { expect } from "bun:test";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  ContainerState,
  MountPropagation,
  SecurityProfile_ProfileType as Profile,
  Signal,
  SupplementalGroupsPolicy,
} from "../../src/wire/cri/cri_pb.ts";
import { needing } from "../needs.ts";
import { image, needs, World } from "./_world.ts";

const { test } = needing(needs);

const bytes = (text: string) => new TextEncoder().encode(text);
const unified = existsSync("/sys/fs/cgroup/cgroup.controllers");

test("words, variables, folder, user and groups are as they were asked for", async () => {
  await using world = await World.open();
  const { id } = await world.pod();
  const said = await world.said(id, 'pwd; echo "$A"; id -u; id -g; id -G', {
    workingDir: "/var",
    envs: [{ key: "A", value: bytes("x=y z") }],
    linux: {
      securityContext: {
        runAsUser: { value: 1000n },
        runAsGroup: { value: 7n },
        supplementalGroups: [8n, 9n],
        supplementalGroupsPolicy: SupplementalGroupsPolicy.Strict,
      },
    },
  });
  const [folder, variable, uid, gid, groups = ""] = said.split("\n");
  expect([folder, variable, uid, gid]).toEqual(["/var", "x=y z", "1000", "7"]);
  expect(
    groups
      .split(" ")
      .map(Number)
      .toSorted((a, b) => a - b),
  ).toEqual([7, 8, 9]);
});

test("a command takes the place of the image's entry point, arguments that of its command", async () => {
  await using world = await World.open();
  const { runtime } = world;
  const { id, config } = await world.pod();
  const says = async (name: string, words: { command?: string[]; args?: string[] }) => {
    const { containerId } = await runtime.createContainer({
      podSandboxId: id,
      config: { metadata: { name }, image: { image }, logPath: `${name}.log`, ...words },
      sandboxConfig: config,
    });
    await runtime.startContainer({ containerId });
    const { logPath, exitCode } = await world.ended(containerId);
    return [exitCode, readFileSync(logPath, "utf8").split(" ").slice(3).join(" ").trim()];
  };
  // The image has the command `sh` and no entry point.
  expect(await says("a", { args: ["echo", "arguments"] })).toEqual([0, "arguments"]);
  expect(await says("b", { command: ["echo"], args: ["both"] })).toEqual([0, "both"]);
  expect(await says("c", { command: ["echo", "command"] })).toEqual([0, "command"]);
  expect(await says("d", {})).toEqual([0, ""]);
});

test("its status tells of user, image, mounts, resources and stop signal", async () => {
  await using world = await World.open();
  const { id } = await world.pod();
  const hostPath = join(world.folder, "shared");
  const containerId = await world.start(id, "exec sleep 1000", {
    stopSignal: Signal.SIGRTMINPLUS3,
    annotations: { note: "1" },
    mounts: [{ hostPath, containerPath: "/shared" }],
    linux: {
      resources: { cpuShares: 512n, cpuQuota: 50_000n, cpuPeriod: 100_000n, memoryLimitInBytes: 64n << 20n },
      securityContext: { runAsUser: { value: 1000n }, supplementalGroups: [8n] },
    },
  });
  const status = await world.status(containerId);
  expect(status).toMatchObject({
    state: ContainerState.CONTAINER_RUNNING,
    image: { image },
    annotations: { note: "1" },
    mounts: [{ hostPath, containerPath: "/shared" }],
    stopSignal: Signal.SIGRTMINPLUS3,
    resources: {
      linux: { cpuShares: 512n, cpuQuota: 50_000n, cpuPeriod: 100_000n, memoryLimitInBytes: 64n << 20n },
    },
    user: { linux: { uid: 1000n, gid: 1000n } },
  });
  expect(status.user?.linux?.supplementalGroups).toContain(8n);
  expect(status.imageId).toMatch(/^sha256:[0-9a-f]{64}$/);
  // Folders of the host that are not there are made.
  expect(existsSync(hostPath)).toBe(true);
  const { info } = await world.runtime.containerStatus({ containerId, verbose: true });
  const shown = JSON.parse(info["info"] ?? "{}") as { pid?: number; sandboxID?: string };
  expect(shown.sandboxID).toBe(id);
  expect(existsSync(`/proc/${shown.pid}`)).toBe(true);
});

test("limits are the kernel's, and an update changes those of one that runs", async () => {
  await using world = await World.open();
  const { id } = await world.pod({ linux: { cgroupParent: `/sampan/cri-limits-${process.pid}` } });
  const containerId = await world.start(id, "exec sleep 1000", {
    linux: { resources: { memoryLimitInBytes: 64n << 20n } },
  });
  const tree = unified ? "/sys/fs/cgroup" : "/sys/fs/cgroup/memory";
  const file = join(
    tree,
    `sampan/cri-limits-${process.pid}/sampan-${containerId}`,
    unified ? "memory.max" : "memory.limit_in_bytes",
  );
  expect(readFileSync(file, "utf8").trim()).toBe(String(64 << 20));
  await world.runtime.updateContainerResources({
    containerId,
    linux: { memoryLimitInBytes: 96n << 20n, cpuShares: 2048n },
  });
  expect(readFileSync(file, "utf8").trim()).toBe(String(96 << 20));
  expect((await world.status(containerId)).resources?.linux).toMatchObject({
    memoryLimitInBytes: 96n << 20n,
    cpuShares: 2048n,
  });
});

test("capabilities, privileges and system calls are those that were asked for", async () => {
  await using world = await World.open();
  const { id } = await world.pod({
    linux: { securityContext: { privileged: true } },
  });
  const look = async (name: string, securityContext: object) => {
    const said = await world.said(id, "grep -E '^(CapBnd|CapAmb|NoNewPrivs|Seccomp):' /proc/self/status", {
      name,
      linux: { securityContext },
    });
    return Object.fromEntries(
      said
        .trim()
        .split("\n")
        .map((line) => line.split(":\t")),
    );
  };
  const bit = (number: number) => (1n << BigInt(number)).toString(16).padStart(16, "0");
  const [chown, netAdmin] = [0, 12];
  expect(
    await look("a", { capabilities: { addCapabilities: ["NET_ADMIN"], dropCapabilities: ["ALL"] } }),
  ).toEqual({
    CapBnd: bit(netAdmin),
    CapAmb: "0".repeat(16),
    NoNewPrivs: "0",
    Seccomp: "0",
  });
  expect(
    await look("b", {
      runAsUser: { value: 1000n },
      noNewPrivs: true,
      seccomp: { profileType: Profile.RuntimeDefault },
      capabilities: {
        addCapabilities: ["CHOWN"],
        dropCapabilities: ["ALL"],
        addAmbientCapabilities: ["CHOWN"],
      },
    }),
  ).toEqual({ CapBnd: bit(chown), CapAmb: bit(chown), NoNewPrivs: "1", Seccomp: "2" });
  const all = await look("c", { privileged: true });
  expect(all["Seccomp"]).toBe("0");
  expect(BigInt(`0x${all["CapBnd"] ?? "0"}`) & (1n << 21n)).not.toBe(0n);
  // What is both added and dropped is dropped.
  const dropped = await look("d", {
    capabilities: { addCapabilities: ["NET_ADMIN"], dropCapabilities: ["NET_ADMIN"] },
  });
  expect(BigInt(`0x${dropped["CapBnd"] ?? "0"}`) & (1n << 12n)).toBe(0n);
});

test("a filter of the node's own is read, and holds", async () => {
  await using world = await World.open();
  const { id } = await world.pod();
  const path = join(world.folder, "profile.json");
  const rule = { names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO" };
  writeFileSync(path, JSON.stringify({ defaultAction: "SCMP_ACT_ALLOW", syscalls: [rule] }));
  const said = await world.said(id, "mkdir /tmp/x && echo made; echo on", {
    linux: { securityContext: { seccomp: { profileType: Profile.Localhost, localhostRef: path } } },
  });
  expect(said).toContain("on\n");
  expect(said).not.toContain("made");
});

test("paths are hidden and read-only as they are named, and none are when none is named", async () => {
  await using world = await World.open();
  const { id } = await world.pod();
  const script = "cat /etc/passwd | wc -l; touch /tmp/x 2>/dev/null && echo wrote; exit 0";
  const hidden = await world.said(id, script, {
    name: "a",
    linux: { securityContext: { maskedPaths: ["/etc/passwd"], readonlyPaths: ["/tmp"] } },
  });
  expect(hidden).toBe("0\n");
  expect(await world.said(id, script, { name: "b" })).toBe("2\nwrote\n");
  const root = { linux: { securityContext: { readonlyRootfs: true } } };
  expect(await world.said(id, script, { name: "c", ...root })).toBe("2\n");
});

test("folders of the host are mounted as they are asked for, read-only without what lies below", async () => {
  await using world = await World.open();
  const { id } = await world.pod();
  const hostPath = join(world.folder, "host");
  mkdirSync(hostPath);
  writeFileSync(join(hostPath, "file"), "ahoy\n");
  const script = (place: string) =>
    `cat ${place}/file; echo x 2>/dev/null > ${place}/new && echo wrote; exit 0`;
  const containerPath = "/in";
  expect(
    await world.said(id, script(containerPath), { name: "a", mounts: [{ hostPath, containerPath }] }),
  ).toBe("ahoy\nwrote\n");
  expect(
    await world.said(id, script(containerPath), {
      name: "b",
      mounts: [{ hostPath, containerPath, readonly: true }],
    }),
  ).toBe("ahoy\n");
  // The last at one place lies on top.
  const other = join(world.folder, "other");
  mkdirSync(other);
  writeFileSync(join(other, "file"), "over\n");
  expect(
    await world.said(id, script(containerPath), {
      name: "c",
      mounts: [
        { hostPath, containerPath },
        { hostPath: other, containerPath: `${containerPath}/` },
      ],
    }),
  ).toBe("over\nwrote\n");
  const image2 = await world.said(id, "ls /img; exit 0", {
    name: "d",
    mounts: [
      {
        containerPath: "/img",
        image: { image },
        imageSubPath: "home",
        propagation: MountPropagation.PROPAGATION_PRIVATE,
      },
    ],
  });
  expect(image2).toBe("user\n");
});

test("it is stopped by its signal, and by force when its time is over", async () => {
  await using world = await World.open();
  const { runtime } = world;
  const { id } = await world.pod();
  const obeys = await world.start(id, "trap 'exit 5' USR1; touch /tmp/up; while :; do sleep 0.05; done", {
    name: "a",
    stopSignal: Signal.SIGUSR1,
  });
  const up = async (containerId: string) => {
    while (
      (await runtime.execSync({ containerId, cmd: ["test", "-e", "/tmp/up"], timeout: 10n })).exitCode !== 0
    );
  };
  await up(obeys);
  await runtime.stopContainer({ containerId: obeys, timeout: 60n });
  expect(await world.status(obeys)).toMatchObject({ exitCode: 5, reason: "Error" });
  const deaf = await world.start(id, "trap '' TERM; touch /tmp/up; while :; do sleep 0.05; done", {
    name: "b",
  });
  await up(deaf);
  await runtime.stopContainer({ containerId: deaf, timeout: 1n });
  expect(await world.status(deaf)).toMatchObject({ exitCode: 137 });
  const done = await world.start(id, "exit 0", { name: "c" });
  expect(await world.ended(done)).toMatchObject({ exitCode: 0, reason: "Completed" });
});

test("lists of containers are what the filter says, whole or in pieces", async () => {
  await using world = await World.open();
  const { runtime } = world;
  const [one, two] = [await world.pod(), await world.pod()];
  const a = await world.start(one.id, "exec sleep 1000", { name: "a", labels: { app: "a", tier: "web" } });
  const b = await world.container(one.id, "true", { name: "b", labels: { app: "b", tier: "web" } });
  const c = await world.container(two.id, "true", { name: "c" });
  const ids = async (filter?: NonNullable<Parameters<typeof runtime.listContainers>[0]["filter"]>) => {
    const { containers } = await runtime.listContainers({ ...(filter && { filter }) });
    const streamed: string[] = [];
    for await (const piece of runtime.streamContainers({ ...(filter && { filter }) }))
      streamed.push(...piece.containers.map((each) => each.id));
    expect(streamed).toEqual(containers.map((each) => each.id));
    return containers.map((each) => each.id).toSorted();
  };
  expect(await ids()).toEqual([a, b, c].toSorted());
  expect(await ids({ podSandboxId: one.id })).toEqual([a, b].toSorted());
  expect(await ids({ id: c.slice(0, 13) })).toEqual([c]);
  expect(await ids({ labelSelector: { tier: "web", app: "b" } })).toEqual([b]);
  expect(await ids({ state: { state: ContainerState.CONTAINER_RUNNING } })).toEqual([a]);
  expect(await ids({ state: { state: ContainerState.CONTAINER_EXITED } })).toEqual([]);
});
