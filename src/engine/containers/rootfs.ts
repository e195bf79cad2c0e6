/**
 * Where a running container's root file system is mounted: `<state>/roots/<id>/rootfs`. Root of a user namespace must get there without any right of the host's root,
 * and nobody else on the host may, or set-id programs of an image are theirs to call (CVE-2021-41091): a folder of 0710 whose group is the container's root's.
 */
import { chmodSync, chownSync, lstatSync, mkdirSync, readdirSync, rmdirSync, unlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { unmount } from "../../kernel/mounts.ts";
import type { Engine } from "../engine.ts";
import type { Remap } from "../snapshots/snapshotter.ts";
import type { StoredContainer } from "./request.ts";

type Parts = Pick<Engine, "settings">;

/** Below the state root: what is mounted for it. */
export function placeOf({ settings }: Parts, id: string): string {
  return join(settings.state, "roots", id);
}

export function rootfsOf(engine: Parts, id: string): string {
  return join(placeOf(engine, id), "rootfs");
}

/** Below placeOf(): sysfs of its network, for one that may not mount it itself. */
export function sysOf(place: string): string {
  return join(place, "sys");
}

/** Makes the folder that it is to be mounted on. */
export function makeRootfs(engine: Parts, id: string, { remap }: StoredContainer): string {
  const place = placeOf(engine, id);
  const rootfs = join(place, "rootfs");
  mkdirSync(rootfs, { recursive: true, mode: 0o700 });
  if (remap) letThrough(engine.settings, place, remap);
  return rootfs;
}

/** To `<state>/<kind>/<id>` comes, besides the host's root, only root of this user namespace. */
export function letThrough({ state }: Pick<Engine["settings"], "state">, place: string, remap: Remap): void {
  for (const folder of [state, dirname(place)]) passable(folder);
  shutToOthers(place, remap);
}

/** A folder of the host's root, through which that root comes too. */
export function shutToOthers(folder: string, { gids }: Remap): void {
  const gid = gids.find(({ containerID }) => containerID === 0)?.hostID;
  if (gid === undefined) return;
  chownSync(folder, 0, gid);
  chmodSync(folder, 0o710);
}

/** Lets others through, and see nothing: what is in it is shut by its own modes. */
function passable(folder: string): void {
  const { mode } = lstatSync(folder);
  if ((mode & 0o1) === 0) chmodSync(folder, (mode & 0o7777) | 0o11);
}

/** A folder, or the empty file that a file was mounted on. Another may do so at the same moment. */
function removeEmpty(path: string): void {
  try {
    if (lstatSync(path, { throwIfNoEntry: false })?.isFile()) unlinkSync(path);
    else rmdirSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
}

/** Unmounts what may still be mounted. Idempotent. */
export function removeRootfs(engine: Parts, id: string): void {
  const place = placeOf(engine, id);
  const rootfs = join(place, "rootfs");
  const beside = besides(place);
  for (const path of [rootfs, ...beside]) unmount(path);
  for (const path of beside) removeEmpty(path);
  for (const folder of [join(place, "parts"), join(place, "images"), rootfs, place]) removeEmpty(folder);
}

/** What else is mounted for it: places.ts. */
function besides(place: string): string[] {
  const below = (name: string) => {
    const folder = join(place, name);
    const found = lstatSync(folder, { throwIfNoEntry: false });
    return found ? readdirSync(folder).map((each) => join(folder, each)) : [];
  };
  return [join(place, "shm"), sysOf(place), ...below("parts"), ...below("images")];
}
