/** What is done over and over leaves nothing: no descriptor, no memory, no file. SAMPAN_HUNT_ROUNDS=10000 is the long run. */
import { afterAll, beforeAll, expect } from "bun:test";
import { readdirSync } from "node:fs";
import { attachContainer } from "../../src/engine/containers/attach.ts";
import { createExec, startExec } from "../../src/engine/containers/exec.ts";
import { monitorFolder } from "../../src/engine/containers/parts.ts";
import { removeContainer } from "../../src/engine/containers/remove.ts";
import { needing } from "../needs.ts";
import { descriptors, hear, needs, Place } from "./place.ts";

const { test } = needing(needs);
const rounds = Number(process.env["SAMPAN_HUNT_ROUNDS"] ?? 200);
let place: Place;
beforeAll(async () => {
  place = new Place();
  await place.fill();
  await place.live.tasks.restore({ supervise: true });
});
afterAll(async () => await place[Symbol.asyncDispose]());

/** Four side by side, as clients come. */
async function repeat(count: number, work: () => Promise<void>): Promise<void> {
  const side = async () => {
    for (let number = 0; number < count / 4; number++) await work();
  };
  await Promise.all([side(), side(), side(), side()]);
}

interface Used {
  readonly heap: number;
  readonly descriptors: number;
}

async function used(): Promise<Used> {
  // What was closed is closed in the next turn of the loop.
  await Bun.sleep(1);
  Bun.gc(true);
  return { heap: process.memoryUsage().heapUsed, descriptors: descriptors() };
}

/** Bytes for each round: a leak of one small object a round is more. */
async function expectFlat(work: () => Promise<void>): Promise<void> {
  // The tables of what has ended are full then, and code is compiled.
  await repeat(Math.max(100, Math.min(rounds, 1100)), work);
  const before = await used();
  await repeat(rounds, work);
  const after = await used();
  expect(after.descriptors).toBeLessThanOrEqual(before.descriptors);
  expect((after.heap - before.heap) / rounds).toBeLessThan(rounds < 1100 ? 8192 : 512);
}

test("execs leave nothing", async () => {
  const { id } = await place.start({ command: ["sleep", "6000"] });
  await expectFlat(async () => {
    const exec = await createExec(place.live, id, { Cmd: ["true"], AttachStdout: true, AttachStderr: true });
    const record = place.live.tasks.table.execs.find(exec);
    await hear(await startExec(place.live, exec, { detach: false }));
    expect(await record?.done.promise).toBe(0);
  });
  expect(readdirSync(monitorFolder(place.live, id)).filter((name) => name.startsWith("exec-"))).toEqual([]);
  await removeContainer(place.live, id, { force: true });
}, 3_600_000);

test("attaching leaves nothing", async () => {
  const { id } = await place.start({ command: ["sleep", "6000"] });
  await expectFlat(async () => {
    const controller = new AbortController();
    const streams = { stdin: false, stdout: true, stderr: true, signal: controller.signal };
    const attachment = await attachContainer(place.live, id, streams);
    controller.abort();
    await attachment[Symbol.asyncDispose]();
  });
  await removeContainer(place.live, id, { force: true });
}, 3_600_000);

test("attaching to what never starts leaves nothing", async () => {
  const { id } = await place.create({ command: ["true"] });
  await expectFlat(async () => {
    const attachment = await attachContainer(place.live, id, { stdin: false, stdout: true, stderr: true });
    await attachment[Symbol.asyncDispose]();
  });
  expect(place.live.tasks.table.pending.size).toBe(0);
}, 3_600_000);
