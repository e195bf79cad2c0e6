/** The random `linux` of a bundle, resources aside: namespaces, maps, devices, masks, sysctls, filters. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type {
  OciConfig,
  OciDevice,
  OciIdMapping,
  OciLinux,
  OciNamespace,
  OciSeccomp,
  OciSyscall,
} from "../../src/spec/oci/config.ts";
import type { NamespaceType, RootfsPropagation } from "../../src/spec/oci/values.ts";
import type { Random } from "./random.ts";

/** Probability that a namespace is new, and that it is one that the test holds. The mount namespace is never the host's: its mounts would be changed. */
const shares: readonly (readonly [NamespaceType, number, number])[] = [
  ["pid", 0.85, 0.05],
  ["network", 0.7, 0.06],
  ["ipc", 0.85, 0.06],
  ["uts", 0.85, 0.06],
  ["mount", 0.97, 0.03],
  ["user", 0.15, 0.03],
  ["cgroup", 0.3, 0.05],
];

const files: Readonly<Record<NamespaceType, string>> = {
  pid: "pid",
  network: "net",
  ipc: "ipc",
  uts: "uts",
  mount: "mnt",
  user: "user",
  cgroup: "cgroup",
  time: "time",
};

export function randomNamespaces(random: Random): OciNamespace[] {
  const list: OciNamespace[] = [];
  for (const [type, fresh, joined] of shares) {
    const at = random.unit();
    if (at < fresh) list.push({ type, ...(random.chance(0.05) && { path: "" }) });
    else if (at < fresh + joined) list.push({ type, path: `$NS/${files[type]}` });
  }
  // A new user namespace may mount neither proc nor sysfs of a pid or network namespace that is not its own.
  const user = list.some(({ type }) => type === "user");
  for (const type of ["pid", "network", "ipc"] as const)
    if (user && random.chance(0.9))
      list.splice(0, list.length, ...list.filter((one) => one.type !== type), { type });
  return random.chance(0.2) ? random.sample(list, list.length) : list;
}

const identity = [{ containerID: 0, hostID: 0, size: 4_294_967_295 }];
const maps: readonly OciIdMapping[][] = [
  [{ containerID: 0, hostID: 100_000, size: 65_536 }],
  [{ containerID: 0, hostID: 200_000, size: 70_000 }],
  [
    { containerID: 0, hostID: 1000, size: 1 },
    { containerID: 1, hostID: 100_000, size: 65_535 },
  ],
  identity,
];

export function randomMaps(random: Random): { uidMappings: OciIdMapping[]; gidMappings: OciIdMapping[] } {
  const uidMappings = random.pick(maps);
  return { uidMappings, gidMappings: random.chance(0.8) ? uidMappings : random.pick(maps) };
}

function device(random: Random): OciDevice {
  const [type, major, minor] = random.pick([
    ["c", 1, 3],
    ["c", 1, 5],
    ["u", 1, 8],
    ["c", 5, 0],
    ["b", 7, 0],
    ["c", 10, 229],
    ["p", 0, 0],
    ["b", 4095, 1_048_575],
    ["c", 511, 70_000],
  ] as const);
  const path = random.pick([
    "/dev/one",
    "/dev/two",
    "/dev/below/three",
    "/dev/null",
    "/dev/zero",
    "/data/node",
    "/dev/tty",
    "/dev/fuse",
  ]);
  // runc takes another device of that name for what the standard streams are, and gives the host's /dev/null to the container's user.
  if (path === "/dev/null" && (type !== "c" || minor !== 3)) return device(random);
  return {
    path,
    type,
    ...(type !== "p" && { major, minor }),
    ...(random.chance(0.8) && { fileMode: random.pick([0o666, 0o600, 0o640, 0o777, 0o000, 0o660]) }),
    ...(random.chance(0.5) && { uid: random.pick([0, 1000, 65_534]) }),
    ...(random.chance(0.5) && { gid: random.pick([0, 5, 2000]) }),
  };
}

const hidden = [
  "/proc/acpi",
  "/proc/kcore",
  "/proc/keys",
  "/proc/timer_list",
  "/proc/scsi",
  "/sys/firmware",
  "/proc/interrupts",
  "/data",
  "/data/file",
  "/data/sub",
  "/nowhere/at/all",
  "/link",
  "/file-link",
  "/dangling",
  "/tmp",
];
const fixed = [
  "/proc/bus",
  "/proc/fs",
  "/proc/irq",
  "/proc/sys",
  "/proc/sysrq-trigger",
  "/data",
  "/data/file",
  "/tmp",
  "/etc",
  "/nowhere/either",
  "/link/sub",
  "/dev",
  "/home",
];

const sysctls: readonly (readonly [NamespaceType, string, readonly string[]])[] = [
  ["network", "net.ipv4.ip_forward", ["0", "1"]],
  ["network", "net/ipv4/ip_unprivileged_port_start", ["0", "80", "1024"]],
  ["network", "net.ipv4.ping_group_range", ["0 2000", "1 0"]],
  ["network", "net.core.somaxconn", ["128", "5000"]],
  ["network", "net.ipv4.conf.lo.forwarding", ["1"]],
  ["ipc", "kernel.msgmax", ["65536", "10000"]],
  ["ipc", "kernel.shmmax", ["1000000"]],
  ["ipc", "kernel.sem", ["100 200 300 400"]],
  ["ipc", "kernel.shm_rmid_forced", ["1"]],
  ["ipc", "fs.mqueue.msg_max", ["20"]],
  ["uts", "kernel.domainname", ["by.sysctl"]],
];

/** The parameters, and the files where the container can read them. */
export function randomSysctls(random: Random, namespaces: readonly OciNamespace[]): Record<string, string> {
  const fresh = new Set(namespaces.filter(({ path }) => !path).map(({ type }) => type));
  const picked = random
    .sample(sysctls, random.integer(1, 3))
    .filter(([type]) => fresh.has(type) || random.chance(0.02));
  return Object.fromEntries(picked.map(([, name, values]) => [name, random.pick(values)]));
}

const standard = JSON.parse(
  readFileSync(join(import.meta.dirname, "../fixtures/seccomp-default.json"), "utf8"),
) as OciSeccomp;

const filtered = [
  "getpriority",
  "mkdir",
  "mkdirat",
  "unlink",
  "chroot",
  "timerfd_create",
  "io_uring_setup",
  "bpf",
  "keyctl",
  "syslog",
  "mount",
  "setns",
  "unshare",
  "swapoff",
  "kexec_load",
  "sched_yield",
  "not_a_call",
];

function rule(random: Random): OciSyscall {
  const deny = random.chance(0.9);
  return {
    names: random.sample(filtered, random.integer(1, 5)),
    action: deny
      ? "SCMP_ACT_ERRNO"
      : random.pick([
          "SCMP_ACT_LOG",
          "SCMP_ACT_ALLOW",
          "SCMP_ACT_KILL",
          "SCMP_ACT_TRAP",
          "SCMP_ACT_KILL_PROCESS",
        ]),
    ...(deny && random.chance(0.7) && { errnoRet: random.pick([1, 2, 13, 38, 99]) }),
  };
}

function argumentRules(random: Random): OciSyscall[] {
  const family = random.pick([2, 16, 40]);
  return [
    {
      names: ["socket"],
      action: "SCMP_ACT_ERRNO",
      errnoRet: random.pick([1, 97]),
      args: [{ index: 0, value: family, op: random.pick(["SCMP_CMP_EQ", "SCMP_CMP_GE", "SCMP_CMP_GT"]) }],
    },
    {
      names: ["personality"],
      action: "SCMP_ACT_ERRNO",
      errnoRet: 1,
      args: [{ index: 0, value: 0x0800_0000, valueTwo: 0x0800_0000, op: "SCMP_CMP_MASKED_EQ" }],
    },
  ];
}

function seccomp(random: Random): OciSeccomp {
  if (random.chance(0.3)) return standard;
  return {
    defaultAction: "SCMP_ACT_ALLOW",
    ...(random.chance(0.6) && {
      architectures: random.pick([
        ["SCMP_ARCH_X86_64"],
        ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"],
        ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
      ]) as NonNullable<OciSeccomp["architectures"]>,
    }),
    syscalls: [
      ...Array.from({ length: random.integer(0, 4) }, () => rule(random)),
      ...(random.chance(0.4) ? argumentRules(random) : []),
    ],
  };
}

const propagations: readonly (RootfsPropagation | "")[] = [
  "",
  "private",
  "rprivate",
  "slave",
  "rslave",
  "shared",
  "rshared",
  "unbindable",
  "runbindable",
];

/** Everything but namespaces, maps, sysctls and resources. */
export function randomLinux(random: Random): OciLinux {
  return {
    ...(random.chance(0.3) && {
      devices: Array.from({ length: random.integer(0, 3) }, () => device(random)),
    }),
    ...(random.chance(0.5) && { maskedPaths: random.sample(hidden, random.integer(0, 6)) }),
    ...(random.chance(0.5) && { readonlyPaths: random.sample(fixed, random.integer(0, 5)) }),
    ...(random.chance(0.25) && {
      rootfsPropagation: random.pick(
        random.chance(0.8) ? propagations.slice(0, 7) : propagations,
      ) as RootfsPropagation,
    }),
    ...(random.chance(0.35) && { seccomp: seccomp(random) }),
  };
}

/** Files and folders that the probe shall look at: all that the configuration speaks of. */
export function places(config: Pick<OciConfig, "mounts" | "linux">): string[] {
  const { mounts = [], linux = {} } = config;
  const written = new Set([
    // What lies below a cgroup mount changes with every other container.
    ...mounts
      .filter(({ type }) => type !== "cgroup")
      .map(({ destination }) => `/${destination}`.replaceAll(/\/+/g, "/")),
    ...(linux.maskedPaths ?? []),
    ...(linux.readonlyPaths ?? []),
    ...(linux.devices ?? []).map(({ path }) => path),
    "/data",
    "/tmp",
  ]);
  // Inside /proc nothing is written to, and the host's devices are left alone.
  const careful = [...written].filter((path) => !path.startsWith("/proc/") && path !== "/dev/below/three");
  const read = Object.keys(linux.sysctl ?? {}).map((name) => `/proc/sys/${name.replaceAll(".", "/")}`);
  return [...careful.map((path) => `t:${path}`), ...read.map((path) => `r:${path}`)];
}
