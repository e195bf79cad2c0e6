import { expect, test } from "bun:test";
import { volumeMounts, volumesOf } from "./volumes.ts";

const name = () => "fresh";
const volume = { anonymous: false, readonly: false, propagation: "rprivate" };

test.each([
  ["/host:/in", { ...volume, source: "/host", kind: "bind", destination: "/in", create: true }],
  ["/a/../host/:/in/./x/", { ...volume, source: "/host/", kind: "bind", destination: "/in/x", create: true }],
  [
    "data:/in:ro",
    { ...volume, source: "data", kind: "volume", destination: "/in", readonly: true, mode: "ro" },
  ],
  [
    "data:/in:rw,rshared",
    {
      ...volume,
      source: "data",
      kind: "volume",
      destination: "/in",
      propagation: "rshared",
      mode: "rw,rshared",
    },
  ],
  ["/in", { ...volume, source: "fresh", kind: "volume", destination: "/in", anonymous: true }],
])("-v %s", (word, mount) => {
  expect(volumeMounts([word], null, name)).toEqual([mount as never]);
});

test.each([
  "",
  ":",
  "a:/in",
  "../up:/in",
  "/host:in",
  "/host:/",
  "/host:/..",
  "/host:/in:ro:x",
  "/host:/in:exec",
  "/host:/in:shared,slave",
  "./x:/in",
  "a/b:/in",
  ".new-x:/in",
])("-v %j is refused", (word) => {
  expect(() => volumeMounts([word], null, name)).toThrow(/cannot mount/);
});

test("a place is taken once, and the image's volume gives way to the user's", () => {
  expect(() => volumeMounts(["/a:/in", "/b:/in/"], null, name)).toThrow('cannot mount twice at "/in"');
  const mounts = volumeMounts(["/a:/in"], { "/in": {}, "/other": {} }, name);
  expect(mounts.map(({ source, destination }) => [source, destination])).toEqual([
    ["/a", "/in"],
    ["fresh", "/other"],
  ]);
});

test("what lies in another is mounted after it", () => {
  const mounts = volumeMounts(["/a:/x/y/z", "/b:/x"], { "/x/y": {} }, name);
  expect(mounts.map(({ destination }) => destination)).toEqual(["/x", "/x/y", "/x/y/z"]);
});

test("an image's volume path that climbs stays below the container's root", () => {
  const [mount] = volumeMounts([], { "/../../etc": {} }, name);
  expect(mount?.destination).toBe("/etc");
  expect(() => volumeMounts([], { "/..": {} }, name)).toThrow("the container's root");
});

test("an anonymous volume that is read-only is refused: nobody could ever write to it", () => {
  const mount = { Type: "volume", Target: "/in", ReadOnly: true } as const;
  const of = (more: object) =>
    volumesOf({ body: { HostConfig: { Mounts: [{ ...mount, ...more }] } }, image: {}, newName: name });
  expect(() => of({})).toThrow("read-only");
  expect(of({ Source: "data" })).toMatchObject([{ source: "data", readonly: true }]);
});
