/** hostPath: a place of the host as it is, looked at and made by its type. https://kubernetes.io/docs/concepts/storage/volumes/#hostpath */
import type { Stats } from "node:fs";
import { mkdir, open, stat } from "node:fs/promises";
import { invalid, SampanError } from "../../../../base/errors.ts";
import { shown } from "../pod-error.ts";

interface PathType {
  readonly is: (stats: Stats) => boolean;
  readonly words: string;
  readonly make?: (path: string) => Promise<void>;
}

const folder: PathType = { is: (stats) => stats.isDirectory(), words: "a folder" };
const file: PathType = { is: (stats) => stats.isFile(), words: "a file" };

async function makeFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o755 });
}

/** Folders above it are not made. */
async function makeFile(path: string): Promise<void> {
  await using made = await open(path, "a", 0o644);
  await made.sync();
}

const types: Readonly<Record<string, PathType>> = {
  "": { is: () => true, words: "anything", make: makeFolder },
  Directory: folder,
  DirectoryOrCreate: { ...folder, make: makeFolder },
  File: file,
  FileOrCreate: { ...file, make: makeFile },
  Socket: { is: (stats) => stats.isSocket(), words: "a socket" },
  CharDevice: { is: (stats) => stats.isCharacterDevice(), words: "a character device" },
  BlockDevice: { is: (stats) => stats.isBlockDevice(), words: "a block device" },
};

/** Milliseconds: a server behind the place that hangs must not hang the pod's worker. */
const patience = 10_000;

/** The path. Errors: `invalid_argument`, `failed_precondition` when something else is there, `not_found`, `deadline_exceeded`. */
export async function hostPath(
  { path, type = "" }: { path: string; type?: string },
  signal: AbortSignal,
): Promise<string> {
  const wanted = Object.hasOwn(types, type) ? types[type] : undefined;
  if (!wanted)
    throw invalid(
      `type ${shown(type)} is none, wanted one of ${Object.keys(types).filter(Boolean).join(", ")}`,
    );
  if (
    typeof path !== "string" ||
    !path.startsWith("/") ||
    path.includes("\0") ||
    path.split("/").includes("..")
  )
    throw invalid(`path ${shown(path)} is not an absolute path without ".."`);
  const found = await within(signal, look(path, wanted));
  if (found === undefined)
    throw new SampanError("not_found", `nothing is at ${shown(path)}, wanted ${wanted.words}`);
  if (wanted.is(found)) return path;
  throw new SampanError("failed_precondition", `what is at ${shown(path)} is not ${wanted.words}`);
}

async function look(path: string, { make }: PathType): Promise<Stats | undefined> {
  const there = await statsOf(path);
  if (there || !make) return there;
  await make(path);
  return await statsOf(path);
}

export async function statsOf(path: string): Promise<Stats | undefined> {
  try {
    return await stat(path);
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes((error as NodeJS.ErrnoException).code ?? "")) return undefined;
    throw error;
  }
}

async function within<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const late = AbortSignal.any([signal, AbortSignal.timeout(patience)]);
  const end = () => {
    reject(new SampanError(signal.aborted ? "cancelled" : "deadline_exceeded", "the place does not answer"));
  };
  late.addEventListener("abort", end, { once: true });
  try {
    return await Promise.race([work, promise]);
  } finally {
    late.removeEventListener("abort", end);
  }
}
