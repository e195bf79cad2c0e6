import { expect, test } from "bun:test";
import type { OciConfig } from "./config.ts";
import type { Step } from "./_sample.ts";
import { fullConfig, set } from "./_sample.ts";
import { checkRules, validateConfig } from "./validate.ts";

/** What is set at which place; undefined takes the property away. */
type Change = [place: string, value: unknown];

/** "linux.namespaces[0].type" as steps; keys of maps may stand in quotes. */
function steps(place: string): Step[] {
  return Array.from(place.matchAll(/\["([^"]*)"\]|\[(\d+)\]|([^.[\]]+)/g), ([, key, index, name]) =>
    index === undefined ? ((key ?? name) as string) : Number(index),
  );
}

function changed(changes: Change[]): OciConfig {
  const document = fullConfig();
  for (const [place, value] of changes) set(document, steps(place), value);
  return validateConfig(document);
}

/** The full document's namespaces but those of the given types. */
function without(...types: string[]): Change {
  return ["linux.namespaces", fullConfig().linux.namespaces.filter(({ type }) => !types.includes(type))];
}

const map = (containerID: number, hostID: number, size: number) => ({ containerID, hostID, size });
const noSysctl: Change = ["linux.sysctl", {}];
const noMappings: Change[] = [
  ["linux.uidMappings", []],
  ["linux.gidMappings", []],
];

/** Each rule: what breaks it, the message, and the nearest thing that keeps it. */
const rules: { breaks: Change[]; says: string; keeps: Change[] }[] = [
  {
    breaks: [["linux.namespaces[1]", { type: "pid" }]],
    says: 'linux.namespaces[1].type: "pid" is there twice',
    keeps: [["linux.namespaces[0].path", "/proc/1/ns/pid"]],
  },
  {
    breaks: [["process.rlimits[1].type", "RLIMIT_NOFILE"]],
    says: 'process.rlimits[1].type: "RLIMIT_NOFILE" is there twice',
    keeps: [["process.rlimits[1].type", "RLIMIT_NPROC"]],
  },
  {
    breaks: [["process.rlimits[1]", { type: "RLIMIT_CORE", soft: 2n ** 64n - 1n, hard: 5 }]],
    says: "process.rlimits[1].soft: 18446744073709551615 is above the hard limit 5",
    keeps: [["process.rlimits[1]", { type: "RLIMIT_CORE", soft: 5, hard: 5 }]],
  },
  {
    breaks: [["process.consoleSize.width", 65_536]],
    says: "process.consoleSize.width: 65536 is above 65535",
    keeps: [["process.consoleSize.width", 65_535]],
  },
  {
    breaks: [["process.consoleSize.height", 65_536]],
    says: "process.consoleSize.height: 65536 is above 65535",
    keeps: [
      ["process.consoleSize.height", 65_536],
      ["process.terminal", false],
    ],
  },
  {
    breaks: [["process.scheduler", { policy: "SCHED_OTHER", nice: 20 }]],
    says: "process.scheduler.nice: 20 is out of range, wanted -20 to 19",
    keeps: [["process.scheduler", { policy: "SCHED_OTHER", nice: 19 }]],
  },
  {
    breaks: [["process.scheduler", { policy: "SCHED_BATCH", nice: -21 }]],
    says: "process.scheduler.nice: -21 is out of range, wanted -20 to 19",
    keeps: [["process.scheduler", { policy: "SCHED_BATCH", nice: -20 }]],
  },
  {
    breaks: [["process.scheduler", { policy: "SCHED_OTHER", priority: 1 }]],
    says: "process.scheduler.priority: 1 is set, but only SCHED_FIFO and SCHED_RR have one",
    keeps: [["process.scheduler", { policy: "SCHED_RR", priority: 1 }]],
  },
  ...(["runtime", "deadline", "period"] as const).map((name) => ({
    breaks: [["process.scheduler", { policy: "SCHED_FIFO", priority: 1, [name]: 1 }]] as Change[],
    says: `process.scheduler.${name}: 1 is set, but only SCHED_DEADLINE has one`,
    keeps: [["process.scheduler", { policy: "SCHED_FIFO", priority: 1, [name]: 0 }]] as Change[],
  })),
  ...(["initial", "final"] as const).map((stage) => ({
    breaks: [[`process.execCPUAffinity.${stage}`, "3-1"]] as Change[],
    says: `process.execCPUAffinity.${stage}: "3-1" does not fit, wanted a list like "0-3,7"`,
    keeps: [[`process.execCPUAffinity.${stage}`, ""]] as Change[],
  })),
  {
    breaks: [["linux.devices[0].major", undefined]],
    says: 'linux.devices[0].major: is missing, wanted for a device of type "c"',
    keeps: [["linux.devices[0]", { path: "/dev/fifo", type: "p" }]],
  },
  {
    breaks: [["linux.devices[0]", { path: "/dev/sda", type: "b", major: 8 }]],
    says: 'linux.devices[0].minor: is missing, wanted for a device of type "b"',
    keeps: [["linux.devices[0]", { path: "/dev/sda", type: "b", major: 8, minor: 0 }]],
  },
  {
    breaks: [["linux.uidMappings", [map(0, 1000, 10), map(9, 5000, 1)]]],
    says: "linux.uidMappings[1].containerID: 9 and size 1 overlap entry 0",
    keeps: [["linux.uidMappings", [map(0, 1000, 10), map(10, 5000, 1)]]],
  },
  {
    breaks: [["linux.gidMappings", [map(5, 1000, 10), map(0, 995, 6)]]],
    says: "linux.gidMappings[1].containerID: 0 and size 6 overlap entry 0",
    keeps: [["linux.gidMappings", [map(5, 1000, 10), map(0, 995, 5)]]],
  },
  {
    breaks: [["linux.gidMappings", [map(0, 1000, 10), map(20, 995, 6)]]],
    says: "linux.gidMappings[1].hostID: 995 and size 6 overlap entry 0",
    keeps: [["linux.gidMappings", [map(0, 1000, 10), map(20, 994, 6)]]],
  },
  {
    breaks: [["linux.uidMappings", [map(1, 0, 4_294_967_295), map(0, 4_294_967_295, 2)]]],
    says: "linux.uidMappings[1].containerID: 0 and size 2 overlap entry 0",
    keeps: [["linux.uidMappings", [map(1, 0, 4_294_967_295), map(0, 4_294_967_295, 1)]]],
  },
  {
    breaks: [["linux.uidMappings", [map(0, 4_294_967_295, 2)]]],
    says: "linux.uidMappings[0].hostID: 4294967295 and size 2 pass 4294967295",
    keeps: [["linux.uidMappings", [map(0, 4_294_967_295, 1)]]],
  },
  {
    breaks: [["linux.memoryPolicy", { mode: "MPOL_BIND", nodes: "0;1" }]],
    says: 'linux.memoryPolicy.nodes: "0;1" does not fit, wanted a list like "0-3,7"',
    keeps: [["linux.memoryPolicy", { mode: "MPOL_BIND", nodes: "0,1" }]],
  },
  {
    breaks: [["linux.memoryPolicy", { mode: "MPOL_LOCAL", nodes: "0" }]],
    says: 'linux.memoryPolicy.nodes: "0" is set, but MPOL_LOCAL takes none',
    keeps: [["linux.memoryPolicy", { mode: "MPOL_LOCAL" }]],
  },
  {
    breaks: [["linux.memoryPolicy", { mode: "MPOL_INTERLEAVE" }]],
    says: "linux.memoryPolicy.nodes: is without a node, wanted at least one for MPOL_INTERLEAVE",
    keeps: [["linux.memoryPolicy", { mode: "MPOL_PREFERRED" }]],
  },
  {
    breaks: [["linux.memoryPolicy.flags", ["MPOL_F_STATIC_NODES", "MPOL_F_RELATIVE_NODES"]]],
    says: "linux.memoryPolicy.flags: MPOL_F_STATIC_NODES and MPOL_F_RELATIVE_NODES exclude each other",
    keeps: [["linux.memoryPolicy.flags", ["MPOL_F_NUMA_BALANCING", "MPOL_F_RELATIVE_NODES"]]],
  },
  {
    breaks: [["linux.resources.blockIO.weightDevice[0]", { major: 8, minor: 0 }]],
    says: "linux.resources.blockIO.weightDevice[0]: is without a weight, wanted weight or leafWeight",
    keeps: [["linux.resources.blockIO.weightDevice[0]", { major: 8, minor: 0, leafWeight: 10 }]],
  },
  {
    breaks: [["linux.seccomp.defaultAction", "SCMP_ACT_KILL"]],
    says: "linux.seccomp.defaultErrnoRet: 1 is set, but SCMP_ACT_KILL returns no number",
    keeps: [["linux.seccomp.defaultAction", "SCMP_ACT_TRACE"]],
  },
  {
    breaks: [
      ["linux.seccomp.defaultAction", "SCMP_ACT_NOTIFY"],
      ["linux.seccomp.defaultErrnoRet", undefined],
    ],
    says: 'linux.seccomp.defaultAction: "SCMP_ACT_NOTIFY" is set, but only single calls can be notified',
    keeps: [
      ["linux.seccomp.defaultAction", "SCMP_ACT_ALLOW"],
      ["linux.seccomp.defaultErrnoRet", undefined],
    ],
  },
  {
    breaks: [["linux.seccomp.listenerPath", ""]],
    says: "linux.seccomp.listenerMetadata: is set, but listenerPath is not",
    keeps: [
      ["linux.seccomp.listenerPath", ""],
      ["linux.seccomp.listenerMetadata", ""],
    ],
  },
  {
    breaks: [["linux.seccomp.syscalls[0].action", "SCMP_ACT_ALLOW"]],
    says: "linux.seccomp.syscalls[0].errnoRet: 2 is set, but SCMP_ACT_ALLOW returns no number",
    keeps: [["linux.seccomp.syscalls[0].action", "SCMP_ACT_ERRNO"]],
  },
  {
    breaks: [
      ["linux.seccomp.syscalls", [{ names: ["mkdir"], action: "SCMP_ACT_NOTIFY" }]],
      ["linux.seccomp.listenerPath", undefined],
      ["linux.seccomp.listenerMetadata", undefined],
    ],
    says: "linux.seccomp.listenerPath: is missing, wanted for syscalls[0]",
    keeps: [["linux.seccomp.syscalls", [{ names: ["mkdir"], action: "SCMP_ACT_NOTIFY" }]]],
  },
  {
    breaks: [["linux.seccomp.syscalls", [{ names: ["mkdir", "write"], action: "SCMP_ACT_NOTIFY" }]]],
    says: 'linux.seccomp.syscalls[0].names: "write" cannot be notified: the listener is handed over by it',
    keeps: [["linux.seccomp.syscalls", [{ names: ["mkdir", "read"], action: "SCMP_ACT_NOTIFY" }]]],
  },
  {
    breaks: [["mounts[0].gidMappings", undefined]],
    says: "mounts[0].gidMappings: is missing, wanted beside uidMappings",
    keeps: [["mounts[0].gidMappings", [map(0, 5, 1)]]],
  },
  {
    breaks: [["mounts[0].uidMappings", []]],
    says: "mounts[0].uidMappings: is missing, wanted beside gidMappings",
    keeps: [
      ["mounts[0].uidMappings", []],
      ["mounts[0].gidMappings", []],
    ],
  },
  {
    breaks: [["mounts[0].options", ["idmap"]]],
    says: 'mounts[0].options: neither "bind" nor "rbind" is set, and only bind mounts can be id-mapped',
    keeps: [["mounts[0].options", ["bind", "idmap"]]],
  },
  {
    breaks: [["mounts[0]", { destination: "/x", options: ["ridmap"] }]],
    says: 'mounts[0].options: neither "bind" nor "rbind" is set, and only bind mounts can be id-mapped',
    keeps: [["mounts[0]", { destination: "/x", type: "tmpfs" }]],
  },
  {
    breaks: [
      ["mounts[0]", { destination: "/x", options: ["rbind", "ridmap"] }],
      ["linux", undefined],
      ["hostname", ""],
      ["domainname", undefined],
    ],
    says: 'mounts[0].options: "ridmap" is set, but neither the mount nor the container has mappings',
    keeps: [["mounts[0]", { destination: "/x", options: ["rbind", "ridmap"] }]],
  },
  {
    breaks: [["mounts[0].uidMappings", [map(0, 0, 2), map(1, 5, 1)]]],
    says: "mounts[0].uidMappings[1].containerID: 1 and size 1 overlap entry 0",
    keeps: [["mounts[0].uidMappings", [map(0, 0, 1), map(1, 5, 1)]]],
  },
  {
    breaks: [without("uts")],
    says: 'hostname: "box" is set, but the container has no uts namespace',
    keeps: [without("uts"), ["hostname", ""], ["domainname", ""]],
  },
  {
    breaks: [without("uts"), ["hostname", undefined]],
    says: 'domainname: "example.org" is set, but the container has no uts namespace',
    keeps: [without("uts"), ["hostname", undefined], ["domainname", undefined]],
  },
  ...(["hostname", "domainname"] as const).map((name) => ({
    breaks: [[name, "é".repeat(33)]] as Change[],
    says: `${name}: "${"é".repeat(33)}" has 66 bytes, wanted at most 64`,
    keeps: [[name, "é".repeat(32)]] as Change[],
  })),
  {
    breaks: [without("mount")],
    says: 'linux.maskedPaths: "/proc/kcore" is set, but the container has no mount namespace',
    keeps: [without("mount"), ["linux.maskedPaths", []], ["linux.readonlyPaths", []]],
  },
  {
    breaks: [without("mount"), ["linux.maskedPaths", []]],
    says: 'linux.readonlyPaths: "/proc/sys" is set, but the container has no mount namespace',
    keeps: [without("mount"), ["linux.maskedPaths", undefined], ["linux.readonlyPaths", undefined]],
  },
  {
    breaks: [without("network"), noSysctl],
    says: 'linux.netDevices: "eth1" is set, but the container has no network namespace',
    keeps: [without("network"), noSysctl, ["linux.netDevices", {}]],
  },
  {
    breaks: [without("user")],
    says: "linux.uidMappings: is set, but the container has no user namespace",
    keeps: [without("user"), ...noMappings],
  },
  {
    breaks: [without("user"), ["linux.uidMappings", undefined]],
    says: "linux.gidMappings: is set, but the container has no user namespace",
    keeps: [without("user"), ["linux.uidMappings", undefined], ["linux.gidMappings", undefined]],
  },
  {
    breaks: [["linux.uidMappings", []]],
    says: "linux.uidMappings: is empty, wanted at least one mapping for the new user namespace",
    keeps: [["linux.namespaces[5].path", "/proc/1/ns/user"], ...noMappings],
  },
  {
    breaks: [["linux.gidMappings", undefined]],
    says: "linux.gidMappings: is empty, wanted at least one mapping for the new user namespace",
    keeps: [["linux.namespaces[5].path", "/proc/1/ns/user"]],
  },
  {
    breaks: [without("time")],
    says: 'linux.timeOffsets: "monotonic" is set, but the container has no time namespace',
    keeps: [without("time"), ["linux.timeOffsets", {}]],
  },
  {
    breaks: [["linux.namespaces[7].path", "/proc/1/ns/time"]],
    says: 'linux.timeOffsets: is set, but the time namespace is joined from "/proc/1/ns/time"',
    keeps: [
      ["linux.namespaces[7].path", "/proc/1/ns/time"],
      ["linux.timeOffsets", {}],
    ],
  },
  {
    breaks: [['linux.sysctl["kernel.msgmax"]', "1"], without("ipc")],
    says: 'linux.sysctl["kernel.msgmax"]: is the host\'s, because the container has no ipc namespace',
    keeps: [['linux.sysctl["kernel.msgmax"]', "1"]],
  },
  {
    breaks: [['linux.sysctl["fs/mqueue/msg_max"]', "1"], without("ipc")],
    says: 'linux.sysctl["fs/mqueue/msg_max"]: is the host\'s, because the container has no ipc namespace',
    keeps: [['linux.sysctl["fs/mqueue/msg_max"]', "1"]],
  },
  {
    breaks: [without("network"), ["linux.netDevices", {}]],
    says: 'linux.sysctl["net.ipv4.ip_forward"]: is the host\'s, because the container has no network namespace',
    keeps: [['linux.sysctl["net/ipv4/conf/eth0.1/rp_filter"]', "1"]],
  },
  {
    breaks: [['linux.sysctl["user.max_pid_namespaces"]', "1"], without("user"), ...noMappings],
    says: 'linux.sysctl["user.max_pid_namespaces"]: is the host\'s, because the container has no user namespace',
    keeps: [['linux.sysctl["user.max_pid_namespaces"]', "1"]],
  },
  {
    breaks: [['linux.sysctl["kernel.hostname"]', "x"]],
    says: 'linux.sysctl["kernel.hostname"]: is set by hostname, wanted only there',
    keeps: [['linux.sysctl["kernel.domainname"]', "x"]],
  },
  {
    breaks: [
      ['linux.sysctl["kernel.domainname"]', "x"],
      without("uts"),
      ["hostname", undefined],
      ["domainname", undefined],
    ],
    says: 'linux.sysctl["kernel.domainname"]: is the host\'s, because the container has no uts namespace',
    keeps: [without("uts"), ["hostname", undefined], ["domainname", undefined]],
  },
  ...["kernel.core_pattern", "vm.overcommit_memory", "kernel/msgmax2", "netx.a", "fs.mqueue"].map((name) => ({
    breaks: [[`linux.sysctl["${name}"]`, "1"]] as Change[],
    says: `linux.sysctl["${name}"]: is the whole host's, wanted one of a namespace`,
    keeps: [['linux.sysctl["kernel.sem"]', "1"]] as Change[],
  })),
  ...["net/../kernel/core_pattern", "net..kernel", "net/", "", "/net/x", "net.ipv4/../x"].map((name) => ({
    breaks: [[`linux.sysctl["${name}"]`, "1"]] as Change[],
    says: `linux.sysctl["${name}"]: is no kernel parameter`,
    keeps: [['linux.sysctl["net.core.somaxconn"]', "1"]] as Change[],
  })),
];

const named = rules.map((rule) => [rule.says, rule] as const);

test.each(named)("a broken rule is refused: %s", (says, { breaks }) => {
  const config = changed(breaks);
  expect(() => checkRules(config)).toThrow(
    expect.objectContaining({ code: "invalid_argument", message: `cannot use config.json: ${says}` }),
  );
});

test.each(named)("the nearest that keeps it is taken: %s", (_says, { keeps }) => {
  const config = changed(keeps);
  expect(() => checkRules(config)).not.toThrow();
});

test("a container without any namespace is taken when nothing needs one", () => {
  const config = validateConfig({
    ociVersion: "1.3.0",
    root: { path: "/" },
    process: { cwd: "/", args: ["true"] },
    linux: { sysctl: {}, seccomp: { defaultAction: "SCMP_ACT_ALLOW" } },
  });
  expect(() => checkRules(config)).not.toThrow();
});
