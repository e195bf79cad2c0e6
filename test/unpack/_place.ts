/** A place for one test: a folder of its own that goes with it, an unpacker of this checkout, and GNU tar. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync, zstdDecompressSync } from "node:zlib";
import { openUnpacker } from "../../src/engine/unpack/open.ts";
import type { Unpacked, Unpacker, UnpackLimits } from "../../src/engine/unpack/unpack.ts";
import type { Compression } from "../../src/spec/image/types.ts";
import { digestOf } from "../../src/spec/image/digest.ts";

const program = new URL("../../src/bin/sampan.ts", import.meta.url).pathname;
export const command = [process.execPath, program, "unpack-worker"];
export const plenty: UnpackLimits = { bytes: 1e12, entries: 1e6 };

export class Place implements AsyncDisposable {
  readonly folder = mkdtempSync(join(tmpdir(), "sampan-unpack-"));
  readonly unpacker: Unpacker;
  #folders = 0;

  constructor(workers = 2) {
    this.unpacker = openUnpacker({ command, workers });
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  /** A new empty folder. */
  empty(): string {
    const path = this.path(`root-${this.#folders++}`);
    mkdirSync(path, { mode: 0o755 });
    return path;
  }

  /** Runs a program to its end; throws what it said when it fails. */
  run(...args: string[]): string {
    const { exitCode, stdout, stderr } = Bun.spawnSync(args, { cwd: this.folder });
    if (exitCode !== 0) throw new Error(`${args.join(" ")}: ${stderr.toString()}`);
    return stdout.toString();
  }

  /** Unpacks a whole file. */
  async unpack(file: string, options: UnpackOptions = {}): Promise<Unpacked & { root: string }> {
    const root = options.root ?? this.empty();
    const compression = options.compression ?? "plain";
    const target = { mode: options.mode ?? "layer", root };
    const packed = readFileSync(file);
    const diffId = digestOf(options.wanted ?? unpacked[compression](packed));
    const limits = { ...plenty, ...options.limits };
    const job = await this.unpacker.start({ path: file, compression, diffId, target, limits });
    job.available(packed.length);
    job.end();
    return { ...(await job.done), root };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.unpacker[Symbol.asyncDispose]();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export interface UnpackOptions {
  readonly root?: string;
  readonly compression?: Compression;
  readonly mode?: "layer" | "tree";
  readonly limits?: Partial<UnpackLimits>;
  /** What the archive is said to be; itself unless told. */
  readonly wanted?: Uint8Array;
}

const unpacked = {
  plain: (bytes: Uint8Array) => bytes,
  gzip: (bytes: Uint8Array) => gunzipSync(bytes),
  zstd: (bytes: Uint8Array) => zstdDecompressSync(bytes),
} as const;

/** What find(1) sees of a tree: kind, mode, owners, size, time to the nanosecond, links, link text. Folders' sizes are the file system's. */
export function listing(place: Place, root: string): string[] {
  const form = "%y %m %U %G %T@ %l";
  const files = place.run("find", root, "!", "-type", "d", "-printf", `%P ${form} %s %n\\n`);
  const folders = place.run("find", root, "-type", "d", "-printf", `%P ${form}\\n`);
  return [...files.split("\n"), ...folders.split("\n")].sort();
}

/** Extended attributes of a tree, as getfattr(1) prints them. */
export function attributes(place: Place, root: string): string {
  return place.run("getfattr", "-R", "-h", "-d", "-m", "-", "--absolute-names", root).replaceAll(root, "");
}

/** What a promise is rejected with; throws when it is not. */
export async function failure(promise: Promise<unknown>): Promise<unknown> {
  const [end] = await Promise.allSettled([promise]);
  if (end?.status !== "rejected") throw new Error("it should have failed");
  return end.reason;
}
