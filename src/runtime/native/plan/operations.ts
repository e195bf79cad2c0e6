/**
 * The one table of the launcher's operations. From it come the C header (launcher/operations.h, by tools/gen-operations.ts) and the
 * types below; the order of the entries is their number on the wire, so new ones are added at the end of their chapter and
 * both sides are rebuilt together (a plan carries the table's fingerprint and the launcher refuses another).
 *
 * The byte 0x01 in a `state`, a `data` of send_fd or an argument of `run` stands for the process id of the container's init (which is not
 * known when the plan is made); JSON text never holds that byte unescaped.
 *
 * An entry: `ints` are up to 6 whole numbers with their defaults, `texts` up to 4 byte strings (`""`) or vectors of strings (`[]`),
 * `calls` the system calls that it makes in order, as strace names them (`?` behind a name: only in some cases).
 *
 * `timeout` is in milliseconds, 0 for none. A `uid` or `gid` of -1 in `chown` stays as it is.
 *
 * `carry_stdio`: `size` is rows and columns of the terminal, 65536 × rows + columns; `once` says that standard input ends with the first client that
 * sends it. `carry_files`: a terminal is typed into from `input` and what it shows goes to `output` as well; the others are only held open. `carry` serves until the process has ended, and does not return; `patience` is how long a client may take no byte, `hold` how long output
 * waits for the first client, in milliseconds; with `finish` a parent's stage whose caller has gone is let end, before all is taken back.
 *
 * `write` with an empty path writes to the descriptor in `dir` itself.
 *
 * A slot is an index into the launcher's table of file descriptors; -1 as a `dir` is the working directory. A `dir` that is a slot
 * together with `resolve` is how a path inside a root file system is named: openat2(2) with RESOLVE_IN_ROOT, Linux 5.6.
 */
export interface OperationShape {
  readonly ints: Readonly<Record<string, number>>;
  readonly texts: Readonly<Record<string, "" | readonly string[]>>;
  readonly calls: readonly string[];
}

export const operations = {
  // files
  open: {
    ints: { dir: -1, flags: 0, resolve: 0, out: -1, mode: 0 },
    texts: { path: "" },
    calls: ["openat2"],
  },
  adopt: { ints: { fd: -1, out: -1 }, texts: {}, calls: ["fcntl"] },
  close: { ints: { slot: -1 }, texts: {}, calls: ["close"] },
  check_fs: { ints: { slot: -1, magic: 0 }, texts: {}, calls: ["fstatfs"] },
  check_fd: { ints: { fd: -1 }, texts: {}, calls: ["fcntl"] },
  mkdir: { ints: { dir: -1, mode: 0o755 }, texts: { path: "" }, calls: ["mkdirat"] },
  write: {
    ints: { dir: -1, flags: 1, resolve: 0, mode: 0 },
    texts: { path: "", data: "" },
    calls: ["openat2?", "write", "close?"],
  },
  write_pid: { ints: { dir: -1 }, texts: { path: "" }, calls: ["openat2", "write", "close"] },
  symlink: {
    ints: { dir: -1, replace: 0 },
    texts: { target: "", path: "" },
    calls: ["openat2", "unlinkat?", "symlinkat", "close"],
  },
  mknod: {
    ints: { dir: -1, mode: 0, device: 0, uid: 0, gid: 0 },
    texts: { path: "" },
    calls: ["openat2", "mknodat", "fchownat?", "openat2?", "fchmodat?", "statx?", "close"],
  },
  unlink: { ints: { flags: 0 }, texts: { path: "" }, calls: ["unlinkat"] },
  copy_up: {
    ints: { from: -1, to: -1, mode: 1, owner: 1 },
    texts: {},
    calls: [
      "openat",
      "umask",
      "getdents64",
      "mkdirat?",
      "openat?",
      "write?",
      "symlinkat?",
      "mknodat?",
      "fchownat",
    ],
  },
  chown: { ints: { uid: -1, gid: -1 }, texts: { path: "" }, calls: ["fchownat"] },
  // mounts
  mount_point: {
    ints: { dir: -1, source: -1, resolve: 0, out: -1, file: 0, denied: 0 },
    texts: { path: "" },
    calls: ["statx?", "openat2", "mkdirat?", "openat?", "fstatfs?", "close?"],
  },
  copy_mode: { ints: { from: -1, to: -1 }, texts: {}, calls: ["statx?", "fchmodat?"] },
  open_tree: {
    ints: { dir: -1, flags: 0, resolve: 0, out: -1 },
    texts: { path: "" },
    calls: ["openat2?", "open_tree", "close?"],
  },
  mount_setattr: {
    ints: { slot: -1, set: 0, clear: 0, propagation: 0, userns: -1, recursive: 0 },
    texts: {},
    calls: ["mount_setattr"],
  },
  move_mount: { ints: { from: -1, to: -1 }, texts: {}, calls: ["move_mount"] },
  fsopen: { ints: { out: -1 }, texts: { type: "" }, calls: ["fsopen"] },
  fsconfig: { ints: { slot: -1, command: 0 }, texts: { key: "", value: "" }, calls: ["fsconfig"] },
  fsmount: { ints: { slot: -1, attributes: 0, out: -1 }, texts: {}, calls: ["fsmount"] },
  mount: {
    ints: { to: -1, flags: 0 },
    texts: { source: "", target: "", type: "", data: "" },
    calls: ["mount"],
  },
  umount: { ints: { flags: 0 }, texts: { path: "" }, calls: ["umount2"] },
  pivot_root: { ints: {}, texts: {}, calls: ["pivot_root"] },
  chroot: { ints: {}, texts: { path: "" }, calls: ["chroot"] },
  fchdir: { ints: { slot: -1 }, texts: {}, calls: ["fchdir"] },
  chdir: { ints: { first: 0, late: 0 }, texts: { path: "" }, calls: ["chdir"] },
  check_cwd: { ints: {}, texts: {}, calls: ["getcwd"] },
  mask_path: {
    ints: { dir: -1, null: -1 },
    texts: { path: "", options: "" },
    calls: ["openat2", "statx", "open_tree?", "fsopen?", "fsconfig?", "fsmount?", "move_mount", "close"],
  },
  // processes and namespaces
  clone: { ints: { flags: 0, stage: 0, cgroup: -1, pidfd: -1 }, texts: {}, calls: ["clone3"] },
  setns: { ints: { slot: -1, type: 0 }, texts: {}, calls: ["setns"] },
  unshare: { ints: { flags: 0 }, texts: {}, calls: ["unshare"] },
  socketpair: { ints: { a: -1, b: -1 }, texts: {}, calls: ["socketpair"] },
  send: { ints: { slot: -1, byte: 0 }, texts: {}, calls: ["write"] },
  receive: { ints: { slot: -1, byte: 0 }, texts: {}, calls: ["read"] },
  child_proc: { ints: { proc: -1, out: -1, middle: 0 }, texts: {}, calls: ["openat2"] },
  hook: {
    ints: { timeout: 0, output: -1, self: 0 },
    texts: { path: "", argv: [], env: [], state: "" },
    calls: ["pipe2", "clone3", "write?", "wait4"],
  },
  run: {
    ints: { output: -1, timeout: 30_000 },
    texts: { path: "", argv: [], env: [] },
    calls: ["clone3", "wait4"],
  },
  userns: {
    ints: { proc: -1, out: -1 },
    texts: { uidMap: "", gidMap: "" },
    calls: ["clone3", "openat2", "write", "wait4"],
  },
  sethostname: { ints: {}, texts: { name: "" }, calls: ["sethostname"] },
  setdomainname: { ints: {}, texts: { name: "" }, calls: ["setdomainname"] },
  setsid: { ints: {}, texts: {}, calls: ["setsid"] },
  // what the process may and gets
  setrlimit: { ints: { resource: 0, soft: 0, hard: 0, child: 0 }, texts: {}, calls: ["prlimit64"] },
  prctl: { ints: { option: 0, a: 0, b: 0, c: 0, d: 0 }, texts: {}, calls: ["prctl"] },
  bounding: { ints: { keep: 0, last: 0 }, texts: {}, calls: ["prctl?"] },
  ambient: { ints: { raise: 0, last: 0 }, texts: {}, calls: ["prctl", "prctl?"] },
  capset: { ints: { effective: 0, permitted: 0, inheritable: 0 }, texts: {}, calls: ["capset"] },
  setgroups: { ints: {}, texts: { gids: "" }, calls: ["setgroups"] },
  setgid: { ints: { id: 0 }, texts: {}, calls: ["setresgid"] },
  setuid: { ints: { id: 0 }, texts: {}, calls: ["setresuid"] },
  umask: { ints: { mask: 0 }, texts: {}, calls: ["umask"] },
  seccomp: { ints: { flags: 0 }, texts: { filter: "" }, calls: ["seccomp"] },
  wait_filter: { ints: { end: -1, out: -1 }, texts: {}, calls: ["recvfrom?", "pidfd_open?", "pidfd_getfd?"] },
  keyring: { ints: { permissions: 0 }, texts: { name: "" }, calls: ["keyctl", "keyctl?", "keyctl?"] },
  personality: { ints: { value: 0 }, texts: {}, calls: ["personality"] },
  sched_setattr: { ints: {}, texts: { attributes: "" }, calls: ["sched_setattr"] },
  ioprio_set: { ints: { value: 0 }, texts: {}, calls: ["ioprio_set"] },
  sched_setaffinity: { ints: {}, texts: { mask: "" }, calls: ["sched_setaffinity"] },
  set_mempolicy: { ints: { mode: 0, nodes: 0 }, texts: { mask: "" }, calls: ["set_mempolicy"] },
  reset_signals: { ints: {}, texts: {}, calls: ["rt_sigaction", "rt_sigprocmask"] },
  home: { ints: { uid: 0 }, texts: {}, calls: ["openat"] },
  // network
  netlink_open: { ints: { protocol: 0, out: -1 }, texts: {}, calls: ["socket"] },
  netlink: {
    ints: { slot: -1, fdAt: -1, fd: -1, indexAt: -1 },
    texts: { message: "", device: "" },
    calls: ["ioctl?", "sendto", "recvfrom"],
  },
  connect: { ints: { out: -1 }, texts: { path: "" }, calls: ["socket", "connect"] },
  send_fd: { ints: { socket: -1, slot: -1 }, texts: { data: "" }, calls: ["sendmsg"] },
  receive_fd: { ints: { socket: -1, out: -1 }, texts: {}, calls: ["recvmsg", "ioctl?"] },
  // terminal and descriptors
  pty: {
    ints: { dir: -1, master: -1, slave: -1, rows: 0, columns: 0 },
    texts: { path: "" },
    calls: ["openat2", "ioctl"],
  },
  own_stdio: { ints: { uid: 0 }, texts: {}, calls: ["statx", "fchown?"] },
  set_terminal: { ints: { slot: -1 }, texts: {}, calls: ["ioctl"] },
  dup: { ints: { slot: -1, fd: -1 }, texts: {}, calls: ["dup3"] },
  close_range: { ints: { first: 3, keep: -1, keep2: -1, keep3: -1 }, texts: {}, calls: ["close_range"] },
  reopen_null: { ints: { dir: -1 }, texts: {}, calls: ["statx", "openat2?", "dup3?"] },
  // control groups v2
  bpf_load: { ints: { type: 0, out: -1 }, texts: { code: "" }, calls: ["bpf"] },
  bpf_attach: { ints: { target: -1, program: -1, type: 0, flags: 0 }, texts: {}, calls: ["bpf"] },
  // the end of each stage
  find_exec: { ints: {}, texts: { name: "", path: "" }, calls: ["statx", "faccessat2?"] },
  wait_start: { ints: { slot: -1 }, texts: {}, calls: ["read"] },
  exec: { ints: {}, texts: { argv: [], env: [] }, calls: ["execve"] },
  // the foreground: what `run` and `exec` turn into when the process has been started
  supervise: { ints: { pid: 0, master: -1, forward: 1 }, texts: {}, calls: [] },
  kill_cgroup: { ints: { signal: 9 }, texts: { path: "" }, calls: [] },
  remove_cgroup: { ints: {}, texts: { path: "" }, calls: [] },
  // the monitor
  pipe: { ints: { a: -1, b: -1 }, texts: {}, calls: ["pipe2"] },
  read_pid: { ints: {}, texts: { path: "" }, calls: ["openat2", "read", "close"] },
  carry_log: { ints: { maxSize: 0, maxFiles: 1 }, texts: { path: "" }, calls: ["openat2", "fstat"] },
  carry_stdio: {
    ints: { input: -1, output: -1, errors: -1, console: -1, once: 0, size: 0 },
    texts: {},
    calls: ["fcntl?"],
  },
  carry_files: {
    ints: { input: -1, output: -1, heldOutput: -1, heldErrors: -1 },
    texts: {},
    calls: ["fcntl?"],
  },
  carry: { ints: { socket: -1, folder: -1, patience: 10_000, hold: 0, finish: 0 }, texts: {}, calls: [] },
} as const satisfies Readonly<Record<string, OperationShape>>;

export type OperationName = keyof typeof operations;
export const operationNames = Object.keys(operations) as OperationName[];

export type IntsOf<N extends OperationName> = {
  [K in keyof (typeof operations)[N]["ints"]]?: number | bigint;
};
export type TextsOf<N extends OperationName> = {
  [K in keyof (typeof operations)[N]["texts"]]?: (typeof operations)[N]["texts"][K] extends ""
    ? string | Uint8Array
    : readonly string[];
};

/** An errno that is not a failure for an operation; `any` tolerates all. A tolerated failure skips the next `skip` operations. */
export interface Tolerance {
  readonly errnos: readonly number[] | "any";
  readonly skip?: number;
}

export interface Operation<N extends OperationName = OperationName> {
  readonly name: N;
  readonly args: Readonly<Record<string, number | bigint | string | Uint8Array | readonly string[]>>;
  /** The field of config.json that caused it, as a path (`mounts[3].options`), or what of the runtime's own rules did. */
  readonly why: string;
  readonly tolerate?: Tolerance;
}

/** One operation; absent arguments have the table's defaults. */
export function op<N extends OperationName>(
  name: N,
  args: IntsOf<N> & TextsOf<N>,
  why: string,
  tolerate?: Tolerance,
): Operation<N> {
  return tolerate === undefined
    ? { name, args: args as Operation["args"], why }
    : { name, args: args as Operation["args"], why, tolerate };
}

/** The processes of a plan. A monitor, where there is one, is the first and makes the parent; the number of a stage is its place here. */
export const stages = ["parent", "middle", "init", "monitor"] as const;
export type Stage = (typeof stages)[number];

/** What will be done to the kernel: for each process a list, in order. Pure data. */
export interface Plan {
  readonly parent: readonly Operation[];
  readonly middle: readonly Operation[];
  readonly init: readonly Operation[];
  readonly monitor?: readonly Operation[];
}

/** Slots that every plan uses for the same thing; others are handed out from `first free` up. */
export const slot = {
  root: 0,
  proc: 1,
  parentEnd: 2,
  childEnd: 3,
  fifo: 4,
  hookOutput: 5,
  null: 6,
  childProc: 7,
  child: 8,
  cgroup: 9,
  consoleSocket: 10,
  master: 11,
  slave: 12,
  notify: 13,
  listener: 14,
  netlink: 15,
  oldRoot: 16,
  /** What one mount needs for a moment. A slot that is filled again closes what it held, so there is nothing else to close. */
  tree: 17,
  target: 18,
  fs: 19,
  base: 20,
  firstFree: 24,
  /** The monitor's: ends of what the process has as its standard input, output and error, and its own ones. */
  theirInput: 1000,
  theirOutput: 1001,
  theirErrors: 1002,
  input: 1003,
  output: 1004,
  errors: 1005,
  /** Where the terminal's master comes. */
  console: 1006,
  monitorSocket: 1007,
  monitorFolder: 1008,
  /** Held open for who reads or writes files in place of the monitor's pipes (compile/files.ts). */
  heldFile: 1009,
  heldOutput: 1010,
  heldErrors: 1011,
} as const;
export const slotCount = 1024;
