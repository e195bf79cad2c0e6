import { expect, test } from "bun:test";
import { bodyOf, type Asked } from "../../../test/containers/request.ts";
import { validateConfig } from "../../spec/oci/validate.ts";
import type { StoredContainer } from "./request.ts";
import { remapOf } from "./request.ts";
import { containerSpec, type SpecInput } from "./spec.ts";

const host = {
  unifiedCgroups: true,
  swapLimit: true,
  bounding: -1n,
  devices: [{ path: "/dev/x", type: "c", major: 1, minor: 2 }],
  processors: 4,
  realtime: false,
  appArmor: false,
  kernel: "6.1.0",
  nodesAt: () => [],
  limits: {},
  init: undefined,
} as const;

function spec(change: Asked, stored: Partial<StoredContainer> = {}, more: Partial<SpecInput> = {}) {
  const image = { Cmd: ["sh"], ...stored.image };
  return containerSpec({
    id: "c1",
    rootfs: "/run/rootfs",
    stored: { remap: undefined, volumes: [], ...stored, image, body: bodyOf({ image: "alpine", ...change }) },
    user: { uid: 0, gid: 0, additionalGids: [], home: "/root" },
    host: host as never,
    hostname: "boat",
    files: { "/etc/hosts": "/c1/hosts" },
    sourceOf: ({ source }) => `/volumes/${source}`,
    ...more,
  });
}

test("what it makes is valid, also with everything asked for", () => {
  const remap = remapOf("0:100000:65536", "", "");
  const all = { terminal: true, readonly: true, memory: 2 ** 26, cpus: 1.5, pidsLimit: 5 };
  for (const config of [
    spec({}),
    spec({ privileged: true }),
    spec(all, { remap }),
    spec({ network: "host" }, { remap }),
  ])
    expect(() => validateConfig(config)).not.toThrow();
});

test.each([
  [{}, {}, ["sh"]],
  [{ command: ["ls"] }, {}, ["ls"]],
  [{}, { Entrypoint: ["run"] }, ["run", "sh"]],
  [{ command: ["ls"] }, { Entrypoint: ["run"] }, ["run", "ls"]],
  [{ entrypoint: ["mine"] }, { Entrypoint: ["run"] }, ["mine"]],
  [{ entrypoint: [""], command: ["ls"] }, { Entrypoint: ["run"] }, ["ls"]],
  [{ entrypoint: ["mine"], command: ["-x"] }, {}, ["mine", "-x"]],
])("request %j and image %j run %j", (change, image, args) => {
  expect(spec(change, { image }).process.args).toEqual(args);
});

test("an image with nothing to run is refused", () => {
  expect(() => spec({}, { image: { Cmd: [] } })).toThrow("neither an entry point nor a command");
});

test("of one environment variable the last is taken, and a bare name takes it away", () => {
  const image = { Env: ["A=1", "B=1", "C=1"] };
  expect(spec({ env: ["B=2", "C"], terminal: true }, { image }).process.env).toEqual([
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOSTNAME=boat",
    "TERM=xterm",
    "HOME=/root",
    "A=1",
    "B=2",
  ]);
  expect(() => spec({ env: ["=x"] })).toThrow("cannot set environment variable");
});

test.each([
  [undefined, "/"],
  ["", "/"],
  ["relative", "/relative"],
  ["/a/../../b/", "/b"],
])("working directory %p is %p", (WorkingDir, cwd) => {
  expect(spec({}, { image: WorkingDir === undefined ? {} : { WorkingDir } }).process.cwd).toBe(cwd);
});

test("capabilities: Docker's fourteen, added, dropped, all, none", () => {
  const bounding = (change: Asked) => spec(change).process.capabilities?.bounding ?? [];
  expect(bounding({})).toHaveLength(14);
  expect(bounding({})).not.toContain("CAP_SYS_ADMIN");
  expect(bounding({ capAdd: ["sys_admin"], capDrop: ["CAP_CHOWN"] })).toEqual(
    expect.arrayContaining(["CAP_SYS_ADMIN"]),
  );
  expect(bounding({ capDrop: ["CAP_CHOWN"] })).not.toContain("CAP_CHOWN");
  expect(bounding({ capDrop: ["all"], capAdd: ["KILL"] })).toEqual(["CAP_KILL"]);
  expect(bounding({ capAdd: ["ALL"], capDrop: ["MKNOD"] })).toHaveLength(40);
  expect(bounding({ privileged: true })).toHaveLength(41);
  const few = { host: { ...host, bounding: 0b101n } as never };
  expect(spec({ privileged: true }, {}, few).process.capabilities?.bounding).toEqual([
    "CAP_CHOWN",
    "CAP_DAC_READ_SEARCH",
  ]);
  expect(() => bounding({ capAdd: ["FLY"] })).toThrow('cannot change capability "FLY"');
});

test("no capability is inheritable, and a user who is not root starts with none (CVE-2022-24769)", () => {
  const user = { uid: 5, gid: 5, additionalGids: [], home: "/" };
  expect(Object.keys(spec({}).process.capabilities ?? {})).toEqual(["bounding", "effective", "permitted"]);
  expect(Object.keys(spec({}, {}, { user }).process.capabilities ?? {})).toEqual(["bounding"]);
});

test("the filter opens what a capability is for, and nothing when there is none", () => {
  const allowed = (change: Asked) =>
    (spec(change).linux?.seccomp?.syscalls ?? [])
      .filter(({ action, args }) => action === "SCMP_ACT_ALLOW" && !args?.length)
      .flatMap(({ names }) => names);
  expect(allowed({})).not.toContain("mount");
  expect(allowed({})).toContain("chroot");
  expect(allowed({ capAdd: ["SYS_ADMIN"] })).toEqual(expect.arrayContaining(["mount", "clone3", "setns"]));
  expect(allowed({ capDrop: ["SYS_CHROOT"] })).not.toContain("chroot");
  expect(spec({ privileged: true }).linux?.seccomp).toBeUndefined();
  const errors = spec({ capAdd: ["SYS_ADMIN"] }).linux?.seccomp?.syscalls ?? [];
  expect(errors.filter(({ names }) => names.includes("clone3"))).toHaveLength(1);
});

test("power counters are masked (GHSA-jq35-85cj-fj4p), but not for a privileged container", () => {
  expect(spec({}).linux?.maskedPaths).toContain("/sys/devices/virtual/powercap");
  expect(spec({ privileged: true }).linux?.maskedPaths).toBeUndefined();
});

test("a privileged container has the host's devices and writable kernel folders", () => {
  const config = spec({ privileged: true });
  expect(config.linux?.devices).toEqual([{ path: "/dev/x", type: "c", major: 1, minor: 2 }]);
  expect(config.linux?.resources?.devices).toEqual([{ allow: true, access: "rwm" }]);
  expect(config.mounts?.find(({ destination }) => destination === "/sys")?.options).toContain("rw");
});

test("limits become resources", () => {
  expect(spec({ memory: 1000, cpus: 0.25, pidsLimit: 7 }).linux?.resources).toMatchObject({
    memory: { limit: 1000, swap: 2000 },
    cpu: { quota: 25_000, period: 100_000 },
    pids: { limit: 7 },
  });
});

test("namespaces: the host's network is the host's, a user namespace has its mappings", () => {
  const types = (change: Asked, stored = {}) =>
    spec(change, stored).linux?.namespaces?.map(({ type }) => type);
  expect(types({})).toEqual(["mount", "uts", "pid", "ipc", "network", "cgroup"]);
  expect(types({ network: "host" })).not.toContain("network");
  const remap = remapOf("0:100000:65536", "", "");
  expect(types({}, { remap })).toContain("user");
  const range = [{ containerID: 0, hostID: 100_000, size: 65_536 }];
  expect(spec({}, { remap }).linux).toMatchObject({ uidMappings: range, gidMappings: range });
});

test("a volume takes the place of what would be mounted there", () => {
  const volumes = [
    {
      source: "v",
      kind: "volume",
      anonymous: false,
      destination: "/etc/hosts",
      readonly: true,
      propagation: "rslave",
    },
  ] as const;
  const found = spec({}, { volumes }).mounts?.filter(({ destination }) => destination === "/etc/hosts");
  expect(found).toEqual([
    { destination: "/etc/hosts", type: "bind", source: "/volumes/v", options: ["rbind", "rslave", "ro"] },
  ]);
});

test.each([
  ["auto", "root:100000:65536\nsampan:200000:65536", 200_000],
  ["auto", "root:100000:65536", 100_000],
  ["0:300000:1000", "", 300_000],
])("user namespace %j begins at id %d of the host", (text, file, first) => {
  expect(remapOf(text, file, file)?.uids[0]?.hostID).toBe(first);
});

test.each(["yes", "0:0:1000", "1:100000:10", "0:4294967295:10", "0:1:0"])(
  "user namespace %j is refused",
  (text) => {
    expect(() => remapOf(text, "", "")).toThrow("cannot use user namespace");
  },
);
