/** events: counters, and what the kernel tells of a container's memory. */
import { expect } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { needing } from "../needs.ts";
import { Box, isRunning, logged, needs, until } from "./_container.ts";

const { test } = needing(needs);

function running(memory = 64 << 20): Box {
  const box = new Box({
    args: ["sleep", "1000"],
    config: (config) => {
      config.linux = {
        ...config.linux,
        resources: { ...config.linux?.resources, memory: { limit: memory, swap: memory } },
      };
    },
  });
  box.create();
  box.ok(["start", box.id]);
  return box;
}

interface Event {
  readonly type: string;
  readonly id: string;
  readonly data?: {
    readonly memory?: { readonly usage: { readonly limit: number } };
    readonly level?: string;
  };
}

/** `events` in the background, with its lines so far. */
function watch(box: Box, ...flags: string[]) {
  const out = box.path("events");
  writeFileSync(out, "");
  const watching = Bun.spawn(box.argv(["events", ...flags, box.id]), {
    stdin: "ignore",
    stdout: Bun.file(out),
    stderr: Bun.file(box.path("events-errors")),
  });
  const seen = () =>
    readFileSync(out, "utf8")
      .split("\n")
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Event);
  return { watching, seen };
}

test("--stats prints the counters once, on one line", () => {
  using box = running();
  const text = box.ok(["events", "--stats", box.id]);
  expect(text.trimEnd()).not.toContain("\n");
  const { type, id, data } = JSON.parse(text) as Event;
  expect({ type, id }).toEqual({ type: "stats", id: box.id });
  expect(data?.memory?.usage.limit).toBe(64 << 20);
  expect(Object.keys(data ?? {})).toEqual(
    expect.arrayContaining(["cpu", "memory", "pids", "blkio", "hugetlb", "intel_rdt", "network_interfaces"]),
  );
});

test("without it they are printed at each interval, until the container ends", async () => {
  using box = running();
  const { watching, seen } = watch(box, "--interval", "20ms");
  await until(() => seen().length >= 3);
  expect(new Set(seen().map(({ type }) => type))).toEqual(new Set(["stats"]));
  box.ok(["kill", box.id, "KILL"]);
  expect(await watching.exited).toBe(0);
});

test("a process that is killed for want of memory is told", async () => {
  using box = running(16 << 20);
  const { watching, seen } = watch(box, "--interval", "20ms");
  // The first counters come when the notices are registered.
  await until(() => seen().length > 0);
  expect(box.run(["exec", box.id, "tail", "/dev/zero"]).status).toBe(137);
  await until(() => seen().some(({ type }) => type === "oom"));
  expect(seen().find(({ type }) => type === "oom")).toEqual({ type: "oom", id: box.id });
  expect(box.state().status).toBe("running");
  box.ok(["kill", box.id, "KILL"]);
  expect(await watching.exited).toBe(0);
  const levels = seen().filter(({ type }) => type === "pressure");
  expect(levels.every(({ data }) => data?.level === "medium" || data?.level === "critical")).toBeTrue();
});

test("a stopped container has no events, and an interval must be one", async () => {
  using box = running();
  const { pid } = box.state();
  expect(box.run(["events", "--interval", "0", box.id]).stderr).toContain("must be greater than 0");
  expect(box.run(["events", "--interval", "often", box.id]).stderr).toContain("invalid value");
  box.ok(["kill", box.id, "KILL"]);
  await until(() => !isRunning(pid));
  const { status, stderr } = box.run(["events", "--stats", box.id]);
  expect(status).toBe(1);
  expect(logged(stderr)).toContain("is not running");
});
