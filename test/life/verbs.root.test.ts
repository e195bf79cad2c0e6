/** The verbs of a container's life, against the real runtime and monitors. */
import { afterAll, beforeAll, describe, expect } from "bun:test";
import { attachContainer } from "../../src/engine/containers/attach.ts";
import { createExec, inspectExec, startExec } from "../../src/engine/containers/exec.ts";
import { killContainer } from "../../src/engine/containers/kill.ts";
import { pauseContainer, unpauseContainer } from "../../src/engine/containers/pause.ts";
import { removeContainer } from "../../src/engine/containers/remove.ts";
import { renameContainer } from "../../src/engine/containers/rename.ts";
import { restartContainer } from "../../src/engine/containers/restart.ts";
import { startContainer } from "../../src/engine/containers/start.ts";
import { stopContainer } from "../../src/engine/containers/stop.ts";
import { waitContainer } from "../../src/engine/containers/wait.ts";
import { until } from "../containers/survivors.ts";
import { needing } from "../needs.ts";
import { hear, needs, Place } from "./place.ts";

const { test } = needing(needs);
let place: Place;
beforeAll(async () => {
  place = new Place();
  await place.fill();
});
afterAll(async () => {
  expect(place.live.warnings).toEqual([]);
  await place[Symbol.asyncDispose]();
});

describe("a container", () => {
  test("runs to its end, with its code, its times, its log and nothing left on the host", async () => {
    const code = await place.run({ name: "one", command: ["sh", "-c", "echo hello; exit 3"] });
    expect(code).toBe(3);
    const info = place.get("one");
    expect(info).toMatchObject({ state: "exited", exitCode: 3, pid: undefined, oomKilled: false, error: "" });
    expect(info.started?.getTime()).toBeLessThanOrEqual(info.finished?.getTime() ?? 0);
    expect(await place.log("one")).toBe("hello\n");
    expect(place.actions(info.id)).toBe("create start die");
    expect(place.leavings()).toEqual([]);
  });
  test("gives every byte to who attached before it started", async () => {
    const { id } = await place.create({ command: ["sh", "-c", "echo out; echo err >&2"] });
    const attachment = await attachContainer(place.live, id, { stdin: false, stdout: true, stderr: true });
    const heard = hear(attachment);
    await startContainer(place.live, id);
    expect(await heard).toEqual({ stdout: "out\n", stderr: "err\n" });
  });
  test("reads what is sent to it, to its end", async () => {
    const body = { OpenStdin: true, StdinOnce: true };
    const { id } = await place.create({ command: ["cat"], body });
    const attachment = await attachContainer(place.live, id, { stdin: true, stdout: true, stderr: true });
    const heard = hear(attachment);
    await startContainer(place.live, id);
    await attachment.write(Buffer.from("there and back\n"));
    await attachment.closeStdin();
    expect((await heard).stdout).toBe("there and back\n");
    expect((await waitContainer(place.live, id)).statusCode).toBe(0);
  });
  test("started twice is started once", async () => {
    const { id } = await place.start({ command: ["sleep", "60"] });
    expect(await startContainer(place.live, id)).toBe(false);
    await killContainer(place.live, id);
    expect(place.get(id)).toMatchObject({ state: "exited", exitCode: 137 });
  });
  test("is stopped by its signal", async () => {
    const { id } = await place.start({
      command: ["sh", "-c", "trap 'exit 7' USR1; echo ready; while :; do sleep 0.01; done"],
      body: { StopSignal: "SIGUSR1" },
    });
    await place.said(id, "ready");
    expect(await stopContainer(place.live, id)).toBe(true);
    expect(place.get(id)).toMatchObject({ state: "exited", exitCode: 7, stoppedByUser: true });
    expect(await stopContainer(place.live, id)).toBe(false);
    expect(place.actions(id)).toBe("create start kill die stop");
  });
  test("that does not obey is killed when its time is over", async () => {
    const { id } = await place.start({ command: ["sleep", "60"] });
    expect(await stopContainer(place.live, id, { timeout: 0 })).toBe(true);
    expect(place.get(id).exitCode).toBe(137);
  });
  test("is killed only while it runs", async () => {
    const { id } = await place.create({ command: ["true"] });
    expect(killContainer(place.live, id)).rejects.toThrow("is not running");
  });
  test("is paused, unpaused, and killed while paused", async () => {
    const { id } = await place.start({ command: ["sleep", "60"] });
    await pauseContainer(place.live, id);
    expect(place.get(id).state).toBe("paused");
    expect(pauseContainer(place.live, id)).rejects.toThrow("is already paused");
    expect(removeContainer(place.live, id)).rejects.toThrow("container is paused and must be unpaused first");
    expect(startContainer(place.live, id)).rejects.toThrow(
      "cannot start a paused container, try unpause instead",
    );
    await unpauseContainer(place.live, id);
    expect(place.get(id).state).toBe("running");
    await pauseContainer(place.live, id);
    await killContainer(place.live, id);
    expect(place.get(id)).toMatchObject({ state: "exited", exitCode: 137 });
    expect(unpauseContainer(place.live, id)).rejects.toThrow("is not paused");
  });
  test("is started again by restart, whatever it was", async () => {
    const { id, pid } = await place.start({ command: ["sleep", "60"] });
    await restartContainer(place.live, id, { timeout: 0 });
    const again = place.get(id);
    expect(again).toMatchObject({ state: "running", stoppedByUser: false });
    expect(again.pid).not.toBe(pid);
    await removeContainer(place.live, id, { force: true });
  });
  test("made to be removed at its end is not removed by a restart", async () => {
    const { id } = await place.start({ command: ["sleep", "60"], remove: true });
    await restartContainer(place.live, id, { timeout: 0 });
    expect(place.get(id).state).toBe("running");
    await stopContainer(place.live, id, { timeout: 0 });
    await until(() => place.live.containers.list().every((each) => each.id !== id), "its removal");
  });
  test("is renamed, and no name is given twice", async () => {
    const { id } = await place.create({ name: "before", command: ["true"] });
    await place.create({ name: "taken", command: ["true"] });
    expect(renameContainer(place.live, id, "taken")).rejects.toThrow(
      'Conflict. The container name "/taken" is already in use',
    );
    await renameContainer(place.live, id, "after");
    expect(place.get("after").id).toBe(id);
  });
  test("that runs is removed only by force", async () => {
    const { id } = await place.start({ command: ["sleep", "60"] });
    expect(removeContainer(place.live, id)).rejects.toThrow(
      "container is running: stop the container before removing",
    );
    const removed = waitContainer(place.live, id, "removed");
    expect(await removeContainer(place.live, id, { force: true })).toBe(id);
    expect((await removed).statusCode).toBe(137);
    expect(() => place.get(id)).toThrow("No such container");
  });
  test("made to be removed at its end is", async () => {
    const { id } = await place.create({ command: ["sh", "-c", "exit 5"], remove: true, volumes: ["/own"] });
    const ends = [waitContainer(place.live, id, "next-exit"), waitContainer(place.live, id, "removed")];
    await startContainer(place.live, id);
    expect((await Promise.all(ends)).map(({ statusCode }) => statusCode)).toEqual([5, 5]);
    expect(() => place.get(id)).toThrow("No such container");
    expect(place.actions(id)).toBe("create start die destroy");
  });
  test("made to be removed at its end waits for no disk, and is started again for all that", async () => {
    const command = [
      "sh",
      "-c",
      "grep -c ' / overlay.*volatile' /proc/mounts; cat /once 2>/dev/null; echo kept >/once; echo ready; sleep 60",
    ];
    const { id } = await place.start({ command, remove: true });
    await place.said(id, "ready\n");
    expect(await place.log(id)).toBe("1\nready\n");
    await restartContainer(place.live, id, { timeout: 0 });
    await place.said(id, "kept\n");
    await removeContainer(place.live, id, { force: true });
    const lasting = await place.start({
      name: "lasting",
      command: ["sh", "-c", "grep -c volatile /proc/mounts"],
    });
    await waitContainer(place.live, lasting.id);
    expect(await place.log("lasting")).toBe("0\n");
  });
  test.each([
    [["/nothing"], 127],
    [["/etc/passwd"], 126],
  ] as const)("whose program is %p cannot be started, which ends with %i", async (command, code) => {
    const { id } = await place.create({ command });
    expect(startContainer(place.live, id)).rejects.toThrow("cannot start container");
    await startContainer(place.live, id).catch(() => undefined);
    expect(place.get(id)).toMatchObject({ state: "created", exitCode: code });
    expect(place.get(id).error).toContain(command[0]);
    expect(place.leavings()).toEqual([]);
  });
  test("is waited for until nobody listens", async () => {
    const { id } = await place.start({ command: ["sleep", "60"] });
    const controller = new AbortController();
    const waiting = waitContainer(place.live, id, "not-running", controller.signal);
    controller.abort();
    expect(waiting).rejects.toThrow("nobody listens");
    await removeContainer(place.live, id, { force: true });
  });
});

describe("an exec", () => {
  test("has its output, its code and its environment", async () => {
    const { id } = await place.start({ command: ["sleep", "60"], env: ["A=container"] });
    const exec = await createExec(place.live, id, {
      Cmd: ["sh", "-c", "echo $A $B; echo err >&2; exit 4"],
      Env: ["B=exec"],
      AttachStdout: true,
      AttachStderr: true,
    });
    expect(inspectExec(place.live, exec)).toMatchObject({ running: false, exitCode: undefined });
    const attachment = await startExec(place.live, exec, { detach: false });
    expect(await hear(attachment)).toEqual({ stdout: "container exec\n", stderr: "err\n" });
    await place.live.tasks.table.execs.find(exec)?.done.promise;
    expect(inspectExec(place.live, exec)).toMatchObject({ running: false, exitCode: 4 });
    expect(startExec(place.live, exec, { detach: true })).rejects.toThrow("has already run");
    await removeContainer(place.live, id, { force: true });
    expect(() => inspectExec(place.live, exec)).toThrow("No such exec instance");
  });
  test("runs as the user that is asked for, by the container's own files", async () => {
    const { id } = await place.start({ command: ["sleep", "60"] });
    const exec = await createExec(place.live, id, {
      Cmd: ["sh", "-c", "id -u; id -g; echo $HOME; pwd"],
      User: "user",
      WorkingDir: "/tmp",
      AttachStdout: true,
    });
    expect((await hear(await startExec(place.live, exec, { detach: false }))).stdout).toBe(
      "1000\n1001\n/home/user\n/tmp\n",
    );
    await removeContainer(place.live, id, { force: true });
  });
  test("is refused in what does not run, and fails by name for what is no program", async () => {
    const { id } = await place.create({ command: ["sleep", "60"] });
    expect(createExec(place.live, id, { Cmd: ["true"] })).rejects.toThrow("is not running");
    await startContainer(place.live, id);
    const exec = await createExec(place.live, id, { Cmd: ["/nothing"], AttachStdout: true });
    expect(startExec(place.live, exec, { detach: false })).rejects.toThrow("/nothing");
    await place.live.tasks.table.execs.find(exec)?.done.promise;
    expect(inspectExec(place.live, exec)).toMatchObject({ running: false, exitCode: 127 });
    await removeContainer(place.live, id, { force: true });
  });
});
