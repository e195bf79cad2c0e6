/** Which capabilities a container has, and which system calls a capability opens in the default seccomp profile. Docker's rules. Pure. */
import { invalid } from "../../base/errors.ts";
import { capabilities as known } from "../../kernel/linux.ts";
import type { HostConfig } from "../../spec/docker/create.ts";
import type { OciCapabilities, OciSeccomp, OciSyscall } from "../../spec/oci/config.ts";
import profile from "./seccomp-default.json";

const byDefault =
  "CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP NET_BIND_SERVICE SYS_CHROOT KILL AUDIT_WRITE";

export type CapabilityWish = Pick<HostConfig, "Privileged" | "CapAdd" | "CapDrop">;

/**
 * Names with CAP_, in the kernel's order. "All" is what this process may give on: its `bounding` set (/proc/self/status, CapBnd). Errors: `invalid_argument` for an
 * unknown name.
 */
export function containerCapabilities(
  { Privileged, CapAdd, CapDrop }: CapabilityWish,
  bounding: bigint = -1n,
): string[] {
  const [add, drop] = [(CapAdd ?? []).map(canonical), (CapDrop ?? []).map(canonical)];
  const start =
    Privileged || add.includes("ALL")
      ? known.filter((_, bit) => (bounding >> BigInt(bit)) & 1n)
      : drop.includes("ALL")
        ? []
        : byDefault.split(" ");
  const kept =
    drop.includes("ALL") && !add.includes("ALL") ? [] : start.filter((name) => !drop.includes(name));
  const all = new Set([...kept, ...add]);
  return known.filter((name) => all.has(name)).map((name) => `CAP_${name}`);
}

/** Names with CAP_. Errors: `invalid_argument` for an unknown one, and for "ALL". */
export function knownCapabilities(names: readonly string[]): string[] {
  return names.map((text) => {
    const name = canonical(text);
    if (name !== "ALL") return `CAP_${name}`;
    throw invalid(`cannot make capability "${text}" ambient: wanted a single one`);
  });
}

function canonical(text: string): string {
  const name = text.toUpperCase().replace(/^CAP_/, "");
  if (name === "ALL" || known.includes(name)) return name;
  throw invalid(`cannot change capability "${text}": there is none of that name`);
}

/**
 * Root gets them at once. Another user gets them as execve(2) would: not at all, but bounded. None are inheritable (CVE-2022-24769) but those that are asked to be `ambient`,
 * which whoever it is keeps over execve(2); `names` has them.
 */
export function capabilitySets(
  names: readonly string[],
  uid: number,
  ambient: readonly string[] = [],
): OciCapabilities {
  const bounding = [...names];
  const had = uid === 0 ? names : ambient;
  return {
    bounding,
    ...((uid === 0 || ambient.length > 0) && { effective: [...had], permitted: [...had] }),
    ...(ambient.length > 0 && { inheritable: [...ambient], ambient: [...ambient] }),
  };
}

/** What the profile leaves shut, until its capability is there. */
const opened: Readonly<Record<string, string>> = {
  CAP_DAC_READ_SEARCH: "open_by_handle_at",
  CAP_SYS_ADMIN:
    "bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie mount mount_setattr move_mount open_tree perf_event_open quotactl quotactl_fd setdomainname sethostname setns syslog umount umount2 unshare",
  CAP_SYS_BOOT: "reboot",
  CAP_SYS_MODULE: "delete_module finit_module init_module",
  CAP_SYS_PACCT: "acct",
  CAP_SYS_PTRACE: "kcmp pidfd_getfd process_madvise process_vm_readv process_vm_writev ptrace",
  CAP_SYS_RAWIO: "ioperm iopl",
  CAP_SYS_TIME: "clock_settime clock_settime64 settimeofday stime",
  CAP_SYS_TTY_CONFIG: "vhangup",
  CAP_SYS_NICE: "get_mempolicy mbind set_mempolicy set_mempolicy_home_node",
  CAP_SYSLOG: "syslog",
  CAP_BPF: "bpf",
  CAP_PERFMON: "perf_event_open",
};

/**
 * Docker's default profile for these capabilities. chroot(2) is shut without its capability. Sockets are of all families but AF_ALG (CVE-2026-31431) and AF_VSOCK; the conditions
 * look at 32 bits as the kernel does, so that no high bit hides a family. socketcall(2), which would hide them too, is not there: programs then call socket(2).
 */
export function defaultSeccomp(names: readonly string[]): OciSeccomp {
  const open = new Set(names.flatMap((name) => (opened[name] ?? "").split(" ").filter(Boolean)));
  const shut = names.includes("CAP_SYS_CHROOT") ? [] : ["chroot"];
  const rules = (profile as unknown as { syscalls: OciSyscall[] }).syscalls
    .map((rule) => ({
      ...rule,
      names: rule.names.filter((name) => !open.has(name) && !shut.includes(name)),
    }))
    .filter((rule) => rule.names.length > 0);
  const more: OciSyscall[] = open.size > 0 ? [{ names: [...open].toSorted(), action: "SCMP_ACT_ALLOW" }] : [];
  return { ...(profile as unknown as OciSeccomp), syscalls: [...rules, ...more] };
}
