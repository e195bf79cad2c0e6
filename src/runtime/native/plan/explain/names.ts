/** Numbers of the kernel as the names of its headers. */
import { capabilities, CLONE, MOUNT_ATTR, MS, O, RESOLVE, rlimits } from "../../../../kernel/linux.ts";

type Names = Readonly<Record<string, number>>;

/** `MS_BIND|MS_REC`; bits without a name as one number, and "" for 0. */
function bitNames(prefix: string, names: Names, value: number): string {
  const found: string[] = [];
  let rest = value;
  for (const [name, bits] of Object.entries(names)) {
    if (bits === 0 || (rest & bits) !== bits) continue;
    found.push(`${prefix}${name}`);
    rest &= ~bits;
  }
  if (rest !== 0) found.push(`0x${(rest >>> 0).toString(16)}`);
  return found.join("|");
}

export const mountFlags = (value: number): string => bitNames("MS_", MS, value);
export const cloneFlags = (value: number): string => bitNames("CLONE_", CLONE, value);
export const resolveFlags = (value: number): string => bitNames("RESOLVE_", RESOLVE, value);
export const mountAttributes = (value: number): string => bitNames("MOUNT_ATTR_", MOUNT_ATTR, value);

/** open(2): the access mode is no bit. O_PATH has none. */
export function openFlags(value: number): string {
  const { RDONLY: _r, WRONLY: _w, RDWR: _rw, ...others } = O;
  const mode = (value & O.PATH) !== 0 ? [] : [["O_RDONLY", "O_WRONLY", "O_RDWR"][value & 3] ?? "O_ACCMODE"];
  const rest = bitNames("O_", others, value & ~3);
  return [...mode, ...(rest === "" ? [] : [rest])].join("|");
}

/** linux/prctl.h, those that plans use. */
export const prctlOptions: Readonly<Record<number, string>> = {
  1: "PR_SET_PDEATHSIG",
  4: "PR_SET_DUMPABLE",
  8: "PR_SET_KEEPCAPS",
  23: "PR_CAPBSET_READ",
  24: "PR_CAPBSET_DROP",
  36: "PR_SET_CHILD_SUBREAPER",
  38: "PR_SET_NO_NEW_PRIVS",
  47: "PR_CAP_AMBIENT",
};

export function rlimitName(resource: number): string {
  return rlimits[resource] ?? `resource ${resource}`;
}

/** A limit; all bits set is "unlimited". */
export function limitText(value: number | bigint): string {
  const limit = BigInt.asUintN(64, BigInt(value));
  return limit === 2n ** 64n - 1n ? "unlimited" : String(limit);
}

/** `CAP_KILL, CAP_SETUID`, `all`, or `none`. */
export function capabilityNames(set: number | bigint, last = capabilities.length - 1): string {
  const bits = BigInt.asUintN(64, BigInt(set));
  if (bits === 0n) return "none";
  const all = (1n << BigInt(last + 1)) - 1n;
  if ((bits & all) === all) return "all";
  const names: string[] = [];
  for (let number = 0n; number < 64n; number++)
    if ((bits >> number) & 1n) names.push(`CAP_${capabilities[Number(number)] ?? number}`);
  return names.join(", ");
}

/** Seconds and minor of a device number, as `mknod` prints them. */
export function deviceText(device: number): string {
  const major = (device >> 8) & 0xfff;
  const minor = (device & 0xff) | ((device >> 12) & 0xfff00);
  return `${major}:${minor}`;
}

/** sys/stat.h, S_IFMT. */
export function nodeKind(mode: number): string {
  return (
    { 0o010000: "FIFO", 0o020000: "character device", 0o060000: "block device" }[mode & 0o170000] ?? "file"
  );
}

export function modeText(mode: number): string {
  return `0${(mode & 0o7777).toString(8)}`;
}

/** linux/seccomp.h */
export const filterFlags = (value: number): string =>
  bitNames(
    "SECCOMP_FILTER_FLAG_",
    { TSYNC: 1, LOG: 2, SPEC_ALLOW: 4, NEW_LISTENER: 8, TSYNC_ESRCH: 16, WAIT_KILLABLE_RECV: 32 },
    value,
  );
