/** Over a folder that looks like resctrl: what it needs is a processor that few machines for tests have. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { madeFolders, rdtGroup, removeRdt, resctrlMount } from "./rdt.ts";

let root = "";

beforeEach(() => {
  root = mkdtempSync(`${tmpdir()}/resctrl-`);
  mkdirSync(`${root}/there`);
  writeFileSync(`${root}/there/schemata`, "    MB:0=100;1= 50\n    L3:0=7ff;1=01f\n");
});

afterEach(() => rmSync(root, { recursive: true }));

function counting(...features: readonly string[]): void {
  mkdirSync(`${root}/mon_groups`);
  mkdirSync(`${root}/info/L3_MON`, { recursive: true });
  writeFileSync(`${root}/info/L3_MON/mon_features`, `${features.join("\n")}\n`);
}

test("resctrl is where mountinfo says", () => {
  const line = "30 24 0:29 / /sys/fs/resctrl rw,relatime shared:9 - resctrl resctrl rw";
  expect(resctrlMount(`24 1 8:1 / / rw - ext4 /dev/sda rw\n${line}\n`)).toBe("/sys/fs/resctrl");
  expect(resctrlMount("24 1 8:1 / / rw - ext4 /dev/sda rw\n")).toBeUndefined();
});

describe("a container without closID", () => {
  test("gets a class of its id, and nothing is written to schemata unless it is asked for", () => {
    const group = rdtGroup({}, "c1", root);
    expect(group).toEqual({ dir: `${root}/c1`, make: true, named: false, schemata: [] });
    expect(madeFolders(group)).toEqual([`${root}/c1`]);
  });

  test("has its schemata written last, and the memory bandwidth of memBwSchema", () => {
    const rdt = { l3CacheSchema: "MB:0=10", memBwSchema: "MB:0=20", schemata: ["L3:0=f", "L2:0=3"] };
    expect(rdtGroup({ ...rdt, l3CacheSchema: "L3:0=ff\nMB:0=10" }, "c1", root).schemata).toEqual([
      { lines: ["L3:0=ff", "MB:0=20"], why: "linux.intelRdt.l3CacheSchema, memBwSchema" },
      { lines: ["L3:0=f", "L2:0=3"], why: "linux.intelRdt.schemata" },
    ]);
    expect(rdtGroup(rdt, "c1", root).schemata[0]?.lines).toEqual(["MB:0=20"]);
  });
});

describe("closID", () => {
  test("that is there is used as it is, and stays", () => {
    const group = rdtGroup({ closID: "there" }, "c1", root);
    expect(group).toEqual({ dir: `${root}/there`, make: false, named: true, schemata: [] });
    expect(madeFolders(group)).toEqual([]);
  });

  test("/ is the default class", () => {
    expect(rdtGroup({ closID: "/" }, "c1", root)).toMatchObject({ dir: root, make: false });
  });

  test("that is not there is made when there are schemata", () => {
    const group = rdtGroup({ closID: "new", schemata: ["L3:0=f"] }, "c1", root);
    expect(group).toMatchObject({ dir: `${root}/new`, make: true, named: true });
    expect(() => rdtGroup({ closID: "new" }, "c1", root)).toThrow(/linux\.intelRdt\.closID "new"/);
  });

  test("that is there with the same schemata is not written to", () => {
    const rdt = { closID: "there", l3CacheSchema: "L3:0=7FF;1=1f", memBwSchema: "MB:1=50" };
    expect(rdtGroup(rdt, "c1", root).schemata).toEqual([]);
  });

  test.each([
    [{ l3CacheSchema: "L3:0=7f0" }, "linux.intelRdt.l3CacheSchema"],
    [{ memBwSchema: "MB:2=50" }, "linux.intelRdt.memBwSchema"],
    [{ schemata: ["L2:0=f"] }, "linux.intelRdt.schemata"],
  ])("that is there with other schemata than %j is refused", (asked, field) => {
    expect(() => rdtGroup({ closID: "there", ...asked }, "c1", root)).toThrow(field);
  });
});

describe("monitoring", () => {
  test.each(["enableMonitoring", "enableCMT", "enableMBM"] as const)(
    "by %s is in a group of the container's",
    (field) => {
      counting("llc_occupancy", "mbm_local_bytes");
      const group = rdtGroup({ closID: "there", [field]: true }, "c1", root);
      const dir = `${root}/there/mon_groups/c1`;
      expect(group.monitor).toEqual({ dir, why: `linux.intelRdt.${field}` });
      expect(madeFolders(group)).toEqual([dir]);
    },
  );

  test.each(["enableMonitoring", "enableCMT", "enableMBM"] as const)(
    "by %s is refused on a processor that cannot",
    (field) => {
      expect(() => rdtGroup({ [field]: true }, "c1", root)).toThrow(`linux.intelRdt.${field}`);
    },
  );

  test("by enableMBM is refused when only the cache is counted", () => {
    counting("llc_occupancy");
    expect(() => rdtGroup({ enableMBM: true }, "c1", root)).toThrow("linux.intelRdt.enableMBM");
    expect(rdtGroup({ enableCMT: true, enableMBM: false }, "c1", root).monitor).toBeDefined();
  });

  test("that is not asked for makes no group", () => {
    counting("llc_occupancy");
    expect(rdtGroup({ enableMonitoring: false }, "c1", root).monitor).toBeUndefined();
  });
});

test("without resctrl the field is refused", () => {
  const mounted = resctrlMount();
  if (mounted === undefined)
    expect(() => rdtGroup({}, "c1")).toThrow("linux.intelRdt: resctrl is not mounted");
  else expect(rdtGroup({}, "c1").dir).toBe(`${mounted}/c1`);
});

test("a class with a name goes only when nobody is in it", () => {
  const dir = `${root}/c`;
  mkdirSync(dir);
  writeFileSync(`${dir}/tasks`, `${process.pid}\n`);
  removeRdt([dir], true);
  expect(existsSync(dir)).toBe(true);
  rmSync(`${dir}/tasks`);
  removeRdt([dir], true);
  expect(existsSync(dir)).toBe(false);
});
