/** Images for tests, made in memory: layers from lists of files, in Docker's or OCI's documents. */
import { createHash } from "node:crypto";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { digestOf, type Digest } from "../../src/spec/image/digest.ts";
import {
  mediaTypes,
  type Compression,
  type Descriptor,
  type ImageConfigRun,
  type Platform,
} from "../../src/spec/image/types.ts";
import { tar, type TarEntry } from "./tar.ts";

export interface Blob {
  readonly descriptor: Descriptor;
  readonly bytes: Uint8Array;
}

export interface Layer extends Blob {
  readonly diffId: Digest;
}

export interface TestImage {
  readonly manifest: Blob;
  readonly config: Blob;
  readonly layers: readonly Layer[];
}

export interface TestIndex {
  readonly index: Blob;
  readonly images: readonly TestImage[];
}

export interface ImageOptions {
  /** From the lowest up: files, or a whole layer. */
  readonly layers: readonly (readonly TarEntry[] | Layer)[];
  readonly config?: ImageConfigRun;
  readonly platform?: Platform;
  /** `oci` without it. */
  readonly format?: "oci" | "docker";
  readonly compression?: Compression;
}

const types = {
  oci: {
    manifest: mediaTypes.ociManifest,
    index: mediaTypes.ociIndex,
    config: mediaTypes.ociConfig,
    layer: { plain: mediaTypes.ociLayer, gzip: mediaTypes.ociLayerGzip, zstd: mediaTypes.ociLayerZstd },
  },
  docker: {
    manifest: mediaTypes.dockerManifest,
    index: mediaTypes.dockerList,
    config: mediaTypes.dockerConfig,
    layer: {
      plain: mediaTypes.dockerLayer,
      gzip: mediaTypes.dockerLayerGzip,
      zstd: mediaTypes.dockerLayerZstd,
    },
  },
} as const;

const thisMachine: Platform = { os: "linux", architecture: process.arch === "arm64" ? "arm64" : "amd64" };

export function blob(bytes: Uint8Array | string, mediaType: string): Blob {
  const data = typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes;
  const digest = `sha256:${createHash("sha256").update(data).digest("hex")}` as Digest;
  return { descriptor: { mediaType, digest, size: data.length }, bytes: data };
}

export function makeLayer(
  files: readonly TarEntry[] | Uint8Array,
  options: { compression?: Compression; format?: "oci" | "docker" } = {},
): Layer {
  const archive = files instanceof Uint8Array ? files : tar(files as readonly TarEntry[]);
  const compression = options.compression ?? "gzip";
  const pack = { plain: (bytes: Uint8Array) => bytes, gzip: gzipSync, zstd: zstdCompressSync }[compression];
  const packed = blob(new Uint8Array(pack(archive)), types[options.format ?? "oci"].layer[compression]);
  return { ...packed, diffId: digestOf(archive) };
}

export function makeImage(options: ImageOptions): TestImage {
  const format = options.format ?? "oci";
  const layers = options.layers.map((layer) =>
    "diffId" in layer
      ? layer
      : makeLayer(layer, { format, ...(options.compression ? { compression: options.compression } : {}) }),
  );
  const config = blob(
    JSON.stringify({
      created: "2026-01-01T00:00:00Z",
      ...(options.platform ?? thisMachine),
      config: options.config ?? {},
      rootfs: { type: "layers", diff_ids: layers.map(({ diffId }) => diffId) },
      history: layers.map((_, index) => ({ created: "2026-01-01T00:00:00Z", created_by: `layer ${index}` })),
    }),
    types[format].config,
  );
  const manifest = {
    schemaVersion: 2,
    mediaType: types[format].manifest,
    config: config.descriptor,
    layers: layers.map(({ descriptor }) => descriptor),
  };
  return { manifest: blob(JSON.stringify(manifest), types[format].manifest), config, layers };
}

/** One image for each platform. */
export function makeIndex(
  images: readonly { readonly image: TestImage; readonly platform: Platform }[],
  format: "oci" | "docker" = "oci",
): TestIndex {
  const manifests = images.map(({ image, platform }) => ({ ...image.manifest.descriptor, platform }));
  const document = { schemaVersion: 2, mediaType: types[format].index, manifests };
  return {
    index: blob(JSON.stringify(document), types[format].index),
    images: images.map(({ image }) => image),
  };
}
