// deadline: 300 s
/** Several processes on one container at once, runtimes that are killed, and containers that end behind the runtime's back. */
import { expect } from "bun:test";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { needing } from "../needs.ts";
import { Box, isRunning, logged, needs, until } from "./_container.ts";

const { test } = needing(needs);

/** The runtime's command beside others; standard output in a file that a container may keep open. */
function beside(box: Box, ...args: string[]) {
  const file = Bun.file(box.path("beside"));
  return Bun.spawn(box.argv(args), { cwd: box.bundle, stdin: "ignore", stdout: file, stderr: "pipe" });
}

/** Processes with the box's folder in their environment or arguments: containers, runtimes and launchers. */
function inside(box: Box): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => isRunning(pid) && readCommand(pid).includes(box.dir));
}

function readCommand(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/environ`, "utf8") + readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    return "";
  }
}

const mounts = (box: Box): string[] =>
  readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .filter((line) => line.includes(box.dir));

test("a create that is killed at any moment leaves what delete --force removes entirely", async () => {
  using box = new Box();
  box.write({
    args: ["sleep", "1000"],
    config: (config) => {
      // Its processes are found again by this, whatever became of their parent.
      config.process.env = ["PATH=/bin", `BOX=${box.dir}`];
    },
  });
  const begin = performance.now();
  box.create();
  const whole = performance.now() - begin;
  const { pid } = box.state();
  box.ok(["delete", "--force", box.id]);
  await until(() => !isRunning(pid));
  for (let i = 0; i < 50; i++) {
    const creating = beside(box, "create", "-b", box.bundle, box.id);
    await Bun.sleep((whole * 1.2 * i) / 50);
    creating.kill(9);
    await creating.exited;
    box.ok(["delete", "--force", box.id]);
    expect({ i, left: existsSync(box.root) ? readdirSync(box.root) : [] }).toEqual({ i, left: [] });
    expect({ i, cgroups: box.cgroups() }).toEqual({ i, cgroups: [] });
    expect({ i, mounts: mounts(box) }).toEqual({ i, mounts: [] });
  }
  await until(() => inside(box).length === 0);
});

test("of several creates with one id one wins, and the others leave it alone", async () => {
  using box = new Box({ args: ["sleep", "1000"] });
  const all = Array.from({ length: 6 }, () => beside(box, "create", "-b", box.bundle, box.id));
  const statuses = await Promise.all(all.map((each) => each.exited));
  expect(statuses.toSorted((a, b) => a - b)).toEqual([0, 1, 1, 1, 1, 1]);
  // The winner's standard error is the container's now, and has no end yet.
  const losers = all.filter((each) => each.exitCode !== 0);
  for (const { stderr } of losers)
    expect(logged(await new Response(stderr).text())).toContain("already exists");
  expect(box.state().status).toBe("created");
  box.ok(["start", box.id]);
  expect(box.ok(["exec", box.id, "echo", "well"])).toBe("well\n");
});

test("of several starts one wins", async () => {
  using box = new Box({ script: "echo started; exec sleep 1000" });
  box.create();
  const all = Array.from({ length: 5 }, () => beside(box, "start", box.id));
  expect((await Promise.all(all.map((each) => each.exited))).toSorted((a, b) => a - b)).toEqual([
    0, 1, 1, 1, 1,
  ]);
  expect(box.state().status).toBe("running");
  await until(() => box.output() === "started\n");
});

test("several deletes, kills and states at once leave nothing, and nobody hangs", async () => {
  using box = new Box({ args: ["sleep", "1000"] });
  for (let i = 0; i < 5; i++) {
    box.create();
    box.ok(["start", box.id]);
    const commands = [
      ["delete", "--force"],
      ["kill", "KILL"],
      ["state"],
      ["delete", "--force"],
      ["exec"],
      ["state"],
      ["list"],
    ];
    const all = commands.map(([name = "", ...rest]) => {
      if (name === "list") return beside(box, "list");
      if (name === "delete") return beside(box, name, ...rest, box.id);
      return beside(box, name, box.id, ...(name === "exec" ? ["true"] : rest));
    });
    const statuses = await Promise.all(all.map((each) => each.exited));
    for (const status of statuses) expect([0, 1, 137, 255]).toContain(status);
    expect(readdirSync(box.root)).toEqual([]);
    expect(box.cgroups()).toEqual([]);
  }
});

test("different containers do not get into each other's way", async () => {
  using box = new Box({ script: "exit 0" });
  const ids = Array.from({ length: 8 }, (_, i) => `${box.id}-${i}`);
  const all = ids.map((id) => beside(box, "run", "-b", box.bundle, id));
  expect(await Promise.all(all.map((each) => each.exited))).toEqual(ids.map(() => 0));
  expect(readdirSync(box.root)).toEqual([]);
});

test("a container whose init is killed from outside is stopped, and refuses what needs a running one", async () => {
  using box = new Box({ args: ["sleep", "1000"] });
  box.create();
  box.ok(["start", box.id]);
  process.kill(box.state().pid, 9);
  await until(() => box.state().status === "stopped");
  expect(box.state().pid).toBe(0);
  expect(logged(box.run(["exec", box.id, "true"]).stderr)).toContain("cannot exec in a stopped container");
  expect(logged(box.run(["kill", box.id]).stderr)).toContain("container not running");
  expect(logged(box.run(["start", box.id]).stderr)).toContain("cannot start a container that has stopped");
  expect(box.run(["pause", box.id]).status).toBe(1);
  box.ok(["delete", box.id]);
  expect(box.run(["state", box.id]).status).toBe(1);
});

test("a created container whose init is killed is stopped, and can be deleted", async () => {
  using box = new Box({ args: ["sleep", "1000"] });
  box.create();
  process.kill(box.state().pid, 9);
  await until(() => box.state().status === "stopped");
  expect(box.run(["start", box.id]).status).toBe(1);
  box.ok(["delete", box.id]);
  expect(box.cgroups()).toEqual([]);
});

test("execs while the container is stopped end, each with its process's status or an error", async () => {
  using box = new Box({ args: ["sleep", "1000"] });
  box.create();
  box.ok(["start", box.id]);
  const execs = Array.from({ length: 8 }, () => beside(box, "exec", box.id, "sleep", "1000"));
  box.ok(["kill", box.id, "KILL"]);
  const statuses = await Promise.all(execs.map((each) => each.exited));
  for (const status of statuses) expect([1, 137, 255]).toContain(status);
  await until(() => box.state().status === "stopped");
  box.ok(["delete", box.id]);
  expect(box.cgroups()).toEqual([]);
});

test("a foreground run that is killed leaves a container that can be deleted", async () => {
  using box = new Box({ args: ["sleep", "1000"] });
  const run = beside(box, "run", "-b", box.bundle, box.id);
  await until(() => existsSync(`${box.root}/${box.id}/state.json`) && box.state().status === "running");
  run.kill(9);
  await run.exited;
  expect(box.state().status).toBe("running");
  box.ok(["delete", "--force", box.id]);
  expect(box.cgroups()).toEqual([]);
});

test("a create that somebody deletes meanwhile ends with an error or a container, and nothing in between", async () => {
  using box = new Box();
  box.write({
    args: ["sleep", "1000"],
    config: (config) => {
      config.process.env = ["PATH=/bin", `BOX=${box.dir}`];
    },
  });
  for (let i = 0; i < 20; i++) {
    const creating = beside(box, "create", "-b", box.bundle, box.id);
    await Bun.sleep(i);
    const deleting = beside(box, "delete", "--force", box.id);
    const [created] = await Promise.all([creating.exited, deleting.exited]);
    if (created === 0 && existsSync(`${box.root}/${box.id}`)) expect(box.state().status).toBe("created");
    box.ok(["delete", "--force", box.id]);
    expect({ i, left: readdirSync(box.root), cgroups: box.cgroups() }).toEqual({ i, left: [], cgroups: [] });
  }
  await until(() => inside(box).length === 0);
});
