/** Fixture of the tests: a valid document in which every property of the specification is set. */
import type { OciConfig, OciHook } from "./config.ts";

type Full<T> = T extends (infer E)[]
  ? Full<E>[]
  : T extends object
    ? { [K in keyof T]-?: Full<Exclude<T[K], undefined>> }
    : T;

/** A new one each time, for tests that change it. */
export function fullConfig(): Full<OciConfig> {
  return {
    ociVersion: "1.3.0",
    root: { path: "rootfs", readonly: true },
    mounts: [
      {
        destination: "/data",
        type: "none",
        source: "/srv/data",
        options: ["rbind", "ridmap"],
        uidMappings: [{ containerID: 0, hostID: 100_000, size: 1000 }],
        gidMappings: [{ containerID: 0, hostID: 100_000, size: 1000 }],
      },
    ],
    process: fullProcess(),
    hostname: "box",
    domainname: "example.org",
    hooks: {
      prestart: [hook("prestart")],
      createRuntime: [hook("create-runtime")],
      createContainer: [hook("create-container")],
      startContainer: [hook("start-container")],
      poststart: [hook("poststart")],
      poststop: [hook("poststop")],
    },
    annotations: { "org.example.key": "value" },
    linux: fullLinux(),
  };
}

function hook(name: string): Full<OciHook> {
  return { path: `/usr/bin/${name}`, args: [name, "-v"], env: ["A=b"], timeout: 5 };
}

function fullProcess(): Full<OciConfig["process"]> {
  return {
    terminal: true,
    consoleSize: { height: 25, width: 80 },
    cwd: "/",
    env: ["PATH=/bin", "EMPTY="],
    args: ["sh", ""],
    rlimits: [
      { type: "RLIMIT_NOFILE", soft: 1024, hard: 18_446_744_073_709_551_615n },
      { type: "RLIMIT_CORE", soft: 0, hard: 0 },
    ],
    apparmorProfile: "box",
    capabilities: {
      bounding: ["CAP_CHOWN"],
      effective: ["CAP_CHOWN"],
      inheritable: ["CAP_CHOWN"],
      permitted: ["CAP_CHOWN"],
      ambient: ["CAP_CHOWN"],
    },
    noNewPrivileges: true,
    oomScoreAdj: 100,
    scheduler: {
      policy: "SCHED_DEADLINE",
      nice: 0,
      priority: 0,
      flags: ["SCHED_FLAG_RESET_ON_FORK"],
      runtime: 10_000_000,
      deadline: 20_000_000,
      period: 20_000_000,
    },
    selinuxLabel: "system_u:system_r:container_t:s0",
    ioPriority: { class: "IOPRIO_CLASS_BE", priority: 4 },
    execCPUAffinity: { initial: "0-3,7", final: "1" },
    user: { uid: 1000, gid: 1000, umask: 18, additionalGids: [5, 6] },
  };
}

function fullLinux(): Full<NonNullable<OciConfig["linux"]>> {
  return {
    namespaces: [
      { type: "pid", path: "" },
      { type: "network", path: "/run/netns/box" },
      { type: "mount", path: "" },
      { type: "ipc", path: "" },
      { type: "uts", path: "" },
      { type: "user", path: "" },
      { type: "cgroup", path: "" },
      { type: "time", path: "" },
    ],
    uidMappings: [{ containerID: 0, hostID: 1000, size: 1 }],
    gidMappings: [{ containerID: 0, hostID: 1000, size: 1 }],
    timeOffsets: { monotonic: { secs: -5, nanosecs: 1 }, boottime: { secs: 7, nanosecs: 999_999_999 } },
    devices: [{ path: "/dev/fuse", type: "c", major: 10, minor: 229, fileMode: 438, uid: 0, gid: 0 }],
    netDevices: { eth1: { name: "eth0" } },
    cgroupsPath: "/boxes/one",
    resources: fullResources(),
    rootfsPropagation: "slave",
    seccomp: {
      defaultAction: "SCMP_ACT_ERRNO",
      defaultErrnoRet: 1,
      architectures: ["SCMP_ARCH_X86_64"],
      flags: ["SECCOMP_FILTER_FLAG_LOG"],
      listenerPath: "/run/listener.sock",
      listenerMetadata: "box",
      syscalls: [
        {
          names: ["personality"],
          action: "SCMP_ACT_TRACE",
          errnoRet: 2,
          args: [{ index: 0, value: 18_446_744_073_709_551_615n, valueTwo: 1, op: "SCMP_CMP_MASKED_EQ" }],
        },
      ],
    },
    sysctl: { "net.ipv4.ip_forward": "1" },
    maskedPaths: ["/proc/kcore"],
    readonlyPaths: ["/proc/sys"],
    mountLabel: "system_u:object_r:container_file_t:s0",
    intelRdt: {
      closID: "guaranteed",
      schemata: ["L2:0=f"],
      l3CacheSchema: "L3:0=7f0",
      memBwSchema: "MB:0=20",
      enableCMT: false,
      enableMBM: false,
      enableMonitoring: true,
    },
    personality: { domain: "LINUX32", flags: [] },
    memoryPolicy: { mode: "MPOL_BIND", nodes: "0", flags: ["MPOL_F_STATIC_NODES"] },
  };
}

function fullResources(): Full<NonNullable<NonNullable<OciConfig["linux"]>["resources"]>> {
  const throttle = () => [{ major: 8, minor: 0, rate: 18_446_744_073_709_551_615n }];
  return {
    devices: [{ allow: true, type: "c", major: 10, minor: -1, access: "rwm" }],
    memory: {
      limit: 9_223_372_036_854_775_807n,
      reservation: 1_048_576,
      swap: -1,
      kernel: -1,
      kernelTCP: -1,
      swappiness: 60,
      disableOOMKiller: false,
      useHierarchy: true,
      checkBeforeUpdate: true,
    },
    cpu: {
      shares: 1024,
      quota: -1,
      burst: 0,
      period: 100_000,
      realtimeRuntime: 0,
      realtimePeriod: 1_000_000,
      cpus: "0-1",
      mems: "0",
      idle: 0,
    },
    pids: { limit: 100 },
    blockIO: {
      weight: 500,
      leafWeight: 500,
      weightDevice: [{ major: 8, minor: 0, weight: 500, leafWeight: 300 }],
      throttleReadBpsDevice: throttle(),
      throttleWriteBpsDevice: throttle(),
      throttleReadIOPSDevice: throttle(),
      throttleWriteIOPSDevice: throttle(),
    },
    hugepageLimits: [{ pageSize: "2MB", limit: 18_446_744_073_709_551_615n }],
    network: { classID: 1_048_577, priorities: [{ name: "eth0", priority: 500 }] },
    rdma: { mlx5_1: { hcaHandles: 3, hcaObjects: 10_000 } },
    unified: { "memory.high": "1000000" },
  };
}

/** One step into a document: a property's name or a place in a list. */
export type Step = string | number;

/** All places in a document, the outer ones first. */
export function placesIn(value: unknown): Step[][] {
  if (typeof value !== "object" || value === null) return [[]];
  const steps: Step[] = Array.isArray(value) ? [...value.keys()] : Object.keys(value);
  const inner = steps.flatMap((step) => placesIn(at(value, [step])).map((rest) => [step, ...rest]));
  return [[], ...inner];
}

/** What is at a place, or undefined. */
export function at(value: unknown, place: readonly Step[]): unknown {
  return place.reduce((inner, step) => (inner as Record<Step, unknown> | undefined)?.[step], value);
}

/** Sets what is at a place below the top; undefined takes the property away. */
export function set(document: unknown, place: readonly Step[], value: unknown): void {
  const holder = at(document, place.slice(0, -1)) as Record<Step, unknown>;
  const last = place[place.length - 1] as Step;
  if (value === undefined) delete holder[last];
  else holder[last] = value;
}
