/**
 * Save: images as an archive that both `docker load` and readers of OCI layouts take: blobs/sha256/…, index.json and oci-layout, beside manifest.json and repositories, which
 * the format `oci` leaves out. For the format `docker` layers packed by zstd are unpacked (_plain-layers.ts). The same images give the same bytes. Small files come first, so that a reader of a stream knows early what will come.
 */
import { open } from "node:fs/promises";
import { SampanError } from "../../base/errors.ts";
import { algorithmOf, hexOf, type Digest } from "../../spec/image/digest.ts";
import { parsePlatform } from "../../spec/image/platform.ts";
import { familiarName, parseReference, repositoryName, type Reference } from "../../spec/image/reference.ts";
import { mediaTypes, type Descriptor, type Platform } from "../../spec/image/types.ts";
import { TarWriter, type Pieces } from "../archive/writer.ts";
import type { Engine } from "../engine.ts";
import type { LocalImage, OnProgress } from "./images.ts";
import { tellImage, type Told } from "./tell.ts";
import { plainLayers, unpacked, type PlainLayers } from "./_plain-layers.ts";

export type SaveParts = Pick<Engine, "content" | "images" | "leases" | "store"> & Told;

export interface SaveOptions {
  readonly format?: "docker" | "oci";
  /** Only this one of several; all that are here by default. */
  readonly platform?: Platform | string;
  readonly onProgress?: OnProgress;
  readonly signal?: AbortSignal;
}

interface Chosen {
  readonly target: Descriptor;
  readonly images: readonly LocalImage[];
  /** The one of `images` that manifest.json tells of. */
  readonly main: LocalImage;
  readonly names: readonly string[];
}

/** The archive's bytes. A repository without tag means all its tags, as with docker. */
export async function* save(
  engine: SaveParts,
  references: readonly string[],
  options: SaveOptions = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    const platform =
      typeof options.platform === "string" ? parsePlatform(options.platform) : options.platform;
    const stored = chooseAll(engine, references, platform);
    await using lease = engine.leases.acquire(`save ${references.join(" ")}`);
    engine.store.transaction(() => blobsOf(stored).forEach(({ digest }) => lease.add("blob", digest)));
    const plain = options.format === "oci" ? undefined : await plainLayers(engine, stored, options);
    const chosen = plain ? stored.map((each) => asWritten(each, plain)) : stored;
    const blobs = blobsOf(chosen);
    const writer = new TarWriter();
    for (const [name, text] of documents(chosen, options.format ?? "docker"))
      yield* writer.file(entryOf(name), Buffer.from(text));
    for (const folder of ["blobs", ...new Set(blobs.map(({ digest }) => `blobs/${algorithmOf(digest)}`))])
      yield* writer.header({ ...entryOf(folder), type: "directory", mode: 0o755, size: 0 });
    for (const blob of blobs) yield* writeBlob(engine, writer, { blob, plain, ...options });
    yield* writer.end();
    for (const { main } of stored) tellImage(engine, "save", { id: main.id });
  } catch (error) {
    if (options.signal?.aborted)
      throw new SampanError("cancelled", "cannot save images: it was cancelled", { cause: error });
    throw SampanError.wrap(`cannot save image "${references.join(" ")}"`, error);
  }
}

function entryOf(name: string) {
  return { name, mode: 0o644, uid: 0, gid: 0, seconds: 0, nanoseconds: 0 };
}

/** One for each record, with all names that were asked for. */
function chooseAll(engine: SaveParts, references: readonly string[], platform?: Platform): Chosen[] {
  const byTarget = new Map<Digest, Chosen>();
  for (const reference of references) {
    for (const { image, name } of meant(engine, reference, platform)) {
      const images = platform ? [image] : [...engine.images.platforms(name ?? image.target.digest)];
      const target = platform && images.length === 1 ? image.manifest : image.target;
      const names = [...(byTarget.get(target.digest)?.names ?? []), ...(name === undefined ? [] : [name])];
      byTarget.set(target.digest, { target, images, main: image, names: [...new Set(names)].toSorted() });
    }
  }
  return [...byTarget.values()].toSorted((a, b) => (a.target.digest < b.target.digest ? -1 : 1));
}

function meant(
  engine: SaveParts,
  reference: string,
  platform?: Platform,
): { image: LocalImage; name: string | undefined }[] {
  const parsed = readable(reference);
  const found = engine.images.find(reference, platform);
  const bare = parsed && parsed.digest === undefined && !/:[^/]*$/.test(reference);
  const own = parsed ? `${repositoryName(parsed)}:${parsed.tag ?? ""}` : "";
  if (bare) {
    const prefix = `${repositoryName(parsed)}:`;
    const names = [...new Set(engine.images.list().flatMap((image) => image.names))].filter((name) =>
      name.startsWith(prefix),
    );
    if (names.length > 0) return names.map((name) => ({ image: engine.images.get(name, platform), name }));
  }
  const image = found ?? engine.images.get(reference, platform);
  return [{ image, name: image.names.find((name) => name === own) }];
}

function readable(reference: string): Reference | undefined {
  try {
    return parseReference(reference);
  } catch {
    return undefined;
  }
}

/** With the documents and layers that stand in the archive. */
function asWritten({ target, images, main, names }: Chosen, plain: PlainLayers): Chosen {
  const written = images.map((image): LocalImage => ({
    ...image,
    manifest: plain.documents.get(image.manifest.digest)?.descriptor ?? image.manifest,
    layers: image.layers.map((layer) => ({
      ...layer,
      descriptor: plain.layers.get(layer.descriptor.digest) ?? layer.descriptor,
    })),
  }));
  const at = images.findIndex(({ id }) => id === main.id);
  return {
    target: plain.documents.get(target.digest)?.descriptor ?? target,
    images: written,
    main: written[at] ?? main,
    names,
  };
}

/** Each once, in the order of their digests. Layers that are said to lie elsewhere and are not here are left out. */
function blobsOf(chosen: readonly Chosen[]): Descriptor[] {
  const all = chosen.flatMap(({ target, images }) => [
    target,
    ...images.flatMap((image) => [
      image.manifest,
      { digest: image.id, size: -1, mediaType: "" },
      ...image.layers.map(({ descriptor }) => descriptor),
    ]),
  ]);
  return [...new Map(all.map((blob) => [blob.digest, blob])).values()].toSorted((a, b) =>
    a.digest < b.digest ? -1 : 1,
  );
}

const blobPath = (digest: Digest) => `blobs/${algorithmOf(digest)}/${hexOf(digest)}`;

function documents(chosen: readonly Chosen[], format: "docker" | "oci"): [string, string][] {
  const manifests = chosen.flatMap(({ target, names }) => {
    const { mediaType, digest, size } = target;
    if (names.length === 0) return [{ mediaType, digest, size }];
    return names.map((name) => ({
      mediaType,
      digest,
      size,
      annotations: {
        "io.containerd.image.name": name,
        "org.opencontainers.image.ref.name": name.slice(name.lastIndexOf(":") + 1),
      },
    }));
  });
  const layout: [string, string][] = [
    ["oci-layout", JSON.stringify({ imageLayoutVersion: "1.0.0" })],
    ["index.json", JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests })],
  ];
  if (format === "oci") return layout;
  const items = chosen.map(({ main, names }) => ({
    Config: blobPath(main.id),
    RepoTags: names.length > 0 ? names.map(familiarName) : null,
    Layers: main.layers.map(({ descriptor }) => blobPath(descriptor.digest)),
  }));
  const repositories = repositoriesOf(chosen);
  return [
    ...layout,
    ["manifest.json", JSON.stringify(items)],
    ...(repositories ? [["repositories", JSON.stringify(repositories)] as [string, string]] : []),
  ];
}

/** For programs of before Docker 1.10: a tag to the topmost layer. */
function repositoriesOf(chosen: readonly Chosen[]): Record<string, Record<string, string>> | undefined {
  const all: Record<string, Record<string, string>> = {};
  for (const { main, names } of chosen) {
    const top = main.layers.at(-1);
    for (const name of top ? names : []) {
      const colon = name.lastIndexOf(":");
      const repository = familiarName(name.slice(0, colon));
      all[repository] = { ...all[repository], [name.slice(colon + 1)]: hexOf(top?.diffId as Digest) };
    }
  }
  return Object.keys(all).length > 0 ? all : undefined;
}

interface Writing extends SaveOptions {
  readonly blob: Descriptor;
  readonly plain: PlainLayers | undefined;
}

/** Its bytes are hashed on the way: a damaged blob ends the archive instead of going into it unseen. */
async function* writeBlob(
  engine: SaveParts,
  writer: TarWriter,
  { blob: { digest }, plain, onProgress, signal }: Writing,
): AsyncGenerator<Uint8Array> {
  const hasher = new Bun.CryptoHasher(algorithmOf(digest));
  const { size, pieces, source } = await bytesOf(engine, digest, plain);
  yield* writer.header({ ...entryOf(blobPath(digest)), type: "file", size });
  let written = 0;
  for await (const bytes of pieces) {
    signal?.throwIfAborted();
    hasher.update(bytes);
    written += bytes.length;
    if (written > size) break;
    yield* writer.data(bytes) satisfies Pieces;
  }
  if (written !== size || hasher.digest("hex") !== hexOf(digest)) {
    await engine.content.verify(source);
    throw new SampanError("data_loss", `its blob "${source}" is damaged; pull the image again`);
  }
  yield* writer.pad(size);
  onProgress?.({ kind: "layer", digest, step: "done", done: size, total: size });
}

interface Bytes {
  readonly size: number;
  readonly pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
  /** The blob in content that they come from. */
  readonly source: Digest;
}

async function bytesOf({ content }: SaveParts, digest: Digest, plain?: PlainLayers): Promise<Bytes> {
  for (const [source, { descriptor, bytes }] of plain?.documents ?? [])
    if (descriptor.digest === digest) return { size: bytes.length, pieces: [bytes], source };
  for (const [source, descriptor] of plain?.layers ?? [])
    if (descriptor.digest === digest)
      return { size: descriptor.size, pieces: unpacked(await content.open(source)), source };
  const path = await content.open(digest);
  return { size: Bun.file(path).size, pieces: inPieces(path), source: digest };
}

async function* inPieces(path: string): AsyncGenerator<Uint8Array> {
  const file = await open(path, "r");
  try {
    for (;;) {
      const bytes = Buffer.allocUnsafe(1 << 20);
      const { bytesRead } = await file.read(bytes, 0, bytes.length);
      if (bytesRead === 0) return;
      yield bytes.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}
