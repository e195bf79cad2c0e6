/** Device nodes, the links of /dev, and the terminal. In a user namespace nodes cannot be made, so the host's are bound. */
import { errno } from "../../../../kernel/errno.ts";
import { OPEN_TREE_CLONE, RESOLVE, S } from "../../../../kernel/linux.ts";
import type { OciDevice, OciProcess } from "../../../../spec/oci/config.ts";
import { slot } from "../operations.ts";
import type { Builder, CreateOptions } from "./context.ts";
import { attach, cleanDestination, isBind, type MountContext } from "./_attach.ts";

/** config-linux.md, "Default Devices". */
export const defaultDevices: readonly (readonly [string, number, number])[] = [
  ["/dev/null", 1, 3],
  ["/dev/random", 1, 8],
  ["/dev/full", 1, 7],
  ["/dev/tty", 5, 0],
  ["/dev/zero", 1, 5],
  ["/dev/urandom", 1, 9],
];

/** makedev(3) of Linux. */
export function deviceNumber(major: number, minor: number): number {
  return (minor & 0xff) | ((major & 0xfff) << 8) | ((minor & 0xfff00) << 12);
}

/** Whether the runtime furnishes /dev: not where the configuration binds one. */
export function furnishesDev(options: CreateOptions): boolean {
  for (const mount of options.config.mounts ?? []) {
    if (!mount.destination.includes("dev") || cleanDestination(mount.destination) !== "/dev") continue;
    if (isBind(mount)) return false;
  }
  return true;
}

interface Node {
  readonly device: OciDevice;
  readonly why: string;
}

function nodesOf(options: CreateOptions): Node[] {
  const listed = (options.config.linux?.devices ?? []).map((device, index) => ({
    device,
    why: `linux.devices[${index}]`,
  }));
  const paths = new Set(listed.map(({ device }) => device.path));
  const fallback = defaultDevices
    .filter(([path]) => !paths.has(path))
    .map(([path, major, minor]) => ({
      device: { path, type: "c" as const, major, minor, fileMode: 0o666, uid: 0, gid: 0 },
      why: "default devices",
    }));
  return [...fallback, ...listed];
}

export function compileDevices(context: MountContext): void {
  const { builder, options } = context;
  if (!furnishesDev(options)) return;
  const bound = context.userns || options.host.inUserNamespace;
  for (const node of nodesOf(options)) {
    if (cleanDestination(node.device.path) === "/dev/ptmx") continue;
    // A FIFO is of no driver: anybody may make one.
    if (bound && node.device.type !== "p") bindNode(context, node);
    else makeNode(builder, node);
  }
  links(builder);
}

const types = { c: S.IFCHR, u: S.IFCHR, b: S.IFBLK, p: S.IFIFO } as const;

function makeNode(builder: Builder, { device, why }: Node): void {
  const mode = types[device.type] | (device.fileMode ?? 0o666);
  const number = device.type === "p" ? 0 : deviceNumber(device.major ?? 0, device.minor ?? 0);
  parents(builder, device.path, why);
  builder.add(
    builder.init,
    "mknod",
    { dir: slot.root, path: device.path, mode, device: number, uid: device.uid ?? 0, gid: device.gid ?? 0 },
    why,
  );
}

/** The folder that holds it, made where it is missing. */
function parents(builder: Builder, path: string, why: string): void {
  const parent = path.slice(0, path.lastIndexOf("/"));
  if (parent === "" || parent === "/dev") return;
  const made = slot.target;
  builder.add(
    builder.init,
    "mount_point",
    { dir: slot.root, path: parent, resolve: RESOLVE.IN_ROOT, out: made },
    why,
  );
}

function bindNode(context: MountContext, { device, why }: Node): void {
  const { builder, options } = context;
  const tree = options.rootless ? slot.tree : builder.slot();
  const list = options.rootless ? builder.init : builder.parent;
  builder.add(list, "open_tree", { path: device.path, flags: OPEN_TREE_CLONE, out: tree }, why);
  attach(context, tree, device.path, why, { file: true });
}

/** config-linux.md, "Default Devices" and runtime-linux.md, "Dev symbolic links". */
function links(builder: Builder): void {
  const list: [string, string, string][] = [
    ["pts/ptmx", "/dev/ptmx", "default devices"],
    ["/proc/self/fd", "/dev/fd", "dev symbolic links"],
    ["/proc/self/fd/0", "/dev/stdin", "dev symbolic links"],
    ["/proc/self/fd/1", "/dev/stdout", "dev symbolic links"],
    ["/proc/self/fd/2", "/dev/stderr", "dev symbolic links"],
  ];
  for (const [target, path, why] of list) {
    // runc replaces whatever /dev/ptmx is there, and leaves the other names alone.
    const replace = path === "/dev/ptmx" ? 1 : 0;
    builder.add(builder.init, "symlink", { dir: slot.root, target, path, replace }, why, {
      errnos: [errno.EEXIST],
    });
  }
  builder.add(
    builder.init,
    "open",
    { dir: slot.root, path: "/proc/kcore", flags: 0o10000000, resolve: RESOLVE.IN_ROOT, out: slot.oldRoot },
    "dev symbolic links",
    {
      errnos: [errno.ENOENT],
      skip: 1,
    },
  );
  builder.add(
    builder.init,
    "symlink",
    { dir: slot.root, target: "/proc/kcore", path: "/dev/core" },
    "dev symbolic links",
    {
      errnos: [errno.EEXIST],
    },
  );
}

/** process.terminal: a pty of the container's devpts becomes /dev/console; its master goes to the caller. */
export function compileTerminal(context: MountContext): void {
  const { builder, options } = context;
  const { process } = options.config;
  if (!process?.terminal) return;
  const why = "process.terminal";
  makeTerminal(builder, process);
  const { tree } = slot;
  builder.add(builder.init, "open_tree", { dir: slot.slave, flags: OPEN_TREE_CLONE, out: tree }, why);
  attach(context, tree, "/dev/console", why, { file: true, resolve: RESOLVE.NO_SYMLINKS });
  sendMaster(builder, why);
}

/** A new pty of the container's devpts, of the size that the process asks for. */
export function makeTerminal(builder: Builder, process: OciProcess): void {
  builder.add(
    builder.init,
    "pty",
    {
      dir: slot.root,
      path: "/dev/ptmx",
      master: slot.master,
      slave: slot.slave,
      rows: process.consoleSize?.height ?? 0,
      columns: process.consoleSize?.width ?? 0,
    },
    "process.terminal",
  );
}

/** In the parent: the sockets of the host that a terminal and a filter's listener are sent to. */
export function openSockets(
  builder: Builder,
  options: Pick<CreateOptions, "config"> & { readonly console?: CreateOptions["console"] | undefined },
): void {
  const list = builder.parent;
  if (options.console && "fd" in options.console) {
    builder.add(list, "adopt", { fd: options.console.fd, out: slot.consoleSocket }, "process.terminal");
  } else if (options.console && "path" in options.console) {
    builder.add(list, "connect", { path: options.console.path, out: slot.consoleSocket }, "--console-socket");
  }
  const { listenerPath } = options.config.linux?.seccomp ?? {};
  if (listenerPath)
    builder.add(list, "connect", { path: listenerPath, out: slot.listener }, "linux.seccomp.listenerPath");
}

/** The master travels by SCM_RIGHTS; the data is the terminal's name, as runc sends it. */
export function sendMaster(builder: Builder, why: string): void {
  builder.add(
    builder.init,
    "send_fd",
    { socket: slot.consoleSocket, slot: slot.master, data: "/dev/pts/ptmx" },
    why,
  );
  builder.add(builder.init, "close", { slot: slot.master }, why);
  builder.add(builder.init, "close", { slot: slot.consoleSocket }, why);
}

/** In the process itself: the controlling terminal and the three descriptors. */
export function useTerminal(builder: Builder, why: string): void {
  builder.add(builder.init, "set_terminal", { slot: slot.slave }, why);
  for (const fd of [0, 1, 2]) builder.add(builder.init, "dup", { slot: slot.slave, fd }, why);
}
