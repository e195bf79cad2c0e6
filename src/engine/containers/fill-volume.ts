/** What a container's new volume begins with: what its image has in that place. */
import { randomBytes } from "node:crypto";
import {
  chownSync,
  closeSync,
  existsSync,
  fstatSync,
  linkSync,
  mkdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { readdir, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { SampanError } from "../../base/errors.ts";
import { readTextIfThere } from "../../kernel/files.ts";
import { copyTree, mapped } from "../snapshots/copy-tree.ts";
import { halfMadePrefix, isAbandoned } from "../volumes/half-made.ts";
import type { Places } from "./places.ts";
import { openInside } from "./root-files.ts";
import type { VolumeMount } from "./volumes.ts";

/**
 * An empty one gets the image's content, when the container starts for the first time; what somebody emptied later stays so. Of several containers that start at once with a new volume one
 * fills it and the others wait; what a crash left half filled is filled anew.
 */
export async function fillVolume(folder: string, volume: VolumeMount, places: Places): Promise<void> {
  const mark = join(places.folder, "volumes-filled");
  const key = Buffer.from(volume.destination).toString("hex").slice(0, 200);
  const marked = join(mark, key);
  if (existsSync(marked)) return;
  await fillOnce(folder, volume, places);
  mkdirSync(mark, { recursive: true, mode: 0o700 });
  writeFileSync(marked, "");
}

/** Who fills a volume says so beside its folder. */
async function fillOnce(folder: string, volume: VolumeMount, places: Places): Promise<void> {
  const sign = join(dirname(folder), "filling");
  for (const deadline = Date.now() + patience; ; await Bun.sleep(20)) {
    const filler = readTextIfThere(sign);
    if (filler === undefined) {
      // Not by this thread: it may lie on a server that does not answer.
      if ((await readdir(folder)).length > 0) return;
      if (raise(sign)) break;
    } else if (isAbandoned(filler)) {
      await empty(folder);
      rmSync(sign, { force: true });
    } else if (Date.now() > deadline)
      throw new SampanError(
        "deadline_exceeded",
        `cannot fill volume "${volume.source}": another container still fills it after ${patience / 60_000} minutes`,
      );
  }
  try {
    await begin(folder, volume, places);
  } catch (error) {
    await empty(folder);
    throw error;
  } finally {
    rmSync(sign, { force: true });
  }
}

/** Milliseconds for whoever else fills it. */
const patience = 600_000;

/** Whole from its first moment. False: another was quicker. */
function raise(sign: string): boolean {
  const whole = `${sign}-${randomBytes(8).toString("hex")}`;
  writeFileSync(whole, halfMadePrefix(), { mode: 0o600 });
  try {
    linkSync(whole, sign);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  } finally {
    rmSync(whole);
  }
}

async function empty(folder: string): Promise<void> {
  for (const name of await readdir(folder)) await rm(join(folder, name), { recursive: true, force: true });
}

async function begin(
  data: string,
  volume: VolumeMount,
  { rootfs, stored: { remap } }: Places,
): Promise<void> {
  if (remap && volume.driverOptions === undefined)
    chownSync(data, mapped(remap.uids, 0), mapped(remap.gids, 0));
  if (volume.noCopy || volume.subpath !== undefined) return;
  const fd = openInside(rootfs, volume.destination);
  if (fd === undefined) return;
  try {
    if (fstatSync(fd).isDirectory()) await copyTree(`/proc/self/fd/${fd}/.`, data);
  } finally {
    closeSync(fd);
  }
}
