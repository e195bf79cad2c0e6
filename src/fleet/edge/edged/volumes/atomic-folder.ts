/**
 * A folder of files that changes as a whole, as kubelet's: files lie in a folder of their own, `..data` points to it, and each name that a program sees is a symlink through `..data`. A change is
 * a new folder and one rename of `..data`, so that nobody ever sees half of it.
 */
import { randomBytes } from "node:crypto";
import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { invalid } from "../../../../base/errors.ts";
import { shown } from "../pod-error.ts";

export interface FolderFile {
  readonly bytes: Uint8Array;
  /** Permission bits. */
  readonly mode: number;
  /** Of a token that only one user's containers read. */
  readonly uid?: number;
}

/** By relative path. */
export type Files = ReadonlyMap<string, FolderFile>;

export interface WriteOptions {
  readonly fsGroup: number | undefined;
  /** Milliseconds since 1970; the folder is named after it. */
  readonly now: number;
}

const most = { files: 10_000, bytes: 16 << 20, path: 1024, name: 255 } as const;

/** `a/b`: relative, of plain names, and none that `..data` needs. Errors: `invalid_argument`. */
export function checkedPath(path: string): string {
  const parts = path.split("/");
  const fault =
    path === "" || path.length > most.path
      ? `wanted 1 to ${most.path} characters`
      : // oxlint-disable-next-line no-control-regex
        /[\u0000-\u001f\u007f]/.test(path)
        ? "it holds a control character"
        : parts.some((part) => part === "" || part === "." || part === ".." || part.length > most.name)
          ? 'wanted a relative path without empty parts, "." and ".."'
          : path.startsWith("..")
            ? 'it begins with ".."'
            : undefined;
  if (fault !== undefined) throw invalid(`cannot write file ${shown(path)}: ${fault}`);
  return path;
}

function check(files: Files): void {
  const bytes = [...files.values()].reduce((sum, file) => sum + file.bytes.length, 0);
  if (files.size > most.files || bytes > most.bytes)
    throw invalid(
      `cannot write ${files.size} files of ${bytes} bytes: wanted at most ${most.files} of ${most.bytes} bytes in all`,
    );
  for (const path of files.keys()) {
    checkedPath(path);
    for (let folder = dirname(path); folder !== "."; folder = dirname(folder))
      if (files.has(folder))
        throw invalid(`cannot write file ${shown(path)}: ${shown(folder)} is a file, too`);
  }
}

const current = "..data";

export const isWritten = (folder: string): boolean =>
  lstatSync(join(folder, current), { throwIfNoEntry: false }) !== undefined;

/** False where nothing had to change. Errors: `invalid_argument` for paths that are none; those of the file system. */
export function writeFolder(folder: string, files: Files, options: WriteOptions): boolean {
  check(files);
  const old = isWritten(folder) ? readlinkSync(join(folder, current)) : undefined;
  if (old !== undefined && isSame(join(folder, old), files, options)) return false;
  const name = `..${new Date(options.now).toISOString().replaceAll(/[^0-9TZ]/g, "_")}.${randomBytes(5).toString("hex")}`;
  const made = join(folder, name);
  try {
    makeFolder(made, options);
    for (const [path, file] of files) writeOne(made, path, { file, options });
    const link = join(folder, "..data_tmp");
    rmSync(link, { force: true });
    symlinkSync(name, link);
    renameSync(link, join(folder, current));
  } catch (error) {
    rmSync(made, { recursive: true, force: true });
    throw error;
  }
  settleNames(folder, files);
  // Those of writers that were killed go with the last one.
  for (const entry of readdirSync(folder))
    if (entry.startsWith("..") && entry !== name && entry !== current)
      rmSync(join(folder, entry), { recursive: true, force: true });
  return true;
}

/** setgid and passable, so that a group may read whatever the mode says. */
function makeFolder(path: string, { fsGroup }: WriteOptions): void {
  mkdirSync(path, { mode: 0o755 });
  if (fsGroup !== undefined) chownSync(path, -1, fsGroup);
  chmodSync(path, fsGroup === undefined ? 0o755 : 0o2755);
}

function writeOne(
  made: string,
  path: string,
  { file, options }: { readonly file: FolderFile; readonly options: WriteOptions },
): void {
  const parts = path.split("/");
  for (let depth = 1; depth < parts.length; depth++) {
    const folder = join(made, ...parts.slice(0, depth));
    if (!lstatSync(folder, { throwIfNoEntry: false })) makeFolder(folder, options);
  }
  const target = join(made, path);
  writeFileSync(target, file.bytes, { mode: 0o600, flag: "wx" });
  const { mode, uid, gid } = wanted(file, options);
  if (uid !== 0 || gid !== 0) chownSync(target, uid, gid);
  chmodSync(target, mode);
}

function wanted({ mode, uid = 0 }: FolderFile, { fsGroup }: WriteOptions) {
  return fsGroup === undefined ? { mode, uid, gid: 0 } : { mode: mode | 0o440, uid, gid: fsGroup };
}

function isSame(folder: string, files: Files, options: WriteOptions): boolean {
  try {
    const there = readdirSync(folder, { recursive: true, withFileTypes: true }).filter(
      (entry) => !entry.isDirectory(),
    );
    if (there.length !== files.size) return false;
    return [...files].every(([path, file]) => {
      const stat = lstatSync(join(folder, path));
      const { mode, uid, gid } = wanted(file, options);
      const isRight = stat.isFile() && (stat.mode & 0o7777) === mode && stat.uid === uid && stat.gid === gid;
      return (
        isRight && stat.size === file.bytes.length && readFileSync(join(folder, path)).equals(file.bytes)
      );
    });
  } catch {
    // Whatever keeps us from looking: it is written anew.
    return false;
  }
}

/** The names that programs see, each a symlink through `..data`; those of files that are gone go. */
function settleNames(folder: string, files: Files): void {
  const names = new Set([...files.keys()].map((path) => path.split("/", 1)[0] ?? ""));
  for (const name of names)
    if (!lstatSync(join(folder, name), { throwIfNoEntry: false }))
      symlinkSync(`${current}/${name}`, join(folder, name));
  for (const entry of readdirSync(folder))
    if (!entry.startsWith("..") && !names.has(entry)) unlinkSync(join(folder, entry));
}
