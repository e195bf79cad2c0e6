import { expect, test } from "bun:test";
import { bestPlatform, formatPlatform, hostPlatform, normalPlatform, parsePlatform } from "./platform.ts";
import type { Platform } from "./types.ts";

test.each([
  ["linux/amd64", "linux/amd64"],
  ["linux/x86_64", "linux/amd64"],
  ["linux/amd64/v1", "linux/amd64"],
  ["linux/amd64/v3", "linux/amd64/v3"],
  ["linux/aarch64", "linux/arm64"],
  ["linux/arm64/v8", "linux/arm64"],
  ["linux/arm", "linux/arm/v7"],
  ["linux/armel", "linux/arm/v6"],
  ["linux/arm/6", "linux/arm/v6"],
  ["Linux/ARM64", "linux/arm64"],
])("%s is written as %s", (text, normal) => {
  expect(formatPlatform(parsePlatform(text))).toBe(normal);
});

test("one word is an architecture of this system, or a system of this architecture", () => {
  expect(parsePlatform("riscv64")).toEqual({ os: hostPlatform().os, architecture: "riscv64" });
  expect(parsePlatform("windows")).toEqual({ ...hostPlatform(), os: "windows" });
});

test.each(["", "a/b/c/d", "linux//v7", "linux/am d64", "../etc"])("%p is no platform", (text) => {
  expect(() => parsePlatform(text)).toThrow("wanted os/architecture");
});

test("words that every object knows are words like others", () => {
  for (const word of ["constructor", "__proto__", "toString", "hasOwnProperty"]) {
    const platform = { os: word, architecture: word, variant: word };
    expect(JSON.parse(JSON.stringify(normalPlatform(platform)))).toEqual(
      Object.assign(normalPlatform({ os: "x", architecture: "x" }), platform, {
        os: word.toLowerCase(),
        architecture: word.toLowerCase(),
        variant: word.toLowerCase(),
      }),
    );
    expect(bestPlatform([platform], (each) => each)).toBeUndefined();
    expect(bestPlatform([platform], (each) => each, platform)).toBe(platform);
  }
});

test("version and features of the system stay", () => {
  const platform = { os: "windows", architecture: "x86_64", "os.version": "10.0.1" };
  expect(normalPlatform(platform)).toEqual({ os: "windows", architecture: "amd64", "os.version": "10.0.1" });
});

const best = (have: string[], wanted: string) => {
  const platforms: Platform[] = have.map(parsePlatform);
  const found = bestPlatform(platforms, (platform) => platform, parsePlatform(wanted));
  return found && formatPlatform(found);
};

test.each([
  [["linux/arm/v5", "linux/arm/v7", "linux/arm/v6"], "linux/arm", "linux/arm/v7"],
  [["linux/arm/v5", "linux/arm/v6"], "linux/arm/v7", "linux/arm/v6"],
  [["linux/arm/v7"], "linux/arm/v6", undefined],
  [["linux/amd64", "linux/amd64/v2"], "linux/amd64/v3", "linux/amd64/v2"],
  [["linux/amd64/v2"], "linux/amd64", undefined],
  [["linux/arm/v7"], "linux/arm64", undefined],
  [["linux/s390x", "windows/amd64"], "linux/amd64", undefined],
])("of %j for %s it takes %s", (have, wanted, taken) => {
  expect(best(have, wanted)).toBe(taken);
});

test("without a wish the host's platform is taken, whatever stands first", () => {
  const platforms = [
    { os: "unknown", architecture: "unknown" },
    { os: "linux", architecture: "s390x" },
    hostPlatform(),
  ];
  expect(bestPlatform(platforms, (platform) => platform)).toEqual(hostPlatform());
});
