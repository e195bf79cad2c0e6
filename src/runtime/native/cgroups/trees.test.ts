/** What reads and writes files of control groups, on trees of ordinary files that look like them. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { op } from "../plan/operations.ts";
import { applySteps } from "./apply.ts";
import { oomEvents, pressureEvents } from "./events.ts";
import { freezeCgroups, freezerState, thawCgroups } from "./freeze.ts";
import { killCgroups, signalCgroups } from "./kill.ts";
import { type CgroupDirs, cgroupPids, cgroupsEmpty, cgroupsExist, mainDir } from "./procs.ts";
import { removeCgroups } from "./remove.ts";
import { containerStats, statsEvent } from "./stats.ts";
import { updateSteps } from "./update.ts";

let root = "";
beforeEach(() => {
  root = mkdtempSync(`${tmpdir()}/cgroups-`);
});
afterEach(() => rmSync(root, { recursive: true }));

function put(files: Record<string, string>): void {
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(`${root}/${name}`.replace(/\/[^/]*$/, ""), { recursive: true });
    writeFileSync(`${root}/${name}`, content);
  }
}

const get = (name: string): string => readFileSync(`${root}/${name}`, "utf8");
const v2 = (): CgroupDirs => ({ version: 2, dirs: { "": root } });
const refusal = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => "nothing was refused",
    (error: Error) => error.message,
  );
const patience = { timeoutMs: 10_000 };
const impatience = { timeoutMs: 3 };

describe("operations carried out here", () => {
  const write = (file: string, data: string) => op("write", { path: `${root}/${file}`, data }, "linux.x");

  test("write to files that are there, and skip as they are told to", () => {
    put({ a: "", b: "", c: "" });
    const missing = { ...write("missing", "1"), tolerate: { errnos: [2], skip: 1 } };
    applySteps([write("a", "1"), missing, write("b", "2"), write("c", "3")]);
    expect([get("a"), get("b"), get("c")]).toEqual(["1", "", "3"]);
  });

  test("make no file, and name the field when one is missing", () => {
    expect(() => applySteps([write("missing", "1")])).toThrow(
      `cannot set linux.x to "1": ${root}/missing: no such file or directory (ENOENT)`,
    );
  });

  test("are writes and new directories only", () => {
    expect(() => applySteps([op("unlink", { path: root }, "linux.x")])).toThrow('operation "unlink"');
  });
});

describe("the v2 freezer", () => {
  test("is done when cgroup.events says so", async () => {
    put({ "cgroup.freeze": "0\n", "cgroup.events": "populated 1\nfrozen 1\n" });
    expect(await freezerState(v2(), patience)).toBe("thawed");
    await freezeCgroups(v2(), patience);
    expect(get("cgroup.freeze")).toBe("1\n");
    expect(await freezerState(v2(), patience)).toBe("frozen");
    thawCgroups(v2());
    expect(get("cgroup.freeze")).toBe("0\n");
  });

  test("that does not get done in time lets go again", async () => {
    put({ "cgroup.freeze": "0\n", "cgroup.events": "populated 1\nfrozen 0\n" });
    expect(await refusal(freezeCgroups(v2(), impatience))).toContain(
      "cannot freeze the container: it is not done after 3 ms",
    );
    expect(get("cgroup.freeze")).toBe("0\n");
  });

  test("can be cancelled", async () => {
    put({ "cgroup.freeze": "0\n", "cgroup.events": "frozen 0\n" });
    const signal = AbortSignal.abort();
    expect(await refusal(freezeCgroups(v2(), { ...patience, signal }))).toContain("it was cancelled");
  });

  test("is needed to pause", async () => {
    const none: CgroupDirs = { version: 1, dirs: {} };
    expect(await freezerState(none, patience)).toBeUndefined();
    expect(await refusal(freezeCgroups(none, patience))).toContain(
      "cannot pause the container: it has no freezer cgroup",
    );
    expect(() => thawCgroups(none)).toThrow("cannot resume the container");
  });
});

describe("processes", () => {
  test("are those of all cgroups below too", () => {
    put({ "cgroup.procs": "1\n2\n", "a/cgroup.procs": "3\n", "a/b/cgroup.procs": "" });
    expect(cgroupPids(v2())).toEqual([1, 2, 3]);
    expect(cgroupsEmpty(v2())).toBe(false);
    expect(cgroupsExist(v2())).toBe(true);
  });

  test("of a cgroup that is gone are none", () => {
    const gone: CgroupDirs = { version: 1, dirs: { pids: `${root}/gone` } };
    expect(cgroupPids(gone)).toEqual([]);
    expect(cgroupsExist(gone)).toBe(false);
    expect(cgroupPids({ version: 1, dirs: {} })).toEqual([]);
  });

  test("are asked for in the devices hierarchy first", () => {
    expect(mainDir({ version: 1, dirs: { cpu: "/a", pids: "/b", devices: "/c" } })).toBe("/c");
    expect(mainDir({ version: 1, dirs: { cpu: "/a", pids: "/b" } })).toBe("/b");
    expect(mainDir({ version: 1, dirs: { cpu: "/a" } })).toBe("/a");
  });

  test("are killed at once where the kernel can", async () => {
    put({ "cgroup.kill": "", "cgroup.procs": "" });
    await signalCgroups(v2(), 9, patience);
    expect(get("cgroup.kill")).toBe("1");
  });

  test("are not asked for where there are none", async () => {
    put({ "cgroup.kill": "", "cgroup.procs": "" });
    await killCgroups(v2(), patience);
    expect(get("cgroup.kill")).toBe("");
  });
});

describe("removal", () => {
  test("goes from the inside out", async () => {
    mkdirSync(`${root}/c/a/b`, { recursive: true });
    await removeCgroups({ dirs: { "": `${root}/c`, pids: `${root}/not-there` } }, patience);
    expect(cgroupsExist({ version: 2, dirs: { "": `${root}/c` } })).toBe(false);
  });

  test("tries all, and names what is left", async () => {
    put({ "c/file": "" });
    mkdirSync(`${root}/d`);
    expect(await refusal(removeCgroups({ dirs: { a: `${root}/c`, b: `${root}/d` } }, impatience))).toContain(
      `${root}/c`,
    );
    expect(cgroupsExist({ version: 2, dirs: { "": `${root}/d` } })).toBe(false);
  });
});

describe("v2 memory events", () => {
  const events = (kills: number, high = 0) =>
    put({ "memory.events": `low 0\nhigh ${high}\nmax 0\noom 0\noom_kill ${kills}\n` });

  test("come once for each kill from now on, and end with the last process", async () => {
    events(3);
    put({ "cgroup.events": "populated 1\n" });
    const iterator = oomEvents(v2(), new AbortController().signal)[Symbol.asyncIterator]();
    const first = iterator.next();
    events(5);
    expect((await first).done).toBe(false);
    expect((await iterator.next()).done).toBe(false);
    const end = iterator.next();
    put({ "cgroup.events": "populated 0\n" });
    expect((await end).done).toBe(true);
  });

  test("of pressure follow their own counter, and end when they are aborted", async () => {
    events(0);
    put({ "cgroup.events": "populated 1\n" });
    const controller = new AbortController();
    const iterator = pressureEvents(v2(), "medium", controller.signal)[Symbol.asyncIterator]();
    const first = iterator.next();
    events(7, 1);
    expect((await first).done).toBe(false);
    const end = iterator.next();
    controller.abort();
    expect((await end).done).toBe(true);
  });

  test("need a memory cgroup", () => {
    const { signal } = new AbortController();
    expect(() => oomEvents({ version: 1, dirs: {} }, signal)).toThrow("it has no memory cgroup");
    expect(() => oomEvents(v2(), signal)).toThrow(`cannot watch "${root}/memory.events"`);
  });
});

describe("an update with checkBeforeUpdate", () => {
  test.each([
    [{ limit: 100 }, "memory.limit to 100: 100 bytes are in use"],
    [{ limit: 200, swap: 100 }, "memory.swap to 100: 100 bytes are in use"],
  ])("to %j is refused on v2, where the kernel would kill", (memory, text) => {
    put({ "memory.current": "100\n", "cgroup.controllers": "memory\n" });
    const update = (check: boolean) => updateSteps({ memory: { ...memory, checkBeforeUpdate: check } }, v2());
    expect(() => update(true)).toThrow(text);
    if (!("swap" in memory)) expect(update(false)).toHaveLength(1);
  });
});

describe("statistics", () => {
  test("of v2 are in v1's terms", () => {
    put({
      "cpu.stat":
        "usage_usec 5\nuser_usec 3\nsystem_usec 2\nnr_periods 7\nnr_throttled 1\nthrottled_usec 4\n",
      "cpu.pressure":
        "some avg10=1.25 avg60=0.50 avg300=0.00 total=99\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=1\n",
      "memory.stat": "file 30\nanon 20\n",
      "memory.current": "100\n",
      "memory.max": "max\n",
      "memory.peak": "120\n",
      "memory.swap.current": "11\n",
      "memory.swap.max": "50\n",
      "pids.current": "4\n",
      "pids.max": "max\n",
      "io.stat": "8:0 rbytes=10 wbytes=20 rios=1 wios=2 dbytes=0 dios=0\n253:1 rbytes=5\n",
      "hugetlb.2MB.current": "6\n",
      "hugetlb.2MB.rsvd.current": "8\n",
      "hugetlb.2MB.events": "max 3\n",
    });
    expect(JSON.parse(statsEvent("c", containerStats(v2())))).toEqual({
      type: "stats",
      id: "c",
      data: {
        cpu: {
          usage: { total: 5000, kernel: 2000, user: 3000 },
          throttling: { periods: 7, throttledPeriods: 1, throttledTime: 4000 },
          psi: {
            some: { avg10: 1.25, avg60: 0.5, avg300: 0, total: 99 },
            full: { avg10: 0, avg60: 0, avg300: 0, total: 1 },
          },
        },
        cpuset: {
          cpu_exclusive: 0,
          mem_hardwall: 0,
          mem_exclusive: 0,
          memory_migrate: 0,
          memory_spread_page: 0,
          memory_spread_slab: 0,
          memory_pressure: 0,
          sched_load_balance: 0,
          sched_relax_domain_level: 0,
        },
        memory: {
          cache: 30,
          usage: { limit: 18446744073709552000, usage: 100, max: 120, failcnt: 0 },
          swap: { limit: 18446744073709552000, usage: 111, failcnt: 0 },
          kernel: { limit: 0, failcnt: 0 },
          kernelTCP: { limit: 0, failcnt: 0 },
          raw: { anon: 20, file: 30 },
        },
        pids: { current: 4 },
        blkio: {
          ioServiceBytesRecursive: [
            { major: 8, op: "Read", value: 10 },
            { major: 8, op: "Write", value: 20 },
            { major: 253, minor: 1, op: "Read", value: 5 },
          ],
          ioServicedRecursive: [
            { major: 8, op: "Read", value: 1 },
            { major: 8, op: "Write", value: 2 },
          ],
        },
        hugetlb: { "2MB": { usage: 8, failcnt: 3 } },
        intel_rdt: {},
        network_interfaces: null,
      },
    });
  });

  test("keep numbers above 2^53 exact", () => {
    put({ "memory.max": "max\n", "memory.current": "9007199254740993\n" });
    expect(statsEvent("c", containerStats(v2()))).toContain(
      '"limit":18446744073709551615,"usage":9007199254740993',
    );
  });

  test("of v1 take the block I/O files of the scheduler that is there", () => {
    const blkio = () => containerStats({ version: 1, dirs: { blkio: root } }).blkio;
    put({
      "blkio.throttle.io_service_bytes": "8:0 Read 5\n8:0 Total 5\nTotal 5\n",
      "blkio.throttle.io_serviced_recursive": "",
    });
    expect(blkio()).toEqual({
      ioServiceBytesRecursive: [
        { major: 8n, minor: undefined, op: "Read", value: 5n },
        { major: 8n, minor: undefined, op: "Total", value: 5n },
      ],
    });
    put({ "blkio.bfq.io_serviced_recursive": "8:16 Write 2\n", "blkio.bfq.time_recursive": "8:16 77\n" });
    expect(blkio()).toEqual({
      ioServicedRecursive: [{ major: 8n, minor: 16n, op: "Write", value: 2n }],
      ioTimeRecursive: [{ major: 8n, minor: 16n, op: undefined, value: 77n }],
    });
  });

  test("of v1 have processor time in nanoseconds, by mode and processor", () => {
    put({
      "cpuacct.usage": "500\n",
      "cpuacct.stat": "user 3\nsystem 4\n",
      "cpuacct.usage_percpu": "200 300 \n",
      "cpuacct.usage_all": "cpu user system\n0 150 50\n1 200 100\n",
    });
    expect(containerStats({ version: 1, dirs: { cpuacct: root } }).cpu.usage).toEqual({
      total: 500n,
      percpu: [200n, 300n],
      percpu_kernel: [50n, 100n],
      percpu_user: [150n, 200n],
      kernel: 40_000_000n,
      user: 30_000_000n,
    });
  });

  test("of v1 count huge pages by reservation where the kernel does", () => {
    put({
      "hugetlb.2MB.usage_in_bytes": "1\n",
      "hugetlb.2MB.rsvd.usage_in_bytes": "2\n",
      "hugetlb.2MB.rsvd.max_usage_in_bytes": "3\n",
      "hugetlb.2MB.rsvd.failcnt": "4\n",
      "hugetlb.1GB.usage_in_bytes": "5\n",
    });
    expect(containerStats({ version: 1, dirs: { hugetlb: root } }).hugetlb).toEqual({
      "1GB": { usage: 5n, max: undefined, failcnt: 0n },
      "2MB": { usage: 2n, max: 3n, failcnt: 4n },
    });
  });
});
