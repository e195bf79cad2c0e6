/** An engine on a data root of its own, for one test. */
import { openEngine } from "../../src/bin/engine.ts";
import { createContainer } from "../../src/engine/containers/create.ts";
import type { Engine } from "../../src/engine/engine.ts";
import { readEngineSettings } from "../../src/engine/settings-file.ts";
import { createOf, type Asked } from "../containers/request.ts";
import { tar, type TarEntry } from "../images/tar.ts";
import type { TestImage } from "../images/image.ts";

export type Snapshotter = "overlayfs" | "copy";

export async function engineAt(root: string, snapshotter: Snapshotter = "overlayfs"): Promise<Engine> {
  const settings = readEngineSettings({ root, snapshotter, config: "/dev/null", env: {} });
  return await openEngine({ ...settings, maxLayerSize: 256 << 20 });
}

export async function collect(pieces: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const piece of pieces) all.push(piece);
  return Buffer.concat(all);
}

/** The archive in pieces of odd sizes, as a pipe would give them. */
export async function* inPieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 70_001) {
    await Promise.resolve();
    yield bytes.subarray(at, at + 70_001);
  }
}

export async function container(engine: Engine, image: string, more: Asked = {}) {
  return await createContainer(engine, createOf({ image, ...more }));
}

/** What `docker save` wrote before Docker 25: a folder for each layer, symlinks between equal ones, manifest.json last. */
export function oldArchive(images: readonly { image: TestImage; tags: readonly string[] }[]): Uint8Array {
  const seen = new Map<string, string>();
  const entries: TarEntry[] = [];
  const items = images.map(({ image, tags }, at) => {
    const layers = image.layers.map((layer, index) => {
      const folder = `${at}${index}`.padEnd(64, "f");
      const first = seen.get(layer.diffId);
      seen.set(layer.diffId, first ?? folder);
      entries.push(
        { name: `${folder}/`, type: "directory" },
        { name: `${folder}/VERSION`, content: "1.0" },
        { name: `${folder}/json`, content: "{}" },
        first === undefined
          ? { name: `${folder}/layer.tar`, content: layer.bytes }
          : { name: `${folder}/layer.tar`, type: "symlink", target: `../${first}/layer.tar` },
      );
      return `${folder}/layer.tar`;
    });
    const config = `${image.config.descriptor.digest.slice(7)}.json`;
    entries.push({ name: config, content: image.config.bytes });
    return { Config: config, RepoTags: tags, Layers: layers };
  });
  entries.push({ name: "manifest.json", content: JSON.stringify(items) });
  entries.push({ name: "repositories", content: "{}" });
  return tar(entries);
}

/** An OCI layout with whatever documents and blobs. */
export function layout(
  index: unknown,
  blobs: readonly { readonly digest: string; readonly bytes: Uint8Array }[],
): Uint8Array {
  return tar([
    { name: "oci-layout", content: '{"imageLayoutVersion":"1.0.0"}' },
    ...blobs.map(({ digest, bytes }) => ({ name: `blobs/${digest.replace(":", "/")}`, content: bytes })),
    { name: "index.json", content: typeof index === "string" ? index : JSON.stringify(index) },
  ]);
}

export function blobsOf(image: TestImage): { digest: string; bytes: Uint8Array }[] {
  return [image.manifest, image.config, ...image.layers].map(({ descriptor, bytes }) => ({
    digest: descriptor.digest,
    bytes,
  }));
}

/** What a call fails with, as text; empty when it does not. */
export async function failureOf(call: Promise<unknown>): Promise<string> {
  return await call.then(
    () => "",
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );
}
