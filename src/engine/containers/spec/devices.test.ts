import { expect, test } from "bun:test";
import { deviceParts, parseRule } from "./devices.ts";
import type { HostFacts } from "./host.ts";

const node = (path: string, minor: number) => ({ path, type: "c", major: 9, minor }) as const;
const host: Pick<HostFacts, "nodesAt" | "devices"> = {
  devices: [node("/dev/all", 0)],
  nodesAt: (path) => {
    if (path === "/dev/one") return [node(path, 1)];
    if (path === "/dev/dir") return [node("/dev/dir/a", 2), node("/dev/dir/sub/b", 3)];
    if (path === "/etc/passwd") return [];
    throw new Error(`ENOENT: no such file or directory, stat '${path}'`);
  },
};

test("a device is there under its name, and the cgroup lets through what was asked", () => {
  const Devices = [
    { PathOnHost: "/dev/one", PathInContainer: "/dev/mine", CgroupPermissions: "r" },
    { PathOnHost: "/dev/dir" },
  ];
  const { devices, rules } = deviceParts({ Devices, DeviceCgroupRules: ["b 8:* rw"] }, host);
  expect(devices.map(({ path }) => path)).toEqual(["/dev/mine", "/dev/dir/a", "/dev/dir/sub/b"]);
  expect(rules).toEqual([
    { allow: false, access: "rwm" },
    { allow: true, type: "c", major: 9, minor: 1, access: "r" },
    { allow: true, type: "c", major: 9, minor: 2, access: "rwm" },
    { allow: true, type: "c", major: 9, minor: 3, access: "rwm" },
    { allow: true, type: "b", major: 8, minor: -1, access: "rw" },
  ]);
});

test("a privileged container has the host's nodes and no rule that shuts", () => {
  const { devices, rules } = deviceParts({ Privileged: true, Devices: [{ PathOnHost: "/dev/one" }] }, host);
  expect(devices.map(({ path }) => path)).toEqual(["/dev/all", "/dev/one"]);
  expect(rules).toEqual([{ allow: true, access: "rwm" }]);
});

test.each([
  [{ PathOnHost: "/etc/passwd" }, "it is no node of a device"],
  [{ PathOnHost: "/dev/nothere" }, "ENOENT"],
  [{ PathOnHost: "relative" }, "wanted an absolute path"],
  [{ PathOnHost: "/dev/one", PathInContainer: "x" }, "is no place in the container"],
  [{ PathOnHost: "/dev/one", PathInContainer: "/.." }, "is no place in the container"],
  [{ PathOnHost: "/dev/one", CgroupPermissions: "rx" }, "wanted letters of rwm"],
  [{ PathOnHost: "/dev/one", CgroupPermissions: "rr" }, "wanted letters of rwm"],
])("%j is refused", (mapping, why) => {
  expect(() => deviceParts({ Devices: [mapping] }, host)).toThrow(why);
});

test.each(["", "x 1:2 r", "c 1 r", "c 1:2", "c -1:2 r", "c 1:2 rx", "c 99999999999:1 r", "c 1:2 r\nc 1:3 r"])(
  "rule %j is refused",
  (text) => {
    expect(() => parseRule(text)).toThrow("cannot use device rule");
  },
);
