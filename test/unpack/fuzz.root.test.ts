/**
 * Archives that were changed at random: whatever comes, the helper answers, with a tree or with an error that says what is wrong, and the world outside of the
 * root stays as it was. `SEED=n` repeats a run.
 */
// deadline: 60 s
import { expect } from "bun:test";
import { rmSync } from "node:fs";
import { needing } from "../needs.ts";
import { Outside } from "./_outside.ts";
import { Place } from "./_place.ts";
import { file, folder, hardlink, header, pax, padded, sealed, symlink, tar } from "./_tar.ts";

const { test } = needing({ root: true });

const seed = Number(process.env["SEED"] ?? Math.floor(Math.random() * 2 ** 31));

/** mulberry32: small, and good enough to choose bytes with. */
function random(from: number): (below: number) => number {
  let state = from;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

function honest(outside: string): Buffer[] {
  return [
    tar(
      folder("./"),
      folder("a"),
      file("a/b", "x".repeat(1500)),
      symlink("l", outside),
      file("l/c", "y"),
      hardlink("h", "a/b"),
      file(".wh.z"),
    ),
    tar(
      pax({ uid: "4", mtime: "1.5" }, "g"),
      file("p", "z".repeat(700), { pax: { path: "q/r/s", "SCHILY.xattr.user.k": "v", mtime: "3.25" } }),
      file("sparse", "abc", { pax: { "GNU.sparse.map": "5,2,100,1", "GNU.sparse.size": "1000" } }),
      file("one", Buffer.concat([padded("2\n0\n3\n512\n2\n"), Buffer.from("abcde")]), {
        pax: {
          "GNU.sparse.major": "1",
          "GNU.sparse.minor": "0",
          "GNU.sparse.realsize": "2000",
          "GNU.sparse.name": "two",
        },
      }),
    ),
    tar(
      Buffer.concat([header({ name: "long", flag: "L", size: 300 }), padded(`${"n".repeat(99)}/`.repeat(3))]),
      file("x", "1"),
      { name: "d", flag: "3", major: 1, minor: 3 },
      { name: "f", flag: "6" },
      symlink("loop", "loop"),
      file("a/.wh..wh..opq"),
      symlink("up", "../../../../.."),
      file("up/tmp/escaped", "x"),
    ),
  ];
}

/** Some bytes changed, blocks moved, doubled, cut; then check sums made right again, mostly, so that the changes are looked at. */
function mutate(archive: Buffer, below: (n: number) => number): Buffer {
  let bytes = Buffer.from(archive);
  const blocks = () => Math.max(1, Math.floor(bytes.length / 512));
  const digits = "01234567./\0 -=\n";
  for (let n = below(6) + 1; n > 0; n--) {
    const at = below(blocks()) * 512;
    const kind = below(7);
    if (kind < 3) bytes[at + below(512)] = below(256);
    else if (kind === 3) bytes.write(digits[below(digits.length)] ?? "", at + below(512));
    else if (kind === 4)
      bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(below(blocks()) * 512)]);
    else if (kind === 5) bytes.copy(bytes, at, below(blocks()) * 512, below(blocks()) * 512 + 512);
    else bytes[at + 156] = "01234567xgLKSV\0".charCodeAt(below(15));
    if (bytes.length < 512) return bytes;
  }
  for (let at = 0; at + 512 <= bytes.length; at += 512)
    if (bytes.toString("latin1", at + 257, at + 262) === "ustar" && below(10) > 0)
      sealed(bytes.subarray(at, at + 512));
  return below(8) === 0 ? bytes.subarray(0, below(bytes.length)) : bytes;
}

const expected = new Set(["data_loss", "invalid_argument", "resource_exhausted", "unimplemented"]);

test(`600 changed archives do no harm (seed ${seed})`, async () => {
  await using place = new Place(1);
  const outside = new Outside(place);
  const below = random(seed);
  const seeds = honest(outside.folder);
  let whole = 0;
  for (let round = 0; round < 600; round++) {
    const bytes = mutate(seeds[round % seeds.length] as Buffer, below);
    await Bun.write(place.path("fuzz.tar"), bytes);
    const root = place.empty();
    const mode = round % 2 === 0 ? "layer" : "tree";
    try {
      await place.unpack(place.path("fuzz.tar"), { root, mode, limits: { bytes: 1 << 20, entries: 1000 } });
      whole++;
    } catch (error) {
      const { code, message } = error as { code: string; message: string };
      expect({ seed, round, known: expected.has(code), message }).toEqual({
        seed,
        round,
        known: true,
        message,
      });
    }
    rmSync(root, { recursive: true, force: true });
  }
  expect(outside.now).toEqual(outside.before);
  expect(whole).toBeGreaterThan(0);
});
