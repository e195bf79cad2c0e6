/** The disk as Docker's own account tells it, for daemons that are not Sampan's. */
import type { SystemDiskUsage } from "../../spec/docker/system.ts";
import type { Row } from "../format.ts";
import { formatTotal } from "../text/size.ts";

interface Kind {
  readonly name: string;
  readonly count: number;
  readonly active: number;
  readonly size: number;
  readonly reclaimable: number;
}

const sum = (sizes: readonly number[]) => sizes.reduce((total, size) => total + Math.max(size, 0), 0);

function kinds({
  LayersSize = 0,
  Images,
  Containers,
  Volumes,
  BuildCache,
}: SystemDiskUsage): readonly Kind[] {
  const images = Images ?? [];
  const used = images.filter((image) => image.Containers > 0);
  const containers = Containers ?? [];
  const stopped = containers.filter(({ State }) => !["running", "paused", "restarting"].includes(State));
  const volumes = Volumes ?? [];
  const idle = volumes.filter(({ UsageData }) => UsageData?.RefCount === 0);
  const caches = BuildCache ?? [];
  const sizesOf = (list: typeof volumes) => list.map(({ UsageData }) => UsageData?.Size ?? 0);
  // What images share is counted once by LayersSize; what used ones hold stays.
  const held = sum(used.map(({ Size, SharedSize }) => Size - Math.max(SharedSize, 0)));
  return [
    {
      name: "Images",
      count: images.length,
      active: used.length,
      size: LayersSize,
      reclaimable: Math.max(LayersSize - held, 0),
    },
    {
      name: "Containers",
      count: containers.length,
      active: containers.length - stopped.length,
      size: sum(containers.map(({ SizeRw = 0 }) => SizeRw)),
      reclaimable: sum(stopped.map(({ SizeRw = 0 }) => SizeRw)),
    },
    {
      name: "Local Volumes",
      count: volumes.length,
      active: volumes.length - idle.length,
      size: sum(sizesOf(volumes)),
      reclaimable: sum(sizesOf(idle)),
    },
    {
      name: "Build Cache",
      count: caches.length,
      active: caches.filter(({ InUse }) => InUse).length,
      size: sum(caches.map(({ Size }) => Size)),
      reclaimable: sum(caches.filter(({ InUse, Shared }) => !InUse && !Shared).map(({ Size }) => Size)),
    },
  ];
}

export function dockerRows(usage: SystemDiskUsage): Row[] {
  return kinds(usage).map(({ name, count, active, size, reclaimable }) => ({
    Type: name,
    TotalCount: String(count),
    Active: String(active),
    Size: formatTotal(size),
    Reclaimable: `${formatTotal(reclaimable)}${size > 0 ? ` (${Math.floor((100 * reclaimable) / size)}%)` : ""}`,
  }));
}
