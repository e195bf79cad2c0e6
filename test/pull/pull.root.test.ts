/** Pull end to end, from a real registry: what is fetched, unpacked, kept and named. */
// deadline: 120 s
import { afterAll, beforeAll, expect } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { pull } from "../../src/engine/images/pull.ts";
import { makeImage, type TestImage } from "../images/image.ts";
import { pushImage } from "../images/push.ts";
import { needing } from "../needs.ts";
import { registryNeeds, startRegistry, type RunningRegistry } from "../registry/docker-registry.ts";
import { testEngine, type TestEngine } from "./parts.ts";

const { test } = needing({ root: true, ...registryNeeds });

let registry: RunningRegistry;
beforeAll(async () => {
  registry = await startRegistry();
});
afterAll(async () => {
  await registry[Symbol.asyncDispose]();
});

const file = (name: string, content = name) => ({ name, content });

/** What the topmost snapshots show of a file: the first layer from above that has it. */
function shown(engine: TestEngine, name: string, path: string): string | undefined {
  const { layers } = engine.images.get(name);
  for (const { chainId } of layers.toReversed()) {
    const at = join(engine.snapshots.directory(chainId), path);
    if (existsSync(at)) return readFileSync(at, "utf8");
  }
  return undefined;
}

async function pushed(repository: string, image: TestImage, tag = "latest"): Promise<string> {
  await pushImage({ url: registry.url, repository }, image, tag);
  return `${registry.host}/${repository}:${tag}`;
}

for (const snapshotter of ["overlayfs", "copy"] as const)
  for (const [format, compression] of [
    ["oci", "gzip"],
    ["oci", "zstd"],
    ["oci", "plain"],
    ["docker", "gzip"],
  ] as const)
    test(`an image of ${format} with ${compression} layers is pulled into ${snapshotter}, and again for nothing`, async () => {
      await using engine = await testEngine({ snapshotter });
      const image = makeImage({
        format,
        compression,
        layers: [[file("etc/a", "low"), file("etc/b", "low")], [file("etc/a", "high")], []],
      });
      const name = await pushed(`${format}-${compression}`, image);
      const first = await pull(engine, name);
      expect(first.upToDate).toBe(false);
      expect(first.image.id).toBe(image.config.descriptor.digest);
      expect(first.image.names).toEqual([name]);
      expect(first.image.repoDigests).toEqual([
        `${registry.host}/${format}-${compression}@${image.manifest.descriptor.digest}`,
      ]);
      expect([shown(engine, name, "etc/a"), shown(engine, name, "etc/b")]).toEqual(["high", "low"]);
      expect(engine.leases.list()).toEqual([]);
      const second = await pull(engine, name);
      expect(second.upToDate).toBe(true);
      expect((await engine.gc.collect()).removed).toEqual([]);
    });
