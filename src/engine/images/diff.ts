/**
 * Compares two images: layers, configuration, files. Both trees are merged without mounting them. What comes from the same layer is not looked at again: a
 * folder that is made of the same parts in both trees is passed over with all that is in it.
 */
import { SampanError } from "../../base/errors.ts";
import { textOf } from "../../kernel/fs.ts";
import { parsePlatform } from "../../spec/image/platform.ts";
import type { Platform } from "../../spec/image/types.ts";
import { namesOf, openChild, openMerged, type Merged } from "../archive/merged.ts";
import { isFolder, type Node } from "../archive/node.ts";
import { differences, sameFileBytes, type Difference as Word } from "../archive/same.ts";
import type { Change, ImageDiff } from "../../spec/docker/images.ts";
import type { Engine } from "../engine.ts";
import type { Snapshotter } from "../snapshots/snapshotter.ts";
import type { LocalImage } from "./images.ts";

export type DiffParts = Pick<Engine, "content" | "images" | "leases" | "snapshots" | "store">;

export interface DiffOptions {
  readonly platform?: Platform | string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Errors: `failed_precondition` when one of them is not unpacked here. */
export async function diffImages(
  engine: DiffParts,
  a: string,
  b: string,
  options: DiffOptions = {},
): Promise<ImageDiff> {
  const platform = typeof options.platform === "string" ? parsePlatform(options.platform) : options.platform;
  const before = engine.images.get(a, platform);
  const after = engine.images.get(b, platform);
  try {
    await using lease = engine.leases.acquire(`compare ${a} and ${b}`);
    engine.store.transaction(() => {
      for (const { chainId } of [...before.layers, ...after.layers]) lease.add("snapshot", chainId);
    });
    const files = await compareTrees(foldersOf(engine, before), foldersOf(engine, after), options.signal);
    return {
      a,
      b,
      layers: compareLayers(before, after),
      config: compareValues(await configOf(engine, before), await configOf(engine, after), ""),
      files,
      sizeBefore: before.unpackedSize,
      sizeAfter: after.unpackedSize,
    };
  } catch (error) {
    if (options.signal?.aborted)
      throw new SampanError("cancelled", `cannot compare "${a}" with "${b}": it was cancelled`, {
        cause: error,
      });
    throw SampanError.wrap(`cannot compare image "${a}" with "${b}"`, error);
  }
}

function foldersOf({ snapshots }: DiffParts, image: LocalImage): readonly string[] {
  const top = image.layers.at(-1)?.chainId;
  if (top === undefined) return [];
  if (snapshots.stat(top)?.kind !== "committed")
    throw new SampanError("failed_precondition", `image "${image.id}" is not unpacked here; pull it again`);
  return layerFolders(snapshots, top);
}

/** The folders that make up a snapshot's tree, topmost first. */
export function layerFolders(snapshots: Snapshotter, key: string): readonly string[] {
  if (snapshots.name === "copy") return [snapshots.directory(key)];
  const folders: string[] = [];
  for (let at: string | undefined = key; at !== undefined; at = snapshots.stat(at)?.parent)
    folders.push(snapshots.directory(at));
  return folders;
}

function compareLayers(before: LocalImage, after: LocalImage): ImageDiff["layers"] {
  const ids = (image: LocalImage) => image.layers.map(({ diffId }) => diffId);
  const [a, b] = [ids(before), ids(after)];
  return {
    shared: a.filter((id) => b.includes(id)).length,
    onlyA: a.filter((id) => !b.includes(id)),
    onlyB: b.filter((id) => !a.includes(id)),
  };
}

/** What layers and files tell anyway is left out. */
async function configOf(engine: DiffParts, image: LocalImage): Promise<unknown> {
  await engine.images.config(image);
  const raw: unknown = JSON.parse(new TextDecoder().decode(await engine.content.read(image.id)));
  return Object.fromEntries(
    Object.entries(raw as Record<string, unknown>).filter(
      ([name]) => name !== "rootfs" && name !== "history",
    ),
  );
}

/** Fields that differ, by path: `config.Labels["org.example"]`. Lists are values; absent and null are one. */
export function compareValues(before: unknown, after: unknown, path: string): ImageDiff["config"] {
  if (isObject(before) && isObject(after)) {
    const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].toSorted();
    // A stranger's names: not every object's own "constructor".
    const of = (value: typeof before, name: string) => (Object.hasOwn(value, name) ? value[name] : undefined);
    return names.flatMap((name) => compareValues(of(before, name), of(after, name), member(path, name)));
  }
  const [a, b] = [before ?? null, after ?? null];
  return JSON.stringify(a) === JSON.stringify(b) ? [] : [{ path, before: a, after: b }];
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function member(path: string, name: string): string {
  if (!/^[\w-]+$/.test(name)) return `${path}[${JSON.stringify(name)}]`;
  return path === "" ? name : `${path}.${name}`;
}

/** How many entries are looked at between two turns of other work. */
const turn = 200;

async function compareTrees(
  before: readonly string[],
  after: readonly string[],
  signal: AbortSignal | undefined,
): Promise<Change[]> {
  const found: Change[] = [];
  let steps = 0;
  using a = before.length > 0 ? openMerged(before) : undefined;
  using b = after.length > 0 ? openMerged(after) : undefined;
  for (const change of compareEntry(a, b)) {
    if (change) found.push(change);
    if (++steps % turn !== 0) continue;
    await new Promise<void>((resolve) => void setImmediate(resolve));
    signal?.throwIfAborted();
  }
  return found;
}

/** Gives undefined between changes, so that the caller may pause. */
type Changes = Generator<Change | undefined>;

function* compareEntry(a: Merged | undefined, b: Merged | undefined): Changes {
  yield undefined;
  if (!a || !b) {
    const only = a ?? b;
    if (only) yield* whole(only, a ? "removed" : "added");
    return;
  }
  if (sameParts(a, b)) return;
  const what = told(differences(a.node, b.node, sameBytes), b.node);
  if (what.length > 0)
    yield { ...changeOf(b.node, "changed"), before: sizeOf(a.node), after: sizeOf(b.node), what };
  const folders = [a, b].map((side) => (isFolder(side.node) ? side : undefined));
  const names = folders.flatMap((side) => (side ? namesOf(side) : []));
  for (const name of [...new Set(names)].toSorted()) {
    using x = folders[0] && openChild(folders[0], name);
    using y = folders[1] && openChild(folders[1], name);
    yield* compareEntry(x, y);
  }
}

/** Of a file that changed the time says nothing more; alone it tells of a whole copy in a layer. A folder's changes with each name in it. */
function told(found: readonly Word[], node: Node): readonly Word[] {
  const others = found.filter((word) => word !== "time");
  return others.length > 0 || isFolder(node) ? others : found;
}

function* whole(tree: Merged, kind: "added" | "removed"): Changes {
  const size = sizeOf(tree.node);
  yield { ...changeOf(tree.node, kind), ...(kind === "added" ? { after: size } : { before: size }) };
  if (!isFolder(tree.node)) return;
  for (const name of namesOf(tree)) {
    using child = openChild(tree, name);
    if (child) yield* whole(child, kind);
  }
}

const identity = ({ status }: Node) => `${status.fileSystem}:${status.inode}`;

function sameParts(a: Merged, b: Merged): boolean {
  return (
    a.parts.length === b.parts.length &&
    a.parts.every((part, index) => identity(part) === identity(b.parts[index] as Node))
  );
}

function sameBytes(a: Node, b: Node): boolean {
  return identity(a) === identity(b) || sameFileBytes(a, b);
}

function sizeOf(node: Node): number {
  return isFolder(node) ? 0 : node.status.size;
}

function changeOf(node: Node, kind: Change["kind"]): Change {
  const path = `/${textOf(node.path) ?? node.path}`;
  return { path, kind, before: undefined, after: undefined, what: [] };
}
