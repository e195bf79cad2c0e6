/** From a reference to the manifest of one platform: what is here already is read here, the rest is asked for. Nothing is written yet. */
import { SampanError } from "../../base/errors.ts";
import { algorithmOf, hexOf, type Digest } from "../../spec/image/digest.ts";
import { isImageConfig, kindOf, parseDocument, type ImageDocument } from "../../spec/image/parse.ts";
import { bestPlatform, formatPlatform, hostPlatform } from "../../spec/image/platform.ts";
import type { Reference } from "../../spec/image/reference.ts";
import type { Descriptor, Index, Manifest, Platform } from "../../spec/image/types.ts";
import type { Content } from "../content/content.ts";
import type { Repository } from "../registry/registry.ts";

export interface Document {
  readonly descriptor: Descriptor;
  readonly bytes: Uint8Array;
}

export interface Found {
  /** What the name points to: an index or the manifest. */
  readonly target: Document;
  readonly manifest: Document & { readonly parsed: Manifest };
  /** What the index says the manifest is for. */
  readonly said: Platform | undefined;
}

export interface Search {
  readonly content: Content;
  readonly repository: Repository;
  readonly reference: Reference;
  readonly platform: Platform | undefined;
  readonly signal: AbortSignal;
}

const largestConfig = 8 << 20;

export async function findManifest(search: Search): Promise<Found> {
  const target = await findTarget(search);
  if (target.document.kind === "manifest") {
    const manifest = { ...target, parsed: imageManifest(target.document.manifest) };
    return { target, manifest, said: undefined };
  }
  const entry = chooseEntry(target.document.index, search.platform);
  const manifest = await load(search, entry.digest, entry);
  if (manifest.document.kind !== "manifest")
    throw new SampanError(
      "invalid_argument",
      `cannot read manifest "${entry.digest}": it is an index within an index`,
    );
  return {
    target,
    manifest: { ...manifest, parsed: imageManifest(manifest.document.manifest) },
    said: entry.platform,
  };
}

/** The bytes of the configuration, from here or from the registry. */
export async function loadConfig(search: Search, descriptor: Descriptor): Promise<Uint8Array> {
  if (descriptor.size > largestConfig)
    throw new SampanError(
      "resource_exhausted",
      `cannot read configuration "${descriptor.digest}": it has ${descriptor.size} bytes, wanted at most ${largestConfig}`,
    );
  return (await local(search.content, descriptor.digest)) ?? fetchSmall(search, descriptor);
}

type Loaded = Document & { readonly document: ImageDocument };

async function findTarget(search: Search): Promise<Loaded> {
  const { reference, repository, signal } = search;
  if (reference.digest) return load(search, reference.digest);
  const tag = reference.tag ?? "latest";
  const known = await repository.resolve(tag, signal);
  if (known) return load(search, known.digest, known);
  const { bytes, descriptor } = await repository.manifest(tag, signal);
  return { descriptor, bytes, document: parseDocument(bytes, descriptor.mediaType) };
}

async function load(search: Search, digest: Digest, said?: Descriptor): Promise<Loaded> {
  const here = await local(search.content, digest);
  const fetched = here ? undefined : await search.repository.manifest(digest, search.signal);
  const bytes = here ?? fetched?.bytes ?? new Uint8Array();
  if (said && said.size > 0 && said.size !== bytes.length)
    throw new SampanError(
      "data_loss",
      `cannot read manifest "${digest}": it has ${bytes.length} bytes, wanted ${said.size}`,
    );
  const document = parseDocument(bytes, said?.mediaType || fetched?.descriptor.mediaType);
  return { descriptor: { mediaType: document.mediaType, digest, size: bytes.length }, bytes, document };
}

/** Undefined also when it is damaged: then it is fetched again. */
async function local(content: Content, digest: Digest): Promise<Uint8Array | undefined> {
  if (!content.stat(digest)) return undefined;
  try {
    return await content.read(digest);
  } catch (error) {
    if (["data_loss", "not_found"].includes(SampanError.from(error).code)) return undefined;
    throw error;
  }
}

function imageManifest(manifest: Manifest): Manifest {
  if (isImageConfig(manifest.config.mediaType)) return manifest;
  const kind = manifest.artifactType ?? manifest.config.mediaType;
  throw new SampanError(
    "invalid_argument",
    `cannot use the manifest as an image: it is an artifact of type "${kind}"`,
  );
}

function chooseEntry(index: Index, wanted: Platform | undefined): Descriptor {
  const manifests = index.manifests.filter(({ mediaType }) => kindOf(mediaType) === "manifest");
  const [only, second] = manifests;
  // An index of one manifest without a word on its platform: its configuration will tell.
  if (only && !second && !only.platform) return only;
  const best = bestPlatform(manifests, ({ platform }) => platform, wanted);
  if (best) return best;
  const here = manifests.flatMap(({ platform }) =>
    platform && platform.os !== "unknown" ? [formatPlatform(platform)] : [],
  );
  throw new SampanError(
    "not_found",
    `cannot find platform "${formatPlatform(wanted ?? hostPlatform())}": the index has ${[...new Set(here)].join(", ") || "none"}`,
  );
}

async function fetchSmall({ repository, signal }: Search, descriptor: Descriptor): Promise<Uint8Array> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await fetchOnce(repository, descriptor, signal);
    } catch (error) {
      if (signal.aborted || tries === 3 || !["unavailable", "unknown"].includes(SampanError.from(error).code))
        throw SampanError.wrap(`cannot fetch configuration "${descriptor.digest}"`, error);
    }
  }
}

async function fetchOnce(
  repository: Repository,
  descriptor: Descriptor,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const bytes = new Uint8Array(descriptor.size);
  let length = 0;
  const { body } = await repository.blob(descriptor, 0, signal);
  for await (const chunk of body) {
    if (length + chunk.length > bytes.length)
      throw new SampanError("data_loss", `the registry sent more than ${bytes.length} bytes`);
    bytes.set(chunk, length);
    length += chunk.length;
  }
  if (length < bytes.length)
    throw new SampanError("unavailable", `the transfer ended after ${length} of ${bytes.length} bytes`);
  const found = new Bun.CryptoHasher(algorithmOf(descriptor.digest)).update(bytes).digest("hex");
  if (found !== hexOf(descriptor.digest))
    throw new SampanError(
      "data_loss",
      `its bytes have the digest ${algorithmOf(descriptor.digest)}:${found}`,
    );
  return bytes;
}
