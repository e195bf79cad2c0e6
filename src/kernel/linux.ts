/** Constants of Linux's headers that plans are made of; each chapter names its header. The same on x86-64 and arm64 unless said. */

/** fcntl.h. O_DIRECTORY and O_NOFOLLOW differ between x86-64 and arm64: `openFlags` gives both. */
export const O = {
  RDONLY: 0,
  WRONLY: 1,
  RDWR: 2,
  CREAT: 0o100,
  EXCL: 0o200,
  NOCTTY: 0o400,
  TRUNC: 0o1000,
  APPEND: 0o2000,
  NONBLOCK: 0o4000,
  DIRECTORY: process.arch === "arm64" ? 0o40000 : 0o200000,
  NOFOLLOW: process.arch === "arm64" ? 0o100000 : 0o400000,
  CLOEXEC: 0o2000000,
  PATH: 0o10000000,
} as const;

/** linux/openat2.h */
export const RESOLVE = { NO_XDEV: 1, NO_MAGICLINKS: 2, NO_SYMLINKS: 4, BENEATH: 8, IN_ROOT: 16 } as const;

/** linux/sched.h */
export const CLONE = {
  NEWTIME: 0x80,
  NEWNS: 0x20000,
  NEWCGROUP: 0x2000000,
  NEWUTS: 0x4000000,
  NEWIPC: 0x8000000,
  NEWUSER: 0x10000000,
  NEWPID: 0x20000000,
  NEWNET: 0x40000000,
  PARENT: 0x8000,
} as const;

/** sys/mount.h: flags of mount(2) */
export const MS = {
  RDONLY: 1,
  NOSUID: 2,
  NODEV: 4,
  NOEXEC: 8,
  SYNCHRONOUS: 16,
  REMOUNT: 32,
  MANDLOCK: 64,
  DIRSYNC: 128,
  NOSYMFOLLOW: 256,
  NOATIME: 1024,
  NODIRATIME: 2048,
  BIND: 4096,
  MOVE: 8192,
  REC: 16384,
  SILENT: 32768,
  POSIXACL: 1 << 16,
  UNBINDABLE: 1 << 17,
  PRIVATE: 1 << 18,
  SLAVE: 1 << 19,
  SHARED: 1 << 20,
  RELATIME: 1 << 21,
  I_VERSION: 1 << 23,
  STRICTATIME: 1 << 24,
  LAZYTIME: 1 << 25,
} as const;

/** linux/mount.h: attributes of one mount (mount_setattr(2), fsmount(2)) */
export const MOUNT_ATTR = {
  RDONLY: 1,
  NOSUID: 2,
  NODEV: 4,
  NOEXEC: 8,
  ATIME: 0x70,
  RELATIME: 0,
  NOATIME: 0x10,
  STRICTATIME: 0x20,
  NODIRATIME: 0x80,
  IDMAP: 0x100000,
  NOSYMFOLLOW: 0x200000,
} as const;

export const FSCONFIG = { SET_FLAG: 0, SET_STRING: 1, CREATE: 6 } as const;
export const OPEN_TREE_CLONE = 1;
export const AT_RECURSIVE = 0x8000;
export const AT_REMOVEDIR = 0x200;
export const MNT_DETACH = 2;

/** linux/magic.h */
export const PROC_SUPER_MAGIC = 0x9fa0;

/** sys/stat.h */
export const S = { IFIFO: 0o010000, IFCHR: 0o020000, IFDIR: 0o040000, IFBLK: 0o060000 } as const;

/** linux/prctl.h */
export const PR = {
  SET_PDEATHSIG: 1,
  SET_DUMPABLE: 4,
  SET_KEEPCAPS: 8,
  CAPBSET_DROP: 24,
  SET_NO_NEW_PRIVS: 38,
  CAP_AMBIENT: 47,
  CAP_AMBIENT_RAISE: 2,
  CAP_AMBIENT_CLEAR_ALL: 4,
  SET_CHILD_SUBREAPER: 36,
} as const;

/** Signals by number (asm-generic and x86 agree); kill -l's names without SIG. */
const signalNames =
  "HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP TSTP TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS";

/** "TERM", "SIGTERM", "sigterm", "15", "RTMIN+3" → its number; undefined for what is none. */
export function signalNumber(text: string): number | undefined {
  if (/^\d+$/.test(text)) {
    const number = Number(text);
    return number >= 0 && number <= 64 ? number : undefined;
  }
  const name = text.toUpperCase().replace(/^SIG/, "");
  const alias = { IOT: "ABRT", POLL: "IO", CLD: "CHLD", UNUSED: "SYS" }[name] ?? name;
  const index = signalNames.split(" ").indexOf(alias);
  if (index >= 0) return index + 1;
  const realtime = /^RTM(IN|AX)(?:([+-])(\d+))?$/.exec(name);
  if (!realtime) return undefined;
  const number = (realtime[1] === "IN" ? 34 : 64) + Number(`${realtime[2] ?? "+"}${realtime[3] ?? 0}`);
  return number >= 34 && number <= 64 ? number : undefined;
}

/** asm-generic/resource.h */
export const rlimits = [
  "RLIMIT_CPU",
  "RLIMIT_FSIZE",
  "RLIMIT_DATA",
  "RLIMIT_STACK",
  "RLIMIT_CORE",
  "RLIMIT_RSS",
  "RLIMIT_NPROC",
  "RLIMIT_NOFILE",
  "RLIMIT_MEMLOCK",
  "RLIMIT_AS",
  "RLIMIT_LOCKS",
  "RLIMIT_SIGPENDING",
  "RLIMIT_MSGQUEUE",
  "RLIMIT_NICE",
  "RLIMIT_RTPRIO",
  "RLIMIT_RTTIME",
] as const;

/** linux/capability.h, in the order of their numbers (41 since Linux 5.9) */
export const capabilities = (
  "CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW " +
  "IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE " +
  "AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE"
).split(" ");
