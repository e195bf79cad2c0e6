// deadline: 180 s
import { expect } from "bun:test";
import { chownSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { exportContainer } from "../../src/engine/containers/export.ts";
import { commit } from "../../src/engine/images/commit.ts";
import { diffImages } from "../../src/engine/images/diff.ts";
import { importArchive } from "../../src/engine/images/import.ts";
import { load } from "../../src/engine/images/load.ts";
import { save } from "../../src/engine/images/save.ts";
import { mountAll, unmountAll } from "../../src/engine/snapshots/mount.ts";
import type { Digest } from "../../src/spec/image/digest.ts";
import { makeImage, makeIndex } from "../images/image.ts";
import { tar } from "../images/tar.ts";
import { needing } from "../needs.ts";
import { blobsOf, collect, container, engineAt, failureOf, inPieces, layout, oldArchive } from "./_engine.ts";
import { describeTree } from "./_model.ts";
import { call, folder, scratch } from "./_trees.ts";

const { test } = needing({ root: true });
const withSkopeo = needing({ root: true, programs: ["skopeo"] });
const withPodman = needing({ root: true, programs: ["podman"] });
const snapshotters = [{ snapshotter: "overlayfs" as const }, { snapshotter: "copy" as const }];

const base = [
  { name: "etc/", type: "directory" as const },
  { name: "etc/os", content: "base" },
  { name: "etc/gone", content: "gone" },
];
const upper = [{ name: "etc/os", content: "upper" }, { name: "etc/.wh.gone" }, { name: "new", content: "n" }];
const sample = (options: { compression?: "gzip" | "zstd" | "plain"; format?: "oci" | "docker" } = {}) =>
  makeImage({ layers: [base, upper], config: { Cmd: ["/bin/sh"], Env: ["A=1"] }, ...options });

const index = (image: ReturnType<typeof sample>, name: string) => ({
  schemaVersion: 2,
  manifests: [{ ...image.manifest.descriptor, annotations: { "io.containerd.image.name": name } }],
});

test.each(snapshotters)(
  "a saved image is loaded as the same image: $snapshotter",
  async ({ snapshotter }) => {
    using place = scratch();
    await using one = await engineAt(`${place.path}/one`, snapshotter);
    await using two = await engineAt(`${place.path}/two`, snapshotter);
    const image = sample();
    const archive = layout(index(image, "docker.io/library/app:1"), blobsOf(image));
    expect(await load(one, inPieces(archive))).toEqual(["docker.io/library/app:1"]);
    const saved = await collect(save(one, ["app:1"]));
    expect(await load(two, inPieces(saved))).toEqual(["docker.io/library/app:1"]);
    const [before, after] = [one.images.get("app:1"), two.images.get("app:1")];
    expect([after.id, after.target, after.names]).toEqual([before.id, before.target, before.names]);
    expect(await collect(save(two, ["app:1"]))).toEqual(saved);
    expect(after.unpackedSize).toBeGreaterThan(0);
  },
);

test.each(["gzip", "zstd"] as const)("an archive that is packed by %s is loaded", async (compression) => {
  using place = scratch();
  await using engine = await engineAt(`${place.path}/one`);
  const image = sample({ compression });
  const archive = layout(index(image, "docker.io/library/app:1"), blobsOf(image));
  const packed = compression === "gzip" ? gzipSync(archive) : zstdCompressSync(archive);
  expect(await load(engine, inPieces(packed))).toEqual(["docker.io/library/app:1"]);
  expect(engine.images.get("app:1").id).toBe(image.config.descriptor.digest);
});

test("docker's old archive keeps the image's id; symlinks between layers and plain layers are taken", async () => {
  using place = scratch();
  await using engine = await engineAt(`${place.path}/one`);
  const first = makeImage({ layers: [base, upper], compression: "plain", format: "docker" });
  const second = makeImage({ layers: [base], compression: "plain", format: "docker", config: { User: "1" } });
  const archive = oldArchive([
    { image: first, tags: ["app:1", "example.com/app:2"] },
    { image: second, tags: [] },
  ]);
  const loaded = await load(engine, inPieces(archive));
  expect(loaded).toEqual(["docker.io/library/app:1", "example.com/app:2", second.config.descriptor.digest]);
  expect(engine.images.get("app:1").id).toBe(first.config.descriptor.digest);
  expect(engine.images.get("app:1").layers.map(({ descriptor }) => descriptor.digest)).toEqual(
    first.layers.map(({ diffId }) => diffId),
  );
  expect(readdirSync(`${place.path}/one/tmp`)).toEqual([]);
});

test("several platforms are saved and loaded, and one of them alone", async () => {
  using place = scratch();
  await using one = await engineAt(`${place.path}/one`);
  await using two = await engineAt(`${place.path}/two`);
  await using three = await engineAt(`${place.path}/three`);
  const platforms = [
    { os: "linux", architecture: "amd64" },
    { os: "linux", architecture: "arm64" },
  ];
  const images = platforms.map((platform) => ({ image: makeImage({ layers: [base], platform }), platform }));
  const { index: list } = makeIndex(images);
  const blobs = [
    { digest: list.descriptor.digest, bytes: list.bytes },
    ...images.flatMap(({ image }) => blobsOf(image)),
  ];
  const named = {
    ...list.descriptor,
    annotations: { "io.containerd.image.name": "docker.io/library/app:1" },
  };
  await load(one, inPieces(layout({ schemaVersion: 2, manifests: [named] }, blobs)));
  expect(one.images.platforms("app:1")).toHaveLength(2);
  await load(two, inPieces(await collect(save(one, ["app:1"]))));
  expect(
    two.images
      .platforms("app:1")
      .map(({ id }) => id)
      .toSorted(),
  ).toEqual(images.map(({ image }) => image.config.descriptor.digest as string).toSorted() as never);
  await load(three, inPieces(await collect(save(one, ["app:1"], { platform: "linux/arm64" }))));
  expect(three.images.platforms("app:1").map(({ platform }) => platform.architecture)).toEqual(["arm64"]);
});

test("a repository without tag is saved with all its tags", async () => {
  using place = scratch();
  await using engine = await engineAt(`${place.path}/one`);
  const image = sample();
  await load(engine, inPieces(layout(index(image, "docker.io/library/app:1"), blobsOf(image))));
  engine.images.name("app:2", engine.images.get("app:1").target.digest);
  await using other = await engineAt(`${place.path}/two`);
  const loaded = await load(other, inPieces(await collect(save(engine, ["app"]))));
  expect(loaded).toEqual(["docker.io/library/app:1", "docker.io/library/app:2"]);
});

withSkopeo.test("skopeo reads both forms of what we save, and we load what it writes", async () => {
  using place = scratch();
  await using engine = await engineAt(`${place.path}/one`);
  const image = sample({ format: "oci" });
  await load(engine, inPieces(layout(index(image, "docker.io/library/app:1"), blobsOf(image))));
  const file = `${place.path}/saved.tar`;
  writeFileSync(file, await collect(save(engine, ["app:1"])));
  for (const [at, source] of [`docker-archive:${file}`, `oci-archive:${file}`].entries()) {
    call("skopeo", "copy", "-q", source, `dir:${place.path}/dir${at}`);
    const manifest = JSON.parse(readFileSync(`${place.path}/dir${at}/manifest.json`, "utf8"));
    expect(manifest.config.digest).toBe(image.config.descriptor.digest);
  }
  call("skopeo", "copy", "-q", `oci-archive:${file}`, `docker-archive:${place.path}/d.tar:example.com/x:1`);
  call("skopeo", "copy", "-q", `oci-archive:${file}`, `oci-archive:${place.path}/o.tar:example.com/y:1`);
  await using other = await engineAt(`${place.path}/two`);
  for (const [archive, name] of [
    ["d.tar", "example.com/x:1"],
    ["o.tar", "example.com/y:1"],
  ] as const) {
    expect(await load(other, inPieces(readFileSync(`${place.path}/${archive}`)))).toEqual([name]);
    expect(other.images.get(name).layers.map(({ diffId }) => diffId)).toEqual(
      image.layers.map(({ diffId }) => diffId),
    );
  }
});

withPodman.test("podman loads what we save, and we load what it saves", async () => {
  using place = scratch();
  await using engine = await engineAt(`${place.path}/one`);
  const image = sample();
  await load(engine, inPieces(layout(index(image, "example.com/app:1"), blobsOf(image))));
  const file = `${place.path}/saved.tar`;
  writeFileSync(file, await collect(save(engine, ["example.com/app:1"])));
  const podman = (...args: string[]) =>
    call(
      "podman",
      "--root",
      `${place.path}/podman`,
      "--runroot",
      `${place.path}/podman-run`,
      "--storage-driver",
      "vfs",

      ...args,
    );
  try {
    podman("load", "-q", "-i", file);
    expect(podman("image", "inspect", "--format", "{{.Id}}", "example.com/app:1").trim()).toBe(
      image.config.descriptor.digest.slice(7),
    );
    for (const format of ["docker-archive", "oci-archive"]) {
      const saved = `${place.path}/${format}.tar`;
      podman("save", "-q", "--format", format, "-o", saved, "example.com/app:1");
      await using other = await engineAt(`${place.path}/${format}`);
      expect(await load(other, inPieces(readFileSync(saved)))).toEqual(["example.com/app:1"]);
      expect(other.images.get("example.com/app:1").layers.map(({ diffId }) => diffId)).toEqual(
        image.layers.map(({ diffId }) => diffId),
      );
    }
  } finally {
    podman("rmi", "-a", "-f");
  }
});

test.each(snapshotters)(
  "commit makes an image of what a container changed, and export gives its tree: $snapshotter",
  async ({ snapshotter }) => {
    using place = scratch();
    await using engine = await engineAt(`${place.path}/one`, snapshotter);
    const image = sample();
    await load(engine, inPieces(layout(index(image, "docker.io/library/app:1"), blobsOf(image))));
    const made = await container(engine, "app:1", { env: ["B=2"], command: ["/run me"] });
    const root = folder(place.path, "mounted");
    const change = async (key: string, work: () => void) => {
      const mounts = engine.snapshots.mounts(key);
      await mountAll(mounts, root);
      try {
        work();
      } finally {
        unmountAll(mounts, root);
      }
    };
    let wanted: unknown;
    await change(made.snapshot, () => {
      rmSync(`${root}/new`);
      rmSync(`${root}/etc`, { recursive: true });
      mkdirSync(`${root}/etc`);
      writeFileSync(`${root}/etc/made`, "made");
      chownSync(`${root}/etc/made`, 5, 6);
      wanted = describeTree(root);
    });
    const id = await commit(engine, made.name, {
      reference: "app:2",
      author: "me",
      message: "why",
      changes: ['CMD ["a", "b"]', "ENV C=3"],
    });
    const committed = engine.images.get("app:2");
    expect(committed.id).toBe(id);
    const config = await engine.images.config(committed);
    expect(config.config).toMatchObject({ Cmd: ["a", "b"], Env: ["A=1", "B=2", "C=3"] });
    expect(config.history?.at(-1)).toMatchObject({ author: "me", comment: "why", created_by: "/run me" });
    const again = await container(engine, "app:2");
    await change(again.snapshot, () => expect(describeTree(root)).toEqual(wanted as never));
    const exported = folder(place.path, "exported");
    writeFileSync(`${place.path}/export.tar`, await collect(exportContainer(engine, made.name)));
    call("tar", "-C", exported, "--numeric-owner", "-xpf", `${place.path}/export.tar`);
    expect(describeTree(exported)).toEqual(wanted as never);
    const compared = await diffImages(engine, "app:1", "app:2");
    expect(compared.layers).toEqual({ shared: 2, onlyA: [], onlyB: [committed.layers[2]?.diffId as string] });
    const files = compared.files.map(({ path, kind }) => `${kind} ${path}`);
    expect(files).toContain("added /etc/made");
    expect(files).toContain("removed /etc/os");
    expect(files).toContain("removed /new");
    expect(files).not.toContain("removed /etc/gone");
  },
);

test("import makes an image of one layer, with what --change says; a packed archive stays as it is", async () => {
  using place = scratch();
  await using engine = await engineAt(`${place.path}/one`);
  const plain = makeImage({ layers: [base], compression: "plain" }).layers[0]?.bytes as Uint8Array;
  const packed = gzipSync(plain);
  const options = { changes: ["CMD run it", "EXPOSE 80 90/udp"], now: new Date(0) };
  const id = await importArchive(engine, inPieces(packed), { ...options, reference: "made:1" });
  const image = engine.images.get("made:1");
  expect(image.id).toBe(id);
  expect(image.layers[0]?.descriptor.size).toBe(packed.length);
  expect((await engine.images.config(image)).config).toEqual({
    Cmd: ["/bin/sh", "-c", "run it"],
    ExposedPorts: { "80/tcp": {}, "90/udp": {} },
  });
  const other = engine.images.get(await importArchive(engine, inPieces(plain), options));
  expect(other.layers[0]?.diffId).toBe(image.layers[0]?.diffId as never);
  expect(
    await failureOf(importArchive(engine, inPieces(Buffer.from("\xfd7zXZ\0 rest", "latin1")))),
  ).toContain("it is packed by xz, wanted gzip, zstd or plain tar");
});

test("a load that fails leaves a blob that another has found in the meantime", async () => {
  using place = scratch();
  await using one = await engineAt(`${place.path}/one`);
  await using two = await engineAt(`${place.path}/one`);
  const image = sample();
  const [layer, other] = image.layers.map(({ descriptor }) => descriptor.digest) as [Digest, Digest];
  const whole = layout(index(image, "docker.io/library/app:1"), blobsOf(image));
  await using lease = two.leases.acquire("pull");
  async function* cut(): AsyncGenerator<Uint8Array> {
    yield whole.subarray(0, whole.length - 8192);
    lease.add("ingest", layer);
    expect(await two.content.ingest({ digest: layer })).toBe("present");
    yield Buffer.alloc(512, 1);
  }
  expect(await failureOf(load(one, cut()))).toContain("cannot load the archive");
  await two.content.publish([layer]);
  expect(two.content.stat(layer)).toBeDefined();
  expect(readdirSync(`${place.path}/one/content/ingest`)).toEqual([]);
  expect(await failureOf(two.content.publish([other]))).toContain("not here");
});

test("import refuses a damaged archive and leaves nothing", async () => {
  using place = scratch();
  await using engine = await engineAt(`${place.path}/one`);
  const packed = gzipSync(Buffer.alloc(100_000, "not a tar"));
  expect(await failureOf(importArchive(engine, inPieces(packed)))).toContain("cannot import the archive");
  // What is cut is an archive else, so that nothing but the cut can be complained of.
  const whole = gzipSync(tar([{ name: "file", content: crypto.getRandomValues(new Uint8Array(60_000)) }]));
  expect(await failureOf(importArchive(engine, inPieces(whole.subarray(0, 30_000))))).toContain(
    "its gzip data is damaged",
  );
  expect(engine.images.list()).toEqual([]);
  expect(engine.snapshots.list()).toEqual([]);
  for (const empty of ["tmp", "content/ingest", "content/blobs/sha256"])
    expect(readdirSync(`${place.path}/one/${empty}`)).toEqual([]);
});
