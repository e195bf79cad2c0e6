/** Each operation as a sentence of plain English: a table from its name to what it says of its arguments. */
import { describeErrno } from "../../../../kernel/errno.ts";
import type { Operation, OperationName } from "../operations.ts";
import * as names from "./names.ts";
import { intArgument, type Slots } from "./slots.ts";

/** One operation with what its arguments mean where it stands. */
class Words {
  constructor(operation: Operation, slots: Slots) {
    this.#operation = operation;
    this.#slots = slots;
  }
  readonly #operation: Operation;
  readonly #slots: Slots;

  exact(name: string): number | bigint {
    return intArgument(this.#operation, name);
  }

  int(name: string): number {
    return Number(this.exact(name));
  }

  text(name: string): string {
    const value = this.#operation.args[name];
    return typeof value === "string" ? value : "";
  }

  /** In quotes, without the newline that files of the kernel end in, and not endless. */
  quoted(name: string): string {
    const text = this.text(name).trimEnd();
    return JSON.stringify(text.length > 200 ? `${text.slice(0, 200)}…` : text).replaceAll("\\u0001", "PID");
  }

  list(name: string): readonly string[] {
    const value = this.#operation.args[name];
    return Array.isArray(value) ? (value as string[]) : [];
  }

  bytes(name: string): Uint8Array {
    const value = this.#operation.args[name];
    if (value instanceof Uint8Array) return value;
    return new TextEncoder().encode(typeof value === "string" ? value : "");
  }

  slot(name: string): string {
    return this.#slots.name(this.int(name));
  }

  /** `"/etc" in the root`; a path of the host stands alone. */
  path(name = "path"): string {
    const dir = this.int("dir");
    if (dir < 0) return this.quoted(name);
    return this.text(name) === "" ? this.slot("dir") : `${this.quoted(name)} in ${this.slot("dir")}`;
  }

  /** ` (A|B)`, or nothing. */
  flags(text: string): string {
    return text === "" ? "" : ` (${text})`;
  }
}

const letters: Readonly<Record<string, string>> = {
  g: "it is mapped and in its control groups",
  k: "the first process of the container is made",
  m: "its ids are mapped",
  h: "the mounts are made, and the host's hooks may run",
  c: "the host's hooks have run",
  l: "its limits may be set",
  L: "its limits are set",
  r: "it is ready",
  s: "it is in its scope",
};

function letter(byte: number): string {
  const text = String.fromCharCode(byte);
  return `"${text}": ${letters[text] ?? "go on"}`;
}

type Say = (words: Words) => string;

const sentences: { readonly [name in OperationName]: Say } = {
  open: (w) =>
    `open ${w.path()}${w.flags(join(names.openFlags(w.int("flags")), names.resolveFlags(w.int("resolve"))))}`,
  adopt: (w) =>
    w.int("fd") < 0
      ? "take over a descriptor of the caller"
      : `take over descriptor ${w.int("fd")} of the caller`,
  close: (w) => `close ${w.slot("slot")}`,
  check_fs: (w) =>
    `refuse ${w.slot("slot")} unless it is a file system of the kind 0x${w.int("magic").toString(16)}`,
  check_fd: (w) => `refuse to go on unless descriptor ${w.int("fd")} is open`,
  mkdir: (w) => `make the folder ${w.path()}, mode ${names.modeText(w.int("mode"))}`,
  write: (w) => `write ${w.quoted("data")} to ${w.path()}`,
  write_pid: (w) => `write the process's id to ${w.path()}`,
  symlink: (w) => `make the link ${w.path()} to ${w.quoted("target")}`,
  mknod: (w) =>
    `make the ${names.nodeKind(w.int("mode"))} ${w.path()}${w.int("device") === 0 ? "" : `, ${names.deviceText(w.int("device"))}`}, mode ${names.modeText(w.int("mode"))}, owner ${w.int("uid")}:${w.int("gid")}`,
  unlink: (w) => `remove ${w.quoted("path")}`,
  chown: (w) => `give ${w.quoted("path")} to user ${w.int("uid")}`,
  copy_up: (w) => `copy what is in ${w.slot("from")} to ${w.slot("to")}`,
  mount_point: (w) =>
    `find ${w.path()}, or make it as a ${mountPointKind(w)}${w.flags(names.resolveFlags(w.int("resolve")))}`,
  copy_mode: (w) => `give ${w.slot("to")} the mode of ${w.slot("from")}`,
  open_tree: (w) => {
    const recursive = (w.int("flags") & 0x8000) !== 0 ? " and all mounts below it" : "";
    return (w.int("flags") & 1) !== 0
      ? `clone the mount of ${w.path()}${recursive}, attached nowhere`
      : `open the mount of ${w.path()}${recursive}`;
  },
  mount_setattr: (w) => mountAttributes(w),
  move_mount: (w) => `attach ${w.slot("from")} at ${w.slot("to")}`,
  fsopen: (w) => `begin a new file system of the type ${w.text("type")}`,
  fsconfig: (w) => fileSystemOption(w),
  fsmount: (w) =>
    `make a mount of ${w.slot("slot")}, attached nowhere${w.flags(names.mountAttributes(w.int("attributes")))}`,
  mount: (w) => mount(w),
  umount: (w) => `detach the mount at ${w.quoted("path")}${w.int("flags") === 2 ? " (MNT_DETACH)" : ""}`,
  pivot_root: () =>
    "make the working directory the root of the mount namespace, with the old root on top of it",
  chroot: (w) => `make ${w.quoted("path")} the root directory`,
  fchdir: (w) => `go to ${w.slot("slot")}`,
  chdir: (w) => `go to the working directory ${w.quoted("path")}${chdirTurn(w)}`,
  check_cwd: () => "refuse a working directory that is outside of the root",
  mask_path: (w) => `hide ${w.path()}: a file under /dev/null, a folder under an empty read-only tmpfs`,
  clone: (w) => clone(w),
  setns: (w) => `enter ${w.slot("slot")}${w.flags(names.cloneFlags(w.int("type")))}`,
  unshare: (w) => `leave namespaces for new ones${w.flags(names.cloneFlags(w.int("flags")))}`,
  socketpair: () => "make the pair of sockets over which the processes meet",
  send: (w) => `tell the other side ${letter(w.int("byte"))}`,
  receive: (w) => `wait to be told ${letter(w.int("byte"))}`,
  child_proc: (w) =>
    `open the folder of the ${w.int("middle") === 1 ? "middle process" : "process"} in the host's /proc`,
  hook: (w) =>
    `run the hook ${w.quoted("path")} with the arguments ${JSON.stringify(w.list("argv"))} and the state on its standard input${w.int("timeout") > 0 ? `, for at most ${w.int("timeout") / 1000} s` : ""}`,
  run: (w) =>
    `run ${w
      .list("argv")
      .map((word) => (word === "\x01" ? "PID" : word))
      .join(" ")}`,
  userns: (w) =>
    `make a user namespace for an id map (uids ${mapWords(w.text("uidMap"))}; gids ${mapWords(w.text("gidMap"))})`,
  sethostname: (w) => `set the host name ${w.quoted("name")}`,
  setdomainname: (w) => `set the NIS domain name ${w.quoted("name")}`,
  setsid: () => "begin a new session",
  setrlimit: (w) =>
    `set ${names.rlimitName(w.int("resource"))}${w.int("child") === 1 ? " of the process" : ""}: soft ${names.limitText(w.exact("soft"))}, hard ${names.limitText(w.exact("hard"))}`,
  prctl: (w) => prctl(w),
  bounding: (w) =>
    `drop from the bounding set all but: ${names.capabilityNames(w.exact("keep"), w.int("last"))}`,
  ambient: (w) => `set the ambient capabilities: ${names.capabilityNames(w.exact("raise"), w.int("last"))}`,
  capset: (w) =>
    `set the capabilities: effective ${names.capabilityNames(w.exact("effective"))}; permitted ${names.capabilityNames(w.exact("permitted"))}; inheritable ${names.capabilityNames(w.exact("inheritable"))}`,
  setgroups: (w) => `set the additional groups: ${numbersIn(w.bytes("gids"))}`,
  setgid: (w) => `become group ${w.int("id")}`,
  setuid: (w) => `become user ${w.int("id")}`,
  umask: (w) => `set the umask ${names.modeText(w.int("mask"))}`,
  seccomp: (w) =>
    `load the system call filter, ${w.bytes("filter").length / 8} instructions${w.flags(names.filterFlags(w.int("flags")))}`,
  wait_filter: (w) =>
    w.int("out") < 0
      ? "wait until the filter is loaded"
      : "wait until the filter is loaded, and take its listener out of the process",
  keyring: (w) => `join a new session keyring ${w.quoted("name")}`,
  personality: (w) => `set the execution domain ${w.int("value") === 8 ? "LINUX32" : "LINUX"}`,
  sched_setattr: () => "set the scheduling policy and its numbers",
  ioprio_set: (w) =>
    `set the I/O priority: ${["none", "realtime", "best effort", "idle"][w.int("value") >> 13] ?? "?"}, ${w.int("value") & 0x1fff}`,
  sched_setaffinity: (w) => `run only on the processors ${bitsIn(w.bytes("mask"))}`,
  set_mempolicy: (w) => `set the memory policy ${w.int("mode")} for the nodes ${bitsIn(w.bytes("mask"))}`,
  reset_signals: () => "unblock all signals and give each its default action",
  home: (w) => `look up the home folder of user ${w.int("uid")} in the root's /etc/passwd, for HOME`,
  netlink_open: () => "open a netlink socket",
  netlink: (w) => netlink(w),
  connect: (w) => `connect to the unix socket ${w.quoted("path")}`,
  send_fd: (w) => `send ${w.slot("slot")} over ${w.slot("socket")}`,
  receive_fd: (w) => `receive a descriptor over ${w.slot("socket")}`,
  pty: (w) =>
    `make a terminal of ${w.path()}${w.int("rows") > 0 ? `, ${w.int("columns")} columns by ${w.int("rows")} rows` : ""}`,
  reopen_null: () => "replace the host's /dev/null in the standard descriptors by the container's",
  own_stdio: (w) => `give the standard descriptors to user ${w.int("uid")}, but for /dev/null`,
  set_terminal: (w) => `make ${w.slot("slot")} the controlling terminal`,
  dup: (w) => `make ${w.slot("slot")} descriptor ${w.int("fd")}`,
  close_range: (w) => `close all descriptors from ${w.int("first")} up but those that the last steps want`,
  bpf_load: (w) => `load the device program, ${w.bytes("code").length / 8} instructions`,
  bpf_attach: (w) => `attach ${w.slot("program")} to ${w.slot("target")}`,
  find_exec: (w) => `find the program ${w.quoted("name")} (PATH=${w.text("path")})`,
  wait_start: () => "wait for start",
  exec: (w) => `execute ${JSON.stringify(w.list("argv"))} with ${w.list("env").length} environment variables`,
  supervise: (w) => `wait for process ${w.int("pid")}, pass signals on to it, and reap`,
  kill_cgroup: (w) => `send signal ${w.int("signal")} to all processes in ${w.quoted("path")}`,
  remove_cgroup: (w) => `remove the control group ${w.quoted("path")}`,
  pipe: (w) => `make a pipe from ${w.slot("b")} to ${w.slot("a")}`,
  read_pid: (w) => `read the process's id from ${w.quoted("path")}`,
  carry_log: (w) => `write what the process says to ${w.quoted("path")}${rotation(w)}`,
  carry_stdio: (w) => carriedStdio(w),
  carry_files: (w) => carriedFiles(w),
  carry: (w) =>
    `serve ${w.slot("socket")} until the process has ended, and write how to ${w.slot("folder")}; who takes no byte for ${w.int("patience")} ms is let go${w.int("hold") > 0 ? "; output waits for the first" : ""}`,
};

/** `slots` is what the descriptors hold before the operation. */
export function sentence(operation: Operation, slots: Slots): string {
  return sentences[operation.name](new Words(operation, slots));
}

/** `; passed over when: no such file or directory`, or nothing. */
export function toleranceText({ tolerate }: Operation): string {
  if (!tolerate) return "";
  const when =
    tolerate.errnos === "any"
      ? "it fails"
      : tolerate.errnos.map((errno) => describeErrno(errno).text).join(" or ");
  const skip = tolerate.skip ? `, then the next ${tolerate.skip} are left out` : "";
  return `; passed over when: ${when}${skip}`;
}

function join(...texts: string[]): string {
  return texts.filter((text) => text !== "").join("|");
}

function mountPointKind(w: Words): string {
  if (w.int("source") >= 0) return `file or folder like ${w.slot("source")}`;
  return w.int("file") === 1 ? "file" : "folder";
}

function mountAttributes(w: Words): string {
  const below = w.int("recursive") === 1 ? " and all mounts below it" : "";
  const target = `${w.slot("slot")}${below}`;
  if (w.int("userns") >= 0) return `map the ids of ${target} by ${w.slot("userns")} (MOUNT_ATTR_IDMAP)`;
  if (w.int("propagation") !== 0)
    return `set the propagation of ${target} (${names.mountFlags(w.int("propagation"))})`;
  const parts = [
    w.int("set") === 0 ? "" : `set ${names.mountAttributes(w.int("set"))}`,
    w.int("clear") === 0 ? "" : `clear ${names.mountAttributes(w.int("clear"))}`,
  ].filter((part) => part !== "");
  return `change the flags of ${target}: ${parts.length === 0 ? "none" : parts.join(", ")}`;
}

/** linux/mount.h, enum fsconfig_command. */
function fileSystemOption(w: Words): string {
  const fs = w.slot("slot");
  if (w.int("command") === 6) return `create ${fs}`;
  const value = w.text("value") === "" ? "" : `=${w.text("value")}`;
  return `give ${fs} the option ${JSON.stringify(`${w.text("key")}${value}`)}`;
}

function mount(w: Words): string {
  const flags = w.int("flags");
  const place = w.int("to") < 0 ? w.quoted("target") : w.slot("to");
  const named = w.flags(names.mountFlags(flags));
  if (w.text("source") === "" && w.text("type") === "") return `change the mount at ${place}${named}`;
  const data = w.text("data") === "" ? "" : ` with the options ${w.quoted("data")}`;
  const type = w.text("type") === "" || w.text("type") === "bind" ? "" : `${w.text("type")} of `;
  return `mount ${type}${w.quoted("source")} at ${place}${named}${data}`;
}

function chdirTurn(w: Words): string {
  if (w.int("first") === 1) return ", if root may enter it";
  return w.int("late") === 1 ? ", if it is not there yet" : "";
}

function clone(w: Words): string {
  const process =
    ["the launcher's own process", "the middle process"][w.int("stage")] ?? "the container's first process";
  const into = w.int("cgroup") < 0 ? "" : ` in ${w.slot("cgroup")}`;
  return `make ${process}${into}${w.flags(names.cloneFlags(w.int("flags")))}`;
}

function rotation(w: Words): string {
  const size = w.int("maxSize");
  return size === 0 ? "" : `, a new file after ${size} bytes, at most ${w.int("maxFiles")}`;
}

function carriedStdio(w: Words): string {
  const named = ["input", "output", "errors", "console"].filter((name) => w.int(name) >= 0);
  const ends = w.int("once") === 1 ? "; standard input ends with its first client" : "";
  return `carry the process's standard streams${named.length > 0 ? `: ${named.map((name) => w.slot(name)).join(", ")}` : ""}${ends}`;
}

function carriedFiles(w: Words): string {
  const held = ["heldOutput", "heldErrors"].filter((name) => w.int(name) >= 0).map((name) => w.slot(name));
  const from = w.int("input") >= 0 ? [`type into the terminal what comes from ${w.slot("input")}`] : [];
  const to = w.int("output") >= 0 ? [`write what it shows to ${w.slot("output")}`] : [];
  return [...from, ...to, ...(held.length > 0 ? [`hold ${held.join(" and ")} open`] : [])].join("; ");
}

function prctl(w: Words): string {
  const option = w.int("option");
  const known: Readonly<Record<number, string>> = {
    1: w.int("a") === 0 ? "live on when the parent ends" : "end when the parent ends",
    4:
      w.int("a") === 0 ? "forbid others to look into this process" : "allow others to look into this process",
    8:
      w.int("a") === 0
        ? "lose capabilities with the change of user"
        : "keep the permitted capabilities over the change of user",
    36: "become the parent of those whose own has ended",
    38: "never gain rights by execve",
  };
  const name = names.prctlOptions[option] ?? `prctl ${option}`;
  return `${known[option] ?? "call prctl"} (${name}, ${w.int("a")})`;
}

/** linux/rtnetlink.h, by nlmsg_type, bytes 4 and 5 of a message. */
function netlink(w: Words): string {
  const message = w.bytes("message");
  const type = (message[4] ?? 0) | ((message[5] ?? 0) << 8);
  const device = w.text("device");
  const which = device === "" ? "" : ` of ${JSON.stringify(device)}`;
  if (type === 20) return `add an address${which === "" ? "" : which.replace(" of", " to")} (RTM_NEWADDR)`;
  if (w.int("fd") >= 0) return `move a network device to ${w.slot("fd")} (RTM_NEWLINK)`;
  return `bring the link${which === "" ? " lo" : which} up (RTM_NEWLINK)`;
}

function mapWords(map: string): string {
  return map.trim().replaceAll("\n", ", ");
}

/** u32 each, as setgroups(2) takes them. */
function numbersIn(bytes: Uint8Array): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const numbers = Array.from({ length: Math.floor(bytes.length / 4) }, (_, i) => view.getUint32(i * 4, true));
  return numbers.length === 0 ? "none" : numbers.join(", ");
}

function bitsIn(bytes: Uint8Array): string {
  const found: number[] = [];
  bytes.forEach((byte, at) => {
    for (let bit = 0; bit < 8; bit++) if ((byte >> bit) & 1) found.push(at * 8 + bit);
  });
  return found.length === 0 ? "none" : found.join(",");
}
