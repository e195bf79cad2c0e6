/** Several pulls, several images, damaged things: what is shared is fetched once, what is broken is mended. */
// deadline: 120 s
import { describe, expect } from "bun:test";
import { rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ensureUnpacked } from "../../src/engine/images/ensure.ts";
import { pull } from "../../src/engine/images/pull.ts";
import { formatPlatform } from "../../src/spec/image/platform.ts";
import { mediaTypes } from "../../src/spec/image/types.ts";
import { blobPath } from "../../src/engine/content/paths.ts";
import { makeImage, makeIndex, makeLayer } from "../images/image.ts";
import { needing } from "../needs.ts";
import { mockRegistry, type MockRegistry } from "./mock-registry.ts";
import { failure, testEngine, type TestEngine } from "./parts.ts";

const { test } = needing({ root: true });

const base = makeLayer([
  { name: "usr/", type: "directory" },
  { name: "usr/tool", content: "tool".repeat(10_000) },
  { name: "usr/tool2", type: "hardlink", target: "usr/tool" },
]);
const image = makeImage({ layers: [base, [{ name: "app", content: "one" }]] });

const blobsAsked = (registry: MockRegistry) =>
  registry.requests.filter((request) => request.startsWith("GET") && request.includes("/blobs/")).length;

const child = join(import.meta.dir, "child.ts");

function pullInChild(engine: TestEngine, reference: string): Bun.Subprocess<"ignore", "pipe", "inherit"> {
  return Bun.spawn([process.execPath, child, engine.root, reference], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "inherit",
  });
}

describe("several pulls at once", () => {
  test("in one process all succeed, and each blob is fetched once", async () => {
    await using registry = mockRegistry({ image });
    await using engine = await testEngine();
    const names = ["a", "b", "a", "c"].map((name) => `${registry.host}/${name}`);
    const all = await Promise.all(names.map((name) => pull(engine, name)));
    expect(new Set(all.map((one) => one.image.id)).size).toBe(1);
    expect(blobsAsked(registry)).toBeLessThanOrEqual(names.length + image.layers.length);
    const layers = registry.requests.filter(
      (request) => request.endsWith(base.descriptor.digest) && request.startsWith("GET"),
    );
    expect(layers).toHaveLength(1);
    expect(engine.images.list()[0]?.names).toHaveLength(3);
    expect(engine.snapshots.list().map(({ kind }) => kind)).toEqual(["committed", "committed"]);
  });

  test("in three processes all succeed", async () => {
    await using registry = mockRegistry({ image });
    await using engine = await testEngine();
    const children = ["a", "a", "b"].map((name) => pullInChild(engine, `${registry.host}/${name}`));
    const codes = await Promise.all(children.map(({ exited }) => exited));
    expect(codes).toEqual([0, 0, 0]);
    expect(engine.images.list()[0]?.names).toHaveLength(2);
    expect(engine.snapshots.list()).toHaveLength(2);
    expect((await engine.gc.collect()).removed).toEqual([]);
  });
});

test("an image that shares its base fetches and unpacks only what is new", async () => {
  const other = makeImage({ layers: [base, [{ name: "app", content: "two" }]] });
  await using first = mockRegistry({ image });
  await using second = mockRegistry({ image: other });
  await using engine = await testEngine();
  await pull(engine, `${first.host}/app`);
  await pull(engine, `${second.host}/app`);
  expect(second.requests.some((request) => request.endsWith(base.descriptor.digest))).toBe(false);
  expect(engine.snapshots.list()).toHaveLength(3);
});

describe("an index", () => {
  const platforms = [
    { os: "linux", architecture: "amd64" },
    { os: "linux", architecture: "arm64" },
    { os: "linux", architecture: "arm", variant: "v7" },
  ];
  const index = makeIndex(
    platforms.map((platform) => ({
      platform,
      image: makeImage({ platform, layers: [[{ name: "for", content: formatPlatform(platform) }]] }),
    })),
  );
  test("gives the host's platform, the wanted one, and says what it has when it has not", async () => {
    await using registry = mockRegistry({ index });
    await using engine = await testEngine();
    const name = `${registry.host}/app`;
    const host = await pull(engine, name);
    expect(host.image.platform.architecture).toBe(process.arch === "arm64" ? "arm64" : "amd64");
    expect(host.image.target.digest).toBe(index.index.descriptor.digest);
    const arm = await pull(engine, name, { platform: "linux/arm/v8" });
    expect(formatPlatform(arm.image.platform)).toBe("linux/arm/v7");
    expect(engine.images.platforms(name)).toHaveLength(2);
    expect((await pull(engine, name, { platform: "linux/arm" })).upToDate).toBe(true);
    expect((await failure(pull(engine, name, { platform: "linux/s390x" }))).message).toMatch(
      'cannot find platform "linux/s390x": the index has linux/amd64, linux/arm64, linux/arm/v7',
    );
  });
  test("by its digest has no name, and by a manifest's digest is that one image", async () => {
    await using registry = mockRegistry({ index });
    await using engine = await testEngine();
    const { digest } = index.index.descriptor;
    const pulled = await pull(engine, `${registry.host}/app@${digest}`);
    expect([pulled.image.names, pulled.image.repoDigests]).toEqual([[], [`${registry.host}/app@${digest}`]]);
    registry.requests.length = 0;
    expect((await pull(engine, `${registry.host}/app@${digest}`)).upToDate).toBe(true);
    expect(registry.requests).toEqual([]);
    const one = index.images[1]?.manifest.descriptor.digest;
    expect((await pull(engine, `${registry.host}/app@${one}`)).image.platform.architecture).toBe("arm64");
  });
  test("of one image for another platform is refused when a platform is wanted", async () => {
    const [, arm] = index.images;
    if (!arm) throw new Error("no image");
    await using registry = mockRegistry({ image: arm });
    await using engine = await testEngine();
    expect(
      (await failure(pull(engine, `${registry.host}/app`, { platform: "linux/s390x" }))).message,
    ).toMatch("the image is for linux/arm64");
    expect(engine.images.list()).toEqual([]);
  });
  test("of one image for another machine is taken when none is wanted, with a note", async () => {
    const platform = { os: "linux", architecture: "s390x" };
    await using registry = mockRegistry({
      image: makeImage({ platform, layers: [[{ name: "a", content: "a" }]] }),
    });
    await using engine = await testEngine();
    const notes: string[] = [];
    const pulled = await pull(engine, `${registry.host}/app`, {
      onProgress: (event) => event.kind === "note" && notes.push(event.text),
    });
    expect(pulled.image.platform).toEqual(platform);
    expect(notes).toEqual([expect.stringContaining("the image is for linux/s390x, this machine is linux/")]);
  });
  test("that is here already under another name is only named", async () => {
    await using registry = mockRegistry({ index });
    await using engine = await testEngine();
    await pull(engine, `${registry.host}/app`);
    registry.requests.length = 0;
    const again = await pull(engine, `${registry.host}/other:1`);
    expect(again).toMatchObject({
      upToDate: true,
      image: { names: [`${registry.host}/app:latest`, `${registry.host}/other:1`] },
    });
    expect(
      registry.requests.filter((request) => request.startsWith("GET") && !request.endsWith("/v2/")),
    ).toEqual([]);
  });
});

test("a foreign layer is fetched from the address in its descriptor", async () => {
  const foreign = makeLayer([{ name: "theirs", content: "theirs" }]);
  const mediaType = mediaTypes.ociForeignGzip;
  let asked = 0;
  using elsewhere = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: () => {
      asked += 1;
      return new Response(foreign.bytes.slice());
    },
  });
  const urls = [`http://127.0.0.1:${elsewhere.port}/layer`];
  const mixed = makeImage({
    layers: [base, { ...foreign, descriptor: { ...foreign.descriptor, mediaType, urls } }],
  });
  await using registry = mockRegistry({ image: mixed });
  await using engine = await testEngine();
  const { digest } = foreign.descriptor;
  registry.intercept = (_, url) =>
    url.pathname.endsWith(digest) ? new Response("{}", { status: 404 }) : undefined;
  const { image: pulled } = await pull(engine, `${registry.host}/app`);
  expect(asked).toBe(1);
  expect(pulled.layers.map(({ descriptor }) => descriptor.urls)).toEqual([undefined, urls]);
  const [, top] = pulled.layers;
  expect(await Bun.file(join(engine.snapshots.directory(top?.chainId ?? ""), "theirs")).text()).toBe(
    "theirs",
  );
});

test("a layer that stands twice in an image is fetched once and unpacked twice", async () => {
  const twice = makeImage({ layers: [base, [{ name: "between", content: "x" }], base] });
  await using registry = mockRegistry({ image: twice });
  await using engine = await testEngine();
  await pull(engine, `${registry.host}/app`);
  expect(
    registry.requests.filter((request) => request === `GET /v2/app/blobs/${base.descriptor.digest}`),
  ).toHaveLength(1);
  expect(engine.snapshots.list()).toHaveLength(3);
});

describe("what is damaged", () => {
  for (const snapshotter of ["overlayfs", "copy"] as const)
    test(`the counts that are kept are those of the files (${snapshotter})`, async () => {
      await using registry = mockRegistry({ image });
      await using engine = await testEngine({ snapshotter });
      await pull(engine, `${registry.host}/app`);
      for (const { key, usage } of engine.snapshots.list())
        expect(await engine.snapshots.usage(key)).toEqual(usage);
    });

  test("a blob is fetched again by the next pull, and its layer not unpacked again", async () => {
    await using registry = mockRegistry({ image });
    await using engine = await testEngine();
    const { image: pulled } = await pull(engine, `${registry.host}/app`);
    const before = engine.snapshots.list();
    writeFileSync(blobPath(engine.root, base.descriptor.digest), "x", { flag: "r+" });
    expect(await engine.content.verify(base.descriptor.digest)).toBe("damaged");
    registry.requests.length = 0;
    expect((await pull(engine, `${registry.host}/app`)).upToDate).toBe(false);
    expect(registry.requests.filter((request) => request.includes("/blobs/"))).toEqual([
      `GET /v2/app/blobs/${base.descriptor.digest}`,
    ]);
    expect(await engine.content.verify(base.descriptor.digest)).toBe("whole");
    expect(engine.snapshots.list()).toEqual(before);
    expect(pulled.layers).toHaveLength(2);
  });

  test("a layer whose folder is gone is unpacked again before it is used, without a request", async () => {
    await using registry = mockRegistry({ image });
    await using engine = await testEngine();
    const { image: pulled } = await pull(engine, `${registry.host}/app`);
    const [low] = pulled.layers;
    if (!low) throw new Error("no layer");
    rmSync(engine.snapshots.directory(low.chainId), { recursive: true });
    registry.requests.length = 0;
    await ensureUnpacked(engine, pulled);
    expect(await Bun.file(join(engine.snapshots.directory(low.chainId), "usr/tool")).text()).toBe(
      "tool".repeat(10_000),
    );
    expect(engine.snapshots.list().every(({ kind }) => kind === "committed")).toBe(true);
    expect(registry.requests).toEqual([]);
  });

  test("a layer that has lost a file since another boot is unpacked again, from a blob that is fetched again", async () => {
    await using registry = mockRegistry({ image });
    await using engine = await testEngine();
    const { image: pulled } = await pull(engine, `${registry.host}/app`);
    const [low] = pulled.layers;
    if (!low) throw new Error("no layer");
    rmSync(join(engine.snapshots.directory(low.chainId), "usr"), { recursive: true });
    truncateSync(blobPath(engine.root, low.descriptor.digest), 10);
    engine.store.db.run("UPDATE snapshots SET verified_epoch = 0");
    registry.requests.length = 0;
    await ensureUnpacked(engine, pulled);
    expect(await Bun.file(join(engine.snapshots.directory(low.chainId), "usr/tool2")).text()).toBe(
      "tool".repeat(10_000),
    );
    expect(registry.requests.filter((request) => request.includes("/blobs/"))).toEqual([
      `GET /v2/app/blobs/${low.descriptor.digest}`,
    ]);
  });

  test("what cannot be had again is said, with the registry that it came from", async () => {
    await using registry = mockRegistry({ image });
    await using engine = await testEngine();
    const { image: pulled } = await pull(engine, `${registry.host}/app`);
    const [low] = pulled.layers;
    if (!low) throw new Error("no layer");
    rmSync(engine.snapshots.directory(low.chainId), { recursive: true });
    rmSync(blobPath(engine.root, low.descriptor.digest));
    registry.intercept = () => new Response("{}", { status: 404 });
    expect((await failure(ensureUnpacked(engine, pulled))).message).toMatch(
      `${registry.host}/app does not give it`,
    );
  });
});

test("a pull that is killed at any moment leaves nothing that the next one or a collection does not take", async () => {
  const big = makeImage({
    layers: [[{ name: "a", content: new Uint8Array(8 << 20).fill(7) }], [{ name: "b", content: "b" }], base],
  });
  await using registry = mockRegistry({ image: big });
  for (let round = 0; round < 12; round += 1) {
    await using engine = await testEngine();
    const running = pullInChild(engine, `${registry.host}/app`);
    const reader = running.stdout.getReader();
    // The child writes a line at each step; the round says at which one it is killed.
    for (let lines = 0; lines <= round;) {
      const { done, value } = await reader.read();
      if (done) break;
      lines += new TextDecoder().decode(value).split("\n").length - 1;
    }
    running.kill("SIGKILL");
    await running.exited;
    await engine.gc.collect(undefined, { ingests: "all" });
    const named = engine.images.find(`${registry.host}/app`);
    expect(engine.snapshots.list()).toHaveLength(named ? 3 : 0);
    expect(engine.content.list()).toHaveLength(named ? 5 : 0);
    const again = await pull(engine, `${registry.host}/app`);
    expect(again.upToDate).toBe(named !== undefined);
    for (const { digest } of engine.content.list()) expect(await engine.content.verify(digest)).toBe("whole");
    expect(engine.leases.list()).toEqual([]);
  }
});
