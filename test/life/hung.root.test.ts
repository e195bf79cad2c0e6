/** Monitors that hang: each holds up what is its own, for as long as it takes to see that it does. */
import { afterAll, beforeAll, expect } from "bun:test";
import { createExec, inspectExec, startExec } from "../../src/engine/containers/exec.ts";
import { monitorFolder } from "../../src/engine/containers/parts.ts";
import { stopContainer } from "../../src/engine/containers/stop.ts";
import { attachTo } from "../../src/runtime/monitor/attach.ts";
import { isGone, parentOf, until } from "../containers/survivors.ts";
import { needing } from "../needs.ts";
import { descriptors, needs, Place } from "./place.ts";

const { test } = needing(needs);

const lasting = { command: ["sleep", "600"] };
let place: Place;
beforeAll(async () => {
  place = new Place();
  await place.fill();
});
afterAll(() => place[Symbol.asyncDispose]());

test("a container ends though the monitor of one of its execs hangs", async () => {
  const { id } = await place.start(lasting);
  const exec = await createExec(place.live, id, { Cmd: ["sleep", "600"] });
  await startExec(place.live, exec, { detach: true });
  const monitor = parentOf(inspectExec(place.live, exec).pid ?? 0);
  process.kill(monitor, "SIGSTOP");
  await stopContainer(place.live, id, { timeout: 0 });
  expect(place.get(id)).toMatchObject({ state: "exited", exitCode: 137 });
  await until(() => isGone(monitor), "its monitor's end");
  expect(place.leavings()).toEqual([]);
}, 20_000);

test("who attaches to one that hangs is told so, and holds no connection to it", async () => {
  const { id, pid } = await place.start(lasting);
  const monitor = parentOf(pid ?? 0);
  const folder = monitorFolder(place.live, id);
  const before = descriptors();
  process.kill(monitor, "SIGSTOP");
  try {
    for (let i = 0; i < 5; i++) {
      const attached = attachTo(folder, { stdin: false, stdout: true, stderr: true, patience: 50 });
      const told = await attached.then(String, (error: unknown) => error);
      expect(told).toMatchObject({ code: "deadline_exceeded" });
    }
    await until(() => descriptors() <= before, "the end of its connections");
  } finally {
    process.kill(monitor, "SIGCONT");
  }
  await stopContainer(place.live, id, { timeout: 0 });
});
