/**
 * Mounting, for the engine: mount(2), umount2(2) and the mount calls of Linux 5.2 and later. A call gives its value; it throws SampanError with the errno's code.
 * The runtime mounts nothing here: its launcher does.
 */
import { ptr } from "bun:ffi";
import { readSync } from "node:fs";
import { describeErrno, errno, systemError } from "./errno.ts";
import { closeFd, lastErrno, openFile, openLibc } from "./libc.ts";
import { AT_RECURSIVE, FSCONFIG, MNT_DETACH, MOUNT_ATTR, MS, O, OPEN_TREE_CLONE } from "./linux.ts";

const i64 = "i64";
const signatures = {
  mount: { args: ["ptr", "ptr", "ptr", i64, "ptr"], returns: "i32" },
  umount2: { args: ["ptr", "i32"], returns: "i32" },
  fchdir: { args: ["i32"], returns: "i32" },
  chdir: { args: ["ptr"], returns: "i32" },
  syscall: { args: [i64, i64, i64, i64, i64, i64], returns: i64 },
} as const;

const load = () => openLibc(signatures);
let library: ReturnType<typeof load> | undefined;
const libc = () => (library ??= load());

/** The numbers of these calls are the same on every architecture. */
const call = {
  openTree: 428,
  moveMount: 429,
  fsopen: 430,
  fsconfig: 431,
  fsmount: 432,
  setattr: 442,
} as const;
const AT_FDCWD = -100;
const AT_EMPTY_PATH = 0x1000;
const MOVE_MOUNT_F_EMPTY_PATH = 4;
const CLOEXEC = O.CLOEXEC;

const encoder = new TextEncoder();
const cString = (text: string) => encoder.encode(`${text}\0`);

function checked(result: number | bigint, doing: string): number {
  if (Number(result) < 0) throw systemError(doing, lastErrno());
  return Number(result);
}

type Argument = number | Uint8Array;

function syscall(number: number, args: readonly Argument[]): number {
  const [a = 0, b = 0, c = 0, d = 0, e = 0] = args.map((arg) => (typeof arg === "number" ? arg : ptr(arg)));
  const result = Number(libc().syscall(number, a, b, c, d, e));
  return result < 0 ? -lastErrno() : result;
}

export interface MountCall {
  readonly type: string;
  readonly source: string;
  readonly target: string;
  /** Of MS in linux.ts. */
  readonly flags: number;
  /** The file system's own options, comma by comma; at most a page with its end. */
  readonly data: string;
  /** The folder that relative paths in `source` and `data` begin at. `target` must be absolute then. */
  readonly from?: string;
}

/** mount(2). The largest `data` is 4095 bytes: a longer one is refused, because the kernel would cut it. */
export function mount(request: MountCall): void {
  const doing = `mount ${request.type} on "${request.target}"`;
  const data = cString(request.data);
  if (data.length > 4096) throw systemError(doing, 7);
  const [source, target, type] = [request.source, request.target, request.type].map(cString);
  const go = () =>
    checked(
      libc().mount(
        ptr(source as Uint8Array),
        ptr(target as Uint8Array),
        ptr(type as Uint8Array),
        request.flags,
        ptr(data),
      ),
      doing,
    );
  if (request.from === undefined) go();
  else inFolder(request.from, go);
}

/** The working directory is the process's: nothing may await in `act`. */
function inFolder(folder: string, act: () => void): void {
  const back = openFile(".", O.PATH | O.DIRECTORY);
  if (back < 0) throw systemError("open the working directory", -back);
  try {
    checked(libc().chdir(ptr(cString(folder))), `enter "${folder}"`);
    act();
  } finally {
    libc().fchdir(back);
    closeFd(back);
  }
}

/** Binds a tree without what is mounted in it; read-only in a second step, as the kernel wants it. */
export function bindMount(source: string, target: string, readOnly: boolean): void {
  mount({ type: "bind", source, target, flags: MS.BIND, data: "" });
  if (!readOnly) return;
  try {
    mount({ type: "bind", source, target, flags: MS.BIND | MS.REMOUNT | MS.RDONLY, data: "" });
  } catch (error) {
    unmount(target);
    throw error;
  }
}

/** Takes a mount of what nobody should see go: lazily, with all below it. False where nothing is mounted or there. */
export function unmount(target: string): boolean {
  if (libc().umount2(ptr(cString(target)), MNT_DETACH | 8) === 0) return true;
  const number = lastErrno();
  if (number === errno.EINVAL || number === errno.ENOENT) return false;
  throw systemError(`unmount "${target}"`, number);
}

/** A detached copy of the mount at `path` whose ids are shifted by a user namespace (Linux 5.12). Gives its descriptor. */
export function idmappedTree(path: string, userNamespace: number): number {
  const doing = `map the ids of "${path}"`;
  const tree = syscall(call.openTree, [AT_FDCWD, cString(path), OPEN_TREE_CLONE | CLOEXEC]);
  if (tree < 0) throw systemError(doing, -tree);
  const attributes = new BigUint64Array([BigInt(MOUNT_ATTR.IDMAP), 0n, 0n, BigInt(userNamespace)]);
  const result = syscall(call.setattr, [
    tree,
    cString(""),
    AT_EMPTY_PATH | AT_RECURSIVE,
    new Uint8Array(attributes.buffer),
    attributes.byteLength,
  ]);
  if (result === 0) return tree;
  closeFd(tree);
  throw systemError(doing, -result);
}

export type Parameter = readonly [key: string, value?: string];

/**
 * Makes a file system by fsopen, fsconfig and fsmount (Linux 5.2) and puts it at `target`. Each value may be as long as 255 bytes, and there may be many:
 * overlayfs takes `lowerdir+` once for each layer since Linux 6.5.
 */
export function mountByParameters(type: string, parameters: readonly Parameter[], target: string): void {
  const doing = `mount ${type} on "${target}"`;
  const context = syscall(call.fsopen, [cString(type), 1]);
  if (context < 0) throw systemError(doing, -context);
  let made = -1;
  try {
    for (const parameter of parameters)
      configure(context, parameter[1] === undefined ? FSCONFIG.SET_FLAG : FSCONFIG.SET_STRING, parameter);
    configure(context, FSCONFIG.CREATE, []);
    made = syscall(call.fsmount, [context, 1, 0]);
    if (made < 0) throw systemError(doing, -made);
    const moved = syscall(call.moveMount, [
      made,
      cString(""),
      AT_FDCWD,
      cString(target),
      MOVE_MOUNT_F_EMPTY_PATH,
    ]);
    if (moved < 0) throw systemError(doing, -moved);
  } catch (error) {
    throw explained(context, error);
  } finally {
    if (made >= 0) closeFd(made);
    closeFd(context);
  }
}

function configure(context: number, command: number, parameter: Parameter | readonly []): void {
  const [key, value] = parameter;
  const result = syscall(call.fsconfig, [
    context,
    command,
    key === undefined ? 0 : cString(key),
    value === undefined ? 0 : cString(value),
    0,
  ]);
  if (result < 0) throw systemError(key === undefined ? "make the file system" : `set "${key}"`, -result);
}

/** With the kernel's own words, which the context holds as lines like `e overlay: …`. */
function explained(context: number, error: unknown): unknown {
  const bytes = Buffer.alloc(1024);
  try {
    const length = readSync(context, bytes);
    if (error instanceof Error) error.message += ` (${bytes.toString("utf8", 2, length).trim()})`;
  } catch {
    // no message
  }
  return error;
}

/** Whether `error` says that the kernel does not know the call or the option. */
export function isUnknownToKernel(error: unknown): boolean {
  const text = error instanceof Error ? error.message : "";
  return [errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP].some((number) =>
    text.includes(describeErrno(number).text),
  );
}
