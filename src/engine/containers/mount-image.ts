/** --mount type=image: the files of another image, read-only, in a container. */
import { createHash } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { SampanError } from "../../base/errors.ts";
import type { LiveEngine } from "../engine.ts";
import { mountAll, unmountAll } from "../snapshots/mount.ts";
import { mapOptions } from "../snapshots/overlayfs.ts";
import type { Remap } from "../snapshots/snapshotter.ts";

type Parts = Pick<LiveEngine, "images" | "snapshots" | "leases">;

export interface ImageMount {
  readonly container: string;
  /** `<state>/roots/<id>` */
  readonly place: string;
  /** Of its user namespace: the image's root is its root. */
  readonly remap?: Remap | undefined;
  /** Where that is mounted, if it is. */
  readonly userNamespace?: string | undefined;
}

/**
 * A view of its own for each container, whose key begins with the container's id: as long as that has a row, no collection takes the view or the layers below it (gc/mark.ts).
 * It is mounted beside the container's root and taken away with it. The image must be here and unpacked. Gives the folder. Errors: `not_found`.
 */
export async function mountImage(
  engine: Parts,
  { container, place, remap, userNamespace }: ImageMount,
  reference: string,
): Promise<string> {
  const name = createHash("sha256").update(reference).digest("hex").slice(0, 16);
  const target = join(place, "images", name);
  const key = `${container}-image-${name}`;
  try {
    const found = engine.snapshots.stat(key)
      ? engine.snapshots.mounts(key)
      : await view(engine, key, reference);
    const mounts = found.map((each) => ({ ...each, options: [...each.options, ...mapOptions(remap)] }));
    mkdirSync(target, { recursive: true, mode: 0o700 });
    unmountAll(mounts, target);
    await mountAll(mounts, target, userNamespace);
    return target;
  } catch (error) {
    throw SampanError.wrap(`cannot mount image "${reference}"`, error);
  }
}

async function view({ images, snapshots, leases }: Parts, key: string, reference: string) {
  const image = images.get(reference);
  await using lease = leases.acquire(`mount image ${reference}`);
  lease.add("snapshot", key);
  const parent = image.layers.at(-1)?.chainId;
  if (parent !== undefined) lease.add("snapshot", parent);
  return await snapshots.view(key, parent);
}
