/** An image that has everything a layer can hold, and ways to damage what was unpacked of it. */
import { makeImage, type TestImage } from "../images/image.ts";

export const big = 3 << 20;

/** Bytes that differ from place to place. */
export function pattern(length: number, seed = 1): Uint8Array {
  const bytes = new Uint8Array(length);
  let state = seed;
  for (let at = 0; at < length; at++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[at] = state >>> 24;
  }
  return bytes;
}

/** ELF's magic number, and then some. */
export function elf(length: number): Uint8Array {
  const bytes = pattern(length, 7);
  bytes.set([0x7f, 0x45, 0x4c, 0x46]);
  return bytes;
}

/** Of a file and of its links: what a link's header says counts for the file. */
const tool = { mode: 0o4755, mtime: 1_600_000_003.125 };

/** In its five layers: all types, names through symlinks of its own and of lower layers, whiteouts, opaque folders, links up and within, entries that come twice. */
export function everything(): TestImage {
  return makeImage({
    layers: [
      [
        { name: "./", type: "directory", mode: 0o755, mtime: 1_600_000_000 },
        { name: "usr/", type: "directory", mode: 0o755, mtime: 1_600_000_001.5 },
        { name: "usr/bin/", type: "directory", mode: 0o2755, gid: 50, mtime: 1_600_000_002 },
        { name: "usr/bin/tool", content: pattern(10_000), ...tool },
        { name: "usr/bin/twice", content: "first", mode: 0o600 },
        { name: "usr/bin/twice", content: "second time", mode: 0o755 },
        { name: "usr/lib.so", content: elf(big), mode: 0o644 },
        { name: "usr/model", content: pattern(big), mode: 0o644 },
        { name: "usr/bin/same", type: "hardlink", target: "usr/bin/tool", ...tool },
        { name: "bin", type: "symlink", target: "usr/bin" },
        { name: "bin/through", content: "through a link", mode: 0o755 },
        { name: "dev/null", type: "char", device: { major: 1, minor: 3 }, mode: 0o666 },
        { name: "dev/disk", type: "block", device: { major: 8, minor: 1 }, mode: 0o660, gid: 6 },
        { name: "run/pipe", type: "fifo", mode: 0o620 },
        { name: "etc/passwd", content: "root", uid: 10, gid: 20 },
        { name: "etc/empty", content: "" },
        { name: "var/old/", type: "directory" },
        { name: "var/old/a", content: "a" },
        { name: "var/old/b", content: "b" },
        { name: "var/gone", content: "gone" },
        { name: "var/kept", content: "kept" },
      ],
      [
        { name: "etc/", type: "directory", mode: 0o750, mtime: 1_600_000_010 },
        { name: "etc/passwd", content: "another root", uid: 10, gid: 20 },
        { name: "var/.wh.gone", content: "" },
        { name: "var/old/.wh..wh..opq", content: "" },
        { name: "var/old/c", content: "c" },
        { name: ".wh.never-was", content: "" },
      ],
      [
        { name: "usr/bin/up", type: "hardlink", target: "usr/bin/tool", ...tool },
        { name: "srv/data", content: "data", xattrs: { "user.colour": "green" } },
        { name: "etc/.wh.empty", content: "" },
        { name: "etc/empty/", type: "directory" },
        { name: "etc/empty/inside", content: "now a folder" },
      ],
      // Leads through a symlink of the lowest layer.
      [
        { name: "bin/more", content: "more", mode: 0o755 },
        { name: "bin/.wh.twice", content: "" },
      ],
      [{ name: "last", content: pattern(300_000, 3), mode: 0o755 }],
    ],
  });
}
