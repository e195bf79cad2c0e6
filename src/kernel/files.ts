/**
 * Files for the short way (decision 008): what node:fs does, without loading it, which costs a fifth of a whole `run`. Synchronous; for small
 * files of the host and of /proc. Errors are SampanError with the errno's code and the path.
 */
import { errno, systemError } from "./errno.ts";
import {
  accessFile,
  closeFd,
  makeDirectory,
  openFile,
  readDirectory,
  readInto,
  removeDirectory,
  renameFile,
  unlinkFile,
  writeAll,
} from "./libc.ts";
import { O } from "./linux.ts";

/** The whole file as bytes; -errno when it cannot be opened or read. */
function readBytes(path: string): Uint8Array | number {
  const fd = openFile(path, O.RDONLY);
  if (fd < 0) return fd;
  try {
    let bytes = new Uint8Array(16384);
    for (let length = 0; ;) {
      if (length === bytes.length) {
        const grown = new Uint8Array(bytes.length * 4);
        grown.set(bytes);
        bytes = grown;
      }
      const n = readInto(fd, bytes.subarray(length));
      if (n < 0) return n;
      if (n === 0) return bytes.subarray(0, length);
      length += n;
    }
  } finally {
    closeFd(fd);
  }
}

/** The file's text (UTF-8). */
export function readText(path: string): string {
  const bytes = readBytes(path);
  if (typeof bytes === "number") throw systemError(`read "${path}"`, -bytes);
  return new TextDecoder().decode(bytes);
}

/** The file's text, or undefined where it is not there or cannot be read. */
export function readTextIfThere(path: string): string | undefined {
  const bytes = readBytes(path);
  return typeof bytes === "number" ? undefined : new TextDecoder().decode(bytes);
}

/** Makes or replaces the file's content; `mode` is for a new one, less the umask. */
export function writeFile(path: string, data: string | Uint8Array, mode = 0o666): void {
  const fd = openFile(path, O.WRONLY | O.CREAT | O.TRUNC, mode);
  if (fd < 0) throw systemError(`write "${path}"`, -fd);
  try {
    writeAll(fd, typeof data === "string" ? new TextEncoder().encode(data) : data);
  } finally {
    closeFd(fd);
  }
}

export function exists(path: string): boolean {
  return accessFile(path, 0) === 0;
}

export function isExecutable(path: string): boolean {
  return accessFile(path, 1) === 0;
}

export function isWritable(path: string): boolean {
  return accessFile(path, 2) === 0;
}

/** Makes one folder; false when something of that name is there. */
export function makeDir(path: string, mode: number): boolean {
  const result = makeDirectory(path, mode);
  if (result === 0) return true;
  if (result === -errno.EEXIST) return false;
  throw systemError(`make folder "${path}"`, -result);
}

/** Makes a folder and those above it that are missing. */
export function makeDirs(path: string, mode: number): void {
  const result = makeDirectory(path, mode);
  if (result === 0 || result === -errno.EEXIST) return;
  const slash = path.lastIndexOf("/");
  if (result !== -errno.ENOENT || slash <= 0) throw systemError(`make folder "${path}"`, -result);
  makeDirs(path.slice(0, slash), mode);
  makeDir(path, mode);
}

export function rename(from: string, to: string): void {
  const result = renameFile(from, to);
  if (result < 0) throw systemError(`rename "${from}" to "${to}"`, -result);
}

/** Removes a file; one that is not there is no error. */
export function remove(path: string): void {
  const result = unlinkFile(path);
  if (result < 0 && result !== -errno.ENOENT) throw systemError(`remove "${path}"`, -result);
}

export interface Entry {
  readonly name: string;
  readonly directory: boolean;
}

/** The entries of a folder, without . and ..; none where it is not there. */
export function listDir(path: string): Entry[] {
  const fd = openFile(path, O.RDONLY | O.DIRECTORY);
  if (fd === -errno.ENOENT || fd === -errno.ENOTDIR) return [];
  if (fd < 0) throw systemError(`list "${path}"`, -fd);
  const entries: Entry[] = [];
  const bytes = new Uint8Array(32768);
  try {
    for (let n = readDirectory(fd, bytes); n !== 0; n = readDirectory(fd, bytes)) {
      if (n < 0) throw systemError(`list "${path}"`, -n);
      parseEntries(bytes.subarray(0, n), entries);
    }
  } finally {
    closeFd(fd);
  }
  return entries;
}

/** struct linux_dirent64: u64 inode, i64 offset, u16 length, u8 type (4 is a folder), name. */
function parseEntries(bytes: Uint8Array, entries: Entry[]): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at < bytes.length; at += view.getUint16(at + 16, true)) {
    const name = new TextDecoder().decode(bytes.subarray(at + 19, bytes.indexOf(0, at + 19)));
    if (name !== "." && name !== "..") entries.push({ name, directory: bytes[at + 18] === 4 });
  }
}

/** Removes a folder of files and folders, as far as it is there. Only for folders that nobody else writes to. */
export function removeAll(path: string): void {
  for (const { name, directory } of listDir(path)) {
    if (directory) removeAll(`${path}/${name}`);
    else remove(`${path}/${name}`);
  }
  const result = removeDirectory(path);
  if (result < 0 && result !== -errno.ENOENT) throw systemError(`remove folder "${path}"`, -result);
}
