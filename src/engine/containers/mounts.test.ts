/** --mount, --tmpfs, --volumes-from and propagation. */
import { expect, test } from "bun:test";
import type { HostConfig, Mount } from "../../spec/docker/create.ts";
import { mountOf } from "./propagation.ts";
import { volumesOf, type VolumeMount } from "./volumes.ts";

const mounts = (HostConfig: HostConfig, other?: (reference: string) => readonly VolumeMount[]) =>
  volumesOf({ body: { HostConfig }, image: {}, newName: () => "fresh", ...(other && { other }) });
const one = (mount: Mount) => mounts({ Mounts: [mount] })[0];

test.each<[Mount, object]>([
  [
    {
      Type: "bind",
      Source: "/a/../b",
      Target: "/in",
      ReadOnly: true,
      BindOptions: { Propagation: "rslave" },
    },
    { source: "/b", kind: "bind", readonly: true, propagation: "rslave" },
  ],
  [{ Type: "bind", Source: "/b", Target: "/in", BindOptions: { CreateMountpoint: true } }, { create: true }],
  [
    { Type: "volume", Target: "/in" },
    { source: "fresh", kind: "volume", anonymous: true },
  ],
  [
    {
      Type: "volume",
      Source: "v1",
      Target: "/in",
      VolumeOptions: { NoCopy: true, Subpath: "a/b", Labels: { x: "y" } },
    },
    { source: "v1", noCopy: true, subpath: "a/b", labels: { x: "y" } },
  ],
  [
    {
      Type: "tmpfs",
      Target: "/in",
      TmpfsOptions: { SizeBytes: 5, Mode: 0o700, Options: [["uid", "5"], ["exec"]] },
    },
    { kind: "tmpfs", options: ["uid=5", "exec", "size=5", "mode=700"] },
  ],
  [
    { Type: "image", Source: "alpine", Target: "/in" },
    { kind: "image", source: "alpine", readonly: true },
  ],
])("%j", (mount, wanted) => {
  expect(one(mount)).toMatchObject({ destination: "/in", ...wanted });
});

test.each<[Mount, string]>([
  [{ Type: "bind", Source: "relative", Target: "/in" }, "wanted an absolute path as its source"],
  [{ Type: "bind", Source: "/a", Target: "in" }, "wanted an absolute place"],
  [{ Type: "bind", Source: "/a", Target: "/.." }, "the container's root"],
  [{ Type: "bind", Source: "/a", Target: "/in", TmpfsOptions: {} }, "TmpfsOptions are for another type"],
  [
    { Type: "bind", Source: "/a", Target: "/in", BindOptions: { ReadOnlyForceRecursive: true } },
    "for a read-only mount",
  ],
  [{ Type: "volume", Source: "../x", Target: "/in" }, "is no name of a volume"],
  [
    { Type: "volume", Source: "v1", Target: "/in", VolumeOptions: { Subpath: "../x" } },
    "is not a relative path",
  ],
  [
    { Type: "volume", Source: "v1", Target: "/in", VolumeOptions: { Subpath: "/x" } },
    "is not a relative path",
  ],
  [{ Type: "volume", Target: "/in", VolumeOptions: { Subpath: "x" } }, "needs the volume's name"],
  [
    { Type: "volume", Target: "/in", VolumeOptions: { DriverConfig: { Name: "nfs" } } },
    'no volume driver "nfs"',
  ],
  [{ Type: "tmpfs", Source: "/a", Target: "/in" }, "a tmpfs has no source"],
  [
    { Type: "tmpfs", Target: "/in", TmpfsOptions: { Options: [["context", "x"]] } },
    'option "context=x" is unknown',
  ],
  [{ Type: "image", Target: "/in" }, "wanted an image"],
])("%j is refused: %s", (mount, why) => {
  expect(() => one(mount)).toThrow(why);
});

test.each(["size=1m,exec", "", "rw,noexec,nosuid,nodev,mode=1777,nr_inodes=10"])(
  "tmpfs with %j",
  (options) => {
    expect(mounts({ Tmpfs: { "/t": options } })).toHaveLength(1);
  },
);

test.each(["bind", "size=x", "size=1m\nx", "lowerdir=/", "mode=99", "../x"])(
  "tmpfs with %j is refused",
  (options) => {
    expect(() => mounts({ Tmpfs: { "/t": options } })).toThrow("is unknown");
  },
);

test("a place is taken once, whatever takes it", () => {
  expect(() => mounts({ Binds: ["/a:/t"], Tmpfs: { "/t": "" } })).toThrow('cannot mount twice at "/t"');
});

test("what another has gives way to what is asked by name, and its tmpfs stays its own", () => {
  const theirs = mounts({ Binds: ["/a:/a", "data:/data"], Tmpfs: { "/t": "" } });
  const found = mounts({ VolumesFrom: ["other:ro"], Binds: ["/b:/a"] }, () => theirs);
  expect(found.map(({ source, destination, readonly }) => [source, destination, readonly])).toEqual([
    ["/b", "/a", false],
    ["data", "/data", true],
  ]);
  expect(found[1]).toMatchObject({ noCopy: true, anonymous: false });
  for (const word of ["", ":ro", "x:exec", "x:ro:y"])
    expect(() => mounts({ VolumesFrom: [word] }, () => theirs)).toThrow("cannot take the volumes of");
});

const mountinfo = [
  "1 0 8:1 / / rw shared:1 - ext4 /dev/sda rw",
  "2 1 8:2 / /data rw - ext4 /dev/sdb rw",
  "3 2 8:3 / /data/with\\040space rw master:5 - ext4 /dev/sdc rw",
  "4 1 8:4 / /data-other rw shared:9 - ext4 /dev/sdd rw",
].join("\n");

test.each([
  ["/data/x", { point: "/data", shared: false, follows: false }],
  ["/database", { point: "/", shared: true, follows: false }],
  ["/data/with space/x", { point: "/data/with space", shared: false, follows: true }],
])("%s is of the mount that holds it", (path, wanted) => {
  expect(mountOf(path, mountinfo)).toEqual(wanted);
});
