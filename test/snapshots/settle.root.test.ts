/** What a layer that was unpacked by itself finds below it: overlayfs's settleLayer, and what a mount of the result then shows. */
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect } from "bun:test";
import type { Unsettled } from "../../src/engine/snapshots/snapshotter.ts";
import { Overlayfs } from "../../src/engine/snapshots/overlayfs.ts";
import { makeNode, setXattr } from "../../src/kernel/metadata.ts";
import { needing } from "../needs.ts";
import { chain, commitAll, mounted, mountsBelow, nothingLeft, Place, work } from "./place.ts";

const { test } = needing({ root: true });

type Write = (at: (path: string) => string) => void;

/** Layers from the lowest up; the last one is settled with `unsettled`, and what settleLayer says of it is given. */
async function unpack(place: Place, layers: readonly Write[], unsettled: Partial<Unsettled>) {
  const snapshots = new Overlayfs(place.store, work, { mapsIds: true });
  const names = chain(layers.length);
  let answer: Awaited<ReturnType<Overlayfs["settleLayer"]>> = "settled";
  let root = "";
  for (const [index, write] of layers.entries()) {
    const target = await snapshots.beginLayer(names[index] as never, names[index - 1]);
    if (target === "present") throw new Error("present");
    root = target.root;
    write((path) => join(target.root, path));
    const last = index === layers.length - 1;
    answer = await snapshots.settleLayer(
      names[index] as never,
      last ? { ...nothingLeft, ...unsettled } : nothingLeft,
    );
  }
  return { snapshots, names, root, answer };
}

const folder =
  (path: string, mode = 0o700): Write =>
  (at) =>
    mkdirSync(at(path), { recursive: true, mode });
const whiteout =
  (path: string): Write =>
  (at) =>
    makeNode(at(path), 0o20000, 0n);
const opaque =
  (path: string): Write =>
  (at) => (
    mkdirSync(at(path), { recursive: true }),
    setXattr(at(path), "trusted.overlay.opaque", Buffer.from("y"))
  );
const modeOf = (path: string) => (lstatSync(path).mode & 0o7777).toString(8);

describe("an implicit folder", () => {
  const implicit = folder("d", 0o755);
  const left = { implicitDirs: ["d"] };

  test.each([
    ["the topmost of two", [folder("d", 0o711), folder("d", 0o700), implicit], "700"],
    ["one that lies under a layer without it", [folder("d"), folder("x"), implicit], "700"],
    ["nothing, where none has it", [folder("x"), implicit], "755"],
    ["nothing, where it was removed", [folder("d"), whiteout("d"), implicit], "755"],
  ])("takes its mode from %s", async (_, layers, mode) => {
    using place = new Place();
    const { answer, root } = await unpack(place, layers, left);
    expect(answer).toBe("settled");
    expect(modeOf(join(root, "d"))).toBe(mode);
  });

  test("whose name is not UTF-8 takes its mode from below, and a link there gets its file", async () => {
    using place = new Place();
    const raw = (at: (path: string) => string, name: string) =>
      Buffer.concat([Buffer.from(`${at("")}/`), Buffer.from(name, "latin1")]);
    const lower: Write = (at) => (
      mkdirSync(raw(at, "caf\xe9"), { mode: 0o700 }),
      writeFileSync(raw(at, "caf\xe9/\xff"), "below")
    );
    const upper: Write = (at) => mkdirSync(raw(at, "caf\xe9"), { mode: 0o755 });
    const { answer, root } = await unpack(place, [lower, upper], {
      implicitDirs: ["caf\xe9"],
      links: [{ path: "caf\xe9/l", target: "caf\xe9/\xff" }],
    });
    expect(answer).toBe("settled");
    const at = (name: string) => raw((path) => join(root, path), name);
    expect((lstatSync(at("caf\xe9")).mode & 0o7777).toString(8)).toBe("700");
    expect(readFileSync(at("caf\xe9/l"), "utf8")).toBe("below");
    expect(lstatSync(at("caf\xe9/l")).ino).toBe(lstatSync(at("caf\xe9/\xff")).ino);
  });

  test("takes nothing from below an opaque folder", async () => {
    using place = new Place();
    const layers = [folder("a/d"), opaque("a"), folder("a/d", 0o755)];
    const { answer, root } = await unpack(place, layers, { implicitDirs: ["a", "a/d"] });
    expect(answer).toBe("settled");
    expect(modeOf(join(root, "a/d"))).toBe("755");
  });

  test("takes nothing through a link that an upper layer has replaced by a folder", async () => {
    using place = new Place();
    const layers: Write[] = [(at) => symlinkSync("/etc", at("a")), folder("a"), folder("a/ssl", 0o755)];
    const { answer, root } = await unpack(place, layers, { implicitDirs: ["a", "a/ssl"] });
    expect(answer).toBe("settled");
    expect([modeOf(join(root, "a")), modeOf(join(root, "a/ssl"))]).toEqual(["700", "755"]);
  });

  test("the root takes its owner and mode from below", async () => {
    using place = new Place();
    const { root } = await unpack(place, [(at) => Bun.spawnSync(["chmod", "711", at("")]), folder("x")], {
      implicitDirs: ["."],
    });
    expect(modeOf(root)).toBe("711");
  });

  test("that is a link below is unpacked anew, through a mount, to where the link leads", async () => {
    using place = new Place();
    const lower: Write = (at) => (
      mkdirSync(at("usr/lib"), { recursive: true }),
      symlinkSync("usr/lib", at("lib"))
    );
    const upper: Write = (at) => (mkdirSync(at("lib")), writeFileSync(at("lib/so"), ""));
    const { answer, snapshots, names } = await unpack(place, [lower, upper], { implicitDirs: ["lib"] });
    if (answer === "settled") throw new Error("settled");
    expect(answer.again.mode).toBe("tree");
    expect(readdirSync(answer.again.root).toSorted()).toEqual(["lib", "usr"]);
    writeFileSync(join(answer.again.root, "lib/so"), "");
    for (let i = 0; i < 2; i++) await snapshots.endLayer(names[1] as never);
    expect(mountsBelow(place.root)).toEqual([]);
    commitAll(snapshots, names);
    await snapshots.prepare("c", names[1]);
    const look = (root: string) => [
      lstatSync(join(root, "lib")).isSymbolicLink(),
      existsSync(join(root, "usr/lib/so")),
    ];
    expect(await mounted(place, snapshots, look, "c")).toEqual([true, true]);
  });

  test("what was mounted for that is gone with the layer, even if nobody ended it", async () => {
    using place = new Place();
    const layers: Write[] = [(at) => symlinkSync("x", at("lib")), folder("lib")];
    const { snapshots, names } = await unpack(place, layers, { implicitDirs: ["lib"] });
    expect(mountsBelow(place.root)).toHaveLength(1);
    await snapshots.remove(`unpack-${names[1]}`);
    expect(mountsBelow(place.root)).toEqual([]);
  });

  test.each(["../x", "a/../../x", "a\0b"])("named %j is refused", async (path) => {
    using place = new Place();
    expect(unpack(place, [folder("x"), folder("y")], { implicitDirs: [path] })).rejects.toThrow("leads out");
  });
});

describe("a hard link to a file below", () => {
  const lower: Write = (at) => {
    mkdirSync(at("a/b"), { recursive: true, mode: 0o711 });
    writeFileSync(at("a/b/file"), "content");
    Bun.spawnSync(["chmod", "4751", at("a/b/file")]);
    symlinkSync("b", at("a/link"));
  };
  const left = (target: string) => ({ links: [{ path: "second", target }] });

  test("shares the file, which is copied up with its folders", async () => {
    using place = new Place();
    const { answer, root } = await unpack(place, [lower, folder("x"), folder("y")], left("a/b/file"));
    expect(answer).toBe("settled");
    expect(lstatSync(join(root, "second")).ino).toBe(lstatSync(join(root, "a/b/file")).ino);
    expect([modeOf(join(root, "second")), modeOf(join(root, "a/b"))]).toEqual(["4751", "711"]);
    expect(readFileSync(join(root, "second"), "utf8")).toBe("content");
  });

  test("may lead to a link itself", async () => {
    using place = new Place();
    const { root } = await unpack(place, [lower, folder("x")], left("a/link"));
    expect(lstatSync(join(root, "second")).isSymbolicLink()).toBe(true);
  });

  test("through a link below needs the mounted tree", async () => {
    using place = new Place();
    const { answer } = await unpack(place, [lower, folder("x")], left("a/link/file"));
    expect(answer).toHaveProperty("again.mode", "tree");
  });

  test.each([
    ["nothing", [lower, folder("x")], "a/b/other"],
    ["a folder", [lower, folder("x")], "a/b"],
    ["what was removed", [lower, whiteout("a"), folder("x")], "a/b/file"],
    ["what its own layer removed", [lower, whiteout("a")], "a/b/file"],
    ["what an opaque folder hides", [lower, opaque("a"), folder("x")], "a/b/file"],
  ])("to %s is damage that names it", async (_, layers, target) => {
    using place = new Place();
    const error = await unpack(place, layers, left(target)).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "data_loss", message: expect.stringContaining(`"${target}"`) });
  });
});
