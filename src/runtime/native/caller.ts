/** What a command line needs of the process that it is: its user, its folder, and where to write. Interfaces do not touch the kernel themselves. */
import { readTextIfThere } from "../../kernel/files.ts";
import { closeFd, effectiveUid, openFile, resolvePath, writeAll } from "../../kernel/libc.ts";
import { O, signalNumber } from "../../kernel/linux.ts";

export { readTextIfThere, signalNumber };

export function callerIsRoot(): boolean {
  return effectiveUid() === 0;
}

/** The path, absolute; links in it stay. */
export function absolute(path: string): string {
  return path.startsWith("/") ? path : `${process.cwd()}/${path}`;
}

/** The path, absolute and without links; undefined when it is not there. */
export function real(path: string): string | undefined {
  return resolvePath(absolute(path));
}

/** Writes to a descriptor at once, without the start-up cost of process.stdout. */
export function writeTo(fd: number, text: string): void {
  writeAll(fd, new TextEncoder().encode(text));
}

/** Appends to a file, which is made when it is missing; false when it cannot be opened. */
export function appendTo(path: string, text: string): boolean {
  const fd = openFile(path, O.WRONLY | O.CREAT | O.APPEND, 0o666);
  if (fd < 0) return false;
  try {
    writeTo(fd, text);
  } finally {
    closeFd(fd);
  }
  return true;
}
