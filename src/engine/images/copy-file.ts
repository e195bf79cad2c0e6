/** One file of an image, copied to the host. Its layers are read as the one tree that they make; nothing of it is mounted or run, and no link in it is followed. */
import { createReadStream, createWriteStream } from "node:fs";
import { rm } from "node:fs/promises";
import { posix } from "node:path";
import { pipeline } from "node:stream/promises";
import { SampanError } from "../../base/errors.ts";
import { byteString } from "../../kernel/fs.ts";
import { isFile, isFolder, type Node } from "../archive/node.ts";
import { openChild, openMerged, type Merged } from "../archive/merged.ts";
import type { Engine } from "../engine.ts";
import { layerFolders } from "./diff.ts";
import type { LocalImage } from "./images.ts";

export interface FileCopy {
  /** In the image: `/usr/local/bin/sampan`. */
  readonly path: string;
  /** On the host; replaced when it is there, gone when the copy fails. */
  readonly to: string;
  readonly mode: number;
  /** Bytes. */
  readonly most: number;
  readonly signal: AbortSignal;
}

/** The image must be unpacked. Errors: `not_found` where no regular file is there, `resource_exhausted` for one that is too long. */
export async function copyFileOut(
  engine: Pick<Engine, "leases" | "snapshots">,
  image: LocalImage,
  copy: FileCopy,
): Promise<void> {
  const name = image.names[0] ?? image.id;
  const top = image.layers.at(-1)?.chainId;
  try {
    if (top === undefined) throw missing(copy.path);
    await using lease = engine.leases.acquire(`copy a file of ${name}`);
    lease.add("snapshot", top);
    using root = openMerged(layerFolders(engine.snapshots, top));
    using found = descend(root, posix.join("/", copy.path).split("/").filter(Boolean));
    if (!found || !isFile(found.node)) throw missing(copy.path);
    await write(found.node, copy);
  } catch (error) {
    throw SampanError.wrap(`cannot copy a file of image "${name}"`, error);
  }
}

function missing(path: string): SampanError {
  return new SampanError("not_found", `it has no file "${path}"`);
}

/** What stands at the end of the names. The caller keeps `folder` open, and closes what it gets. */
function descend(folder: Merged, [name, ...more]: readonly string[]): Merged | undefined {
  if (name === undefined) return undefined;
  const child = openChild(folder, byteString(name));
  if (!child || more.length === 0) return child;
  using between = child;
  return isFolder(between.node) ? descend(between, more) : undefined;
}

async function write({ fd, status }: Node, { path, to, mode, most, signal }: FileCopy): Promise<void> {
  if (status.size > most)
    throw new SampanError("resource_exhausted", `"${path}" has ${status.size} bytes, wanted at most ${most}`);
  await rm(to, { force: true });
  try {
    await pipeline(
      createReadStream("", { fd, autoClose: false, start: 0, end: Math.max(0, status.size - 1) }),
      createWriteStream(to, { flags: "wx", mode, flush: true }),
      { signal },
    );
  } catch (error) {
    await rm(to, { force: true });
    throw error;
  }
}
