import { describe, expect, test } from "bun:test";
import type { OciResources } from "../../../../spec/oci/config.ts";
import { resourceProperties, unitProperties } from "./properties.ts";
import { parseSystemdPath } from "./unit.ts";
import { annotatedProperties, parseVariant, type Property } from "./variant.ts";

/** `Name=value`, with `infinity` for 2^64-1. */
function lines(properties: readonly Property[]): string[] {
  return properties.map(({ name, value }) => {
    const text =
      value === 2n ** 64n - 1n ? "infinity" : value instanceof Uint8Array ? value.join() : String(value);
    return `${name}=${text}`;
  });
}

const of = (version: 1 | 2, resources: OciResources, systemd = 252): string[] =>
  lines(resourceProperties({ resources, version, systemd }));

test("a scope is in its slice, delegated, accounted, and has the process", () => {
  const unit = parseSystemdPath("pods.slice:cri:web", "c1");
  expect(unitProperties({ unit, version: 2, pid: 42 })).toEqual([
    { name: "Description", signature: "s", value: "sampan container web" },
    { name: "Slice", signature: "s", value: "pods.slice" },
    { name: "Delegate", signature: "b", value: true },
    { name: "PIDs", signature: "au", value: [42] },
    { name: "MemoryAccounting", signature: "b", value: true },
    { name: "CPUAccounting", signature: "b", value: true },
    { name: "IOAccounting", signature: "b", value: true },
    { name: "TasksAccounting", signature: "b", value: true },
    { name: "DefaultDependencies", signature: "b", value: false },
  ]);
});

test("a slice wants its parent, and v1 counts block I/O under its old name", () => {
  const unit = parseSystemdPath("a.slice:x:a-b.slice", "c1");
  const text = lines(unitProperties({ unit, version: 1, pid: 1 }));
  expect(text).toContain("Wants=a.slice");
  expect(text).toContain("BlockIOAccounting=true");
  expect(text).not.toContain("Delegate=true");
});

describe("resources", () => {
  test.each([
    [{ limit: 100 }, ["MemoryMax=100"]],
    [{ limit: -1 }, ["MemoryMax=infinity", "MemorySwapMax=infinity"]],
    [{ limit: 100, swap: 150, reservation: 50 }, ["MemoryMax=100", "MemoryLow=50", "MemorySwapMax=50"]],
    [{ limit: 0 }, []],
  ])("of memory %j are %j on v2", (memory, wanted) => {
    expect(of(2, { memory })).toEqual(wanted);
  });

  test.each([
    [{ shares: 1024 }, ["CPUWeight=39"]],
    [{ shares: 1024, idle: 1 }, ["CPUWeight=0"]],
    [{ quota: 50_000 }, ["CPUQuotaPerSecUSec=500000"]],
    [{ quota: 33_333, period: 100_000 }, ["CPUQuotaPeriodUSec=100000", "CPUQuotaPerSecUSec=340000"]],
    [{ quota: -1, period: 5000 }, ["CPUQuotaPeriodUSec=5000", "CPUQuotaPerSecUSec=infinity"]],
    [{ period: 5000 }, ["CPUQuotaPeriodUSec=5000", "CPUQuotaPerSecUSec=infinity"]],
    [{ cpus: "0-1,9", mems: "0" }, ["AllowedCPUs=3,2", "AllowedMemoryNodes=1"]],
  ])("of cpu %j are %j on v2", (cpu, wanted) => {
    expect(of(2, { cpu })).toEqual(wanted);
  });

  test("that an old systemd does not know are left to the files", () => {
    const cpu = { cpus: "0", period: 5, idle: 1, shares: 1024 };
    expect(of(2, { cpu }, 241)).toEqual(["CPUWeight=39", "CPUQuotaPerSecUSec=infinity"]);
  });

  test("on v1 have v1's names", () => {
    const resources = {
      memory: { limit: 9, swap: 10 },
      cpu: { shares: 7 },
      blockIO: { weight: 10 },
      pids: { limit: -1 },
    };
    expect(of(1, resources)).toEqual([
      "MemoryLimit=9",
      "CPUShares=7",
      "BlockIOWeight=10",
      "TasksMax=infinity",
    ]);
  });

  test("in unified are told where systemd has a property", () => {
    const unified = {
      "cpu.max": "20000 10000",
      "cpu.weight": "5",
      "memory.high": "max",
      "memory.oom.group": "1",
      "cpuset.cpus": "1",
      "pids.max": "3",
    };
    expect(of(2, { unified })).toEqual([
      "CPUQuotaPeriodUSec=10000",
      "CPUQuotaPerSecUSec=2000000",
      "CPUWeight=5",
      "MemoryHigh=infinity",
      "AllowedCPUs=2",
      "TasksMax=3",
    ]);
    expect(of(2, { unified: { "cpu.idle": "1", "cpu.weight": "5" } })).toEqual(["CPUWeight=0"]);
    expect(() => of(2, { unified: { "memory.max": "lots" } })).toThrow(
      'linux.resources.unified["memory.max"] "lots"',
    );
  });

  test("with a CPU list that is none are refused, naming the field", () => {
    expect(() => of(2, { cpu: { cpus: "a" } })).toThrow("linux.resources.cpu.cpus");
  });
});

describe("device rules", () => {
  const devices = (resources: OciResources, systemd = 252): Property[] =>
    resourceProperties({ resources, version: 2, systemd, devices: [] });

  test("are a strict list in systemd's words", () => {
    const [clear, policy, list] = devices({ devices: [{ allow: true, type: "b", major: 8, access: "r" }] });
    expect(clear).toEqual({ name: "DeviceAllow", signature: "a(ss)", value: [] });
    expect(policy).toEqual({ name: "DevicePolicy", signature: "s", value: "strict" });
    expect(list?.value).toEqual(
      expect.arrayContaining([
        ["char-*", "m"],
        ["block-*", "m"],
        ["/dev/char/1:3", "rwm"],
        ["char-136", "rwm"],
        ["block-8", "r"],
      ]),
    );
    expect(JSON.stringify(devices({}, 239))).not.toContain("char-136");
  });

  test("that allow all are no list, and those that deny some are left to the cgroup", () => {
    const all = { allow: true, access: "rwm" };
    expect(lines(devices({ devices: [all] }))).toEqual(["DeviceAllow=", "DevicePolicy=auto"]);
    const some = [all, { allow: false, type: "c", major: 4, access: "w" }] as const;
    expect(lines(devices({ devices: [...some] }))).toEqual(["DeviceAllow=", "DevicePolicy=strict"]);
  });

  test("are left alone when linux.devices is not given", () => {
    expect(of(2, { devices: [{ allow: true, access: "r" }] })).toEqual([]);
  });
});

describe("annotations", () => {
  const at = (name: string, text: string) =>
    annotatedProperties({ [`org.systemd.property.${name}`]: text, other: "x" });

  test.each([
    ["CollectMode", "'inactive-or-failed'", "s", "inactive-or-failed"],
    ["SendSIGHUP", "true", "b", true],
    ["TasksMax", "uint64 5", "t", 5n],
    ["OOMScoreAdjust", "-7", "i", -7],
    ["After", "['a.service', \"b,c\"]", "as", ["a.service", "b,c"]],
    ["Wants", "[]", "as", []],
    ["TimeoutStopUSec", "uint64 0x10", "t", 16n],
    ["TimeoutStopSec", "uint64 3", "t", 3_000_000n],
    ["TimeoutStopSec", "2.5", "t", 2_500_000n],
    ["Ratio", "double 2", "d", 2],
  ])("%s=%s is a property", (name, text, signature, value) => {
    const wanted = name.endsWith("StopSec") ? "TimeoutStopUSec" : name;
    expect(at(name, text)).toEqual([{ name: wanted, signature, value }]);
  });

  test.each([
    ["ab", "true"],
    ["No1", "true"],
    ["Name", "inactive"],
    ["Name", "['a', 5]"],
    ["Name", "uint99 5"],
    ["TimeoutStopSec", "'soon'"],
  ])("%s=%s is refused, naming the annotation", (name, text) => {
    expect(() => at(name, text)).toThrow(`cannot use annotation "org.systemd.property.${name}"`);
  });

  test("have quotes by backslash", () => {
    expect(parseVariant("'it\\'s'")?.value).toBe("it's");
  });
});
