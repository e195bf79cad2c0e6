/** Small images that hold one of everything, for tests that make thousands of states of a data root. */
import { makeImage, type TestImage } from "../images/image.ts";
import type { TarEntry } from "../images/tar.ts";

/** Bytes that do not compress to nothing. */
function noise(length: number, seed: number): Uint8Array {
  let state = seed;
  return new Uint8Array(length).map(() => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state >>> 24;
  });
}

const time = 1_600_000_000;

/** The files of the lower layer. */
export function base(version: number): TarEntry[] {
  return [
    { name: "bin/", type: "directory", mode: 0o755, mtime: time },
    { name: "bin/tool", content: noise(9000, version), mode: 0o4755, mtime: time + 0.123456789 },
    // As archivers write it: with what its file has.
    { name: "bin/again", type: "hardlink", target: "bin/tool", mode: 0o4755, mtime: time + 0.123456789 },
    { name: "bin/short", type: "symlink", target: "tool", mtime: time },
    { name: "bin/capable", content: "#!", mode: 0o755, mtime: time, xattrs: { "user.word": "kept" } },
    { name: "etc/", type: "directory", mode: 0o750, uid: 3, gid: 4, mtime: time },
    { name: "etc/empty", content: "", mtime: time },
    { name: "etc/old", content: "to be removed above", mtime: time },
    { name: "etc/conf/a", content: "a", mtime: time },
    { name: "dev/null", type: "char", device: { major: 1, minor: 3 }, mode: 0o666, mtime: time },
  ];
}

const upper: readonly TarEntry[] = [
  { name: "etc/.wh.old", content: "" },
  { name: "etc/conf/", type: "directory", mode: 0o755, mtime: time },
  { name: "etc/conf/.wh..wh..opq", content: "" },
  { name: "etc/conf/b", content: noise(5000, 9), mtime: time },
  { name: "usr/lib/deep/library", content: noise(20_000, 5), mode: 0o644, uid: 1000, gid: 1000, mtime: time },
];

/** Two layers; versions share the upper one. */
export function image(version = 1): TestImage {
  return makeImage({
    layers: [base(version), upper],
    config: { Cmd: ["/bin/tool"], Env: [`VERSION=${version}`] },
  });
}
