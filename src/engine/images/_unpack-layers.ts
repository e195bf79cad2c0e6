/**
 * Layers into snapshots, up to the moment before they are committed. With overlayfs all at once, each while its file still grows; a snapshotter that needs
 * the tree below takes one after the other. What is already committed is left out; what another process unpacks at the moment is waited for.
 */
import { lstatSync } from "node:fs";
import { SampanError } from "../../base/errors.ts";
import type { Digest } from "../../spec/image/digest.ts";
import type { Compression } from "../../spec/image/types.ts";
import { watchRoom } from "../disk/budget.ts";
import type { Engine } from "../engine.ts";
import type { Unpacked } from "../unpack/unpack.ts";
import type { UnpackTarget, Usage } from "../snapshots/snapshotter.ts";
import type { GrowingFile } from "./_growing.ts";

export interface PackedLayer {
  /** Undefined, as the diff id, for one that is just being made. */
  readonly digest: Digest | undefined;
  readonly diffId: Digest | undefined;
  readonly chainId: Digest;
  readonly parent: Digest | undefined;
  readonly compression: Compression;
  /** The file that still grows, or the path of the whole one. */
  file(): Promise<GrowingFile | string>;
  /** The path of the whole file, when it is there. */
  whole(): Promise<string>;
  /** Until its bytes are here and verified. */
  fetched?(): Promise<unknown>;
  onUnpacked?(): void;
}

export interface UnpackedLayer {
  readonly chainId: Digest;
  readonly parent: Digest | undefined;
  readonly usage: Usage;
  /** As it was found to be. */
  readonly diffId: Digest;
}

/** For Snapshotter.commitLayers. Disposing removes what was not committed. */
export interface UnpackedLayers extends AsyncDisposable {
  readonly layers: readonly UnpackedLayer[];
}

type Parts = Pick<Engine, "store" | "snapshots" | "unpacker" | "settings">;

/**
 * Layers from the lowest up. When it fails, what was begun is removed after `failed`: so may go first what fills the disk, on which the database could not
 * write down that anything is removed. Errors: `resource_exhausted` as soon as the data root grows over its budget.
 */
export async function unpackLayers(
  parts: Parts,
  layers: readonly PackedLayer[],
  signal: AbortSignal,
  failed?: (error: unknown) => Promise<void>,
): Promise<UnpackedLayers> {
  const begun: PackedLayer[] = [];
  const remove = () =>
    removeUncommitted(
      parts,
      begun.map(({ chainId }) => chainId),
    );
  try {
    const done = await withinBudget({ parts, begun, signal }, layers);
    return { layers: done, [Symbol.asyncDispose]: remove };
  } catch (error) {
    await failed?.(error);
    await remove();
    throw error;
  }
}

async function withinBudget(run: Run, layers: readonly PackedLayer[]): Promise<UnpackedLayer[]> {
  const unpack = run.parts.snapshots.sequential ? oneByOne : sideBySide;
  const stop = new AbortController();
  using watch = watchRoom(run.parts, (error) => stop.abort(error));
  try {
    return await unpack({ ...run, signal: AbortSignal.any([run.signal, stop.signal]) }, layers);
  } catch (error) {
    throw watch.exceeded ?? error;
  }
}

const damaging: ReadonlySet<string> = new Set(["data_loss", "invalid_argument", "aborted"]);

interface Run {
  readonly parts: Parts;
  /** What this run has made, for the way back. */
  readonly begun: PackedLayer[];
  readonly signal: AbortSignal;
}

export function isCommitted(parts: Pick<Engine, "snapshots">, chainId: Digest): boolean {
  return parts.snapshots.stat(chainId)?.kind === "committed";
}

/** The key that beginLayer gives the directory until it is committed. */
export function unpackKey(chainId: Digest): string {
  return `unpack-${chainId}`;
}

/**
 * Layers that were begun, the lowest first. What cannot be removed stays as a left-over, which the next try or a collection takes: it is no reason to hide what
 * has failed before.
 */
export async function removeUncommitted(parts: Parts, chains: readonly Digest[]): Promise<void> {
  const upper = chains.toReversed();
  // All files before the first row: on a full disk the database can change nothing until they are gone.
  for (const chainId of upper) await removeFiles(parts, chainId).catch(() => undefined);
  for (const chainId of upper) await parts.snapshots.remove(unpackKey(chainId)).catch(() => undefined);
}

async function removeFiles({ snapshots, unpacker }: Parts, chainId: Digest): Promise<void> {
  await snapshots.endLayer(chainId);
  if (snapshots.stat(unpackKey(chainId))) await unpacker.removeTree(snapshots.directory(unpackKey(chainId)));
}

/** Undefined when it is committed, perhaps by another pull that this one waited for. */
async function begin({ parts, begun, signal }: Run, layer: PackedLayer): Promise<UnpackTarget | undefined> {
  if (isCommitted(parts, layer.chainId)) return undefined;
  const target = await parts.snapshots.beginLayer(layer.chainId, layer.parent, signal);
  if (target === "present") return undefined;
  begun.push(layer);
  return target;
}

async function sideBySide(outer: Run, layers: readonly PackedLayer[]): Promise<UnpackedLayer[]> {
  const stop = new AbortController();
  const run = { ...outer, signal: AbortSignal.any([outer.signal, stop.signal]) };
  const jobs: { layer: PackedLayer; unpacked: Promise<Unpacked> }[] = [];
  try {
    for (const layer of layers) {
      const target = await begin(run, layer);
      if (!target) continue;
      const unpacked = unpackOne(run, layer, target);
      // What fails first ends the others; who is awaited below tells of it.
      unpacked.catch((error: unknown) => stop.abort(error));
      jobs.push({ layer, unpacked });
    }
    const done: UnpackedLayer[] = [];
    // The lowest first: settling looks at the layers below.
    for (const { layer, unpacked } of jobs) done.push(await settle(run, layer, await unpacked));
    for (const { layer } of jobs) await run.parts.snapshots.endLayer(layer.chainId);
    return done;
  } catch (error) {
    stop.abort(error);
    await Promise.allSettled(jobs.map(({ unpacked }) => unpacked));
    throw outer.signal.aborted ? error : (stop.signal.reason ?? error);
  }
}

async function oneByOne(run: Run, layers: readonly PackedLayer[]): Promise<UnpackedLayer[]> {
  const done: UnpackedLayer[] = [];
  for (const layer of layers) {
    const target = await begin(run, layer);
    if (!target) continue;
    done.push(await settle(run, layer, await unpackOne(run, layer, target)));
    await run.parts.snapshots.endLayer(layer.chainId);
  }
  return done;
}

async function settle(run: Run, layer: PackedLayer, unpacked: Unpacked): Promise<UnpackedLayer> {
  const { chainId, parent } = layer;
  const { snapshots } = run.parts;
  const result = await snapshots.settleLayer(chainId, unpacked);
  if (result !== "settled") await unpackOne(run, { ...layer, file: () => layer.whole() }, result.again);
  // What was written is all there is, unless settling copied files up or the tree below was copied first.
  const exact = result === "settled" && unpacked.links.length === 0 && !snapshots.sequential;
  return {
    chainId,
    parent,
    diffId: unpacked.diffId,
    usage: exact ? withRoot(snapshots, chainId, unpacked.usage) : await snapshots.usage(unpackKey(chainId)),
  };
}

/** The folder that the archive was unpacked into is no entry of it. */
function withRoot(snapshots: Parts["snapshots"], chainId: Digest, { bytes, inodes }: Usage): Usage {
  const { blocks } = lstatSync(snapshots.directory(unpackKey(chainId)));
  return { bytes: bytes + blocks * 512, inodes: inodes + 1 };
}

async function unpackOne(run: Run, layer: PackedLayer, target: UnpackTarget): Promise<Unpacked> {
  const file = await layer.file();
  try {
    const unpacked = await unpackFile(run, layer, { file, target });
    layer.onUnpacked?.();
    return unpacked;
  } catch (error) {
    const context = layer.digest === undefined ? "cannot unpack it" : `cannot unpack layer "${layer.digest}"`;
    if (run.signal.aborted)
      throw new SampanError("cancelled", `${context}: it was cancelled`, { cause: error });
    const { code } = SampanError.from(error);
    // Published, by us or by another process, before the helper had opened it: it has its other name now.
    if (code === "not_found" && typeof file !== "string")
      return unpackOne(run, { ...layer, file: () => layer.whole() }, target);
    // Bytes that no archive has may be bytes that no blob has: the digest's verdict says more.
    if (damaging.has(code)) await layer.fetched?.();
    throw SampanError.wrap(context, error);
  }
}

async function unpackFile(
  { parts, signal }: Run,
  { compression, diffId }: PackedLayer,
  { file, target }: { file: GrowingFile | string; target: UnpackTarget },
): Promise<Unpacked> {
  const limits = { bytes: parts.settings.maxLayerSize, entries: parts.settings.maxLayerEntries };
  const path = typeof file === "string" ? file : file.path;
  const job = await parts.unpacker.start({ path, compression, diffId, target, limits }, signal);
  if (typeof file === "string") {
    job.available(Bun.file(file).size);
    job.end();
  } else file.follow(job);
  return job.done;
}
