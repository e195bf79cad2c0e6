import { expect, test } from "bun:test";
import { ownLimits } from "./host.ts";
import { rlimits } from "./rlimits.ts";
import { sysctls } from "./sysctls.ts";

const limits = ownLimits(
  "Limit  Soft Limit  Hard Limit  Units\nMax open files   1024   4096   files\nMax processes   1   unlimited   p\n",
);
const able = { limits, bounding: -1n };
const unable = { limits, bounding: 0n };

test("ulimits have the kernel's names, and -1 is no limit", () => {
  expect(
    rlimits(
      [
        { Name: "nofile", Soft: 10, Hard: -1 },
        { Name: "CORE", Soft: -1, Hard: -1 },
      ],
      able,
    ),
  ).toEqual([
    { type: "RLIMIT_NOFILE", soft: 10, hard: 2n ** 64n - 1n },
    { type: "RLIMIT_CORE", soft: 2n ** 64n - 1n, hard: 2n ** 64n - 1n },
  ]);
});

test("a limit over our own is refused when we may not raise it, and not lowered in silence", () => {
  const over = [{ Name: "nofile", Soft: 10, Hard: 5000 }];
  expect(rlimits(over, able)).toHaveLength(1);
  expect(() => rlimits(over, unable)).toThrow("no CAP_SYS_RESOURCE and its own hard limit is 4096");
  expect(rlimits([{ Name: "nproc", Soft: 5, Hard: -1 }], unable)).toHaveLength(1);
});

test.each([
  [{ Name: "files", Soft: 1, Hard: 1 }, "wanted one of as, core"],
  [{ Name: "nofile", Soft: 5, Hard: 4 }, "over the hard one"],
  [{ Name: "nofile", Soft: -1, Hard: 4 }, "over the hard one"],
])("%j is refused", (limit, why) => {
  expect(() => rlimits([limit], able)).toThrow(why);
});

const own = { ownIds: false };

test("a network of its own has ping and low ports for everybody; none that is another's has", () => {
  expect(Object.keys(sysctls({}, own))).toHaveLength(2);
  for (const NetworkMode of ["host", "container:x"])
    expect(sysctls({ HostConfig: { NetworkMode } }, own)).toEqual({});
});

test("a parameter of a network that is the host's is refused", () => {
  const Sysctls = { "net.ipv4.ip_forward": "1" };
  expect(() => sysctls({ HostConfig: { NetworkMode: "host", Sysctls } }, own)).toThrow(
    "it would be the host's",
  );
  const queue = { "kernel.msgmax": "1" };
  expect(() => sysctls({ HostConfig: { IpcMode: "host", Sysctls: queue } }, own)).toThrow(
    "it would be the host's",
  );
});
