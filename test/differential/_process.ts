/** The random `process` of a bundle: who runs what, where, with which rights and limits. */
import { readFileSync } from "node:fs";
import { capabilities as capabilityNames } from "../../src/kernel/linux.ts";
import type { OciCapabilities, OciProcess, OciRlimit, OciUser } from "../../src/spec/oci/config.ts";
import type { RlimitType } from "../../src/spec/oci/values.ts";
import type { Random } from "./random.ts";

const names = capabilityNames.map((name) => `CAP_${name}`);
/** In docker's default set. */
const common = [
  "CAP_CHOWN",
  "CAP_DAC_OVERRIDE",
  "CAP_FSETID",
  "CAP_FOWNER",
  "CAP_MKNOD",
  "CAP_NET_RAW",
  "CAP_SETGID",
  "CAP_SETUID",
  "CAP_SETFCAP",
  "CAP_SETPCAP",
  "CAP_NET_BIND_SERVICE",
  "CAP_SYS_CHROOT",
  "CAP_KILL",
  "CAP_AUDIT_WRITE",
];

/** What the runtime itself may: a set beyond it cannot be given. */
function ownCapabilities(): bigint {
  const [, mask = "0"] = /^CapBnd:\s*(\w+)$/m.exec(readFileSync("/proc/self/status", "utf8")) ?? [];
  return BigInt(`0x${mask}`);
}

const grantable = names.filter((_, number) => (ownCapabilities() >> BigInt(number)) & 1n);

function capabilities(random: Random): OciCapabilities | undefined {
  return random.weighted<() => OciCapabilities | undefined>([
    [1, () => undefined],
    [1, () => ({})],
    [4, () => ({ bounding: common, effective: common, permitted: common })],
    [2, () => ({ bounding: grantable, effective: grantable, permitted: grantable, inheritable: grantable })],
    [5, () => nested(random)],
    [0.3, () => careless(random)],
  ])();
}

/** Sets that can be given: effective and ambient within permitted, all within bounding. */
function nested(random: Random): OciCapabilities {
  const bounding = random.some(grantable, random.unit());
  const permitted = random.some(bounding, random.unit());
  const inheritable = random.some(bounding, random.unit() / 2);
  const effective = random.some(permitted, random.unit());
  const both = permitted.filter((name) => inheritable.includes(name));
  const ambient = random.chance(0.5) ? random.some(both, random.unit()) : [];
  return {
    ...(random.chance(0.95) && { bounding }),
    permitted,
    effective,
    ...(random.chance(0.7) && { inheritable }),
    ...(random.chance(0.7) && { ambient }),
  };
}

/** Sets at random, with names that no kernel knows; many cannot be given. */
function careless(random: Random): OciCapabilities {
  const set = (): string[] => random.some([...names, "CAP_NOT_KNOWN"], 0.2);
  return { bounding: names, effective: set(), permitted: set(), inheritable: set(), ambient: set() };
}

/** For each limit values that a process of the runtime and the probe can live with. */
const limitValues: Readonly<Partial<Record<RlimitType, readonly number[]>>> = {
  RLIMIT_AS: [2 ** 37, 2 ** 40],
  RLIMIT_CORE: [0],
  RLIMIT_CPU: [100, 3600],
  RLIMIT_DATA: [2 ** 32, 2 ** 34],
  RLIMIT_FSIZE: [2 ** 26, 2 ** 30],
  RLIMIT_LOCKS: [10, 1000],
  RLIMIT_MEMLOCK: [65_536, 1_048_576, 8_388_608],
  RLIMIT_MSGQUEUE: [100_000, 819_200],
  RLIMIT_NICE: [0],
  RLIMIT_NOFILE: [100, 256, 1024, 1025, 4096, 20_000],
  RLIMIT_NPROC: [5000, 10_000],
  RLIMIT_RSS: [2 ** 30],
  RLIMIT_RTPRIO: [0],
  RLIMIT_RTTIME: [1_000_000, 2_000_000],
  RLIMIT_SIGPENDING: [100, 5000],
  RLIMIT_STACK: [2 ** 21, 2 ** 23],
};

function rlimits(random: Random): OciRlimit[] {
  return random.sample(Object.entries(limitValues), random.integer(0, 5)).map(([type, values]) => {
    const hard = random.pick(values);
    const soft = random.pick(values.filter((value) => value <= hard));
    return { type: type as RlimitType, soft, hard };
  });
}

function user(random: Random): OciUser | undefined {
  if (random.chance(0.4)) return random.chance(0.5) ? undefined : { uid: 0, gid: 0 };
  const gids = [5, 10, 100, 1000, 2000, 65_534];
  return {
    ...(random.chance(0.9) && { uid: random.pick([0, 0, 1000, 1234, 65_534]) }),
    ...(random.chance(0.9) && { gid: random.pick([0, 5, 1000, 4321, 65_534]) }),
    ...(random.chance(0.4) && { umask: random.pick([0, 0o007, 0o022, 0o027, 0o077, 0o777]) }),
    ...(random.chance(0.5) && { additionalGids: random.sample(gids, random.integer(0, 4)) }),
  };
}

const variables = [
  "A=1",
  "A=2",
  "EMPTY=",
  "EQUALS=a=b=c",
  "SPACES= a  b ",
  "UNICODE=ü€😀",
  "LINES=a\nb",
  "lower=case",
  "HOME=/tmp",
  "HOME=",
  "HOME=/home/user",
  "TERM=xterm",
  "LD_LIBRARY_PATH=/nowhere",
  "QUOTE=\"'\\",
  "container=oci",
  "NOTIFY_SOCKET=/nowhere",
  "_LIBCONTAINER_INITPIPE=3",
  "LISTEN_FDS=1",
];

const paths = ["/bin:/", "/:/bin", "/usr/bin:/bin:/", "/bin", "", "bin:/"];

function environment(random: Random): string[] | undefined {
  if (random.chance(0.05)) return undefined;
  const path = random.chance(0.9) ? [`PATH=${random.chance(0.7) ? "/bin:/" : random.pick(paths)}`] : [];
  return [...path, ...random.sample(variables, random.integer(0, 7))];
}

/** The program and, for the probe, the words that follow it. */
function program(random: Random): string {
  return random.weighted([
    [160, "/probe"],
    [8, "probe"],
    [3, "./probe"],
    [2, "/data/../probe"],
    [1, "/nowhere"],
    [1, "nowhere"],
    [1, "/not-executable"],
    [1, "not-executable"],
    [1, "/data"],
    [1, "data/../probe"],
    [1, "/loop"],
    [1, ""],
  ]);
}

function folder(random: Random): string {
  return random.weighted([
    [100, "/"],
    [8, "/data"],
    [5, "/tmp"],
    [6, "/made/by/the/runtime"],
    [3, "/link"],
    [3, "/absolute/sub"],
    [2, "/link/new"],
    [2, "/outside"],
    [2, "/proc"],
    [1, "/dangling"],
    [1, "/data/file"],
    [1, "/data/../home//user/"],
    [1, "/closed"],
    [1, "/proc/self/fd"],
  ]);
}

/** `words` is what the probe shall look at. */
export function randomProcess(random: Random, words: readonly string[]): OciProcess {
  const exit = random.weighted([
    [5, 0],
    [1, 1],
    [1, 3],
    [1, 42],
    [1, 127],
    [1, 137],
    [1, 255],
  ]);
  const env = environment(random);
  const caps = capabilities(random);
  const who = user(random);
  return {
    ...(random.chance(0.5) && { terminal: false }),
    cwd: folder(random),
    args: [program(random), String(exit), ...words],
    ...(env && { env }),
    ...(caps && { capabilities: caps }),
    ...(who && { user: who }),
    ...(random.chance(0.5) && { rlimits: rlimits(random) }),
    ...(random.chance(0.5) && { noNewPrivileges: random.chance(0.6) }),
    ...(random.chance(0.3) && { oomScoreAdj: random.pick([0, 1, 100, 500, 999, 1000]) }),
  };
}
