/** Layers made by chance, unpacked for real: what was just unpacked is never called damaged, whatever names, links and whiteouts met. */
// deadline: 240 s
import { expect } from "bun:test";
import { SampanError } from "../../src/base/errors.ts";
import { pull } from "../../src/engine/images/pull.ts";
import { compareSnapshot } from "../../src/engine/verify/snapshot.ts";
import { layerFormat } from "../../src/spec/image/layers.ts";
import { makeImage } from "../images/image.ts";
import type { TarEntry } from "../images/tar.ts";
import { needing } from "../needs.ts";
import { mockRegistry } from "../pull/mock-registry.ts";
import { testEngine } from "../pull/parts.ts";

const { test } = needing({ root: true });
const rounds = Number(process.env["SAMPAN_VERIFY_ROUNDS"] ?? 20);

type Random = (below: number) => number;

function random(seed: number): Random {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const folders = ["a", "b"];
const leaves = ["c", "d", "e"];

/** Mostly folders where folders are wanted and files where files are: else few archives could be unpacked at all. */
function path(chance: Random, kind: "folder" | "file"): string {
  const own = chance(12) === 0 ? [...folders, ...leaves] : kind === "folder" ? folders : leaves;
  const above = Array.from({ length: chance(3) }, () => folders[chance(folders.length)]);
  return [...above, own[chance(own.length)]].join("/");
}

const whiteout = (name: string) => name.replace(/[^/]*$/, (last) => `.wh.${last}`);

function entry(chance: Random, files: string[]): TarEntry {
  const folder = path(chance, "folder");
  const file = path(chance, "file");
  const mtime = chance(2_000_000_000);
  const known = files[chance(files.length)];
  switch (chance(14)) {
    case 0:
    case 1:
    case 2: {
      const mode = [0o755, 0o2750, 0o1777, 0][chance(4)] as number;
      return { name: `${folder}/`, type: "directory", mtime, mode };
    }
    case 3:
      return { name: file, type: "symlink", target: ["/", "../", "./"][chance(3)] + folder, mtime };
    case 4:
      // In place of a folder: paths lead through it.
      return { name: folder, type: "symlink", target: `/${path(chance, "folder")}`, mtime };
    case 5:
    case 6:
      if (known !== undefined) return { name: file, type: "hardlink", target: known };
      break;
    case 7:
      return { name: whiteout(chance(2) === 0 ? folder : file), content: "" };
    case 8:
      return { name: `${folder}/.wh..wh..opq`, content: "" };
    case 9:
      return { name: file, type: "fifo", mtime, uid: chance(3) };
  }
  files.push(file);
  return { name: file, content: "x".repeat(chance(5)), mtime, gid: chance(3), mode: 0o600 + chance(0o200) };
}

for (const snapshotter of ["overlayfs", "copy"] as const)
  test(`${snapshotter}: ${rounds} images`, async () => {
    await using engine = await testEngine({ snapshotter });
    let compared = 0;
    for (let seed = 1; seed <= rounds; seed++) {
      const chance = random(seed);
      const files: string[] = [];
      const layers = Array.from({ length: 3 }, () => Array.from({ length: 6 }, () => entry(chance, files)));
      await using registry = mockRegistry({ image: makeImage({ layers }) });
      const pulled = await pull(engine, `${registry.host}/chance`).catch((error: unknown) => {
        // Some cannot be unpacked: a link to nothing, a path through a file.
        if (["data_loss", "invalid_argument"].includes(SampanError.from(error).code)) return undefined;
        throw error;
      });
      for (const { chainId, descriptor } of pulled?.image.layers ?? []) {
        const { compression } = layerFormat(descriptor.mediaType);
        const layer = { chainId, path: await engine.content.open(descriptor.digest), compression };
        const difference = await compareSnapshot(engine.snapshots, layer, { depth: "all" });
        expect({ seed, difference, layers: difference && layers }).toEqual({
          seed,
          difference: undefined,
          layers: undefined,
        });
        compared++;
      }
    }
    expect(compared).toBeGreaterThan(rounds / 5);
  });
