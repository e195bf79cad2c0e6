/** update: limits of a container that runs, on the cgroup version of this machine. */
import { expect } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { needing } from "../needs.ts";
import { Box, isRunning, logged, needs, until } from "./_container.ts";

const { test } = needing(needs);
const v1 = needing({ ...needs, files: [...needs.files, "/sys/fs/cgroup/memory"] });

function running(): Box {
  const box = new Box({
    args: ["sleep", "1000"],
    config: (config) => {
      config.linux = {
        ...config.linux,
        resources: { ...config.linux?.resources, memory: { limit: 64 << 20 }, pids: { limit: 100 } },
      };
    },
  });
  box.create();
  box.ok(["start", box.id]);
  return box;
}

/** A file of whichever of the container's control groups has it. */
function value(box: Box, file: string): string {
  const dir = box.cgroups().find((path) => existsSync(`${path}/${file}`));
  return dir === undefined ? "not there" : readFileSync(`${dir}/${file}`, "utf8").trim();
}

interface Saved {
  readonly spec: { readonly linux: { readonly resources: object } };
}

function saved(box: Box): object {
  return (JSON.parse(readFileSync(`${box.root}/${box.id}/state.json`, "utf8")) as Saved).spec.linux.resources;
}

v1.test("flags set limits at once, and the others stay", () => {
  using box = running();
  const flags =
    "--memory 96m --memory-reservation 48m --cpu-share 512 --cpu-quota 50000 --cpu-period 200000 --cpuset-cpus 0";
  box.ok(["update", ...flags.split(" "), box.id]);
  expect({
    limit: value(box, "memory.limit_in_bytes"),
    reservation: value(box, "memory.soft_limit_in_bytes"),
    shares: value(box, "cpu.shares"),
    quota: value(box, "cpu.cfs_quota_us"),
    period: value(box, "cpu.cfs_period_us"),
    cpus: value(box, "cpuset.cpus"),
    pids: value(box, "pids.max"),
  }).toEqual({
    limit: String(96 << 20),
    reservation: String(48 << 20),
    shares: "512",
    quota: "50000",
    period: "200000",
    cpus: "0",
    pids: "100",
  });
});

v1.test("a document on standard input sets limits, and flags beside it are not looked at", () => {
  using box = running();
  const stdin = JSON.stringify({ memory: { limit: 80 << 20 }, pids: { limit: 20 } });
  box.ok(["update", "--resources", "-", "--pids-limit", "7", box.id], { stdin });
  expect(value(box, "memory.limit_in_bytes")).toBe(String(80 << 20));
  expect(value(box, "pids.max")).toBe("20");
});

v1.test("-1 takes a memory limit away, and swap's with it", () => {
  using box = running();
  box.ok(["update", "--memory", "-1", box.id]);
  expect(Number(value(box, "memory.limit_in_bytes"))).toBeGreaterThan(2 ** 60);
  expect(saved(box)).toMatchObject({ memory: { limit: -1, swap: -1 } });
});

v1.test(
  "a limit that the kernel refuses is an error naming the field, and what was set before it is set back",
  () => {
    using box = running();
    const { status, stderr } = box.run([
      "update",
      "--cpu-share",
      "300",
      "--memory",
      "4k",
      "--pids-limit",
      "9",
      box.id,
    ]);
    expect(status).toBe(1);
    expect(logged(stderr)).toContain("linux.resources.memory.limit");
    expect(value(box, "memory.limit_in_bytes")).toBe(String(64 << 20));
    expect(value(box, "pids.max")).toBe("100");
    expect(saved(box)).toMatchObject({ memory: { limit: 64 << 20 }, pids: { limit: 100 } });
  },
);

test("what was updated is kept in the state, and the rest of the configuration stays", () => {
  using box = running();
  const before = saved(box);
  box.ok(["update", "--pids-limit", "33", box.id]);
  expect(value(box, "pids.max")).toBe("33");
  expect(saved(box)).toEqual({ ...before, pids: { limit: 33 } });
  expect(box.state().status).toBe("running");
});

test("device rules of a document change nothing", () => {
  using box = running();
  const before = saved(box);
  box.ok(["update", "-r", "-", box.id], { stdin: '{"devices":[{"allow":true,"access":"rwm"}]}' });
  expect(saved(box)).toEqual(before);
});

test("a document that is wrong is refused by its field, and nothing changes", () => {
  using box = running();
  const { status, stderr } = box.run(["update", "-r", "-", box.id], { stdin: '{"pids":{"limit":"many"}}' });
  expect(status).toBe(1);
  expect(logged(stderr)).toContain("pids.limit");
  expect(value(box, "pids.max")).toBe("100");
});

test("a document that is not there is refused", () => {
  using box = running();
  expect(box.run(["update", "-r", "/nowhere.json", box.id])).toMatchObject({ status: 1 });
});

test("a stopped container has no limits to change", async () => {
  using box = running();
  const { pid } = box.state();
  box.ok(["kill", box.id, "KILL"]);
  await until(() => !isRunning(pid));
  const { status, stderr } = box.run(["update", "--pids-limit", "5", box.id]);
  expect(status).toBe(1);
  expect(logged(stderr)).toContain("container not running");
});

test("a schema for the cache is refused where there is no resctrl", () => {
  using box = running();
  if (readFileSync("/proc/self/mountinfo", "utf8").includes(" - resctrl ")) return;
  const { status, stderr } = box.run(["update", "--l3-cache-schema", "L3:0=f", box.id]);
  expect(status).toBe(1);
  expect(logged(stderr)).toContain("resctrl is not mounted");
});
