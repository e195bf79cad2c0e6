/** What a container's new volume begins with: what its image has in that place. */
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { SampanError } from "../../base/errors.ts";
import { copyTree, mapped } from "../snapshots/copy-tree.ts";
import { halfMadePrefix } from "../volumes/half-made.ts";
import type { Places } from "./places.ts";
import { openInside } from "./root-files.ts";
import type { VolumeMount } from "./volumes.ts";

export { isAbandoned } from "../volumes/half-made.ts";

/** One without a row. It appears whole, by a rename; a crash leaves `.new-…`. Gives its folder. */
export async function makeVolume(volume: VolumeMount, places: Places): Promise<string> {
  const volumes = join(places.root, "volumes");
  const path = join(volumes, volume.source);
  const folder = join(path, "_data");
  if (lstatSync(path, { throwIfNoEntry: false })) return folder;
  mkdirSync(volumes, { recursive: true, mode: 0o700 });
  const fresh = mkdtempSync(join(volumes, halfMadePrefix()));
  const data = join(fresh, "_data");
  try {
    mkdirSync(data);
    chmodSync(data, 0o755);
    await begin(data, volume, places);
    renameSync(fresh, path);
  } catch (error) {
    rmSync(fresh, { recursive: true, force: true });
    // Unless another container has made it meanwhile.
    if (!lstatSync(path, { throwIfNoEntry: false }))
      throw SampanError.wrap(`cannot make volume "${volume.source}"`, error);
  }
  return folder;
}

/** An empty one gets the image's content, when the container starts for the first time; what somebody emptied later stays so. */
export async function fillVolume(folder: string, volume: VolumeMount, places: Places): Promise<void> {
  const mark = join(places.folder, "volumes-filled");
  const key = Buffer.from(volume.destination).toString("hex").slice(0, 200);
  const marked = join(mark, key);
  if (existsSync(marked)) return;
  // Not by this thread: it may lie on a server that does not answer.
  if ((await readdir(folder)).length === 0) await begin(folder, volume, places);
  mkdirSync(mark, { recursive: true, mode: 0o700 });
  writeFileSync(marked, "");
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
