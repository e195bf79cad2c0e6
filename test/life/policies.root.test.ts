/** What a supervising engine does by itself: restart policies, health, memory. */
import { afterAll, beforeAll, describe, expect } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { createExec, startExec } from "../../src/engine/containers/exec.ts";
import { killContainer } from "../../src/engine/containers/kill.ts";
import type { Health } from "../../src/engine/containers/life.ts";
import { removeContainer } from "../../src/engine/containers/remove.ts";
import { startContainer } from "../../src/engine/containers/start.ts";
import { stopContainer } from "../../src/engine/containers/stop.ts";
import { updateContainer } from "../../src/engine/containers/update.ts";
import { waitContainer } from "../../src/engine/containers/wait.ts";
import { until } from "../containers/survivors.ts";
import { needing } from "../needs.ts";
import { needs, Place } from "./place.ts";

const { test } = needing(needs);
let place: Place;
beforeAll(async () => {
  place = new Place();
  const once = "#!/bin/sh\nbusybox rm /once\nexit 1\n";
  await place.fill({}, (root) => writeFileSync(join(root, "once"), once, { mode: 0o755 }));
  await place.live.tasks.restore({ supervise: true });
});
afterAll(async () => {
  expect(place.live.warnings).toEqual([]);
  await place[Symbol.asyncDispose]();
});

const policy = (Name: "always" | "on-failure" | "unless-stopped", MaximumRetryCount = 0) => ({
  RestartPolicy: { Name, ...(MaximumRetryCount > 0 && { MaximumRetryCount }) },
});
const starts = (id: string) =>
  place
    .actions(id)
    .split(" ")
    .filter((action) => action === "start").length;

describe("a restart policy", () => {
  test("on-failure tries as often as it may, and then lets it be", async () => {
    const { id } = await place.create({ command: ["sh", "-c", "exit 3"], host: policy("on-failure", 2) });
    const ended = waitContainer(place.live, id, "next-exit").then(() =>
      waitContainer(place.live, id, "not-running"),
    );
    await startContainer(place.live, id);
    expect((await ended).statusCode).toBe(3);
    expect(place.get(id)).toMatchObject({ state: "exited", restartCount: 2, exitCode: 3 });
    expect(starts(id)).toBe(3);
  });
  test("on-failure leaves what has ended well", async () => {
    expect(await place.run({ name: "well", command: ["true"], host: policy("on-failure") })).toBe(0);
    expect(place.get("well")).toMatchObject({ state: "exited", restartCount: 0 });
  });
  test("always starts again what was killed from outside, until a person stops it", async () => {
    const { id, pid } = await place.start({ command: ["sleep", "600"], host: policy("always") });
    process.kill(pid ?? 0, "SIGKILL");
    await until(() => starts(id) === 2, "its second start");
    expect(await stopContainer(place.live, id, { timeout: 0 })).toBe(true);
    expect(place.get(id)).toMatchObject({ state: "exited", restartCount: 1, stoppedByUser: true });
  });
  test("gives up a start that is planned when it is stopped, or removed", async () => {
    const { id } = await place.start({ command: ["false"], host: policy("always") });
    await until(() => place.get(id).state === "restarting", "its back-off");
    expect(await stopContainer(place.live, id)).toBe(true);
    expect(place.get(id).state).toBe("exited");
    await startContainer(place.live, id);
    await until(() => place.get(id).state === "restarting", "its back-off");
    expect(removeContainer(place.live, id)).rejects.toThrow(
      "container is restarting: stop the container before",
    );
    await removeContainer(place.live, id, { force: true });
    expect(place.leavings()).toEqual([]);
  });
  test("gives way to a stop, also to one that comes while its start is under way", async () => {
    const script = "test -e /second && exec sleep 600; echo > /second; exit 1";
    const { id } = await place.start({ command: ["sh", "-c", script], host: policy("always") });
    await until(() => place.get(id).state === "restarting", "its back-off");
    const { tasks } = place.live;
    let stopped: Promise<boolean> | undefined;
    await tasks.exclusive(id, async () => {
      stopped = stopContainer(place.live, id, { timeout: 0 });
      await tasks.table.reactions.restart(id);
    });
    expect(await stopped).toBe(true);
    expect(place.get(id)).toMatchObject({ state: "exited", stoppedByUser: true });
  });
  test("goes on where its program cannot be started", async () => {
    const { id } = await place.start({
      command: ["/once"],
      host: policy("on-failure", 3),
    });
    await until(() => place.get(id).state === "exited", "its last try");
    expect(place.get(id)).toMatchObject({ restartCount: 3, exitCode: 127 });
    expect(place.get(id).error).toContain("/once");
  });
  test("can be changed while it runs", async () => {
    const { id } = await place.start({ command: ["sleep", "600"], host: policy("always") });
    await updateContainer(place.live, id, { RestartPolicy: { Name: "no" }, Memory: 64 << 20 });
    expect(place.get(id).body.HostConfig).toMatchObject({ RestartPolicy: { Name: "no" }, Memory: 64 << 20 });
    const { memory } = await place.live.runtimes.get().stats(id);
    expect(memory.limit).toBe(64 << 20);
    await killContainer(place.live, id);
    expect(place.get(id).state).toBe("exited");
  });
});

describe("health", () => {
  const check = (script: string, more = {}) => ({
    body: { Healthcheck: { Test: ["CMD-SHELL", script], Interval: 50e6, Timeout: 5e9, Retries: 2, ...more } },
  });
  const healthIs = (id: string, status: Health["status"]) =>
    until(() => place.get(id).health?.status === status, `its being ${status}`);

  test("follows its probes, and what they say is kept", async () => {
    const { id } = await place.start({
      command: ["sh", "-c", "touch /well; sleep 600"],
      ...check("cat /well && echo fine"),
    });
    expect(place.get(id).health?.status).toBe("starting");
    await healthIs(id, "healthy");
    expect(place.get(id).health?.log.at(-1)).toMatchObject({ exitCode: 0, output: "fine\n" });
    await execIn(id, ["busybox", "rm", "/well"]);
    await healthIs(id, "unhealthy");
    expect(place.get(id).health?.log.at(-1)).toMatchObject({ exitCode: 1 });
    await execIn(id, ["touch", "/well"]);
    await healthIs(id, "healthy");
    expect(place.actions(id).match(/health_status: \w+/g)).toEqual([
      "health_status: healthy",
      "health_status: unhealthy",
      "health_status: healthy",
    ]);
    await removeContainer(place.live, id, { force: true });
  });
  test("of a probe that takes too long is bad, and the probe is killed", async () => {
    const { id } = await place.start({
      command: ["sleep", "600"],
      ...check("echo slow; exec sleep 500", { Timeout: 100e6, Retries: 1 }),
    });
    await healthIs(id, "unhealthy");
    // What it said comes after, if it came so far.
    expect(place.get(id).health?.log.at(-1)).toMatchObject({
      exitCode: -1,
      output: expect.stringMatching(/^Health check exceeded timeout \(0.1s\)(: slow\n)?$/) as string,
    });
    await removeContainer(place.live, id, { force: true });
    expect(place.leavings()).toEqual([]);
  });
  test("keeps of what a probe says 4096 bytes", async () => {
    const { id } = await place.start({
      command: ["sleep", "600"],
      ...check("head -c 300000 /dev/zero | tr '\\0' x"),
    });
    await healthIs(id, "healthy");
    expect(place.get(id).health?.log.at(-1)?.output).toBe("x".repeat(4096));
    await removeContainer(place.live, id, { force: true });
  });
  test("goes on under another engine", async () => {
    const { id } = await place.start({
      command: ["sh", "-c", "touch /well; sleep 600"],
      ...check("cat /well"),
    });
    await healthIs(id, "healthy");
    await place.reopen();
    expect(place.get(id).health?.status).toBe("healthy");
    await execIn(id, ["busybox", "rm", "/well"]);
    await healthIs(id, "unhealthy");
    await removeContainer(place.live, id, { force: true });
  });

  async function execIn(id: string, Cmd: string[]): Promise<void> {
    const exec = await createExec(place.live, id, { Cmd });
    await startExec(place.live, exec, { detach: true });
    await place.live.tasks.table.execs.find(exec)?.done.promise;
  }
});

test("a container that was killed for its memory says so", async () => {
  const eat = ["sh", "-c", "x=x; while :; do x=$x$x; done"];
  expect(
    await place.run({ name: "eater", command: eat, memory: 16 << 20, host: { MemorySwap: 16 << 20 } }),
  ).toBe(137);
  expect(place.get("eater").oomKilled).toBe(true);
  expect(place.actions(place.get("eater").id)).toBe("create start oom die");
});
