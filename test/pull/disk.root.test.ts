/** A disk that is full: the error says so, nothing is half-made, and with room the next try works. */
// deadline: 120 s
import { afterEach, beforeEach, expect } from "bun:test";
import { closeSync, mkdtempSync, openSync, readdirSync, rmdirSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pull } from "../../src/engine/images/pull.ts";
import { makeImage } from "../images/image.ts";
import { needing } from "../needs.ts";
import { mockRegistry } from "./mock-registry.ts";
import { failure, testEngine, type TestEngine } from "./parts.ts";

const { test } = needing({ root: true, programs: ["mount", "umount"] });

const MiB = 2 ** 20;

let disk: string;
beforeEach(() => {
  disk = mkdtempSync(join(tmpdir(), "sampan-disk-"));
});
afterEach(() => {
  run("umount", disk);
  rmdirSync(disk);
});

function run(...command: string[]): void {
  const { success, stderr } = Bun.spawnSync(command);
  if (!success) throw new Error(stderr.toString());
}

const mount = (options: string) => run("mount", "-t", "tmpfs", "-o", options, "tmpfs", disk);
const remount = (options: string) => run("mount", "-o", `remount,${options}`, disk);

function packsBadly(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let state = 5;
  for (let index = 0; index < length; index += 1) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[index] = state >>> 24;
  }
  return bytes;
}

for (const [what, content] of [
  ["while it downloads", packsBadly(12 * MiB)],
  ["while it unpacks", new Uint8Array(40 * MiB).fill(1)],
] as const)
  test(`a disk that is full ${what}`, async () => {
    mount(`size=${8 * MiB}`);
    const image = makeImage({ layers: [[{ name: "low", content: "low" }], [{ name: "big", content }]] });
    await using registry = mockRegistry({ image });
    await using engine = await testEngine({}, disk);
    const error = await failure(pull(engine, `${registry.host}/app`));
    expect(error.code).toBe("resource_exhausted");
    expectNothing(engine);
    remount(`size=${128 * MiB}`);
    expect((await pull(engine, `${registry.host}/app`)).image.layers).toHaveLength(2);
  });

function expectNothing(engine: TestEngine): void {
  expect(engine.images.list()).toEqual([]);
  expect(engine.snapshots.list()).toEqual([]);
  expect(readdirSync(join(disk, "snapshots", engine.snapshots.name))).toEqual([]);
  expect(readdirSync(join(disk, "content/ingest"))).toEqual([]);
}

const big = new Uint8Array(40 * MiB).fill(1);

/** The lower layer is `big`; what else there is comes as slowly as the test wants. */
const twoLayers = () =>
  makeImage({ layers: [[{ name: "big", content: big }], [{ name: "slow", content: packsBadly(2 * MiB) }]] });

test("a layer that comes while another fills the disk is taken away before what was unpacked", async () => {
  mount(`size=${8 * MiB}`);
  const image = twoLayers();
  await using registry = mockRegistry({ image });
  const [, slow] = image.layers;
  // Half of it, and nothing more until who asked goes away.
  registry.intercept = (_, url) =>
    slow && url.pathname.endsWith(slow.descriptor.digest) ? half(slow.bytes) : undefined;
  await using engine = await testEngine({}, disk);
  const growing: string[][] = [];
  const removeTree = engine.unpacker.removeTree.bind(engine.unpacker);
  engine.unpacker.removeTree = async (path) => {
    growing.push(readdirSync(join(disk, "content/ingest")));
    await removeTree(path);
  };
  const error = await failure(pull(engine, `${registry.host}/app`));
  expect(error.code).toBe("resource_exhausted");
  expect(growing.length).toBeGreaterThan(0);
  expect(growing.flat()).toEqual([]);
  expectNothing(engine);
});

test("what a full disk does not let go of is a left-over, and not what the next pull waits for", async () => {
  mount(`size=${8 * MiB}`);
  const image = twoLayers();
  await using registry = mockRegistry({ image });
  await using engine = await testEngine({}, disk);
  const removeTree = engine.unpacker.removeTree.bind(engine.unpacker);
  // Another program takes at once what becomes free.
  engine.unpacker.removeTree = async (path) => {
    await removeTree(path);
    fill(join(disk, "other"));
  };
  const error = await failure(pull(engine, `${registry.host}/app`));
  expect(error.code).toBe("resource_exhausted");
  engine.unpacker.removeTree = removeTree;
  remount(`size=${128 * MiB}`);
  expect((await pull(engine, `${registry.host}/app`)).image.layers).toHaveLength(2);
});

function half(bytes: Uint8Array): Response {
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(bytes.slice(0, bytes.length / 2)),
  });
  return new Response(body);
}

function fill(path: string): void {
  const piece = new Uint8Array(4096);
  const fd = openSync(path, "a");
  try {
    for (;;) writeSync(fd, piece);
  } catch (error) {
    if ((error as { code?: unknown }).code !== "ENOSPC") throw error;
  } finally {
    closeSync(fd);
  }
}
