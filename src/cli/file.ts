/** Files that commands write and read archives through. */
import { createReadStream } from "node:fs";
import { type FileHandle, open, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { SampanError } from "../base/errors.ts";
import type { Input, Output } from "./io.ts";

export type Write = (bytes: Uint8Array) => Promise<void>;

/**
 * Gives `make` a file to write, and puts it in place when it is whole: a failure leaves what was there. A device or a pipe is written to directly. Without a path the
 * bytes go to standard output, which must not be a terminal.
 */
export async function writeArchive(
  path: string | undefined,
  out: Output,
  make: (write: Write) => Promise<void>,
): Promise<void> {
  if (path === undefined || path === "-") {
    if (out.size())
      throw new SampanError(
        "failed_precondition",
        "cannot write an archive to a terminal: use -o FILE or redirect standard output",
      );
    return make((bytes) => out.write(bytes));
  }
  const there = await stat(path).catch(() => undefined);
  if (there?.isDirectory())
    throw new SampanError("invalid_argument", `cannot write "${path}": it is a folder, wanted a file`);
  if (there && !there.isFile()) return throughFile(path, path, make);
  const partial = join(dirname(path), `.${basename(path)}.${process.pid}.partial`);
  try {
    await throughFile(partial, path, make);
    await rename(partial, path);
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
}

async function throughFile(
  path: string,
  wanted: string,
  make: (write: Write) => Promise<void>,
): Promise<void> {
  await using file = await openFor(path, wanted);
  await make((bytes) => writeAll(file, bytes));
  await file.sync().catch((error: { code?: string }) => {
    // Pipes and some devices cannot sync.
    if (error.code !== "EINVAL" && error.code !== "EROFS") throw error;
  });
}

async function openFor(path: string, wanted: string): Promise<FileHandle> {
  try {
    return await open(path, "w", 0o600);
  } catch (error) {
    throw new SampanError("unavailable", `cannot write "${wanted}": ${(error as Error).message}`, {
      cause: error,
    });
  }
}

async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += (await file.write(bytes, at, bytes.length - at)).bytesWritten;
}

/** A file's bytes, or standard input's where there is no path or it is `-`. */
export async function readArchive(
  path: string | undefined,
  input: Input,
): Promise<AsyncIterable<Uint8Array>> {
  if (path === undefined || path === "-") {
    if (input.terminal)
      throw new SampanError(
        "failed_precondition",
        "cannot read an archive from a terminal: use -i FILE or redirect standard input",
      );
    return input.bytes();
  }
  const there = await stat(path).catch((error: unknown) => {
    throw unreadable(path, error);
  });
  if (there.isDirectory())
    throw new SampanError("invalid_argument", `cannot read "${path}": it is a folder, wanted an archive`);
  return createReadStream(path, { highWaterMark: 2 ** 20 });
}

const why: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file",
  ENOTDIR: "part of its path is no folder",
  EISDIR: "it is a folder, wanted a file",
  EACCES: "permission denied",
  ELOOP: "its links lead in a circle",
};

/** A file that was named on the command line and cannot be read, in words. */
export function unreadable(path: string, error: unknown): SampanError {
  const { code = "", message = String(error) } = error as { code?: string; message?: string };
  const kind = code === "EACCES" ? "permission_denied" : "not_found";
  return new SampanError(kind, `cannot read "${path}": ${why[code] ?? message}`, { cause: error });
}
