import { expect, test } from "bun:test";
import { SampanError } from "../../base/errors.ts";
import type { CreateBody, HostConfig } from "../../spec/docker/create.ts";
import { parseCreateBody } from "../../spec/docker/parse-create.ts";
import { validateConfig } from "../../spec/oci/validate.ts";
import { settleContainer } from "./settle.ts";
import type { HostFacts } from "./spec/host.ts";
import { containerSpec } from "./spec.ts";

const host: HostFacts = {
  unifiedCgroups: true,
  swapLimit: true,
  bounding: -1n,
  devices: [],
  processors: 4,
  realtime: false,
  appArmor: false,
  kernel: "6.1.0",
  nodesAt: (path) => [{ path, type: "c", major: 1, minor: 3 }],
  limits: {},
  controllers: ["cpu", "memory"],
  hugepages: true,
};

const settle = (body: CreateBody) =>
  settleContainer({ body: { Image: "x", Cmd: ["true"], ...body }, image: {}, host });

test("a body is kept as it was asked for", () => {
  const body = { Image: "x", Cmd: ["a"], HostConfig: { Memory: 2 ** 26 }, Labels: { a: "b" } };
  expect(settleContainer({ body, image: { Env: ["A=1"] }, host })).toEqual({
    stored: { body, image: { Env: ["A=1"] }, remap: undefined, volumes: [] },
    warnings: [],
  });
});

test.each<[CreateBody, string]>([
  [{ Cmd: [] }, "neither an entry point nor a command"],
  [{ Hostname: "a b" }, 'cannot use hostname "a b"'],
  [{ Hostname: "a\n1.2.3.4\tb" }, "cannot use hostname"],
  [{ Hostname: "a#b" }, "cannot use hostname"],
  [{ StopSignal: "NOSUCH" }, "Invalid signal: NOSUCH"],
  [{ WorkingDir: "a/b" }, "the working directory 'a/b' is invalid"],
  [{ Domainname: "a\nb" }, "cannot use hostname"],
  [{ Env: ["=x"] }, "cannot set environment variable"],
  [{ HostConfig: { CapAdd: ["FLY"] } }, 'cannot change capability "FLY"'],
  [{ HostConfig: { Isolation: "hyperv" } }, 'cannot use isolation "hyperv"'],
  [{ HostConfig: { Links: ["db:a b"] } }, 'cannot link to "db:a b"'],
  [{ HostConfig: { Links: ["db:db"], NetworkMode: "none" } }, 'cannot link to "db"'],
  [{ HostConfig: { StorageOpt: { size: "10G" } } }, 'cannot use storage option "size"'],
  [{ HostConfig: { LogConfig: { Type: "syslog" } } }, 'cannot use log driver "syslog"'],
  [{ HostConfig: { VolumeDriver: "cloud" } }, 'cannot use volume driver "cloud"'],
  [{ HostConfig: { RestartPolicy: { Name: "always" }, AutoRemove: true } }, "exclude each other"],
  [{ HostConfig: { RestartPolicy: { Name: "no", MaximumRetryCount: 5 } } }, "maximum retry count can only"],
  [{ HostConfig: { Sysctls: { "kernel.panic": "1" } } }, 'cannot set sysctl "kernel.panic=1"'],
  [{ HostConfig: { Ulimits: [{ Name: "x", Soft: 1, Hard: 1 }] } }, 'cannot set ulimit "x"'],
  [{ HostConfig: { SecurityOpt: ["seccomp=/a.json"] } }, "cannot use the seccomp profile"],
  [{ HostConfig: { CgroupParent: "../up" } }, "cannot use cgroup parent"],
  [{ HostConfig: { Binds: ["/a:/"] } }, "the container's root"],
  [{ HostConfig: { DeviceCgroupRules: ["x"] } }, "cannot use device rule"],
  [
    { HostConfig: { SecurityOpt: ["writable-cgroups"], CgroupnsMode: "host" } },
    "cannot make cgroups writable",
  ],
  [{ HostConfig: { UsernsMode: "5:1:1" } }, "cannot use user namespace"],
])("%j is refused at create: %s", (body, why) => {
  expect(() => settle(body)).toThrow(why);
});

test("what does nothing here is taken with a warning", () => {
  expect(settle({ HostConfig: { OomKillDisable: true, MemorySwappiness: 5 } }).warnings).toHaveLength(2);
});

/** Numbers below `bound`, the same for the same seed (xorshift32). */
function randomFrom(seed: number): (bound: number) => number {
  let state = seed;
  return (bound) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % bound;
  };
}

const texts = [
  "",
  "host",
  "private",
  "none",
  "container:x",
  "bridge",
  "shareable",
  "a",
  "/x",
  "..",
  "1:2",
  "0-1",
  "ro",
  "a=b",
  "\n",
];
const numbers = [0, 1, -1, 100, 1000, 100_000, 2 ** 26, 2 ** 63, 1e9];
const fields = {
  texts: [
    "NetworkMode",
    "IpcMode",
    "PidMode",
    "UsernsMode",
    "CgroupParent",
    "CpusetCpus",
    "CpusetMems",
    "Runtime",
    "VolumeDriver",
  ],
  flags: ["Privileged", "ReadonlyRootfs", "AutoRemove", "Init", "OomKillDisable", "PublishAllPorts"],
  numbers:
    "Memory MemorySwap MemoryReservation NanoCpus CpuShares CpuPeriod CpuQuota PidsLimit ShmSize BlkioWeight".split(
      " ",
    ),
  lists:
    "Binds CapAdd CapDrop GroupAdd SecurityOpt ExtraHosts DnsSearch DnsOptions DeviceCgroupRules MaskedPaths VolumesFrom".split(
      " ",
    ),
  maps: ["Sysctls", "Tmpfs", "Annotations", "StorageOpt"],
} as const;
const words: readonly string[] = [
  ...texts,
  "/host:/in",
  "name:/in:ro",
  "/in",
  "SYS_ADMIN",
  "ALL",
  "seccomp=unconfined",
  "no-new-privileges",
  "db:10.0.0.1",
  "lan",
  "ndots:1",
  "c 1:3 rwm",
  "/proc/kcore",
];

function randomHost(random: (bound: number) => number): HostConfig {
  const pick = <T>(list: readonly T[]): T => list[random(list.length)] as T;
  const some = (list: readonly string[]) => list.filter(() => random(14) === 0);
  return Object.fromEntries([
    ...some(fields.texts).map((name) => [name, pick(texts)]),
    ...some(fields.flags).map((name) => [name, random(2) === 0]),
    ...some(fields.numbers).map((name) => [name, pick(numbers)]),
    ...some(fields.lists).map((name) => [name, [pick(words)]]),
    ...some(fields.maps).map((name) => [name, { [pick(words)]: pick(words) }]),
  ]) as HostConfig;
}

test("any body that is well formed is refused by name, or makes a valid configuration", () => {
  const random = randomFrom(4);
  let [taken, refused] = [0, 0];
  for (let turn = 0; turn < 3000; turn++) {
    try {
      const body = parseCreateBody({ Image: "x", Cmd: ["true"], HostConfig: randomHost(random) });
      const other = () => [];
      const { stored } = settleContainer({ body, image: {}, host, other });
      const joined = { ipc: "/proc/1/ns/ipc", pid: "/proc/1/ns/pid", network: "/run/ns" };
      const user = { uid: 0, gid: 0, additionalGids: [], home: "/" };
      const paths = { id: "c", rootfs: "/r", files: { "/etc/hosts": "/h" }, sourceOf: () => "/v", shm: "/s" };
      const spec = containerSpec({ ...paths, stored, host, user, joined, hostname: "h" });
      expect(() => validateConfig(spec)).not.toThrow();
      taken++;
    } catch (error) {
      if (!(error instanceof SampanError)) throw error;
      expect(error.message).toMatch(/^(?:cannot|invalid) /);
      refused++;
    }
  }
  expect(taken).toBeGreaterThan(100);
  expect(refused).toBeGreaterThan(1000);
});
