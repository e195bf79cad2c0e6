/**
 * What one process may and gets: credentials, capabilities, limits, labels, scheduling, filter, environment, program. The same for the
 * container's init and for `exec`; the order is what each step needs of the rights that a later one takes away.
 */
import { SampanError } from "../../../../base/errors.ts";
import { capabilities, PR, rlimits } from "../../../../kernel/linux.ts";
import type { OciCapabilities, OciConfig, OciProcess, OciScheduler } from "../../../../spec/oci/config.ts";
import { parseNumberList } from "../../../../spec/oci/number-list.ts";
import { slot } from "../operations.ts";
import type { Builder, Host } from "./context.ts";

export interface ProcessContext {
  readonly builder: Builder;
  readonly process: OciProcess;
  readonly config: OciConfig;
  readonly host: Host;
  /** In a user namespace other than the runtime's: the parent sets what needs rights over the host. */
  readonly userns: boolean;
  readonly setgroupsDenied: boolean;
  readonly preserveFds: number;
  readonly environment: readonly string[];
}

const policies: Readonly<Record<string, number>> = {
  SCHED_OTHER: 0,
  SCHED_FIFO: 1,
  SCHED_RR: 2,
  SCHED_BATCH: 3,
  SCHED_ISO: 4,
  SCHED_IDLE: 5,
  SCHED_DEADLINE: 6,
};

const schedulerFlags: Readonly<Record<string, number>> = {
  SCHED_FLAG_RESET_ON_FORK: 0x01,
  SCHED_FLAG_RECLAIM: 0x02,
  SCHED_FLAG_DL_OVERRUN: 0x04,
  SCHED_FLAG_KEEP_POLICY: 0x08,
  SCHED_FLAG_KEEP_PARAMS: 0x10,
  SCHED_FLAG_UTIL_CLAMP_MIN: 0x20,
  SCHED_FLAG_UTIL_CLAMP_MAX: 0x40,
};

/** struct sched_attr of linux/sched/types.h, version 0: 48 bytes. */
export function schedulerBytes(scheduler: OciScheduler): Uint8Array {
  const view = new DataView(new ArrayBuffer(48));
  const flags = (scheduler.flags ?? []).reduce((bits, flag) => bits | (schedulerFlags[flag] ?? 0), 0);
  view.setUint32(0, 48, true);
  view.setUint32(4, policies[scheduler.policy] ?? 0, true);
  view.setBigUint64(8, BigInt(flags), true);
  view.setInt32(16, scheduler.nice ?? 0, true);
  view.setUint32(20, scheduler.priority ?? 0, true);
  view.setBigUint64(24, BigInt(scheduler.runtime ?? 0), true);
  view.setBigUint64(32, BigInt(scheduler.deadline ?? 0), true);
  view.setBigUint64(40, BigInt(scheduler.period ?? 0), true);
  return new Uint8Array(view.buffer);
}

const ioClasses: Readonly<Record<string, number>> = {
  IOPRIO_CLASS_RT: 1,
  IOPRIO_CLASS_BE: 2,
  IOPRIO_CLASS_IDLE: 3,
};

/** Bits of a list like "0-3,7", in 64-bit words as cpu_set_t and nodemasks have them. */
export function listMask(list: string, field: string): Uint8Array {
  const numbers = parseNumberList(list);
  if (numbers === undefined || numbers.length === 0)
    throw new SampanError("invalid_argument", `cannot use ${field} "${list}": not a list of numbers`);
  const size = (Math.floor(Math.max(...numbers) / 64) + 1) * 8;
  const mask = new Uint8Array(size);
  for (const number of numbers) mask[number >> 3] = (mask[number >> 3] ?? 0) | (1 << (number & 7));
  return mask;
}

const memoryModes: Readonly<Record<string, number>> = {
  MPOL_DEFAULT: 0,
  MPOL_PREFERRED: 1,
  MPOL_BIND: 2,
  MPOL_INTERLEAVE: 3,
  MPOL_LOCAL: 4,
  MPOL_PREFERRED_MANY: 5,
  MPOL_WEIGHTED_INTERLEAVE: 6,
};

const memoryFlags: Readonly<Record<string, number>> = {
  MPOL_F_STATIC_NODES: 1 << 15,
  MPOL_F_RELATIVE_NODES: 1 << 14,
  MPOL_F_NUMA_BALANCING: 1 << 13,
};

/** Scheduling and memory policy: before any right is given up. */
export function compileScheduling({ builder, process, config }: ProcessContext): void {
  const list = builder.init;
  if (process.scheduler)
    builder.add(
      list,
      "sched_setattr",
      { attributes: schedulerBytes(process.scheduler) },
      "process.scheduler",
    );
  if (process.ioPriority) {
    const value = ((ioClasses[process.ioPriority.class] ?? 0) << 13) | (process.ioPriority.priority ?? 0);
    builder.add(list, "ioprio_set", { value }, "process.ioPriority");
  }
  const policy = config.linux?.memoryPolicy;
  if (policy) {
    const mode = (policy.flags ?? []).reduce(
      (bits, flag) => bits | (memoryFlags[flag] ?? 0),
      memoryModes[policy.mode] ?? 0,
    );
    const mask = policy.nodes ? listMask(policy.nodes, "linux.memoryPolicy.nodes") : new Uint8Array();
    builder.add(
      list,
      "set_mempolicy",
      { mode, nodes: mask.length * 8 + (mask.length ? 1 : 0), mask },
      "linux.memoryPolicy",
    );
  }
  const { personality } = config.linux ?? {};
  if (personality)
    builder.add(
      list,
      "personality",
      { value: personality.domain === "LINUX32" ? 8 : 0 },
      "linux.personality",
    );
}

/** Resource limits: by the process itself, or by the parent (`child`) when the process has no rights over the host. */
export function compileLimits({ builder, process, userns }: ProcessContext): void {
  const list = userns ? builder.parent : builder.init;
  (process.rlimits ?? []).forEach(({ type, soft, hard }, index) => {
    const resource = (rlimits as readonly string[]).indexOf(type);
    const signed = (value: number | bigint): bigint => BigInt.asIntN(64, BigInt(value));
    builder.add(
      list,
      "setrlimit",
      { resource, soft: signed(soft), hard: signed(hard), child: userns ? 1 : 0 },
      `process.rlimits[${index}]`,
    );
  });
}

/** The labels that take effect at the next execve, on a procfs that was checked (CVE-2019-16884 and its kin). */
export function compileLabels({ builder, process, host }: ProcessContext): void {
  if (process.apparmorProfile) {
    if (!host.appArmor) {
      throw new SampanError(
        "failed_precondition",
        `cannot use process.apparmorProfile "${process.apparmorProfile}": AppArmor is not enabled on the host`,
      );
    }
    label(
      builder,
      "thread-self/attr/apparmor/exec",
      `exec ${process.apparmorProfile}`,
      "process.apparmorProfile",
    );
  }
  if (process.selinuxLabel) {
    if (!host.seLinux) {
      throw new SampanError(
        "failed_precondition",
        `cannot use process.selinuxLabel "${process.selinuxLabel}": SELinux is not enabled on the host`,
      );
    }
    label(builder, "thread-self/attr/exec", process.selinuxLabel, "process.selinuxLabel");
  }
}

function label(builder: Builder, path: string, data: string, why: string): void {
  builder.add(builder.init, "write", { dir: slot.proc, path, data, resolve: 1 /* NO_XDEV */ }, why);
}

/** The number of a capability, by its name with or without CAP_ and in any case; -1 for none. */
function capabilityNumber(name: string): number {
  const number = capabilities.indexOf(name.startsWith("CAP_") ? name.slice(4) : name);
  return number >= 0 ? number : capabilities.indexOf(name.toUpperCase().replace(/^CAP_/, ""));
}

/** The sets that `bits` has made: in most containers three of the five are the same. */
const madeBits = new Map<string, bigint>();

/** A set as the kernel has it, without what it does not know. */
function bits(names: readonly string[] = [], last: number): bigint {
  const key = `${last} ${names.join(" ")}`;
  const made = madeBits.get(key);
  if (made !== undefined) return made;
  let [low, high] = [0, 0];
  for (const name of names) {
    const number = capabilityNumber(name);
    if (number < 0 || number > last) continue;
    if (number < 32) low |= 1 << number;
    else high |= 1 << (number - 32);
  }
  const set = (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
  madeBits.set(key, set);
  return set;
}

/** Names that no kernel knows are passed over; what the caller logs of them. */
export function unknownCapabilities(sets: OciCapabilities = {}, last: number): string[] {
  const { bounding = [], effective = [], inheritable = [], permitted = [], ambient = [] } = sets;
  const unknown: string[] = [];
  for (const name of new Set([...bounding, ...effective, ...inheritable, ...permitted, ...ambient])) {
    const number = capabilityNumber(name);
    if (number < 0 || number > last) unknown.push(name);
  }
  return unknown;
}

/** What `capset` sets. */
export interface Granted {
  readonly effective: bigint;
  readonly permitted: bigint;
  readonly inheritable: bigint;
}

const sysAdmin = 1n << 21n;

/**
 * User, groups and the five sets (capabilities(7)): the bounding set while CAP_SETPCAP is there, the others after the change of user. With
 * `filterFollows` CAP_SYS_ADMIN stays permitted, though not in effect, until compileFilter.
 */
export function compileCredentials(context: ProcessContext, filterFollows: boolean): Granted {
  const { builder, process, host, setgroupsDenied } = context;
  const list = builder.init;
  const sets = process.capabilities;
  const last = host.lastCapability;
  const user = process.user ?? {};
  const bounding = bits(sets?.bounding, last);
  const why = "process.capabilities";
  builder.add(list, "bounding", { keep: bounding, last }, `${why}.bounding`);
  builder.add(list, "prctl", { option: PR.SET_KEEPCAPS, a: 1 }, why);
  builder.add(list, "own_stdio", { uid: user.uid ?? 0 }, "process.user.uid");
  compileGroups(builder, user.additionalGids ?? [], setgroupsDenied);
  builder.add(list, "setgid", { id: user.gid ?? 0 }, "process.user.gid");
  builder.add(list, "setuid", { id: user.uid ?? 0 }, "process.user.uid");
  builder.add(list, "prctl", { option: PR.SET_KEEPCAPS, a: 0 }, why);
  const granted = {
    effective: bits(sets?.effective, last),
    permitted: bits(sets?.permitted, last),
    inheritable: bits(sets?.inheritable, last),
  };
  builder.add(list, "capset", filterFollows ? permitting(granted) : granted, why);
  const ambient = bits(sets?.ambient, last);
  builder.add(list, "ambient", { raise: ambient, last }, `${why}.ambient`);
  return granted;
}

const permitting = (granted: Granted): Granted => ({ ...granted, permitted: granted.permitted | sysAdmin });

/**
 * seccomp(2): without no_new_privs a filter wants CAP_SYS_ADMIN in effect. It is loaded last of all in either case, so that it meets as few of
 * our own system calls as can be: profiles are written for the program, and old ones refuse what is newer than they are.
 */
export function compileFilter(
  builder: Builder,
  filter: { readonly flags: number; readonly filter: Uint8Array },
  granted: Granted | undefined,
): void {
  const why = "linux.seccomp";
  const able = granted && { ...permitting(granted), effective: granted.effective | sysAdmin };
  if (able) builder.add(builder.init, "capset", able, why);
  builder.add(builder.init, "seccomp", { flags: filter.flags, filter: filter.filter }, why);
  if (granted) builder.add(builder.init, "capset", { ...granted }, "process.capabilities");
}

function compileGroups(builder: Builder, gids: readonly number[], denied: boolean): void {
  if (denied) {
    if (gids.length > 0) {
      throw new SampanError(
        "permission_denied",
        "cannot use process.user.additionalGids: an ordinary user without newgidmap cannot set groups",
      );
    }
    return;
  }
  builder.add(
    builder.init,
    "setgroups",
    { gids: new Uint8Array(new Uint32Array(new Set(gids)).buffer) },
    "process.user.additionalGids",
  );
}

/** NAME=value with the last of each name, in the order of those last ones. */
export function environmentOf(entries: readonly string[]): string[] {
  const seen = new Set<string>();
  const kept: string[] = [];
  for (const entry of entries.toReversed()) {
    const name = entry.slice(0, entry.indexOf("="));
    if (seen.has(name)) continue;
    seen.add(name);
    kept.push(entry);
  }
  return kept.reverse();
}

/** The working directory, before the user changes where root may enter it, and never one outside the root (CVE-2024-21626). */
export function compileCwd(builder: Builder, cwd: string, late: boolean): void {
  builder.add(builder.init, "chdir", { path: cwd, ...(late ? { late: 1 } : { first: 1 }) }, "process.cwd");
  if (late) builder.add(builder.init, "check_cwd", {}, "process.cwd");
}

/** Finds the program now; the environment gets HOME from the container's passwd file when it has none. */
export function compileProgram({ builder, process, environment }: ProcessContext): {
  argv: readonly string[];
  env: string[];
} {
  const env = environmentOf([...(process.env ?? []), ...environment]);
  const path = env.find((entry) => entry.startsWith("PATH="))?.slice(5) ?? "";
  if (!env.some((entry) => entry.startsWith("HOME=") && entry.length > 5)) {
    builder.add(builder.init, "home", { uid: process.user?.uid ?? 0 }, "process.env");
  }
  builder.add(builder.init, "find_exec", { name: process.args[0] ?? "", path }, "process.args[0]");
  return { argv: process.args, env: env.filter((entry) => entry !== "HOME=") };
}
