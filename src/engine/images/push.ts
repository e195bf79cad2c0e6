/**
 * Push: blobs side by side (found there, mounted from another repository of that registry, or sent), then manifests, then the index, so that nothing is named
 * there before it is whole.
 */
import { invalid, SampanError } from "../../base/errors.ts";
import type { Digest } from "../../spec/image/digest.ts";
import { layerFormat } from "../../spec/image/layers.ts";
import { kindOf, parseDocument, parseManifest } from "../../spec/image/parse.ts";
import { formatPlatform, parsePlatform } from "../../spec/image/platform.ts";
import { normalName, parseReference, repositoryName, type Reference } from "../../spec/image/reference.ts";
import type { Descriptor, Manifest, Platform } from "../../spec/image/types.ts";
import type { Engine } from "../engine.ts";
import type { Repository } from "../registry/registry.ts";
import type { LocalImage, OnProgress } from "./images.ts";
import { obtain, obtainBytes, type ObtainParts } from "./_obtain.ts";
import { reasonOf } from "./_reason.ts";
import { Slots } from "./_slots.ts";
import { tellTransfer, type Told } from "./tell.ts";

export type PushParts = ObtainParts & Pick<Engine, "settings" | "store" | "leases" | "images"> & Told;

export interface PushOptions {
  /** Of an index only this one's manifest. */
  readonly platform?: Platform | string;
  readonly onProgress?: OnProgress;
  readonly signal?: AbortSignal;
}

export interface Pushed {
  readonly tag: string;
  readonly digest: Digest;
  /** Bytes of the manifest or index that was pushed. */
  readonly size: number;
}

export async function push(engine: PushParts, reference: string, options: PushOptions = {}): Promise<Pushed> {
  const parsed = parseReference(reference);
  const name = normalName(parsed);
  if (parsed.digest !== undefined || parsed.tag === undefined)
    throw invalid(`cannot push image "${reference}": wanted a name with a tag, not a digest`);
  const stop = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, stop.signal]) : stop.signal;
  await using lease = engine.leases.acquire(`push ${name}`);
  try {
    const image = engine.images.get(name);
    const plan = await planOf(engine, image, { ...options, signal });
    engine.store.transaction(() => {
      for (const { digest } of plan.everything) lease.add("blob", digest);
    });
    const repository = engine.registries.repository(repositoryName(parsed), "pull,push");
    await pushBlobs(engine, plan.blobs, { repository, reference: parsed, signal, ...progressOf(options) });
    for (const { descriptor, bytes } of plan.manifests)
      await repository.putManifest(descriptor.digest, bytes, descriptor.mediaType, signal);
    await repository.putManifest(parsed.tag, plan.top.bytes, plan.top.descriptor.mediaType, signal);
    remember(engine, image, { plan, repository: repository.name });
    tellTransfer(engine, "push", name);
    return { tag: parsed.tag, digest: plan.top.descriptor.digest, size: plan.top.bytes.length };
  } catch (error) {
    stop.abort();
    if (options.signal?.aborted)
      throw new SampanError("cancelled", `cannot push image "${name}": it was cancelled`, { cause: error });
    throw SampanError.wrap(`cannot push image "${name}"`, reasonOf(error));
  }
}

/** Every tag of the repository that is here. */
export async function pushAllTags(
  engine: PushParts,
  repository: string,
  options: PushOptions = {},
): Promise<Pushed[]> {
  const wanted = repositoryName(parseReference(repository));
  const names = engine.images.list().flatMap((image) => image.names);
  const tags = [...new Set(names)].filter((name) => repositoryName(parseReference(name)) === wanted);
  if (tags.length === 0)
    throw new SampanError(
      "not_found",
      `cannot push repository "${repository}": no image here has a name in it`,
    );
  const pushed: Pushed[] = [];
  for (const name of tags) pushed.push(await push(engine, name, options));
  return pushed;
}

const progressOf = ({ onProgress }: PushOptions) => (onProgress ? { onProgress } : {});

interface Written {
  readonly descriptor: Descriptor;
  readonly bytes: Uint8Array;
}

interface Plan {
  readonly blobs: readonly Descriptor[];
  /** Below the top one. */
  readonly manifests: readonly Written[];
  readonly top: Written;
  readonly everything: readonly Descriptor[];
}

type Asked = PushOptions & { readonly signal: AbortSignal };

async function planOf(engine: PushParts, image: LocalImage, asked: Asked): Promise<Plan> {
  const { target } = image;
  const wanted = typeof asked.platform === "string" ? parsePlatform(asked.platform) : asked.platform;
  if (kindOf(target.mediaType) === "manifest" || wanted)
    return planOfOne(engine, wanted ? engine.images.get(target.digest, wanted) : image, asked);
  const bytes = await obtainBytes(engine, target, asked.signal);
  const document = parseDocument(bytes, target.mediaType);
  if (document.kind !== "index") throw invalid(`"${target.digest}" is no index`);
  const here = engine.images.platforms(target.digest);
  const known = new Set(here.map(({ manifest }) => manifest.digest));
  const missing = document.index.manifests.filter(({ digest }) => !known.has(digest));
  const [only, second] = here;
  if (missing.length > 0 && only && !second) {
    asked.onProgress?.({
      kind: "note",
      text: `only ${formatPlatform(only.platform)} is here: its manifest is pushed, not the index`,
    });
    return planOfOne(engine, only, asked);
  }
  if (missing.length > 0) {
    const names = missing.map(({ digest, platform }) => (platform ? formatPlatform(platform) : digest));
    throw new SampanError(
      "failed_precondition",
      `its index names platforms that are not here: ${names.join(", ")}; pull them, or push one with a platform`,
    );
  }
  const parts = await Promise.all(here.map((one) => planOfOne(engine, one, asked)));
  return {
    blobs: parts.flatMap(({ blobs }) => blobs),
    manifests: parts.map(({ top }) => top),
    top: { descriptor: target, bytes },
    everything: [target, ...parts.flatMap(({ everything }) => everything)],
  };
}

async function planOfOne(engine: PushParts, image: LocalImage, { signal }: Asked): Promise<Plan> {
  const bytes = await obtainBytes(engine, image.manifest, signal);
  const manifest: Manifest = parseManifest(bytes, image.manifest.mediaType);
  // Foreign layers stay where their urls say.
  const blobs = [
    manifest.config,
    ...manifest.layers.filter(({ mediaType }) => !layerFormat(mediaType).foreign),
  ];
  return {
    blobs,
    manifests: [],
    top: { descriptor: image.manifest, bytes },
    everything: [image.manifest, ...blobs],
  };
}

interface Sending {
  readonly repository: Repository;
  readonly reference: Reference;
  readonly signal: AbortSignal;
  readonly onProgress?: OnProgress;
}

async function pushBlobs(engine: PushParts, blobs: readonly Descriptor[], sending: Sending): Promise<void> {
  const slots = new Slots(engine.settings.parallelDownloads);
  const once = new Map(blobs.map((descriptor) => [descriptor.digest, descriptor]));
  await Promise.all(
    [...once.values()].map((descriptor) => slots.run(() => pushBlob(engine, descriptor, sending))),
  );
}

async function pushBlob(engine: PushParts, descriptor: Descriptor, sending: Sending): Promise<void> {
  const { repository, reference, signal, onProgress } = sending;
  signal.throwIfAborted();
  const { digest, size } = descriptor;
  const report = (step: "uploading" | "exists" | "done", done: number) =>
    onProgress?.({ kind: "layer", digest, step, done, total: size });
  const path = await obtain(engine, descriptor, signal);
  const mountFrom = engine.content
    .sources(digest)
    .filter((source) => source !== repository.name && source.startsWith(`${reference.registry}/`));
  const how = await repository.putBlob(descriptor, path, {
    mountFrom,
    progress: (sent) => report("uploading", sent),
    signal,
  });
  report(how === "existed" ? "exists" : "done", size);
}

/** From there it can be had again, and mounted by the next push. */
function remember(
  engine: PushParts,
  image: LocalImage,
  { plan, repository }: { plan: Plan; repository: string },
): void {
  engine.store.transaction(() => {
    for (const { digest } of plan.everything) engine.content.addSource(digest, repository);
    if (plan.top.descriptor.digest === image.target.digest)
      engine.images.addRepoDigest(repository, image.target.digest);
  });
}
