/** Plans carried out on this host's v1 hierarchies, in cgroups of their own below the caller's. */
import { afterEach, describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import type { OciResources } from "../../../spec/oci/config.ts";
import { op } from "../plan/operations.ts";
import { applySteps } from "./apply.ts";
import { oomEvents, pressureEvents } from "./events.ts";
import { freezeCgroups, freezerState, thawCgroups } from "./freeze.ts";
import { cgroupHost } from "./host.ts";
import { killCgroups, signalCgroups } from "./kill.ts";
import { cgroupPaths } from "./paths.ts";
import { planCgroups } from "./plan.ts";
import { type CgroupDirs, cgroupPids, cgroupsEmpty, cgroupsExist } from "./procs.ts";
import { removeCgroups } from "./remove.ts";
import { containerStats, statsEvent } from "./stats.ts";
import { updateSteps } from "./update.ts";
import { until } from "./wait.ts";

const host = cgroupHost();
const v1 = describe.skipIf(host.mode !== "v1" && host.mode !== "hybrid");
const patience = { timeoutMs: 10_000 };
const made: CgroupDirs[] = [];
const children: Bun.Subprocess[] = [];

afterEach(async () => {
  for (const child of children.splice(0)) {
    child.kill("SIGKILL");
    await child.exited;
  }
  for (const paths of made.splice(0)) {
    await killCgroups(paths, patience);
    await removeCgroups(paths, patience);
  }
});

interface Made extends CgroupDirs {
  readonly join: readonly string[];
  /** A file's content; `file` begins with its controller. */
  read(file: string): string;
}

function make(resources: OciResources = {}, id = `sampan-test-${crypto.randomUUID()}`): Made {
  const paths = cgroupPaths({ id, host, driver: "cgroupfs" });
  made.push(paths);
  const plan = planCgroups({ paths, resources });
  applySteps(plan.create);
  return {
    ...paths,
    join: plan.join,
    read: (file) => readFileSync(`${paths.dirs[file.slice(0, file.indexOf("."))]}/${file}`, "utf8").trim(),
  };
}

/** A shell that joins the cgroups itself, says so, and goes on with the script. */
async function startIn(cgroup: Made, script = "exec sleep 1000"): Promise<Bun.Subprocess> {
  const joins = cgroup.join.map((file) => `echo $$ > '${file}'`).join(" && ");
  const child = Bun.spawn(["sh", "-c", `${joins} && echo in && ${script}`], {
    stdout: "pipe",
    stderr: "ignore",
  });
  children.push(child);
  const { value } = await child.stdout.getReader().read();
  expect(new TextDecoder().decode(value)).toBe("in\n");
  return child;
}

v1("a plan", () => {
  test("makes every hierarchy's cgroup with its limits", () => {
    const cgroup = make({
      memory: {
        limit: 64 << 20,
        swap: 96 << 20,
        reservation: 32 << 20,
        swappiness: 7,
        disableOOMKiller: true,
      },
      cpu: { shares: 512, quota: 50_000, period: 200_000, burst: 10_000, cpus: "0", mems: "0" },
      pids: { limit: 17 },
    });
    expect(cgroup.read("memory.limit_in_bytes")).toBe(String(64 << 20));
    expect(cgroup.read("memory.memsw.limit_in_bytes")).toBe(String(96 << 20));
    expect(cgroup.read("memory.soft_limit_in_bytes")).toBe(String(32 << 20));
    expect(cgroup.read("memory.swappiness")).toBe("7");
    expect(cgroup.read("memory.oom_control")).toContain("oom_kill_disable 1");
    expect(cgroup.read("cpu.shares")).toBe("512");
    expect(cgroup.read("cpu.cfs_quota_us")).toBe("50000");
    expect(cgroup.read("cpu.cfs_period_us")).toBe("200000");
    expect(cgroup.read("cpu.cfs_burst_us")).toBe("10000");
    expect(cgroup.read("cpuset.cpus")).toBe("0");
    expect(cgroup.read("pids.max")).toBe("17");
    expect(Object.keys(cgroup.dirs)).toContain("name=systemd");
  });

  test("takes the fields that not every kernel has, where this one has them", () => {
    const cgroup = make({
      memory: { useHierarchy: true, limit: -1 },
      cpu: { idle: 1, burst: 0 },
      pids: { limit: 0 },
    });
    expect(cgroup.read("memory.use_hierarchy")).toBe("1");
    expect(cgroup.read("cpu.idle")).toBe("1");
    expect(cgroup.read("pids.max")).toBe("max");
  });

  test("throttles a block device", () => {
    const [name = ""] = readdirSync("/sys/block");
    const [major = 0, minor = 0] = readFileSync(`/sys/block/${name}/dev`, "utf8").split(":").map(Number);
    const device = (rate: number) => [{ major, minor, rate }];
    const cgroup = make({
      blockIO: {
        throttleReadBpsDevice: device(1 << 20),
        throttleWriteBpsDevice: device(2 << 20),
        throttleReadIOPSDevice: device(100),
        throttleWriteIOPSDevice: device(200),
      },
    });
    expect(cgroup.read("blkio.throttle.read_bps_device")).toBe(`${major}:${minor} ${1 << 20}`);
    expect(cgroup.read("blkio.throttle.write_bps_device")).toBe(`${major}:${minor} ${2 << 20}`);
    expect(cgroup.read("blkio.throttle.read_iops_device")).toBe(`${major}:${minor} 100`);
    expect(cgroup.read("blkio.throttle.write_iops_device")).toBe(`${major}:${minor} 200`);
  });

  test("sets the weight in the file of the scheduler that there is, and says so when there is none", () => {
    const cgroup = make();
    const file = ["blkio.weight", "blkio.bfq.weight"].find((name) =>
      existsSync(`${cgroup.dirs["blkio"]}/${name}`),
    );
    if (file === undefined)
      expect(() => make({ blockIO: { weight: 300 } })).toThrow("linux.resources.blockIO.weight");
    else expect(make({ blockIO: { weight: 300 } }).read(file)).toContain("300");
  });

  test("gives a cpuset what its parent has", () => {
    const cgroup = make();
    const root = (file: string) => readFileSync(`${host.v1["cpuset"]?.mountPoint}/${file}`, "utf8").trim();
    expect(cgroup.read("cpuset.cpus")).toBe(root("cpuset.cpus"));
    expect(cgroup.read("cpuset.mems")).toBe(root("cpuset.mems"));
  });

  test("leaves exactly the allowed devices, also when it is carried out again", () => {
    const id = `sampan-test-${crypto.randomUUID()}`;
    const devices = [
      { allow: false, access: "rwm" },
      { allow: true, type: "b", major: 8, minor: 0, access: "r" },
    ] as const;
    const list = () =>
      make({ devices: [...devices] }, id)
        .read("devices.list")
        .split("\n")
        .sort();
    const wanted = [
      "b *:* m",
      "b 8:0 r",
      "c *:* m",
      "c 10:200 rwm",
      "c 136:* rwm",
      "c 1:3 rwm",
      "c 1:5 rwm",
      "c 1:7 rwm",
    ];
    wanted.push("c 1:8 rwm", "c 1:9 rwm", "c 5:0 rwm", "c 5:2 rwm");
    expect(list()).toEqual(wanted.sort());
    expect(list()).toEqual(wanted);
  });

  test("for a cgroup that has limits already takes an order that the kernel takes", () => {
    const id = `sampan-test-${crypto.randomUUID()}`;
    const first = {
      memory: { limit: 32 << 20, swap: 32 << 20 },
      cpu: { quota: 20_000, period: 100_000, burst: 20_000 },
    };
    const second = {
      memory: { limit: 64 << 20, swap: 64 << 20 },
      cpu: { quota: 5_000, period: 10_000, burst: 1_000 },
    };
    for (const resources of [first, second, first]) {
      const cgroup = make(resources, id);
      expect(cgroup.read("memory.limit_in_bytes")).toBe(String(resources.memory.limit));
      expect(cgroup.read("memory.memsw.limit_in_bytes")).toBe(String(resources.memory.swap));
      expect(cgroup.read("cpu.cfs_quota_us")).toBe(String(resources.cpu.quota));
      expect(cgroup.read("cpu.cfs_burst_us")).toBe(String(resources.cpu.burst));
    }
  });
});

v1("an update", () => {
  test("changes limits up and down, and lifts them", () => {
    const cgroup = make({ memory: { limit: 32 << 20, swap: 32 << 20 }, pids: { limit: 5 } });
    const update = (resources: OciResources) => applySteps(updateSteps(resources, cgroup));
    update({ memory: { limit: 128 << 20, swap: 128 << 20 }, pids: { limit: -1 }, cpu: { shares: 100 } });
    expect(cgroup.read("memory.limit_in_bytes")).toBe(String(128 << 20));
    expect(cgroup.read("pids.max")).toBe("max");
    expect(cgroup.read("cpu.shares")).toBe("100");
    update({ memory: { limit: 16 << 20, swap: 20 << 20 } });
    expect(cgroup.read("memory.memsw.limit_in_bytes")).toBe(String(20 << 20));
    update({ memory: { limit: -1 } });
    expect(cgroup.read("memory.limit_in_bytes")).toBe("9223372036854771712");
    expect(cgroup.read("memory.memsw.limit_in_bytes")).toBe("9223372036854771712");
  });

  test("that the kernel refuses names the field, the value and the file", () => {
    const cgroup = make({ memory: { limit: 32 << 20 } });
    const update = (resources: OciResources) => () => applySteps(updateSteps(resources, cgroup));
    expect(update({ cpu: { cpus: "4000" } })).toThrow(
      `cannot set linux.resources.cpu.cpus to "4000": ${cgroup.dirs["cpuset"]}/cpuset.cpus: numerical result out of range`,
    );
    expect(update({ memory: { swap: 1 << 20 } })).toThrow("cannot set linux.resources.memory.swap");
  });

  test("with checkBeforeUpdate is refused below what is in use", async () => {
    const cgroup = make();
    await startIn(cgroup);
    const memory = { limit: 4096, checkBeforeUpdate: true };
    expect(() => updateSteps({ memory }, cgroup)).toThrow(/memory\.limit to 4096: \d+ bytes are in use/);
  });
});

v1("processes", () => {
  test("are found in the cgroup and below it", async () => {
    const cgroup = make();
    expect(cgroupsEmpty(cgroup)).toBe(true);
    const child = await startIn(cgroup);
    const below = `${cgroup.dirs["devices"]}/below`;
    applySteps([op("mkdir", { path: below }, "test")]);
    applySteps([op("write", { path: `${below}/cgroup.procs`, data: String(child.pid) }, "test")]);
    expect(cgroupPids(cgroup)).toContain(child.pid);
    expect(cgroupsExist(cgroup)).toBe(true);
  });

  test("freeze and go on", async () => {
    const cgroup = make();
    await startIn(cgroup);
    expect(await freezerState(cgroup, patience)).toBe("thawed");
    await freezeCgroups(cgroup, patience);
    expect(cgroup.read("freezer.state")).toBe("FROZEN");
    expect(await freezerState(cgroup, patience)).toBe("frozen");
    thawCgroups(cgroup);
    expect(await freezerState(cgroup, patience)).toBe("thawed");
  });

  test("that are frozen get a signal when they go on, and SIGKILL at once", async () => {
    const cgroup = make();
    const child = await startIn(cgroup);
    await freezeCgroups(cgroup, patience);
    await signalCgroups(cgroup, 15, patience);
    expect(await freezerState(cgroup, patience)).toBe("frozen");
    await signalCgroups(cgroup, 9, patience);
    await child.exited;
    expect(child.signalCode).not.toBeNull();
  });

  test("are all killed, also those that fork, and the cgroups go with what was made in them", async () => {
    const cgroup = make({ pids: { limit: 40 } });
    const child = await startIn(cgroup, "while :; do (sleep 1000 &) 2>/dev/null; done");
    applySteps([op("mkdir", { path: `${cgroup.dirs["pids"]}/a` }, "test")]);
    applySteps([op("mkdir", { path: `${cgroup.dirs["pids"]}/a/b` }, "test")]);
    await killCgroups(cgroup, patience);
    await child.exited;
    expect(cgroupPids(cgroup)).toEqual([]);
    await removeCgroups(cgroup, patience);
    expect(cgroupsExist(cgroup)).toBe(false);
  });

  test("keep their cgroup from being removed", async () => {
    const cgroup = make();
    await startIn(cgroup);
    let message = "";
    await removeCgroups(cgroup, { timeoutMs: 20 }).catch((error: unknown) => (message = String(error)));
    expect(message).toContain(`cannot remove cgroup "${cgroup.dirs["devices"]}"`);
    expect(message).toContain(`cannot remove cgroup "${cgroup.dirs["pids"]}"`);
  });
});

v1("statistics", () => {
  test("have what the processes used, and runc's names", async () => {
    const cgroup = make({ memory: { limit: 64 << 20 }, pids: { limit: 9 } });
    await startIn(cgroup);
    const stats = containerStats(cgroup);
    expect(stats.memory.usage.limit).toBe(BigInt(64 << 20));
    expect(stats.memory.usage.usage).toBeGreaterThan(0n);
    expect(stats.pids).toEqual({ current: expect.any(BigInt), limit: 9n });
    expect(stats.cpu.usage.percpu?.length).toBeGreaterThan(0);
    const line = JSON.parse(statsEvent("c1", stats)) as Record<string, Record<string, object>>;
    expect(line).toMatchObject({ type: "stats", id: "c1", data: { hugetlb: {}, network_interfaces: null } });
    const runc = ["cpu", "cpuset", "memory", "pids", "blkio", "hugetlb", "intel_rdt", "network_interfaces"];
    expect(Object.keys(line["data"] ?? {})).toEqual(runc);
    expect(statsEvent("c1", containerStats(make()))).toContain('"limit":9223372036854771712');
  });
});

v1("memory events", () => {
  const collect = async (events: AsyncIterable<void>, seen: () => void): Promise<void> => {
    for await (const _ of events) seen();
  };

  test("tell of a process that is killed for want of memory", async () => {
    const cgroup = make({ memory: { limit: 8 << 20, swap: 8 << 20 } });
    const controller = new AbortController();
    let count = 0;
    const watching = collect(oomEvents(cgroup, controller.signal), () => count++);
    const child = await startIn(cgroup, "exec tail /dev/zero");
    await child.exited;
    expect(child.signalCode).toBe("SIGKILL");
    await until("see the event", patience, () => (count > 0 ? true : undefined));
    controller.abort();
    await watching;
  });

  test("end when the cgroup is removed", async () => {
    const cgroup = make();
    let count = 0;
    const watching = collect(oomEvents(cgroup, new AbortController().signal), () => count++);
    await removeCgroups(cgroup, patience);
    await watching;
    expect(count).toBe(0);
  });

  test("of pressure end when they are aborted", async () => {
    const cgroup = make();
    for (const level of ["low", "medium", "critical"] as const) {
      const controller = new AbortController();
      const watching = collect(pressureEvents(cgroup, level, controller.signal), () => undefined);
      controller.abort();
      await watching;
    }
    expect(cgroupsExist(cgroup)).toBe(true);
  });
});
