/** Owners of what docker cp brings into a container with a user namespace. Pure. */
import { mapped } from "../snapshots/copy-tree.ts";
import type { Remap } from "../snapshots/snapshotter.ts";
import type { RootTarget } from "../unpack/into-root.ts";

/** From the ids inside to those on disk. */
export function ownerOf(remap: Remap | undefined): RootTarget["owner"] {
  if (!remap) return ({ uid, gid }) => ({ uid, gid });
  return ({ uid, gid }) => ({ uid: mapped(remap.uids, uid), gid: mapped(remap.gids, gid) });
}
