/** What an engine finds again when another one before it was ended: by a kill, by an upgrade, with the machine. */
import { afterEach, beforeEach, describe, expect } from "bun:test";
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { SampanError } from "../../src/base/errors.ts";
import { createExec, execsOf, inspectExec, startExec } from "../../src/engine/containers/exec.ts";
import { killContainer } from "../../src/engine/containers/kill.ts";
import { writeBegun } from "../../src/engine/containers/life-rows.ts";
import { monitorFolder } from "../../src/engine/containers/parts.ts";
import { pauseContainer, unpauseContainer } from "../../src/engine/containers/pause.ts";
import { removeContainer } from "../../src/engine/containers/remove.ts";
import { startContainer } from "../../src/engine/containers/start.ts";
import { stopContainer } from "../../src/engine/containers/stop.ts";
import { waitContainer } from "../../src/engine/containers/wait.ts";
import { openCollector } from "../../src/engine/gc/collect.ts";
import { isGone, parentOf, until } from "../containers/survivors.ts";
import { needing } from "../needs.ts";
import { liveAt, needs, Place } from "./place.ts";

const { test } = needing(needs);
let place: Place;
beforeEach(async () => {
  place = new Place();
  await place.fill();
});
afterEach(async () => {
  await place[Symbol.asyncDispose]();
});

/** Runs until its standard input ends, which nobody ends; then it says so. */
const lasting = { command: ["sleep", "600"] };

/** Ends a process whose parent is its monitor, as if the program had done so. */
async function end(pid: number | undefined, signal = "SIGKILL"): Promise<void> {
  process.kill(pid ?? 0, signal);
  await until(() => isGone(pid ?? 0), "the end of a process");
}

const names = (...folder: string[]) => readdirSync(join(...folder)).toSorted();

/** All processes gone and /run emptied; the disk is as it was. */
async function reboot(): Promise<void> {
  const { live } = place;
  await live.tasks[Symbol.asyncDispose]();
  for (const { id, state } of live.containers.list())
    if (state !== "created" && state !== "exited") await live.runtimes.get().delete(id, { force: true });
  for (const mount of place.mounts().toReversed()) place.unmount(mount);
  rmSync(live.settings.state, { recursive: true, force: true });
  mkdirSync(live.settings.state, { mode: 0o711 });
  live.store.db.run("UPDATE containers SET boot = 'an earlier one'");
}

test("an end that finds the disk full is written down as soon as there is room", async () => {
  const { id, pid } = await place.start(lasting);
  const { store, warnings } = place.live;
  const transaction = store.transaction.bind(store);
  const full = () => {
    throw new SampanError("resource_exhausted", "no space left on device");
  };
  Object.assign(store, { transaction: full });
  const ended = waitContainer(place.live, id);
  await end(pid);
  await until(() => warnings.length > 0, "a warning");
  Object.assign(store, { transaction });
  expect((await ended).statusCode).toBe(137);
  expect(place.get(id)).toMatchObject({ state: "exited", exitCode: 137 });
  expect(warnings).toEqual(["no space left on device"]);
});

describe("a new engine", () => {
  test("finds what runs, as it was, and hears of its end", async () => {
    const { id, pid } = await place.start(lasting);
    await place.reopen();
    expect(place.get(id)).toMatchObject({ state: "running", pid });
    const ended = waitContainer(place.live, id);
    await end(pid);
    expect((await ended).statusCode).toBe(137);
    expect(place.leavings()).toEqual([]);
  });
  test("writes down an end that came while there was none, with its code and its time", async () => {
    const { id, pid } = await place.start({
      command: ["sh", "-c", "trap 'echo last; exit 9' TERM; echo first; while :; do sleep 0.01; done"],
    });
    await place.said(id, "first");
    await place.shut();
    await end(pid, "SIGTERM");
    const { monitors } = place.live;
    await until(() => monitors.exit(monitorFolder(place.live, id)) !== undefined, "the monitor's word");
    const at = Date.now();
    await place.reopen();
    await waitContainer(place.live, id);
    const info = place.get(id);
    expect(info).toMatchObject({ state: "exited", exitCode: 9 });
    expect(info.finished?.getTime()).toBeLessThanOrEqual(at);
    expect(await place.log(id)).toBe("first\nlast\n");
    expect(place.leavings()).toEqual([]);
  });
  test("removes what ended meanwhile and was to be removed", async () => {
    const { id, pid } = await place.start({ ...lasting, remove: true });
    await place.shut();
    await end(pid);
    await place.reopen();
    await until(() => place.live.containers.list().every((each) => each.id !== id), "its removal");
    expect(place.leavings()).toEqual([]);
  });
  test("takes what a removal has left that was told and then cut off", async () => {
    const { id } = await place.create({ command: ["true"], remove: true });
    const { store, snapshots } = place.live;
    const folders = () => [
      ...names(store.root, "containers"),
      ...names(store.root, "snapshots", "overlayfs"),
    ];
    const before = folders();
    Object.assign(snapshots, { remove: () => Promise.reject(new SampanError("internal", "cut off")) });
    const removed = waitContainer(place.live, id, "removed");
    await startContainer(place.live, id);
    expect(await removed).toEqual({ statusCode: 0 });
    expect(place.live.containers.list().map((each) => each.id)).not.toContain(id);
    expect(folders()).toEqual(before);
    await place.reopen();
    await openCollector(place.live).collect();
    // The layer of the image goes too: the place has no record of it.
    expect(folders()).toEqual([]);
    expect(place.leavings()).toEqual([]);
  });
  test("leaves a paused one paused", async () => {
    const { id, pid } = await place.start(lasting);
    await pauseContainer(place.live, id);
    await place.reopen();
    expect(place.get(id)).toMatchObject({ state: "paused", pid });
    await unpauseContainer(place.live, id);
    expect(place.get(id).state).toBe("running");
  });
  test("ends what has lost its monitor, with 255", async () => {
    const { id, pid } = await place.start(lasting);
    await place.shut();
    await end(parentOf(pid ?? 0));
    await place.reopen();
    await waitContainer(place.live, id);
    expect(place.get(id)).toMatchObject({ state: "exited", exitCode: 255 });
    expect(isGone(pid ?? 0)).toBe(true);
    expect(place.leavings()).toEqual([]);
  });
  test("waits for a monitor that hangs, which holds up no other container", async () => {
    const [hung, other] = [await place.start(lasting), await place.start(lasting)];
    const monitor = parentOf(hung.pid ?? 0);
    await place.shut();
    process.kill(monitor, "SIGSTOP");
    await place.reopen();
    expect(place.get(other.id)).toMatchObject({ state: "running", pid: other.pid });
    expect(place.live.tasks.get(hung.id)).toBeUndefined();
    process.kill(monitor, "SIGCONT");
    await until(() => place.live.tasks.get(hung.id) !== undefined, "its answer");
    expect(place.get(hung.id)).toMatchObject({ state: "running", pid: hung.pid });
  });
  test("removes a container by force whose monitor hangs", async () => {
    const { id, pid } = await place.start(lasting);
    const monitor = parentOf(pid ?? 0);
    await place.shut();
    process.kill(monitor, "SIGSTOP");
    await place.reopen();
    await removeContainer(place.live, id, { force: true });
    await until(() => isGone(monitor) && isGone(pid ?? 0), "its end");
    expect(place.leavings()).toEqual([]);
    // Five seconds of it are the monitor's, to answer.
  }, 30_000);
  test("completes a start that was cut off before the program was let go", async () => {
    const { id } = await place.start(lasting);
    await stopContainer(place.live, id, { timeout: 0 });
    const folder = monitorFolder(place.live, id);
    await cutStart(id, folder, true);
    await place.reopen();
    expect(place.get(id).state).toBe("running");
    const state = await place.live.runtimes.get().state(id);
    expect(state?.status).toBe("running");
  });
  test("takes away a start that was cut off before that", async () => {
    const { id } = await place.start(lasting);
    await stopContainer(place.live, id, { timeout: 0 });
    await cutStart(id, monitorFolder(place.live, id), false);
    expect(place.leavings()).not.toEqual([]);
    await place.reopen();
    expect(place.get(id).state).toBe("exited");
    expect(place.leavings()).toEqual([]);
  });
  test("finds execs that run, and forgets those that have ended", async () => {
    const { id } = await place.start(lasting);
    const lastingExec = await createExec(place.live, id, { Cmd: ["sleep", "600"] });
    const shortExec = await createExec(place.live, id, { Cmd: ["sleep", "601"] });
    for (const exec of [lastingExec, shortExec]) await startExec(place.live, exec, { detach: true });
    const { pid } = inspectExec(place.live, shortExec);
    await place.shut();
    await end(pid);
    await place.reopen();
    expect(execsOf(place.live, id)).toEqual([lastingExec]);
    expect(inspectExec(place.live, lastingExec)).toMatchObject({ running: true });
    expect(() => inspectExec(place.live, shortExec)).toThrow("No such exec");
    expect(
      readdirSync(monitorFolder(place.live, id)).filter((name) => name.startsWith("exec-")),
    ).toHaveLength(1);
  });

  async function cutStart(id: string, folder: string, written: boolean): Promise<void> {
    const { live } = place;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    await place.mountRoot(id);
    const bundle = join(live.store.root, "containers", id);
    const stdio = { terminal: false, stdin: "none" } as const;
    const { pid } = await live.runtimes.get().create({ id, bundle, monitor: { folder, stdio } });
    if (written) writeBegun(live.store, id, { pid, started: Date.now(), health: undefined, byPerson: true });
  }
});

describe("after the machine was started anew", () => {
  test("nothing runs, and nothing is left of what did", async () => {
    const { id } = await place.start(lasting);
    await reboot();
    await place.reopen();
    expect(place.get(id)).toMatchObject({ state: "exited", exitCode: 255, pid: undefined });
    expect(place.leavings()).toEqual([]);
  });
  test("what has a restart policy comes back, but for what a person had stopped", async () => {
    const started: Record<string, string> = {};
    for (const name of ["no", "always", "unless-stopped", "on-failure"] as const)
      started[name] = (await place.start({ ...lasting, host: { RestartPolicy: { Name: name } } })).id;
    const stopped = await place.start({ ...lasting, host: { RestartPolicy: { Name: "unless-stopped" } } });
    await stopContainer(place.live, stopped.id, { timeout: 0 });
    const never = await place.create({ ...lasting, host: { RestartPolicy: { Name: "always" } } });
    await reboot();
    await place.reopen();
    const states = Object.fromEntries(
      Object.entries(started).map(([name, id]) => [name, place.get(id).state]),
    );
    expect(states).toEqual({
      no: "exited",
      always: "running",
      "unless-stopped": "running",
      "on-failure": "running",
    });
    expect(place.get(stopped.id).state).toBe("exited");
    expect(place.get(never.id).state).toBe("created");
  });
  test("each is started after those that it needs", async () => {
    const labels = (service: string, needs = "") => ({
      "com.docker.compose.project": "p",
      "com.docker.compose.service": service,
      "com.docker.compose.depends_on": needs,
    });
    const host = { RestartPolicy: { Name: "always" } } as const;
    // Newest first is how they are listed: so the list's order is the wrong one.
    const db = await place.start({ ...lasting, host, labels: labels("db") });
    const web = await place.start({ ...lasting, host, labels: labels("web", "db:service_started:false") });
    const spy = await place.start({ ...lasting, host: { ...host, PidMode: `container:${web.id}` } });
    await reboot();
    await place.reopen();
    const order = place.live.events.past().flatMap(({ action, id }) => (action === "start" ? [id] : []));
    expect(order).toEqual([db.id, web.id, spy.id]);
  });
  test("one that needs a healthy one waits for that", async () => {
    const labels = (service: string, needs = "") => ({
      "com.docker.compose.project": "p",
      "com.docker.compose.service": service,
      "com.docker.compose.depends_on": needs,
    });
    const host = { RestartPolicy: { Name: "always" } } as const;
    const check = { Test: ["CMD", "true"], Interval: 50e6, Retries: 1 };
    const db = await place.start({ ...lasting, host, labels: labels("db"), body: { Healthcheck: check } });
    await place.start({ ...lasting, host, labels: labels("web", "db:service_healthy:false") });
    await reboot();
    await place.reopen();
    const seen = place.live.events.past().map(({ action, id }) => `${id === db.id ? "db" : "web"} ${action}`);
    const order = seen.filter((each) => /start$|health/.test(each) && !each.includes("exec"));
    expect(order).toEqual(["db start", "db health_status: healthy", "web start"]);
  });
});

describe("two engines on one root", () => {
  test("write an end once, and both tell those who wait", async () => {
    const { id } = await place.create(lasting);
    const other = liveAt(place.dir);
    try {
      await startContainer(place.live, id);
      const ends = [waitContainer(place.live, id), waitContainer(other, id)];
      await killContainer(other, id);
      expect((await Promise.all(ends)).map(({ statusCode }) => statusCode)).toEqual([137, 137]);
      expect(place.get(id).state).toBe("exited");
    } finally {
      await other.tasks[Symbol.asyncDispose]();
      other.store[Symbol.dispose]();
    }
  });
  test("tell those who wait of what the other alone has seen", async () => {
    const { id } = await place.create({ command: ["sh", "-c", "exit 8"], remove: true });
    const waits = [waitContainer(place.live, id, "next-exit"), waitContainer(place.live, id, "removed")];
    const other = liveAt(place.dir);
    try {
      const removed = waitContainer(other, id, "removed");
      await startContainer(other, id);
      expect((await removed).statusCode).toBe(8);
      // This one may have seen the end, or only that the container has gone.
      await Promise.all(waits);
    } finally {
      await other.tasks[Symbol.asyncDispose]();
      other.store[Symbol.dispose]();
    }
  });
  test("start a container once", async () => {
    const { id } = await place.create(lasting);
    const other = liveAt(place.dir);
    try {
      const started = await Promise.all([startContainer(place.live, id), startContainer(other, id)]);
      expect(started.toSorted()).toEqual([false, true]);
      await removeContainer(other, id, { force: true });
      expect(
        (await waitContainer(place.live, id, "removed").catch((error: unknown) => error)) as Error,
      ).toBeInstanceOf(Error);
    } finally {
      await other.tasks[Symbol.asyncDispose]();
      other.store[Symbol.dispose]();
    }
  });
});
