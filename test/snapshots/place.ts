/** A data root of a test's own with its database, and layers written by hand. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openStore } from "../../src/engine/store/open.ts";
import type { Store } from "../../src/engine/store/store.ts";
import type { TreeWork } from "../../src/engine/snapshots/_driver.ts";
import { chainIds } from "../../src/spec/image/chain-id.ts";
import { digestOf, type Digest } from "../../src/spec/image/digest.ts";
import type { Snapshotter, Unsettled } from "../../src/engine/snapshots/snapshotter.ts";
import { mountAll, unmountAll } from "../../src/engine/snapshots/mount.ts";
import { unmount } from "../../src/kernel/mounts.ts";

/** In this process: what the helper process of engine/unpack does is its own tests' concern. */
export const work: TreeWork = {
  removeTree: async (path) => await Promise.resolve(rmSync(path, { recursive: true, force: true })),
  sync: async () => await Promise.resolve(),
};

export class Place implements Disposable {
  readonly root = mkdtempSync(join(tmpdir(), "sampan-snapshots-"));
  readonly store: Store = openStore(join(this.root, "data"));
  readonly merged = join(this.root, "merged");

  constructor() {
    mkdirSync(this.merged);
  }

  [Symbol.dispose](): void {
    for (const mount of mountsBelow(this.root).toReversed()) unmount(mount);
    this.store[Symbol.dispose]();
    rmSync(this.root, { recursive: true, force: true });
  }
}

export function mountsBelow(folder: string): string[] {
  return readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .map((line) => line.split(" ")[4] ?? "")
    .filter((place) => place.startsWith(folder));
}

const ids = new Map<number, readonly Digest[]>();

/** Chain ids of a made-up image with so many layers. */
export function chain(length: number): readonly Digest[] {
  const known = ids.get(length) ?? chainIds(Array.from({ length }, (_, i) => digestOf(`layer ${i}`)));
  ids.set(length, known);
  return known;
}

export interface Layer {
  readonly write: (root: string) => void;
  readonly unsettled?: Unsettled;
}

export const nothingLeft: Unsettled = { implicitDirs: [], links: [] };

/** Unpacks layers side by side, as a pull does, settles them from below and commits all. */
export async function commitImage(
  snapshots: Snapshotter,
  layers: readonly Layer[],
): Promise<readonly Digest[]> {
  const names = chain(layers.length);
  for (const [index, { write, unsettled = nothingLeft }] of layers.entries()) {
    const chainId = names[index] as Digest;
    const target = await snapshots.beginLayer(chainId, names[index - 1]);
    if (target === "present") continue;
    write(target.root);
    const left = target.mode === "tree" ? nothingLeft : unsettled;
    const settled = await snapshots.settleLayer(chainId, left);
    if (settled !== "settled") write(settled.again.root);
    await snapshots.endLayer(chainId);
  }
  commitAll(snapshots, names);
  return names;
}

export function commitAll(snapshots: Snapshotter, names: readonly Digest[]): void {
  const usage = { bytes: 4096, inodes: 1 };
  snapshots.commitLayers(names.map((chainId, index) => ({ chainId, parent: names[index - 1], usage })));
}

/** The tree of a snapshot, mounted while it is looked at. */
export async function mounted<Result>(
  place: Place,
  snapshots: Snapshotter,
  look: (root: string) => Result,
  key: string,
): Promise<Result> {
  const mounts = snapshots.mounts(key);
  await mountAll(mounts, place.merged);
  try {
    return look(place.merged);
  } finally {
    unmountAll(mounts, place.merged);
  }
}
