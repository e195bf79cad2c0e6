/** Snapshots as whole trees, for file systems that cannot carry overlayfs: each is a full copy of its parent, with blocks shared where the file system can. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Digest } from "../../spec/image/digest.ts";
import type { Store } from "../store/store.ts";
import { copyTree } from "./copy-tree.ts";
import { Driver, unpackKey, type TreeWork } from "./_driver.ts";
import type { Mount, PrepareOptions, Snapshotter, Unsettled, UnpackTarget } from "./snapshotter.ts";

export class Copies extends Driver implements Snapshotter {
  readonly name = "copy";
  readonly sequential = true;

  constructor(store: Store, work: TreeWork) {
    super("copy", store, work);
  }

  async prepare(
    key: string,
    parent: string | undefined,
    options: PrepareOptions = {},
  ): Promise<readonly Mount[]> {
    const { remap, durable = true } = options;
    const id = this.add({ key, kind: "active", parent, remap });
    try {
      const from = parent === undefined ? this.files(id) : this.directory(parent);
      if (parent !== undefined || remap) await copyTree(from, this.files(id), { remap });
      // As with every row: the bytes first.
      if (durable) await this.work.sync(this.base);
    } catch (error) {
      await this.remove(key);
      throw error;
    }
    return this.mounts(key);
  }

  /** It is a copy of the whole tree. */
  prepareNow(): boolean {
    return false;
  }

  /** The parent's own folder, read-only: it never changes. */
  async view(key: string, parent: string | undefined): Promise<readonly Mount[]> {
    this.add({ key, kind: "view", parent });
    return await Promise.resolve(this.mounts(key));
  }

  protected override makeFolders(folder: string): void {
    mkdirSync(join(folder, "fs"), { mode: 0o755 });
  }

  mounts(key: string): readonly Mount[] {
    const row = this.rows.get(key);
    const shown = row.kind !== "active" && row.parent !== null ? this.rows.get(row.parent) : row;
    const access = row.kind === "active" ? "rw" : "ro";
    return [{ type: "bind", source: this.files(shown.id), target: "", options: [access, "rbind"] }];
  }

  async beginLayer(
    chainId: Digest,
    parent: Digest | undefined,
    signal?: AbortSignal,
  ): Promise<UnpackTarget | "present"> {
    const row = await this.claimLayer(chainId, parent, signal);
    if (!row) return "present";
    const root = this.files(row.id);
    if (parent !== undefined) await copyTree(this.files(this.layer(parent).id), root, { signal });
    return { mode: "tree", root };
  }

  /** A tree shows at once what lies below: nothing stays open. */
  async settleLayer(chainId: Digest, _unsettled: Unsettled): Promise<"settled"> {
    this.rows.get(unpackKey(chainId));
    return await Promise.resolve("settled");
  }

  async endLayer(_chainId: Digest): Promise<void> {
    await Promise.resolve();
  }
}
