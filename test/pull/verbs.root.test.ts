/** What follows a pull: names, removal, history, filters, prune, and push to a real registry. */
// deadline: 120 s
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { filterImages, oneOfEach } from "../../src/engine/images/filter.ts";
import { imageHistory } from "../../src/engine/images/history.ts";
import { pruneImages } from "../../src/engine/images/prune.ts";
import { pull } from "../../src/engine/images/pull.ts";
import { push, pushAllTags } from "../../src/engine/images/push.ts";
import { removeImage } from "../../src/engine/images/remove.ts";
import { tagImage } from "../../src/engine/images/tag.ts";
import { hostPlatform } from "../../src/spec/image/platform.ts";
import { makeImage, makeIndex, makeLayer } from "../images/image.ts";
import { pushImage, pushIndex } from "../images/push.ts";
import { needing } from "../needs.ts";
import { registryNeeds, startRegistry, type RunningRegistry } from "../registry/docker-registry.ts";
import { failure, testEngine, type TestEngine } from "./parts.ts";

const { test } = needing({ root: true, ...registryNeeds });

const base = makeLayer([{ name: "base", content: "base" }]);
const one = makeImage({ layers: [base, [{ name: "one", content: "1" }]], config: { Labels: { team: "a" } } });
const two = makeImage({
  layers: [base, [{ name: "two", content: "2" }]],
  config: { Labels: { team: "b", x: "" } },
});
const index = makeIndex(
  ["amd64", "arm64"].map((architecture) => {
    const platform = { os: "linux", architecture };
    return { platform, image: makeImage({ platform, layers: [[{ name: "for", content: architecture }]] }) };
  }),
);

let registry: RunningRegistry;
let engine: TestEngine;
let nameOne: string;
let nameTwo: string;
beforeAll(async () => {
  registry = await startRegistry();
  await pushImage({ url: registry.url, repository: "one" }, one, "1");
  await pushImage({ url: registry.url, repository: "two" }, two, "2");
  await pushIndex({ url: registry.url, repository: "multi" }, index, "latest");
  nameOne = `${registry.host}/one:1`;
  nameTwo = `${registry.host}/two:2`;
});
afterAll(async () => {
  await registry[Symbol.asyncDispose]();
});
beforeEach(async () => {
  engine = await testEngine();
  await pull(engine, nameOne);
  await pull(engine, nameTwo);
});
afterEach(async () => {
  await engine[Symbol.asyncDispose]();
});

const containerId = "c".repeat(64);

/** A container's row is enough to hold an image. */
function addContainer(name: string, image: string, state: "created" | "running"): void {
  const local = engine.images.get(image);
  engine.store.db
    .query(
      `INSERT INTO containers (id, name, image, image_id, target, manifest, snapshot, command, config, created, state)
       VALUES (?, ?, ?, ?, ?, ?, '', '[]', '{}', 0, ?)`,
    )
    .run(containerId, name, image, local.id, local.target.digest, local.manifest.digest, state);
}

test("a pull says of a layer that is here that it exists, and nothing else", async () => {
  const three = makeImage({ layers: [base, [{ name: "three", content: "3" }]] });
  await pushImage({ url: registry.url, repository: "three" }, three, "1");
  const steps: string[] = [];
  await pull(engine, `${registry.host}/three:1`, {
    onProgress: (event) => {
      if (event.kind === "layer") steps.push(`${event.digest === base.descriptor.digest} ${event.step}`);
    },
  });
  expect(steps.filter((step) => step.startsWith("true"))).toEqual(["true exists"]);
  expect(steps).toContain("false waiting");
});

test("of several platforms of a name one is listed, the host's if it is here", async () => {
  const multi = `${registry.host}/multi`;
  const ids = () => oneOfEach(filterImages(engine.images, { reference: [multi] })).map(({ id }) => id);
  const foreign = hostPlatform().architecture === "amd64" ? "arm64" : "amd64";
  const { image } = await pull(engine, multi, { platform: `linux/${foreign}` });
  expect(ids()).toEqual([image.id]);
  const own = (await pull(engine, multi)).image;
  expect(engine.images.platforms(multi)).toHaveLength(2);
  expect(ids()).toEqual([own.id]);
});

describe("rmi", () => {
  test("takes a name away while there are others, then the image with its own layers", async () => {
    tagImage(engine, nameOne, "again");
    expect(await removeImage(engine, "again")).toEqual([{ Untagged: "again:latest" }]);
    const [top] = engine.images.get(nameOne).layers.slice(-1);
    const lines = await removeImage(engine, nameOne);
    expect(lines).toEqual([
      { Untagged: nameOne },
      { Untagged: `${registry.host}/one@${one.manifest.descriptor.digest}` },
      { Deleted: one.config.descriptor.digest },
      { Deleted: top?.chainId ?? "" },
    ]);
    expect(engine.images.find(nameOne)).toBeUndefined();
    expect(engine.images.get(nameTwo).layers.every(({ chainId }) => engine.snapshots.stat(chainId))).toBe(
      true,
    );
  });

  test("by an id with several names needs force", async () => {
    tagImage(engine, nameOne, "again");
    const { id } = engine.images.get(nameOne);
    expect((await failure(removeImage(engine, id.slice(7, 19)))).message).toMatch("it has 2 names");
    const lines = await removeImage(engine, id.slice(7, 19), { force: true });
    expect(lines.filter((line) => "Untagged" in line)).toHaveLength(3);
    expect(engine.images.find(id)).toBeUndefined();
  });

  test("of an image that a container uses is refused; force takes its names, but never those of a running one by id", async () => {
    addContainer("web", nameOne, "created");
    expect((await failure(removeImage(engine, nameOne))).message).toMatch(
      'container "web" uses it, wanted force',
    );
    const { id } = engine.images.get(nameOne);
    expect(await removeImage(engine, nameOne, { force: true })).toHaveLength(2);
    expect(engine.images.get(id).names).toEqual([]);
    engine.store.db.run("UPDATE containers SET state = 'running'");
    expect((await failure(removeImage(engine, id, { force: true }))).message).toMatch(
      'container "web" runs it',
    );
    expect(
      (await pruneImages(engine, { all: true })).deleted.some(
        (line) => "Deleted" in line && line.Deleted === id,
      ),
    ).toBe(false);
  });

  test("says Deleted only of an id that no other record has", async () => {
    const alone = makeIndex([{ platform: { os: "linux", architecture: "amd64" }, image: one }]);
    await pushIndex({ url: registry.url, repository: "indexed" }, alone, "1");
    const indexed = `${registry.host}/indexed:1`;
    const { id } = engine.images.get(nameOne);
    expect((await pull(engine, indexed, { platform: "linux/amd64" })).image.id).toBe(id);
    expect((await removeImage(engine, indexed)).filter((line) => "Deleted" in line)).toEqual([]);
    expect(engine.images.get(nameOne).id).toBe(id);
    expect(await removeImage(engine, nameOne)).toContainEqual({ Deleted: id });
  });

  test("of what is not here says so", async () => {
    expect(await failure(removeImage(engine, "nothing:1"))).toMatchObject({ code: "not_found" });
  });
});

test("a tag is a name without digest, and moves", () => {
  tagImage(engine, nameOne, "app");
  tagImage(engine, nameTwo, "app");
  expect(engine.images.get("app").id).toBe(two.config.descriptor.digest);
  expect(() => tagImage(engine, nameOne, `app@${one.manifest.descriptor.digest}`)).toThrow("has a digest");
  expect(() => tagImage(engine, "nothing", "app")).toThrow("cannot find image");
});

test("history has a line for each step, the newest with the id", async () => {
  const history = await imageHistory(engine, nameOne);
  expect(history.map(({ CreatedBy }) => CreatedBy)).toEqual(["layer 1", "layer 0"]);
  expect(history.map(({ Id }) => Id)).toEqual([one.config.descriptor.digest, "<missing>"]);
  expect(history.every(({ Size }) => Size > 0)).toBe(true);
});

test("filters choose by label, name, age and danglingness", () => {
  const found = (filters: Record<string, string[]>) =>
    filterImages(engine.images, filters)
      .map(({ id }) => (id === one.config.descriptor.digest ? "one" : "two"))
      .toSorted();
  expect(found({})).toEqual(["one", "two"]);
  expect(found({ label: ["team"] })).toEqual(["one", "two"]);
  expect(found({ label: ["team=b", "x"] })).toEqual(["two"]);
  expect(found({ "label!": ["team=b"] })).toEqual(["one"]);
  expect(found({ reference: [`${registry.host}/o*`] })).toEqual(["one"]);
  expect(found({ reference: ["*"] })).toEqual([]);
  expect(found({ reference: ["*/*:[12]"] })).toEqual(["one", "two"]);
  expect(found({ dangling: ["true"] })).toEqual([]);
  expect(found({ until: ["2020-01-01"] })).toEqual([]);
  expect(found({ until: ["1h30m"], label: ["team=a"] })).toEqual(["one"]);
  expect(found({ before: [nameOne] })).toEqual([]);
  for (const [name, value, message] of [
    ["colour", "red", 'no filter "colour"'],
    ["dangling", "maybe", "wanted true or false"],
    ["until", "soon", "wanted a time"],
  ] as const)
    expect(() => found({ [name]: [value] })).toThrow(message);
});

test("prune takes what has no name, with all what no container uses, and the files go", async () => {
  expect((await pruneImages(engine)).deleted).toEqual([]);
  tagImage(engine, nameTwo, nameOne);
  const own = engine.images.get(one.config.descriptor.digest).layers[1];
  const folder = engine.snapshots.directory(own?.chainId ?? "");
  const pruned = await pruneImages(engine);
  expect(pruned.deleted).toContainEqual({ Deleted: one.config.descriptor.digest });
  expect(pruned.reclaimed).toBeGreaterThan(0);
  expect(existsSync(join(folder, "one"))).toBe(false);
  expect((await pruneImages(engine, { all: true, filters: { label: ["team=c"] } })).deleted).toEqual([]);
  addContainer("web", nameTwo, "created");
  expect((await pruneImages(engine, { all: true })).deleted).toEqual([]);
  engine.store.db.run("DELETE FROM containers");
  expect((await pruneImages(engine, { all: true })).deleted.length).toBeGreaterThan(2);
  expect([engine.images.list(), engine.content.list(), engine.snapshots.list()]).toEqual([[], [], []]);
});

describe("push", () => {
  test("sends what is not there, mounts what is next door, and can be pulled by another", async () => {
    const name = `${registry.host}/fresh/copy:v1`;
    tagImage(engine, nameOne, name);
    const steps: string[] = [];
    const pushed = await push(engine, name, {
      onProgress: (event) => event.kind === "layer" && steps.push(event.step),
    });
    expect(pushed.digest).toBe(one.manifest.descriptor.digest);
    expect(engine.images.get(name).repoDigests).toContain(`${registry.host}/fresh/copy@${pushed.digest}`);
    expect(steps.filter((step) => step === "uploading")).toEqual([]);
    await using other = await testEngine();
    expect((await pull(other, name)).image.id).toBe(one.config.descriptor.digest);
    const again: string[] = [];
    await push(engine, name, { onProgress: (event) => event.kind === "layer" && again.push(event.step) });
    expect(new Set(again)).toEqual(new Set(["exists"]));
  });

  test("to another registry sends all, and all tags of a repository", async () => {
    await using second = await startRegistry();
    for (const tag of ["a", "b"])
      tagImage(engine, tag === "a" ? nameOne : nameTwo, `${second.host}/app:${tag}`);
    expect(await pushAllTags(engine, `${second.host}/app`)).toHaveLength(2);
    await using other = await testEngine();
    expect((await pull(other, `${second.host}/app:b`)).image.id).toBe(two.config.descriptor.digest);
  });

  test("of an index sends all platforms when they are here, the one that is here when it is alone", async () => {
    const name = `${registry.host}/multi`;
    const host = await pull(engine, name);
    tagImage(engine, name, `${registry.host}/alone`);
    expect((await push(engine, `${registry.host}/alone`)).digest).toBe(host.image.manifest.digest);
    await pull(engine, name, { platform: process.arch === "arm64" ? "linux/amd64" : "linux/arm64" });
    tagImage(engine, name, `${registry.host}/both`);
    expect((await push(engine, `${registry.host}/both`)).digest).toBe(index.index.descriptor.digest);
    await using other = await testEngine();
    await pull(other, `${registry.host}/both`, { platform: "linux/arm64" });
    expect(
      other.images.get(`${registry.host}/both`, { os: "linux", architecture: "arm64" }).target.digest,
    ).toBe(index.index.descriptor.digest);
  });

  test("without the image, or by a digest, is refused", async () => {
    expect(await failure(push(engine, `${registry.host}/nothing`))).toMatchObject({ code: "not_found" });
    expect(
      (await failure(push(engine, `${registry.host}/one@${one.manifest.descriptor.digest}`))).message,
    ).toMatch("wanted a name with a tag");
  });
});
