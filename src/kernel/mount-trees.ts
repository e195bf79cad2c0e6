/** Mounts by descriptor (Linux 5.2, mount_setattr 5.12): a tree of mounts that is nowhere, and putting one exactly where a descriptor stands, whatever its path means by then. */
import { ptr } from "bun:ffi";
import { systemError } from "./errno.ts";
import { lastErrno, openLibc } from "./libc.ts";
import { AT_RECURSIVE, MOUNT_ATTR, O, OPEN_TREE_CLONE } from "./linux.ts";

const i64 = "i64";
const load = () => openLibc({ syscall: { args: [i64, i64, i64, i64, i64, i64], returns: i64 } } as const);
let library: ReturnType<typeof load> | undefined;
const libc = () => (library ??= load());

/** The numbers of these calls are the same on every architecture. */
const call = { openTree: 428, moveMount: 429, setattr: 442 } as const;
const AT_FDCWD = -100;
const AT_EMPTY_PATH = 0x1000;
const MOVE_MOUNT_F_EMPTY_PATH = 4;
const MOVE_MOUNT_T_EMPTY_PATH = 0x40;

const encoder = new TextEncoder();

function run(number: number, args: readonly (number | Uint8Array)[], doing: string): number {
  const [a = 0, b = 0, c = 0, d = 0, e = 0] = args.map((arg) => (typeof arg === "number" ? arg : ptr(arg)));
  const result = Number(libc().syscall(number, a, b, c, d, e));
  if (result < 0) throw systemError(doing, lastErrno());
  return result;
}

/** A copy of the mount at `path` with all that is mounted below it, which only its descriptor holds: it goes when that is closed. */
export function cloneTree(path: string): number {
  const flags = OPEN_TREE_CLONE | O.CLOEXEC | AT_RECURSIVE;
  return run(call.openTree, [AT_FDCWD, encoder.encode(`${path}\0`), flags], `copy the mount at "${path}"`);
}

/** Of a tree that was cloned: all of it. */
export function makeReadOnly(tree: number): void {
  const attributes = new BigUint64Array([BigInt(MOUNT_ATTR.RDONLY), 0n, 0n, 0n]);
  const bytes = new Uint8Array(attributes.buffer);
  const empty = encoder.encode("\0");
  run(
    call.setattr,
    [tree, empty, AT_EMPTY_PATH | AT_RECURSIVE, bytes, bytes.length],
    "make a mount read-only",
  );
}

/** Mounts a cloned tree on what the descriptor stands for. */
export function putTree(tree: number, onto: number): void {
  const empty = encoder.encode("\0");
  const flags = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH;
  run(call.moveMount, [tree, empty, onto, empty, flags], "put a mount in its place");
}
