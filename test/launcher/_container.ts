/** Complete plans as `create` makes them, over bundles of the tests' own: what the fault tests make fail at every operation. */
import { tmpdir } from "node:os";
import { copyFileSync, mkdirSync, rmdirSync, symlinkSync, writeFileSync } from "node:fs";
import { makeFifo } from "../../src/kernel/libc.ts";
import { cgroupHost } from "../../src/runtime/native/cgroups/host.ts";
import { cgroupPaths } from "../../src/runtime/native/cgroups/paths.ts";
import { planCgroups } from "../../src/runtime/native/cgroups/plan.ts";
import { compileCreate } from "../../src/runtime/native/plan/compile/create.ts";
import type { Plan } from "../../src/runtime/native/plan/operations.ts";
import { defaultConfig } from "../../src/spec/oci/default.ts";
import type { OciConfig } from "../../src/spec/oci/config.ts";

export interface Container {
  readonly plan: Plan;
  readonly rootfs: string;
  /** The pipe that init waits at. */
  readonly fifo: string;
  /** The control groups that the plan makes, deepest last; removing them is the runtime's part. */
  readonly cgroups: readonly string[];
}

const hook = (script: string) => ({
  path: "/bin/sh",
  args: ["sh", "-c", script],
  env: ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"],
  timeout: 20,
});

/** Everything that one container can have without a user namespace. */
export function fullConfig(socket: string): OciConfig {
  const config = defaultConfig();
  const linux = config.linux ?? {};
  return {
    ...config,
    process: {
      user: { uid: 1000, gid: 1000, umask: 0o27, additionalGids: [10, 20] },
      args: ["true"],
      env: ["PATH=/bin"],
      cwd: "/made/by/here",
      terminal: true,
      consoleSize: { height: 24, width: 80 },
      capabilities: {
        bounding: ["CAP_KILL", "CAP_CHOWN"],
        effective: ["CAP_KILL"],
        permitted: ["CAP_KILL"],
        inheritable: ["CAP_KILL"],
        ambient: ["CAP_KILL"],
      },
      rlimits: [{ type: "RLIMIT_NOFILE", soft: 512, hard: 512 }],
      oomScoreAdj: 100,
      scheduler: { policy: "SCHED_OTHER", nice: 5 },
      ioPriority: { class: "IOPRIO_CLASS_BE", priority: 6 },
    },
    hostname: "faulty",
    domainname: "example",
    mounts: [
      ...(config.mounts ?? []),
      { destination: "/made/by/us", type: "tmpfs", source: "tmpfs", options: ["size=64k", "tmpcopyup"] },
      { destination: "/etc/hosts", type: "bind", source: "/etc/hosts", options: ["rbind", "ro", "rprivate"] },
      { destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: ["ro", "nosuid"] },
    ],
    hooks: {
      prestart: [hook("cat >/dev/null")],
      createRuntime: [hook("cat >/dev/null")],
      createContainer: [hook("cat >/dev/null")],
      startContainer: [{ path: "/bin/sh", args: ["sh", "-c", ":"] }],
    },
    linux: {
      ...linux,
      namespaces: (["pid", "network", "ipc", "uts", "mount", "cgroup"] as const).map((type) => ({ type })),
      devices: [{ path: "/dev/box/fuse", type: "c", major: 10, minor: 229, fileMode: 0o600, uid: 5, gid: 6 }],
      sysctl: { "net.ipv4.ip_forward": "1" },
      resources: {
        devices: [{ allow: false, access: "rwm" }],
        memory: { limit: 64 << 20 },
        pids: { limit: 64 },
        cpu: { shares: 512 },
      },
      seccomp: {
        defaultAction: "SCMP_ACT_ALLOW",
        listenerPath: socket,
        listenerMetadata: "faults",
        syscalls: [{ names: ["swapon"], action: "SCMP_ACT_NOTIFY" }],
      },
      personality: { domain: "LINUX" },
    },
  };
}

type Namespace = NonNullable<NonNullable<OciConfig["linux"]>["namespaces"]>[number]["type"];

function withNamespaces(...types: Namespace[]): OciConfig {
  const config = defaultConfig();
  return {
    ...config,
    process: { ...config.process, args: ["true"], env: ["PATH=/bin"], cwd: "/", terminal: false },
    linux: { ...config.linux, namespaces: types.map((type) => ({ type })) },
  };
}

/** Id maps, an id-mapped mount, and limits that the parent sets. */
export function userConfig(): OciConfig {
  const config = withNamespaces("user", "pid", "network", "ipc", "uts", "mount", "cgroup");
  const map = [{ containerID: 0, hostID: 100000, size: 65536 }];
  const mapped = {
    destination: "/mapped",
    type: "bind",
    // Not on the root file system, which may be an overlay: that cannot be id-mapped.
    source: tmpdir(),
    options: ["bind", "idmap", "ro"],
  };
  return {
    ...config,
    mounts: [...(config.mounts ?? []), mapped],
    linux: { ...config.linux, uidMappings: map, gidMappings: map },
  };
}

/** A time namespace wants a process between the launcher and init; `config` is what it is added to. */
export function withTime(config: OciConfig): OciConfig {
  const namespaces = [...(config.linux?.namespaces ?? []), { type: "time" as const }];
  return { ...config, linux: { ...config.linux, namespaces, timeOffsets: { boottime: { secs: 1000 } } } };
}

/** Namespaces of its own, and nothing else that is special. */
export function plainConfig(): OciConfig {
  return withNamespaces("pid", "network", "ipc", "uts", "mount");
}

/** Makes the bundle in `folder` and compiles its plan; `socket` is where console and listener are sent. */
export function container(folder: string, id: string, config: OciConfig, socket: string): Container {
  const rootfs = `${folder}/rootfs`;
  for (const name of ["bin", "etc", "made/by/us/deep"]) mkdirSync(`${rootfs}/${name}`, { recursive: true });
  copyFileSync("/usr/bin/busybox", `${rootfs}/bin/busybox`);
  for (const name of ["sh", "true"]) symlinkSync("busybox", `${rootfs}/bin/${name}`);
  writeFileSync(`${rootfs}/made/by/us/deep/file`, "copied up");
  const owner = config.linux?.uidMappings?.[0]?.hostID ?? 0;
  Bun.spawnSync(["chown", "-R", `${owner}:${owner}`, rootfs]);
  const fifo = `${folder}/exec.fifo`;
  makeFifo(fifo, 0o622);
  const cgroups = cgroupHost();
  const cgroup = planCgroups({
    resources: config.linux?.resources,
    devices: config.linux?.devices,
    paths: cgroupPaths({ cgroupsPath: `/${id}`, id, host: cgroups, driver: "cgroupfs" }),
  });
  const plan = compileCreate({
    id,
    config,
    bundle: folder,
    rootfs,
    rootfsMount: "/",
    stateDir: folder,
    host: {
      arch: "x64",
      euid: 0,
      egid: 0,
      inUserNamespace: false,
      cgroups,
      lastCapability: 40,
      appArmor: false,
      seLinux: false,
    },
    cgroup,
    rootless: false,
    preserveFds: 0,
    ...(config.process?.terminal && { console: { path: socket } }),
  });
  return { plan, rootfs, fifo, cgroups: [...new Set(Object.values(cgroup.dirs))] };
}

/** What `delete` does; fails while a process is in one of them. */
export function removeCgroups({ cgroups }: Container): void {
  for (const path of cgroups) {
    try {
      rmdirSync(path);
    } catch (error) {
      if ((error as { code?: string }).code !== "ENOENT") throw error;
    }
  }
}
