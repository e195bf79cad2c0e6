/** Snapshots as layers of overlayfs: `<number>/fs` is one layer, `<number>/work` what the kernel needs beside a writable one. */
import { existsSync, lstatSync, mkdirSync, rmdirSync } from "node:fs";
import { join } from "node:path";
import { SampanError } from "../../base/errors.ts";
import { unmount } from "../../kernel/mounts.ts";
import { digestOf, type Digest } from "../../spec/image/digest.ts";
import type { Store } from "../store/store.ts";
import { copyMetadata, copyTree } from "./copy-tree.ts";
import { Driver, remapOf, unpackKey, type TreeWork } from "./_driver.ts";
import type { NewRow, Row } from "./_rows.ts";
import { settle } from "./_settle.ts";
import { mountAll } from "./mount.ts";
import type {
  IdRange,
  Mount,
  PrepareOptions,
  Remap,
  Snapshotter,
  Unsettled,
  UnpackTarget,
} from "./snapshotter.ts";

/** The kernel takes no more (OVL_MAX_STACK). */
const mostLayers = 500;

export interface OverlayOptions {
  /** Whether the kernel maps the ids of lower layers; else a user namespace gets a copy with changed owners. */
  readonly mapsIds: boolean;
}

export class Overlayfs extends Driver implements Snapshotter {
  readonly name = "overlayfs";
  readonly sequential = false;
  readonly #mapsIds: boolean;
  readonly #features = overlayFeatures();

  constructor(store: Store, work: TreeWork, options: OverlayOptions) {
    super("overlayfs", store, work);
    this.#mapsIds = options.mapsIds;
    if (/[:,\\]/.test(this.base))
      throw new SampanError(
        "unimplemented",
        `cannot use overlayfs below "${this.base}": the path has a colon, a comma or a backslash`,
      );
  }

  async prepare(
    key: string,
    parent: string | undefined,
    options: PrepareOptions = {},
  ): Promise<readonly Mount[]> {
    const { remap, durable = true } = options;
    const id =
      remap === undefined || this.#mapsIds || parent === undefined
        ? this.add({ key, kind: "active", parent, remap })
        : this.add({ key, kind: "active", parent: await this.#remappedCopy(parent, remap) });
    if (durable) await this.makeDurable(id);
    return await this.#mountsOrNothing(key);
  }

  prepareNow(key: string, parent: string | undefined): boolean {
    this.add({ key, kind: "active", parent });
    this.mounts(key);
    return true;
  }

  /** A snapshot that cannot be mounted is not made. */
  async #mountsOrNothing(key: string): Promise<readonly Mount[]> {
    try {
      return this.mounts(key);
    } catch (error) {
      await this.remove(key);
      throw error;
    }
  }

  async view(key: string, parent: string | undefined): Promise<readonly Mount[]> {
    this.add({ key, kind: "view", parent });
    return await this.#mountsOrNothing(key);
  }

  protected override makeFolders(folder: string, { kind, parent, remap }: NewRow): void {
    const files = join(folder, "fs");
    mkdirSync(files, { mode: 0o755 });
    if (kind === "view") return;
    mkdirSync(join(folder, "work"), { mode: 0o700 });
    // The upper's root is the merged root: it looks as the one below it does.
    const below = parent === undefined ? undefined : this.rows.find(parent);
    const from = below ? this.files(below.id) : files;
    copyMetadata({ from, to: files, stat: lstatSync(from, { bigint: true }), remap });
  }

  mounts(key: string): readonly Mount[] {
    const row = this.rows.get(key);
    const lowers = this.#lowersOf(row);
    const [only = this.files(row.id), ...more] = lowers;
    if (row.kind !== "active" && more.length === 0) return [bind(only, "ro")];
    if (lowers.length === 0) return [bind(only, "rw")];
    const options = [...this.#features, `lowerdir=${lowers.join(":")}`, ...mapOptions(remapOf(row))];
    return [overlay(row.kind === "active" ? [...this.#upper(row), ...options] : ["ro", ...options])];
  }

  #upper(row: Row): string[] {
    return [`workdir=${join(this.folder(row.id), "work")}`, `upperdir=${this.files(row.id)}`];
  }

  /** Topmost first. */
  #lowersOf(row: Row): string[] {
    const paths: string[] = [];
    for (let at = row.parent; at !== null;) {
      const below = this.layer(at);
      paths.push(this.files(below.id));
      at = below.parent;
    }
    if (paths.length <= mostLayers) return paths;
    throw new SampanError(
      "failed_precondition",
      `cannot mount snapshot "${row.key}": it stands on ${paths.length} layers, and overlayfs takes ${mostLayers}`,
    );
  }

  async beginLayer(
    chainId: Digest,
    parent: Digest | undefined,
    signal?: AbortSignal,
  ): Promise<UnpackTarget | "present"> {
    const row = await this.claimLayer(chainId, parent, signal);
    return row ? { mode: "layer", root: this.files(row.id) } : "present";
  }

  async settleLayer(chainId: Digest, unsettled: Unsettled): Promise<"settled" | { again: UnpackTarget }> {
    const row = this.rows.get(unpackKey(chainId));
    const settled = await settle(this.files(row.id), this.#lowersOf(row), unsettled);
    return settled ? "settled" : { again: await this.#openTree(row) };
  }

  /** The layer empty again, and mounted over those below it. */
  async #openTree(row: Row): Promise<UnpackTarget> {
    const folder = this.folder(row.id);
    for (const name of ["fs", "work"]) await this.work.removeTree(join(folder, name));
    this.makeFolders(folder, { key: row.key, kind: "active", parent: undefined });
    const lowers = this.#lowersOf(row);
    const root = this.tree(row.id);
    mkdirSync(root, { recursive: true, mode: 0o700 });
    const [top] = lowers;
    if (top) copyMetadata({ from: top, to: this.files(row.id), stat: lstatSync(top, { bigint: true }) });
    const mount = top
      ? overlay([...this.#upper(row), ...this.#features, `lowerdir=${lowers.join(":")}`])
      : bind(this.files(row.id), "rw");
    await mountAll([mount], root);
    return { mode: "tree", root };
  }

  async endLayer(chainId: Digest): Promise<void> {
    const row = this.rows.find(unpackKey(chainId));
    if (!row || !existsSync(this.tree(row.id))) return;
    unmount(this.tree(row.id));
    rmdirSync(this.tree(row.id));
    await Promise.resolve();
  }

  /** The whole chain as one snapshot with the owners that the user namespace wants, made once; under the lease of who asks (remappedKey). */
  async #remappedCopy(parent: string, remap: Remap): Promise<string> {
    const name = remappedKey(parent, remap);
    if (this.rows.find(name)) return name;
    const making = `making-${name}`;
    await this.remove(making);
    this.add({ key: making, kind: "active", parent });
    const row = this.rows.get(making);
    const root = this.tree(row.id);
    mkdirSync(root, { mode: 0o700 });
    try {
      const lowers = this.#lowersOf(row);
      const [only = ""] = lowers;
      const mount =
        lowers.length === 1
          ? bind(only, "ro")
          : overlay(["ro", ...this.#features, `lowerdir=${lowers.join(":")}`]);
      await mountAll([mount], root);
      await copyTree(root, this.files(row.id), { remap });
    } finally {
      unmount(root);
      rmdirSync(root);
    }
    await this.work.sync(this.base);
    const usage = await this.usage(making);
    this.rows.transaction(() => {
      this.rows.standAlone(row);
      this.commit(making, name, usage);
    });
    return name;
  }
}

/** The key of the copy of a chain for a user namespace, where the kernel cannot map ids. */
export function remappedKey(parent: string, remap: Remap): string {
  return `remapped-${digestOf(JSON.stringify([parent, remap])).slice("sha256:".length)}`;
}

function bind(source: string, access: "ro" | "rw"): Mount {
  return { type: "bind", source, target: "", options: [access, "rbind"] };
}

function overlay(options: readonly string[]): Mount {
  return { type: "overlay", source: "overlay", target: "", options };
}

/** containerd's names; ranges of one kind are joined by `+`, since a comma parts options. */
export function mapOptions(remap: Remap | undefined): string[] {
  if (!remap) return [];
  const text = (ranges: readonly IdRange[]) =>
    ranges.map(({ containerID, hostID, size }) => `${containerID}:${hostID}:${size}`).join("+");
  return [`uidmap=${text(remap.uids)}`, `gidmap=${text(remap.gids)}`];
}

/**
 * Off, whatever the kernel was built with: what they write into an upper folder is no layer by itself (redirects, files without data), or forbids to mount it anew
 * elsewhere (index). Only options that this kernel has.
 */
function overlayFeatures(): string[] {
  return ["index", "metacopy", "redirect_dir"]
    .filter((name) => existsSync(`/sys/module/overlay/parameters/${name}`))
    .map((name) => `${name}=off`);
}
