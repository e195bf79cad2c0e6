import { expect, test } from "bun:test";
import { readCgroupHost } from "./host.ts";

const v1Mounts = `31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 /docker/a\\040b /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,xattr,release_agent=/lib/x,name=systemd
41 31 0:39 / /other/memory rw - cgroup cgroup rw,memory
`;
const own = "4:memory:/docker/a b/c\n3:cpu,cpuacct:/x:y\n1:name=systemd:/\n0::/u\n";

test("controllers that are mounted together share a mount, and the first mount of each counts", () => {
  const host = readCgroupHost({ mountinfo: v1Mounts, selfCgroup: own });
  expect(host.mode).toBe("v1");
  expect(host.v1["cpu"]).toBe(host.v1["cpuacct"] as never);
  expect(host.v1["cpu"]?.mountPoint).toBe("/sys/fs/cgroup/cpu,cpuacct");
  expect(host.v1["memory"]).toMatchObject({ mountPoint: "/sys/fs/cgroup/memory", root: "/docker/a b" });
  expect(Object.keys(host.v1).sort()).toEqual(["cpu", "cpuacct", "memory", "name=systemd"]);
});

test("the caller's own paths are by controller, and may have colons", () => {
  const host = readCgroupHost({ mountinfo: v1Mounts, selfCgroup: own });
  expect(host.own).toEqual({
    memory: "/docker/a b/c",
    cpu: "/x:y",
    cpuacct: "/x:y",
    "name=systemd": "/",
    "": "/u",
  });
});

test("a cgroup2 tree beside v1 hierarchies is hybrid, one elsewhere is not", () => {
  const beside = "42 31 0:40 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";
  const elsewhere = "42 31 0:40 / /mnt/cgroup2 rw - cgroup2 cgroup2 rw\n";
  const hybrid = readCgroupHost({ mountinfo: v1Mounts + beside, selfCgroup: own });
  expect(hybrid.mode).toBe("hybrid");
  expect(hybrid.unified?.mountPoint).toBe("/sys/fs/cgroup/unified");
  const v1 = readCgroupHost({ mountinfo: v1Mounts + elsewhere, selfCgroup: own });
  expect(v1.mode).toBe("v1");
  expect(v1.unified).toBeUndefined();
});

test("only cgroup2 is v2, and nothing is none", () => {
  const mountinfo = "42 31 0:40 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";
  expect(readCgroupHost({ mountinfo, selfCgroup: "0::/a\n" })).toMatchObject({
    mode: "v2",
    unified: { mountPoint: "/sys/fs/cgroup", root: "/" },
    own: { "": "/a" },
  });
  expect(readCgroupHost({ mountinfo: "", selfCgroup: "" }).mode).toBe("none");
});
