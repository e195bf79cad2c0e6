/** What images and containers take of the disk that they are on. Of images by rows; what containers wrote is counted now and then (stats/layer-usage.ts). */
import type { LiveEngine } from "../../../engine/engine.ts";
import type { LayerUsage } from "../stats/layer-usage.ts";
import { nanoseconds } from "../time.ts";

type Parts = Pick<LiveEngine, "content" | "snapshots" | "store">;

/** Both are on the file system of the data root. Bytes as they are allocated, of packed layers and of unpacked ones. */
export async function imageFilesystem(
  engine: Parts,
  layers: LayerUsage,
  call: { now: number; signal: AbortSignal },
) {
  const snapshots = engine.snapshots.list();
  const committed = snapshots.filter(({ kind }) => kind === "committed").map(({ usage }) => usage);
  const blobs = engine.content.list();
  const images = {
    bytes: sum(blobs, ({ size }) => size) + sum(committed, ({ bytes }) => bytes),
    inodes: blobs.length + sum(committed, ({ inodes }) => inodes),
  };
  const active = snapshots.filter(({ kind, key }) => kind === "active" && !key.startsWith("unpack-"));
  layers.keep(new Set(active.map(({ key }) => key)));
  const counted = await Promise.all(active.map(({ key }) => layers.of(key, call.signal)));
  const written = counted.flatMap((use) => use ?? []);
  const containers = {
    bytes: sum(written, ({ bytes }) => bytes),
    inodes: sum(written, ({ inodes }) => inodes),
  };
  const shape = ({ bytes, inodes }: { bytes: number; inodes: number }) => ({
    timestamp: nanoseconds(call.now),
    fsId: { mountpoint: engine.store.root },
    usedBytes: { value: BigInt(bytes) },
    inodesUsed: { value: BigInt(inodes) },
  });
  return { imageFilesystems: [shape(images)], containerFilesystems: [shape(containers)] };
}

function sum<Item>(items: readonly Item[], of: (item: Item) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}
