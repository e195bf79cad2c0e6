/**
 * Pull: the manifest of the wanted platform, its configuration and its layers, unpacked, durable and named, or nothing but resumable parts.
 *
 * The order is that of decision 011: a lease on every name that will be made; bytes (blobs into ingest, layers into directories of their own); one sync of the
 * root; one transaction that publishes blobs, commits snapshots and names the image. What a killed pull leaves, gc takes or the next pull resumes.
 */
import { lstatSync } from "node:fs";
import { SampanError } from "../../base/errors.ts";
import { chainIds } from "../../spec/image/chain-id.ts";
import type { Digest } from "../../spec/image/digest.ts";
import { layerFormat } from "../../spec/image/layers.ts";
import { parseConfig } from "../../spec/image/parse.ts";
import { bestPlatform, formatPlatform, hostPlatform, parsePlatform } from "../../spec/image/platform.ts";
import { normalName, parseReference, repositoryName, type Reference } from "../../spec/image/reference.ts";
import type { Descriptor, ImageConfig, Platform } from "../../spec/image/types.ts";
import { ingestPath } from "../content/paths.ts";
import { ensureRoom } from "../disk/budget.ts";
import type { Engine } from "../engine.ts";
import type { Lease } from "../gc/gc.ts";
import { findManifest, loadConfig, type Found, type Search } from "./_documents.ts";
import { fetchLayers } from "./_fetch-layers.ts";
import { FirstFailure, isFull } from "./_first-failure.ts";
import type { LocalImage, OnProgress } from "./images.ts";
import { ingestBytes } from "./_ingest-bytes.ts";
import { reasonOf } from "./_reason.ts";
import { tellTransfer, type Told } from "./tell.ts";
import { isCommitted, unpackKey, unpackLayers } from "./_unpack-layers.ts";

export type PullParts = Pick<
  Engine,
  "settings" | "store" | "content" | "leases" | "gc" | "snapshots" | "unpacker" | "registries" | "images"
> &
  Told;

export interface PullOptions {
  /** `linux/arm/v7`; the host's by default. */
  readonly platform?: Platform | string;
  readonly onProgress?: OnProgress;
  readonly signal?: AbortSignal;
}

export interface Pulled {
  readonly image: LocalImage;
  /** Nothing was fetched. */
  readonly upToDate: boolean;
}

export async function pull(engine: PullParts, reference: string, options: PullOptions = {}): Promise<Pulled> {
  const parsed = parseReference(reference);
  const name = normalName(parsed);
  const platform = typeof options.platform === "string" ? parsePlatform(options.platform) : options.platform;
  // Whatever fails first stops the rest.
  const stop = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, stop.signal]) : stop.signal;
  try {
    signal.throwIfAborted();
    const repository = engine.registries.repository(repositoryName(parsed), "pull");
    const search: Search = { content: engine.content, repository, reference: parsed, platform, signal };
    options.onProgress?.({ kind: "resolving", text: name });
    const found = await findManifest(search);
    const here = localImage(engine, found);
    if (here && isWhole(engine, here)) {
      checkPlatform(here.platform, platform);
      const image = nameOnly(engine, parsed, here);
      if (image) {
        tellTransfer(engine, "pull", name, image.labels);
        return { image, upToDate: true };
      }
    }
    await bring(engine, {
      search,
      found,
      name,
      stop,
      signal,
      ...(options.onProgress ? { onProgress: options.onProgress } : {}),
    });
    const image = localImage(engine, found);
    if (!image) throw new SampanError("aborted", "it was removed while it was pulled");
    tellTransfer(engine, "pull", name, image.labels);
    return { image, upToDate: false };
  } catch (error) {
    stop.abort();
    if (options.signal?.aborted)
      throw new SampanError("cancelled", `cannot pull image "${name}": it was cancelled`, { cause: error });
    throw SampanError.wrap(`cannot pull image "${name}"`, reasonOf(error));
  }
}

/** All tags of a repository, one after the other. */
export async function pullAllTags(
  engine: PullParts,
  reference: string,
  options: PullOptions = {},
): Promise<Pulled[]> {
  const repository = repositoryName(parseReference(reference));
  const tags = await engine.registries.repository(repository, "pull").tags(options.signal);
  const pulled: Pulled[] = [];
  for (const tag of tags) pulled.push(await pull(engine, `${repository}:${tag}`, options));
  return pulled;
}

interface Work {
  readonly search: Search;
  readonly found: Found;
  readonly name: string;
  readonly stop: AbortController;
  readonly signal: AbortSignal;
  readonly onProgress?: OnProgress;
}

function localImage(engine: PullParts, { target, manifest }: Found): LocalImage | undefined {
  return engine.images
    .platforms(target.descriptor.digest)
    .find(
      (image) =>
        image.manifest.digest === manifest.descriptor.digest &&
        image.target.digest === target.descriptor.digest,
    );
}

/** By rows alone: all content is published and all layers are unpacked. */
export function isWhole(engine: Pick<Engine, "content" | "snapshots">, image: LocalImage): boolean {
  const blobs = [
    image.target.digest,
    image.manifest.digest,
    image.id,
    ...image.layers.map(({ descriptor }) => descriptor.digest),
  ];
  return (
    blobs.every((digest) => engine.content.stat(digest) !== undefined) &&
    image.layers.every(({ chainId }) => isCommitted(engine, chainId))
  );
}

/** Undefined when it was removed since it was seen. */
function nameOnly(engine: PullParts, reference: Reference, image: LocalImage): LocalImage | undefined {
  const repository = repositoryName(reference);
  const named = reference.digest !== undefined || image.names.includes(normalName(reference));
  if (named && image.repoDigests.includes(`${repository}@${image.target.digest}`)) return image;
  return engine.store.transaction(() => {
    if (!engine.images.find(image.target.digest)) return undefined;
    nameRecord(engine, reference, image.target.digest);
    return engine.images.get(image.id, image.platform);
  });
}

/** A digest is no name that could move: such an image is known by its repository's digest alone. */
function nameRecord(engine: PullParts, reference: Reference, target: Digest): void {
  if (reference.digest === undefined) engine.images.name(normalName(reference), target);
  engine.images.addRepoDigest(repositoryName(reference), target);
}

async function bring(engine: PullParts, work: Work): Promise<void> {
  const { search, found, signal } = work;
  const { parsed } = found.manifest;
  checkLayers(engine, parsed.layers);
  await using lease = engine.leases.acquire(`pull ${work.name}`);
  const blobs = [found.target.descriptor, found.manifest.descriptor, parsed.config, ...parsed.layers];
  leaseBlobs(engine, lease, blobs);
  const configBytes = await loadConfig(search, parsed.config);
  const config = parseConfig(configBytes, parsed);
  checkPlatform(config, search.platform);
  if (!search.platform && !bestPlatform([config], (platform) => platform))
    work.onProgress?.({
      kind: "note",
      text: `the image is for ${formatPlatform(config)}, this machine is ${formatPlatform(hostPlatform())}`,
    });
  const chains = chainIds(config.rootfs.diff_ids);
  leaseSnapshots(engine, lease, chains);
  const absent = blobs.filter(({ digest }) => engine.content.stat(digest) === undefined);
  const packedUp = parsed.layers.filter((_, index) => !isCommitted(engine, chains[index] as Digest));
  // Unpacked, a layer takes as much again at the least; what else it takes is seen when it is.
  await ensureRoom(engine, bytesToFetch(engine, absent) + sizeOf(packedUp), signal);

  const documents = [found.target, found.manifest, { descriptor: parsed.config, bytes: configBytes }];
  const ingested = documents.map((document) => ingestBytes(engine.content, document, signal));
  const fetched = fetchLayers(engine, { ...work, layers: parsed.layers, repository: search.repository });
  const packed = parsed.layers.map((descriptor, index) => ({
    digest: descriptor.digest,
    diffId: config.rootfs.diff_ids[index] as Digest,
    chainId: chains[index] as Digest,
    parent: chains[index - 1],
    compression: layerFormat(descriptor.mediaType).compression,
    ...fetched.sourceOf(descriptor),
  }));
  // What did not fit would not fit the next time, and be in the way of everything else.
  const giveUp = () =>
    engine.content.abandon(
      blobs.map(({ digest }) => digest),
      lease,
    );
  const failure = new FirstFailure();
  // Each to its end, so that none still runs when the engine is closed after a failure.
  const end = async (error: unknown) => {
    failure.note(error);
    work.stop.abort();
    await Promise.allSettled([...ingested, fetched.done, fetched.settled]);
    if (failure.isFull) await giveUp();
  };
  // The beginning that an earlier pull left was wrong: by now it was fetched anew.
  const isWorthAnother = async (error: unknown) =>
    !signal.aborted && !isFull(error) && (await fetched.restarted().catch(() => false));
  const unpacking = unpackLayers(engine, packed, signal, async (error) => {
    if (!(await isWorthAnother(error))) await end(error);
  }).catch(async (error: unknown) => {
    if (!(await isWorthAnother(error))) throw error;
    await fetched.done;
    return unpackLayers(engine, packed, signal, end);
  });
  try {
    await Promise.all([...ingested, fetched.done, unpacking]);
  } catch (error) {
    await end(error);
    await unpacking.then((layers) => layers[Symbol.asyncDispose]()).catch(() => undefined);
    throw failure.error;
  }
  await using unpacked = await unpacking;
  signal.throwIfAborted();
  // Only now it is known what the layers take when unpacked.
  if (unpacked.layers.length > 0)
    await ensureRoom(engine, 0, signal).catch(async (error: unknown) => {
      await giveUp();
      throw error;
    });
  await engine.unpacker.sync(engine.store.root);
  await engine.content.publish(
    blobs.map(({ digest }) => digest),
    () => {
      engine.snapshots.commitLayers(unpacked.layers);
      record(engine, work, config, blobs);
    },
  );
}

function record(
  engine: PullParts,
  { found, search }: Work,
  config: ImageConfig,
  blobs: readonly Descriptor[],
): void {
  const { target, manifest, said } = found;
  const described = said ? { ...manifest.descriptor, platform: said } : manifest.descriptor;
  engine.images.put({
    target: target.descriptor,
    platforms: [{ manifest: described, document: manifest.parsed, config }],
  });
  nameRecord(engine, search.reference, target.descriptor.digest);
  for (const { digest } of blobs) engine.content.addSource(digest, search.repository.name);
}

/** A part of it may be here from an earlier try. */
function bytesToFetch({ store }: PullParts, blobs: readonly Descriptor[]): number {
  const here = ({ digest }: Descriptor) =>
    lstatSync(ingestPath(store.root, digest), { throwIfNoEntry: false })?.size ?? 0;
  return blobs.reduce((sum, blob) => sum + Math.max(0, blob.size - here(blob)), 0);
}

function sizeOf(blobs: readonly Descriptor[]): number {
  return blobs.reduce((sum, { size }) => sum + size, 0);
}

function checkLayers(engine: PullParts, layers: readonly Descriptor[]): void {
  for (const { mediaType, digest, size } of layers) {
    layerFormat(mediaType);
    if (size > engine.settings.maxLayerSize)
      throw new SampanError(
        "resource_exhausted",
        `layer "${digest}" has ${size} bytes, wanted at most ${engine.settings.maxLayerSize} ([images] max_layer_size)`,
      );
  }
}

/** An old configuration may say nothing; then the user's word is taken. */
function checkPlatform(have: Platform, wanted: Platform | undefined): void {
  if (!wanted || have.os === "" || have.architecture === "") return;
  if (bestPlatform([have], (platform) => platform, wanted)) return;
  throw new SampanError(
    "not_found",
    `cannot find platform "${formatPlatform(wanted)}": the image is for ${formatPlatform(have)}`,
  );
}

/** One transaction for all: each alone would wait for the disk. */
function leaseBlobs(engine: PullParts, lease: Lease, blobs: readonly Descriptor[]): void {
  engine.store.transaction(() => {
    for (const { digest } of blobs) {
      lease.add("blob", digest);
      lease.add("ingest", digest);
    }
  });
}

function leaseSnapshots(engine: PullParts, lease: Lease, chains: readonly Digest[]): void {
  engine.store.transaction(() => {
    for (const chain of chains) {
      lease.add("snapshot", chain);
      lease.add("snapshot", unpackKey(chain));
    }
  });
}
