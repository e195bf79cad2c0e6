/** The images that an archive holds: by index.json of an OCI layout, else by the manifest.json of Docker's archives. All documents are checked before anything is kept. */
import { invalid, SampanError } from "../../base/errors.ts";
import { isDigest, type Digest } from "../../spec/image/digest.ts";
import { layerFormat } from "../../spec/image/layers.ts";
import { isImageConfig, kindOf, parseConfig, parseDocument, parseIndex } from "../../spec/image/parse.ts";
import { bestPlatform, formatPlatform } from "../../spec/image/platform.ts";
import { normalName, parseReference } from "../../spec/image/reference.ts";
import { mediaTypes, type Descriptor, type Platform } from "../../spec/image/types.ts";
import type { ArchiveContents } from "./_archive-contents.ts";
import type { Document } from "./_documents.ts";
import { documentOf, type MadeImage, type MadePlatform } from "./_store-image.ts";

const nameKeys = ["io.containerd.image.name", "org.opencontainers.image.ref.name"];

export async function imagesOf(contents: ArchiveContents, platform?: Platform): Promise<MadeImage[]> {
  const index = await contents.document("index.json");
  if (index) return imagesOfLayout(contents, index, platform);
  const manifest = await contents.document("manifest.json");
  if (manifest) return imagesOfDocker(contents, manifest, platform);
  throw invalid(
    "it has neither index.json nor manifest.json, wanted an OCI layout or an archive of docker save",
  );
}

async function imagesOfLayout(
  contents: ArchiveContents,
  bytes: Uint8Array,
  platform: Platform | undefined,
): Promise<MadeImage[]> {
  const images = new Map<Digest, MadeImage>();
  for (const descriptor of parseIndex(bytes).manifests) {
    if (kindOf(descriptor.mediaType) === undefined) continue;
    const names = [...(images.get(descriptor.digest)?.names ?? []), ...nameOf(descriptor)];
    const known = images.get(descriptor.digest);
    const image = known ?? (await imageAt(contents, descriptor, platform));
    images.set(descriptor.digest, { ...image, names: [...new Set(names)] });
  }
  if (images.size === 0) throw invalid("its index.json names no image");
  return [...images.values()];
}

/** A full name, or none: a tag alone says nothing of whose it is. */
function nameOf({ annotations = {} }: Descriptor): string[] {
  const text = nameKeys.map((key) => annotations[key]).find((value) => value !== undefined && value !== "");
  if (text === undefined || !/[/:]/.test(text) || isDigest(text)) return [];
  return [normalName(parseReference(text))];
}

async function imageAt(
  contents: ArchiveContents,
  descriptor: Descriptor,
  wanted: Platform | undefined,
): Promise<MadeImage> {
  const target = await documentAt(contents, descriptor);
  const parsed = parseDocument(target.bytes, descriptor.mediaType);
  if (parsed.kind === "manifest") {
    const only = await platformAt(contents, target, descriptor.platform);
    checkPlatform(only, wanted);
    return { target, platforms: [only], names: [] };
  }
  const children = parsed.index.manifests.filter(
    ({ mediaType, platform }) => kindOf(mediaType) === "manifest" && platform?.os !== "unknown",
  );
  const here = children.filter(({ digest }) => contents.has(digest));
  const best = wanted ? bestPlatform(here, ({ platform }) => platform, wanted) : undefined;
  const chosen = wanted ? (best ? [best] : []) : here;
  if (chosen.length === 0)
    throw new SampanError(
      wanted ? "not_found" : "data_loss",
      `its index "${descriptor.digest}" has ${wanted ? `nothing for ${formatPlatform(wanted)}` : "no manifest that is in it"}`,
    );
  const platforms: MadePlatform[] = [];
  for (const child of chosen)
    platforms.push(await platformAt(contents, await documentAt(contents, child), child.platform));
  return { target, platforms, names: [] };
}

async function documentAt(contents: ArchiveContents, descriptor: Descriptor): Promise<Document> {
  const { digest, mediaType, size } = descriptor;
  const bytes = await contents.blob(digest);
  if (!bytes) throw new SampanError("data_loss", `it names document "${digest}", which is not in it`);
  if (bytes.length !== size)
    throw new SampanError("data_loss", `its document "${digest}" has ${bytes.length} bytes, wanted ${size}`);
  return { descriptor: { mediaType, digest, size }, bytes };
}

async function platformAt(
  contents: ArchiveContents,
  manifest: Document,
  said: Platform | undefined,
): Promise<MadePlatform> {
  const document = parseDocument(manifest.bytes, manifest.descriptor.mediaType);
  if (document.kind !== "manifest")
    throw invalid(`its manifest "${manifest.descriptor.digest}" is an index within an index`);
  const parsed = document.manifest;
  if (!isImageConfig(parsed.config.mediaType))
    throw invalid(
      `its manifest "${manifest.descriptor.digest}" is an artifact of type "${parsed.config.mediaType}"`,
    );
  const config = await documentAt(contents, parsed.config);
  const parsedConfig = parseConfig(config.bytes, parsed);
  for (const { digest, mediaType } of parsed.layers) {
    layerFormat(mediaType);
    if (!contents.has(digest))
      throw new SampanError("data_loss", `it names layer "${digest}", which is not in it`);
  }
  return { manifest, parsed, config, parsedConfig, said };
}

function checkPlatform({ parsedConfig, said }: MadePlatform, wanted: Platform | undefined): void {
  const have = said ?? parsedConfig;
  if (wanted && !bestPlatform([have], (platform) => platform, wanted))
    throw new SampanError(
      "not_found",
      `its image is for ${formatPlatform(have)}, wanted ${formatPlatform(wanted)}`,
    );
}

interface DockerItem {
  readonly config: string;
  readonly tags: readonly string[];
  readonly layers: readonly string[];
}

/** Docker's image specification 1.2, "Combined Image JSON + Filesystem Changeset Format". */
function dockerItems(bytes: Uint8Array): DockerItem[] {
  const refuse = (what: string) => invalid(`its manifest.json ${what}`);
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    throw refuse("is not JSON");
  }
  const texts = (list: unknown, name: string): string[] => {
    if (list === null || list === undefined) return [];
    if (!Array.isArray(list) || list.length > 1000 || !list.every((text) => typeof text === "string"))
      throw refuse(`has "${name}" that is no list of strings`);
    return list;
  };
  if (!Array.isArray(value) || value.length === 0 || value.length > 1000)
    throw refuse("is no list of 1 to 1000 images");
  return value.map((item: unknown) => {
    const { Config, RepoTags, Layers } = (item ?? {}) as Record<string, unknown>;
    if (typeof Config !== "string") throw refuse('has an image without "Config"');
    return { config: Config, tags: texts(RepoTags, "RepoTags"), layers: texts(Layers, "Layers") };
  });
}

const layerTypes = {
  plain: mediaTypes.dockerLayer,
  gzip: mediaTypes.dockerLayerGzip,
  zstd: mediaTypes.dockerLayerZstd,
} as const;

async function imagesOfDocker(
  contents: ArchiveContents,
  bytes: Uint8Array,
  wanted: Platform | undefined,
): Promise<MadeImage[]> {
  const images: MadeImage[] = [];
  for (const item of dockerItems(bytes)) {
    const image = await dockerImage(contents, item);
    for (const platform of image.platforms) checkPlatform(platform, wanted);
    images.push(image);
  }
  return images;
}

/** Such an archive has no manifest: one is made. Its layers stay as they are, so plain ones keep their diff id as digest, and the image keeps its id. */
async function dockerImage(contents: ArchiveContents, item: DockerItem): Promise<MadeImage> {
  const names = item.tags.map((tag) => normalName(parseReference(tag)));
  const configBytes = await contents.document(item.config);
  if (!configBytes)
    throw invalid(`it names configuration "${item.config.slice(0, 200)}", which is not in it`);
  const said = /^(?:.*\/)?([0-9a-f]{64})(?:\.json)?$/.exec(item.config)?.[1];
  const config = documentOf(configBytes, mediaTypes.dockerConfig);
  if (said !== undefined && config.descriptor.digest !== `sha256:${said}`)
    throw new SampanError(
      "data_loss",
      `its configuration "${item.config}" has the digest ${config.descriptor.digest}`,
    );
  const layers: Descriptor[] = [];
  const parsedConfig = parseConfig(configBytes);
  const diffIds = parsedConfig.rootfs.diff_ids;
  if (diffIds.length !== item.layers.length)
    throw invalid(
      `its configuration names ${diffIds.length} layers, its manifest.json ${item.layers.length}`,
    );
  for (const [index, path] of item.layers.entries()) {
    const { digest, size, compression } = await contents.layer(path);
    if (compression === "plain" && digest.startsWith("sha256:") && digest !== diffIds[index])
      throw new SampanError(
        "data_loss",
        `its layer "${path}" has the digest ${digest}, wanted ${diffIds[index]}`,
      );
    layers.push({ mediaType: layerTypes[compression], size, digest });
  }
  const { mediaType, size, digest } = config.descriptor;
  const document = {
    schemaVersion: 2,
    mediaType: mediaTypes.dockerManifest,
    config: { mediaType, size, digest },
    layers,
  } as const;
  const manifest = documentOf(Buffer.from(JSON.stringify(document)), mediaTypes.dockerManifest);
  return { target: manifest, platforms: [{ manifest, parsed: document, config, parsedConfig }], names };
}
