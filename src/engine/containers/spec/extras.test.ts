/** What the CRI asks for beyond Docker's body. */
import { expect, test } from "bun:test";
import { validateConfig } from "../../../spec/oci/validate.ts";
import type { ContainerExtras } from "../extras.ts";
import { settleContainer } from "../settle.ts";
import { containerSpec } from "../spec.ts";
import { resolveUser } from "../user.ts";
import type { HostFacts } from "./host.ts";
import { mergedLimits } from "./extras.ts";
import { parseContexts, selinuxLabels } from "./selinux.ts";

const facts: HostFacts = {
  unifiedCgroups: true,
  swapLimit: true,
  bounding: -1n,
  devices: [],
  processors: 4,
  realtime: false,
  appArmor: false,
  controllers: ["cpu", "memory", "hugetlb"],
  hugepages: true,
  kernel: "6.1.0",
  nodesAt: () => [],
  limits: {},
};

interface Asked {
  readonly extras: ContainerExtras;
  readonly uid?: number;
  readonly host?: HostFacts;
  readonly HostConfig?: object;
}

function settle({ extras, host = facts, HostConfig = {} }: Asked) {
  return settleContainer({ body: { Cmd: ["true"], HostConfig }, image: {}, host, extras });
}

function specOf(asked: Asked) {
  const { uid = 0, host = facts } = asked;
  const { stored } = settle(asked);
  const config = containerSpec({
    id: "c1",
    rootfs: "/rootfs",
    stored,
    user: { uid, gid: uid, additionalGids: [uid], home: "/" },
    host,
    hostname: "boat",
    files: {},
    sourceOf: ({ source }) => source,
  });
  return validateConfig(config);
}

test("an ambient capability is in all five sets, and no other is inheritable", () => {
  const { process } = specOf({
    extras: { ambientCapabilities: ["NET_BIND_SERVICE", "CAP_SYS_TIME"] },
    uid: 7,
    HostConfig: { CapDrop: ["ALL"] },
  });
  const both = ["CAP_NET_BIND_SERVICE", "CAP_SYS_TIME"];
  expect(process.capabilities).toEqual({
    bounding: both,
    effective: both,
    permitted: both,
    inheritable: both,
    ambient: both,
  });
  const root = specOf({ extras: { ambientCapabilities: ["CAP_SYS_TIME"] } }).process.capabilities;
  expect(root?.inheritable).toEqual(["CAP_SYS_TIME"]);
  expect(root?.permitted).toContain("CAP_CHOWN");
  expect(specOf({ extras: {} }).process.capabilities?.inheritable).toBeUndefined();
});

test("huge pages and files of cgroup v2 are limits of the container", () => {
  const extras = { hugepages: [{ pageSize: "2MB", limit: 4 << 20 }], unified: { "memory.high": "1048576" } };
  expect(specOf({ extras }).linux?.resources).toMatchObject({
    hugepageLimits: [{ pageSize: "2MB", limit: 4 << 20 }],
    unified: { "memory.high": "1048576" },
  });
});

test("a host that cannot limit huge pages says so of those that are limited to more than none", () => {
  const host = { ...facts, hugepages: false };
  const sized = (limit: number) => ({ extras: { hugepages: [{ pageSize: "2MB", limit }] }, host });
  expect(settle(sized(5)).warnings).toEqual([expect.stringContaining("huge pages")]);
  expect(settle(sized(0)).warnings).toEqual([]);
  expect(specOf(sized(5)).linux?.resources?.hugepageLimits).toBeUndefined();
});

test.each<[ContainerExtras, string]>([
  [{ unified: { "../memory.high": "1" } }, "wanted the name of a file of cgroup v2"],
  [{ unified: { "memory.a/b": "1" } }, "wanted the name of a file of cgroup v2"],
  [{ unified: { memory: "1" } }, "wanted the name of a file of cgroup v2"],
  [{ unified: { "cgroup.procs": "1" } }, "wanted a file of cpu"],
  [{ unified: { "io.max": "8:0 rbps=1" } }, 'this host has no controller "io"'],
  [{ unified: { "memory.high": "1\0" } }, "a control character"],
  [{ hugepages: [{ pageSize: "2MB/../x", limit: 1 }] }, "wanted a size like 2MB"],
  [{ hugepages: [{ pageSize: "2MB", limit: 0.5 }] }, "wanted a size like 2MB"],
  [{ ambientCapabilities: ["ALL"] }, "wanted a single one"],
  [{ ambientCapabilities: ["NO_SUCH"] }, "there is none of that name"],
  [{ selinux: { level: 's0",x="' } }, "cannot use SELinux level"],
  [{ selinux: { type: "a:b" } }, "cannot use SELinux type"],
  [{ supplementalGroupsPolicy: "some" as never }, "wanted merge or strict"],
  [{ idmaps: { "/no": { uids: [], gids: [] } } }, "wanted 1 to 340"],
])("%j is refused: %s", (extras, why) => {
  expect(() => settle({ extras })).toThrow(why);
});

test("files of cgroup v2 are refused on a host with v1", () => {
  const host = { ...facts, unifiedCgroups: false, controllers: [] };
  expect(() => settle({ extras: { unified: { "memory.high": "1" } }, host })).toThrow(
    "this host has cgroup v1",
  );
});

test("an update's limits go over those of before, each by its name", () => {
  const before = { origin: "x", hugepages: [{ pageSize: "2MB", limit: 1 }], unified: { "memory.low": "1" } };
  expect(
    mergedLimits(before, { hugepages: [{ pageSize: "1GB", limit: 2 }], unified: { "memory.low": "2" } }),
  ).toEqual({
    origin: "x",
    hugepages: [
      { pageSize: "2MB", limit: 1 },
      { pageSize: "1GB", limit: 2 },
    ],
    unified: { "memory.low": "2" },
  });
  expect(mergedLimits({ origin: "x" }, {})).toEqual({ origin: "x" });
});

const contexts = parseContexts(
  'process = "system_u:system_r:container_t:s0"\ncontent = "x"\nfile = "system_u:object_r:container_file_t:s0"\n',
);

test("labels are the policy's with the parts that are asked for; files take the level alone", () => {
  expect(selinuxLabels({ type: "spc_t", level: "s0:c1,c2" }, contexts)).toEqual({
    process: "system_u:system_r:spc_t:s0:c1,c2",
    mount: "system_u:object_r:container_file_t:s0:c1,c2",
  });
  expect(selinuxLabels(undefined, contexts)).toBeUndefined();
  expect(selinuxLabels({ type: "spc_t" }, undefined)).toBeUndefined();
});

test("a host with SELinux labels the process and its mounts, another leaves it", () => {
  const extras = { selinux: { level: "s0:c7" } };
  if (!contexts) throw new Error("no contexts");
  const { process, linux } = specOf({ extras, host: { ...facts, seLinux: contexts } });
  expect(process.selinuxLabel).toBe("system_u:system_r:container_t:s0:c7");
  expect(linux?.mountLabel).toBe("system_u:object_r:container_file_t:s0:c7");
  expect(specOf({ extras }).process.selinuxLabel).toBeUndefined();
  const open = specOf({ extras, host: { ...facts, seLinux: contexts }, HostConfig: { Privileged: true } });
  expect(open.process.selinuxLabel).toBeUndefined();
  expect(open.linux?.mountLabel).toBe("system_u:object_r:container_file_t:s0:c7");
});

test("mounts get the ids that are asked for at their places", () => {
  const range = [{ containerID: 0, hostID: 100_000, size: 10 }];
  const idmaps = { "/data/": { uids: range, gids: range } };
  const HostConfig = { Binds: ["/:/data", "/:/plain"] };
  const { mounts = [] } = specOf({ extras: { idmaps }, HostConfig });
  const at = (place: string) => mounts.find(({ destination }) => destination === place);
  expect(at("/data")).toMatchObject({ uidMappings: range, gidMappings: range });
  expect(at("/plain")?.uidMappings).toBeUndefined();
  expect(() => settle({ extras: { idmaps } })).toThrow("there is none that has ids to map");
});

const group = "users:x:1001:\nextra:x:1002:user\n";
const passwd = "user:x:1000:1001::/home/user:/bin/sh\n";

test.each<["merge" | "strict" | undefined, string, readonly number[]]>([
  ["merge", "1000:7", [7, 1002, 50]],
  ["strict", "1000:7", [7, 50]],
  ["strict", "user", [1001, 50]],
  [undefined, "user:7", [7, 50]],
  ["merge", "user", [1001, 1002, 50]],
])("with policy %s user %s is in %j", (policy, user, groups) => {
  const resolved = resolveUser(user, passwd, group, { add: ["50"], ...(policy && { policy }) });
  expect(resolved.additionalGids).toEqual(groups);
});
