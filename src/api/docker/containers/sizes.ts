/** How much a container has written, and that with its image's layers. */
import type { ContainerInfo } from "../../../engine/containers/containers.ts";
import type { LiveEngine } from "../../../engine/engine.ts";

export interface Sizes {
  readonly SizeRw: number;
  readonly SizeRootFs: number;
}

export async function sizesOf(
  { snapshots }: Pick<LiveEngine, "snapshots">,
  { snapshot }: Pick<ContainerInfo, "snapshot">,
): Promise<Sizes> {
  const { bytes } = await snapshots.usage(snapshot);
  // A copy's own folder holds its image too.
  if (snapshots.name === "copy") return { SizeRw: bytes, SizeRootFs: bytes };
  let below = 0;
  for (let layer = above(snapshot); layer; layer = above(layer.key)) below += layer.usage.bytes;
  return { SizeRw: bytes, SizeRootFs: bytes + below };

  function above(key: string) {
    const parent = snapshots.stat(key)?.parent;
    return parent === undefined ? undefined : snapshots.stat(parent);
  }
}
