import { expect } from "bun:test";
import { writeFileSync } from "node:fs";
import { load } from "../../src/engine/images/load.ts";
import { save } from "../../src/engine/images/save.ts";
import { makeImage, makeIndex } from "../images/image.ts";
import { needing } from "../needs.ts";
import { blobsOf, collect, engineAt, inPieces, layout } from "./_engine.ts";
import { call, scratch } from "./_trees.ts";

const { test } = needing({ root: true, programs: ["skopeo"] });
const name = "docker.io/library/app:1";
const annotations = { "io.containerd.image.name": name };
const zstd = [0x28, 0xb5, 0x2f, 0xfd];

function zstdImage(format: "oci" | "docker") {
  const files = [[{ name: "one", content: "1".repeat(100_000) }], [{ name: "two", content: "2" }]];
  return makeImage({ layers: files, config: { Cmd: ["/one"] }, compression: "zstd", format });
}

test.each(["oci", "docker"] as const)(
  "layers packed by zstd are plain in docker's archive and stay as they are in an OCI layout: %s image",
  async (format) => {
    using place = scratch();
    await using one = await engineAt(`${place.path}/one`);
    await using two = await engineAt(`${place.path}/two`);
    const image = zstdImage(format);
    const index = { schemaVersion: 2, manifests: [{ ...image.manifest.descriptor, annotations }] };
    await load(one, inPieces(layout(index, blobsOf(image))));
    const notes: string[] = [];
    const saved = await collect(
      save(one, ["app:1"], { onProgress: (event) => void (event.kind === "note" && notes.push(event.text)) }),
    );
    expect(notes.join()).toContain("2 layers packed by zstd");
    expect(saved.includes(Buffer.from(zstd))).toBe(false);
    expect(await load(two, inPieces(saved))).toEqual([name]);
    const [before, after] = [one.images.get("app:1"), two.images.get("app:1")];
    expect(after.id).toBe(before.id);
    expect(after.layers.map(({ descriptor }) => descriptor.digest)).toEqual(
      before.layers.map(({ diffId }) => diffId),
    );
    const archive = `${place.path}/saved.tar`;
    writeFileSync(archive, saved);
    for (const source of [`docker-archive:${archive}`, `oci-archive:${archive}`]) {
      call("skopeo", "copy", source, `dir:${place.path}/dir`);
      const manifest = (await Bun.file(`${place.path}/dir/manifest.json`).json()) as {
        config: { digest: string };
      };
      expect(manifest.config.digest).toBe(before.id);
    }
    const asLayout = await collect(save(one, ["app:1"], { format: "oci" }));
    for (const { bytes } of blobsOf(image)) expect(asLayout.includes(bytes)).toBe(true);
  },
);

test("an index above such an image names the manifest that is in the archive", async () => {
  using place = scratch();
  await using one = await engineAt(`${place.path}/one`);
  await using two = await engineAt(`${place.path}/two`);
  const image = zstdImage("oci");
  const { index: above } = makeIndex([{ image, platform: { os: "linux", architecture: "amd64" } }]);
  const index = { schemaVersion: 2, manifests: [{ ...above.descriptor, annotations }] };
  const blobs = [...blobsOf(image), { digest: above.descriptor.digest, bytes: above.bytes }];
  await load(one, inPieces(layout(index, blobs)));
  const saved = await collect(save(one, ["app:1"]));
  expect(await load(two, inPieces(saved))).toEqual([name]);
  expect(two.images.get("app:1").id).toBe(one.images.get("app:1").id);
});
