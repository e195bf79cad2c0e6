/** What is mounted on the host for one container, beside its root file system: in the same folder, and taken away with it (rootfs.ts). */
import { closeSync, constants, fstatSync, mkdirSync, openSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { SampanError, invalid } from "../../base/errors.ts";
import { byteString, openAt2 } from "../../kernel/fs.ts";
import { MS, O, RESOLVE } from "../../kernel/linux.ts";
import { mount, unmount } from "../../kernel/mounts.ts";
import type { CreateBody } from "../../spec/docker/create.ts";
import type { StoredContainer } from "./request.ts";
import { shmOptions } from "./spec/mounts.ts";
import type { VolumeMount } from "./volumes.ts";

export interface Places {
  /** The container's, below the data root. */
  readonly folder: string;
  /** The container's, below the state root. */
  readonly place: string;
  readonly rootfs: string;
  readonly stored: StoredContainer;
}

/** Of a container that others may join: `<state>/roots/<id>`. */
export function shmOf(place: string): string {
  return join(place, "shm");
}

/** A tmpfs on the host, so that others can have it too (IpcMode shareable). */
export function makeShm(place: string, body: CreateBody): string {
  const target = shmOf(place);
  unmount(target);
  mkdirSync(target, { recursive: true, mode: 0o700 });
  const flags = MS.NOSUID | MS.NODEV | MS.NOEXEC;
  mount({ type: "tmpfs", source: "shm", target, flags, data: shmOptions(body).join(",") });
  return target;
}

/**
 * A part of a volume, bound to a place of ours: what the path means is settled once, inside of the volume, and no link that is put there later can lead the mount elsewhere
 * (CVE-2021-25741). Errors: `invalid_argument` when nothing is there.
 */
export function partOf(
  source: string,
  { subpath = "", destination, kind }: VolumeMount,
  { place, stored }: Places,
): string {
  const index = stored.volumes.findIndex((each) => each.destination === destination);
  const found = openPart(source, subpath, kind === "image" ? RESOLVE.IN_ROOT : RESOLVE.BENEATH);
  try {
    const target = join(place, "parts", `${index}`);
    mkdirSync(join(place, "parts"), { recursive: true, mode: 0o700 });
    if (fstatSync(found).isDirectory()) mkdirSync(target, { recursive: true, mode: 0o700 });
    else writeFileSync(target, "", { mode: 0o600 });
    mount({ type: "bind", source: `/proc/self/fd/${found}`, target, flags: MS.BIND | MS.REC, data: "" });
    return target;
  } catch (error) {
    throw SampanError.wrap(`cannot mount part "${subpath}"`, error);
  } finally {
    closeSync(found);
  }
}

/** A link of an image that is absolute means the image's own root; in a volume it would be of whoever mounts the volume elsewhere. */
function openPart(source: string, subpath: string, within: number): number {
  const top = openSync(source, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    const fd = openAt2(top, byteString(subpath), O.PATH, within | RESOLVE.NO_MAGICLINKS);
    if (fd >= 0) return fd;
    throw invalid(`cannot mount part "${subpath}": it is not there, or leads out of the volume`);
  } finally {
    closeSync(top);
  }
}
