/** Idmapped mounts: which ids the files of a mount have inside. Pure. */
import { invalid } from "../../../base/errors.ts";
import type { OciMount } from "../../../spec/oci/config.ts";
import type { IdRange, Remap } from "../../snapshots/snapshotter.ts";

const most = 2 ** 32 - 1;
/** That the kernel takes in one map (user_namespaces(7)). */
const mostRanges = 340;

/** Errors: `invalid_argument`. */
export function checkIdmaps(idmaps: Readonly<Record<string, Remap>>): void {
  for (const [destination, remap] of Object.entries(idmaps))
    checkRemap(remap, `the mount at "${destination.slice(0, 150)}"`);
}

/** Ranges that are none, or that meet each other. */
export function checkRemap({ uids, gids }: Remap, what: string): void {
  for (const [kind, ranges] of [
    ["uid", uids],
    ["gid", gids],
  ] as const) {
    const refuse = (why: string) => invalid(`cannot map ids of ${what}: its ${kind}s ${why}`);
    if (ranges.length === 0 || ranges.length > mostRanges)
      throw refuse(`are ${ranges.length} ranges, wanted 1 to ${mostRanges}`);
    if (!ranges.every(isRange)) throw refuse("have a range that is none");
    if (meet(ranges, "containerID") || meet(ranges, "hostID")) throw refuse("have ranges that meet");
  }
}

function isRange({ containerID, hostID, size }: IdRange): boolean {
  const whole = [containerID, hostID, size].every((each) => Number.isInteger(each) && each >= 0);
  return whole && size > 0 && containerID + size <= most && hostID + size <= most;
}

function meet(ranges: readonly IdRange[], field: "containerID" | "hostID"): boolean {
  const sorted = ranges.toSorted((a, b) => a[field] - b[field]);
  return sorted.some(
    (range, at) => at > 0 && (sorted[at - 1]?.[field] ?? 0) + (sorted[at - 1]?.size ?? 0) > range[field],
  );
}

/** For a bind of the OCI specification. */
export function mappingsOf(remap: Remap | undefined): Pick<OciMount, "uidMappings" | "gidMappings"> {
  if (!remap) return {};
  return {
    uidMappings: remap.uids.map((range) => ({ ...range })),
    gidMappings: remap.gids.map((range) => ({ ...range })),
  };
}
