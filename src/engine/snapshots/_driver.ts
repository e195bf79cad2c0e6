/** What both drivers have in common: rows, folders, locks, removal. A snapshot's folder is `<root>/snapshots/<driver>/<number>`; its files are in `fs` below that. */
import { closeSync, lstatSync, mkdirSync, readdirSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { SampanError } from "../../base/errors.ts";
import { lockFile, openFile } from "../../kernel/libc.ts";
import { O } from "../../kernel/linux.ts";
import { unmount } from "../../kernel/mounts.ts";
import type { Digest } from "../../spec/image/digest.ts";
import { fileError } from "../store/errors.ts";
import type { Store } from "../store/store.ts";
import type { Unpacker } from "../unpack/unpack.ts";
import { countTree } from "./count.ts";
import { infoOf, Rows, type NewRow, type Row } from "./_rows.ts";
import type { Remap, SnapshotInfo, Usage } from "./snapshotter.ts";

export type TreeWork = Pick<Unpacker, "removeTree" | "sync">;

/** The key of a layer that is being unpacked. */
export const unpackKey = (chainId: string) => `unpack-${chainId}`;

export abstract class Driver {
  protected readonly rows: Rows;
  /** `<root>/snapshots/<driver>` */
  protected readonly base: string;
  protected readonly work: TreeWork;
  /** Locks of the layers that this process unpacks, by key: descriptors of their folders. */
  readonly #locks = new Map<string, number>();

  constructor(name: "overlayfs" | "copy", store: Store, work: TreeWork) {
    this.rows = new Rows(store, name);
    this.work = work;
    this.base = join(store.root, "snapshots", name);
    try {
      mkdirSync(this.base, { recursive: true, mode: 0o700 });
    } catch (error) {
      throw fileError(`make folder "${this.base}"`, error);
    }
  }

  /** Makes what a new snapshot has below its folder. Synchronous: it runs in the transaction of its row. */
  protected abstract makeFolders(folder: string, row: NewRow): void;

  protected folder(id: number): string {
    return join(this.base, String(id));
  }

  protected files(id: number): string {
    return join(this.folder(id), "fs");
  }

  /** Where the whole tree of a layer in tree mode is mounted. */
  protected tree(id: number): string {
    return join(this.folder(id), "tree");
  }

  /**
   * The row and, within its transaction, the folder: whoever sees the folder without the row, under the write lock, knows that nobody will want it. The row is made
   * durable by whatever is written down next because of it.
   */
  protected add(row: NewRow): number {
    return this.rows.transaction(
      () => {
        if (row.parent !== undefined && !row.key.startsWith("unpack-"))
          this.#checkParent(row.key, row.parent);
        const id = this.#freshNumber(this.rows.add(row));
        try {
          mkdirSync(this.folder(id), { mode: 0o700 });
          this.makeFolders(this.folder(id), row);
        } catch (error) {
          throw fileError(`make snapshot "${row.key}"`, error);
        }
        return id;
      },
      { durable: false },
    );
  }

  /**
   * A crash between folder and commit leaves the folder, and its number is given again. Such a folder is a collection's, which may be at it this moment: the row goes
   * to a number beyond all of them.
   */
  #freshNumber(id: number): number {
    if (!lstatSync(this.folder(id), { throwIfNoEntry: false })) return id;
    const numbers = readdirSync(this.base)
      .filter((name) => /^\d+$/.test(name))
      .map(Number);
    const fresh = Math.max(...numbers) + 1;
    this.rows.renumber(id, fresh);
    return fresh;
  }

  /** The row of a container outlives a power cut, and so must the folders that it is mounted from: their names, and how the topmost looks. */
  protected async makeDurable(id: number): Promise<void> {
    for (const folder of [this.files(id), this.folder(id), this.base]) {
      const handle = await open(folder, "r");
      try {
        await handle.sync();
      } finally {
        await handle.close();
      }
    }
  }

  #checkParent(key: string, parent: string): void {
    if (this.rows.find(parent)?.kind !== "committed")
      throw new SampanError(
        "not_found",
        `cannot make snapshot "${key}": its parent "${parent}" is no committed snapshot`,
      );
  }

  /** The row of a layer's own snapshot when its turn has come; undefined when it is committed. A left-over is removed. */
  protected async claimLayer(
    chainId: Digest,
    parent: Digest | undefined,
    signal?: AbortSignal,
  ): Promise<Row | undefined> {
    const key = unpackKey(chainId);
    const make = () => this.#lock(key, this.add({ key, kind: "active", parent }));
    return (await this.#claim(chainId, make, signal)) ? this.rows.get(key) : undefined;
  }

  async renameLayer(from: Digest, to: Digest, signal?: AbortSignal): Promise<"renamed" | "present"> {
    const [old, key] = [unpackKey(from), unpackKey(to)];
    const rename = () => this.rows.rename(this.rows.get(old), key);
    if (!(await this.#claim(to, rename, signal))) return "present";
    const fd = this.#locks.get(old);
    if (fd !== undefined) this.#locks.set(key, fd);
    this.#locks.delete(old);
    return "renamed";
  }

  /** Runs `make`, which gives the layer's row its key, when nobody else unpacks that layer. False when it is committed. */
  async #claim(chainId: Digest, make: () => void, signal?: AbortSignal): Promise<boolean> {
    for (;;) {
      signal?.throwIfAborted();
      const claim = this.rows.transaction(() => this.#tryClaim(chainId, make));
      if (claim === "committed") return false;
      if (claim !== "busy") {
        for (const folder of claim) await this.#removeFolder(folder);
        return true;
      }
      // flock(2) has no event to wait for without a thread; a layer takes long compared to this.
      await Bun.sleep(50);
    }
  }

  #tryClaim(chainId: Digest, make: () => void): "committed" | "busy" | string[] {
    if (this.rows.find(chainId)?.kind === "committed") return "committed";
    const leftOver = this.rows.find(unpackKey(chainId));
    if (leftOver) {
      if (this.#isLocked(leftOver)) return "busy";
      this.rows.delete(leftOver);
    }
    make();
    return leftOver ? [this.folder(leftOver.id)] : [];
  }

  #isLocked(row: Row): boolean {
    const fd = openFile(this.folder(row.id), O.RDONLY | O.DIRECTORY);
    if (fd < 0) return false;
    try {
      return !lockFile(fd, false);
    } finally {
      closeSync(fd);
    }
  }

  #lock(key: string, id: number): void {
    const fd = openFile(this.folder(id), O.RDONLY | O.DIRECTORY);
    if (fd < 0 || !lockFile(fd, false))
      throw new SampanError("internal", `cannot lock snapshot "${key}": its folder is new and taken`);
    this.#locks.set(key, fd);
  }

  #unlock(key: string): void {
    const fd = this.#locks.get(key);
    if (fd !== undefined) closeSync(fd);
    this.#locks.delete(key);
  }

  /** A layer's row, whether it is committed or still being unpacked. */
  protected layer(chainId: string): Row {
    return this.rows.find(chainId) ?? this.rows.get(unpackKey(chainId));
  }

  directory(key: string): string {
    return this.files(this.rows.get(key).id);
  }

  commitLayers(layers: readonly { chainId: Digest; parent: Digest | undefined; usage: Usage }[]): void {
    this.rows.transaction(() => {
      for (const { chainId, parent, usage } of layers) this.#commitLayer(chainId, parent, usage);
    });
    for (const { chainId } of layers) this.#unlock(unpackKey(chainId));
  }

  #commitLayer(chainId: Digest, parent: Digest | undefined, usage: Usage): void {
    const key = unpackKey(chainId);
    const active = this.rows.find(key);
    if (this.rows.find(chainId)) {
      if (active) this.rows.delete(active);
      return;
    }
    if (parent !== undefined) this.#checkParent(chainId, parent);
    this.rows.commit(active ?? this.rows.get(key), chainId, usage);
  }

  commit(key: string, name: string, usage: Usage): void {
    this.rows.transaction(() => {
      const row = this.rows.get(key);
      if (row.kind !== "active")
        throw new SampanError(
          "failed_precondition",
          `cannot commit snapshot "${key}": it is ${row.kind}, wanted active`,
        );
      if (this.rows.find(name))
        throw new SampanError("already_exists", `cannot commit snapshot "${key}": "${name}" is there`);
      this.rows.commit(row, name, usage);
    });
  }

  stat(key: string): SnapshotInfo | undefined {
    const row = this.rows.find(key);
    return row && infoOf(row);
  }

  list(): readonly SnapshotInfo[] {
    return this.rows.all().map(infoOf);
  }

  async usage(key: string): Promise<Usage> {
    return await countTree(this.directory(key));
  }

  async remove(key: string): Promise<void> {
    await this.drop(key)();
  }

  drop(key: string): () => Promise<void> {
    const row = this.#takeRow(key);
    return async () => {
      if (row) await this.#removeFolder(this.folder(row.id));
    };
  }

  /** Gives the row that is gone. Who held its lock holds it no more, also where the row stays (a full disk): it is a left-over then, and not one that others wait for. */
  #takeRow(key: string): Row | undefined {
    try {
      return this.rows.transaction(() => {
        const found = this.rows.find(key);
        const children = found ? this.rows.childrenOf(key) : [];
        if (children.length > 0)
          throw new SampanError(
            "failed_precondition",
            `cannot remove snapshot "${key}": ${children.length} others stand on it, the first is "${children[0]}"`,
          );
        if (found) this.rows.delete(found);
        return found;
      });
    } finally {
      this.#unlock(key);
    }
  }

  async cleanup(): Promise<readonly string[]> {
    const names = readdirSync(this.base).filter((name) => /^\d+$/.test(name));
    const left = this.rows.transaction(() =>
      names.filter((name) => !this.rows.has(Number(name)) && !this.rows.wasBefore(Number(name))),
    );
    for (const name of left) await this.#removeFolder(join(this.base, name));
    return left;
  }

  async #removeFolder(folder: string): Promise<void> {
    if (!lstatSync(folder, { throwIfNoEntry: false })) return;
    unmount(join(folder, "tree"));
    await this.work.removeTree(folder);
  }
}

/** The remap that a row was prepared with. */
export function remapOf(row: Row): Remap | undefined {
  return row.remap === null ? undefined : (JSON.parse(row.remap) as Remap);
}
