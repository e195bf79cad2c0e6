import { describe, expect, test } from "bun:test";
import { type CgroupHost, readCgroupHost } from "./host.ts";
import { cgroupPaths, cleanPath } from "./paths.ts";

const v1: CgroupHost = readCgroupHost({
  mountinfo: `32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
36 31 0:33 / /sys/fs/cgroup/devices rw - cgroup cgroup rw,devices
40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd
`,
  selfCgroup: "4:memory:/m/own\n3:cpu,cpuacct:/\n2:devices:/d\n1:name=systemd:/s\n",
});
const hybrid: CgroupHost = {
  ...v1,
  mode: "hybrid",
  unified: { mountPoint: "/sys/fs/cgroup/unified", root: "/" },
  own: { ...v1.own, "": "/u" },
};
const v2: CgroupHost = {
  mode: "v2",
  v1: {},
  unified: { mountPoint: "/sys/fs/cgroup", root: "/" },
  own: { "": "/user.slice/session.scope" },
};
const at = (host: CgroupHost, cgroupsPath?: string) =>
  cgroupPaths({ cgroupsPath, id: "c1", host, driver: "cgroupfs" });

describe("v1", () => {
  test("an absolute path is below each mount point, once for merged controllers", () => {
    expect(at(v1, "/pod/web").dirs).toEqual({
      devices: "/sys/fs/cgroup/devices/pod/web",
      memory: "/sys/fs/cgroup/memory/pod/web",
      cpu: "/sys/fs/cgroup/cpu,cpuacct/pod/web",
      cpuacct: "/sys/fs/cgroup/cpu,cpuacct/pod/web",
      "name=systemd": "/sys/fs/cgroup/systemd/pod/web",
    });
    expect(at(v1, "/pod/web").bases["memory"]).toBe("/sys/fs/cgroup/memory");
  });

  test("without a path the id is below the caller's own cgroup of each hierarchy", () => {
    const paths = at(v1);
    expect(paths.dirs["memory"]).toBe("/sys/fs/cgroup/memory/m/own/c1");
    expect(paths.dirs["cpu"]).toBe("/sys/fs/cgroup/cpu,cpuacct/c1");
    expect(paths.bases["memory"]).toBe("/sys/fs/cgroup/memory/m/own");
    expect(paths.explicit).toBe(false);
  });

  test("a relative path is below the caller's own cgroup", () => {
    expect(at(v1, "a/b").dirs["devices"]).toBe("/sys/fs/cgroup/devices/d/a/b");
    expect(at(v1, "a/b").explicit).toBe(true);
  });

  test("the mount's root is taken off the caller's own path", () => {
    const memory = { controllers: ["memory"], mountPoint: "/sys/fs/cgroup/memory", root: "/m" };
    const nested = { ...v1, v1: { ...v1.v1, memory } };
    expect(at(nested).dirs["memory"]).toBe("/sys/fs/cgroup/memory/own/c1");
  });

  test("dots cannot leave the hierarchy", () => {
    expect(at(v1, "/../../etc").dirs["memory"]).toBe("/sys/fs/cgroup/memory/etc");
    expect(at(v1, "../../../etc").dirs["memory"]).toBe("/sys/fs/cgroup/memory/m/own/etc");
    expect(at(v1, "/a/../../..").dirs["memory"]).toBe("/sys/fs/cgroup/memory");
  });

  test("a host without the devices hierarchy is refused, but not for an ordinary user", () => {
    const { devices: _, ...others } = v1.v1;
    const host = { ...v1, v1: others };
    expect(() => at(host)).toThrow("the devices hierarchy is not mounted");
    const paths = cgroupPaths({ id: "c1", host, driver: "cgroupfs", rootless: true });
    expect(paths.dirs["devices"]).toBeUndefined();
  });

  test("a hybrid host's unified tree is joined too", () => {
    expect(at(hybrid, "/a").dirs[""]).toBe("/sys/fs/cgroup/unified/a");
    expect(at(hybrid).dirs[""]).toBe("/sys/fs/cgroup/unified/u/c1");
    expect(at(hybrid).version).toBe(1);
  });
});

describe("v2", () => {
  test.each([
    ["/a/b", "/sys/fs/cgroup/a/b"],
    ["/../a", "/sys/fs/cgroup/a"],
    ["a", "/sys/fs/cgroup/user.slice/a"],
    ["../../a", "/sys/fs/cgroup/user.slice/a"],
    [undefined, "/sys/fs/cgroup/user.slice/c1"],
    ["", "/sys/fs/cgroup/user.slice/c1"],
  ])("%p is %p", (cgroupsPath, dir) => {
    expect(at(v2, cgroupsPath).dirs).toEqual({ "": dir });
  });

  test("a caller at the root has its containers at the root", () => {
    expect(at({ ...v2, own: { "": "/" } }).dirs[""]).toBe("/sys/fs/cgroup/c1");
  });
});

describe("systemd driver", () => {
  const systemd = (host: CgroupHost, cgroupsPath?: string, rootless = false, userManager?: string) =>
    cgroupPaths({ cgroupsPath, id: "c1", host, driver: "systemd", rootless, userManager });

  test.each([
    [undefined, "/system.slice/runc-c1.scope"],
    [":p:n", "/system.slice/p-n.scope"],
    ["a-b.slice:docker:1234", "/a.slice/a-b.slice/docker-1234.scope"],
    ["-.slice:cri:x", "/cri-x.scope"],
    ["a.slice:p:b.slice", "/a.slice/b.slice"],
  ])("%p is %p", (cgroupsPath, path) => {
    expect(systemd(v2, cgroupsPath).dirs[""]).toBe(`/sys/fs/cgroup${path}`);
  });

  test("an ordinary user's unit is below the user's systemd", () => {
    const manager = "/user.slice/user-7.slice/user@7.service";
    expect(systemd(v2, undefined, true, manager).dirs[""]).toBe(
      `/sys/fs/cgroup${manager}/user.slice/runc-c1.scope`,
    );
    expect(() => systemd(v1, undefined, true)).toThrow("needs cgroup v2");
  });

  test.each([
    "/a/b",
    "a:b",
    "a.slice:b:c:d",
    "a:b:c",
    "a--b.slice:p:n",
    "a/b.slice:p:n",
    "a.slice:p/q:n",
    "a.slice:p:",
  ])("%p is refused", (cgroupsPath) => {
    expect(() => systemd(v2, cgroupsPath)).toThrow(/^cannot use /);
  });
});

test.each([
  ["", ""],
  ["/", "/"],
  ["a//b/./c", "a/b/c"],
  ["..", "."],
  ["/..", "/"],
  ["a/../../b", "b"],
])("%p cleaned is %p", (path, clean) => {
  expect(cleanPath(path)).toBe(clean);
});
