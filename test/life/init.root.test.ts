/** `--init`: the first process that the engine brings, whatever the host has installed. */
import { afterAll, beforeAll, expect } from "bun:test";
import { chmodSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { attachContainer } from "../../src/engine/containers/attach.ts";
import { startContainer } from "../../src/engine/containers/start.ts";
import { stopContainer } from "../../src/engine/containers/stop.ts";
import { needing } from "../needs.ts";
import { hear, needs, Place } from "./place.ts";

const { test } = needing(needs);
const sh = (script: string) => ["sh", "-c", script];
let place: Place;
beforeAll(async () => {
  place = new Place();
  await place.fill();
});
afterAll(async () => {
  expect(place.live.warnings).toEqual([]);
  await place[Symbol.asyncDispose]();
});

test("it is process 1, and the status is the program's", async () => {
  const script =
    "cat /proc/1/comm; cat /proc/$$/comm; echo x 2>/dev/null >/sbin/docker-init; stat -c %a /sbin/docker-init; exit 7";
  const { id } = await place.create({ command: sh(script), host: { Init: true } });
  const heard = hear(await attachContainer(place.live, id, { stdin: false, stdout: true, stderr: true }));
  await startContainer(place.live, id);
  expect((await heard).stdout).toBe("docker-init\nsh\n555\n");
  expect(await place.run({ command: sh("exit 7"), host: { Init: true } })).toBe(7);
});

test("a program that would not hear a signal as process 1 is stopped by it", async () => {
  const { id } = await place.start({ command: sh("echo ready; exec sleep 60"), host: { Init: true } });
  await place.said(id, "ready");
  await stopContainer(place.live, id, { timeout: 60 });
  expect(place.get(id).exitCode).toBe(128 + 15);
});

test("the program has the terminal", async () => {
  const command = sh("exec cat /proc/self/stat");
  expect(await place.run({ name: "terminal", command, body: { Tty: true }, host: { Init: true } })).toBe(0);
  const [, , , , group, , terminal, foreground] = (await place.log("terminal")).split(" ");
  expect(Number(terminal)).toBeGreaterThan(0);
  expect(foreground).toBe(group);
  expect(Number(group)).toBeGreaterThan(1);
});

test("its file is made again where it is damaged", async () => {
  const path = join(place.dir, "init");
  const whole = readFileSync(path);
  for (const damage of [
    () => (chmodSync(path, 0o700), writeFileSync(path, whole.subarray(1))),
    () => chmodSync(path, 0o4755),
  ]) {
    damage();
    await place.reopen();
    expect(await place.run({ command: sh("exit 3"), host: { Init: true } })).toBe(3);
    expect(readFileSync(path).equals(whole)).toBe(true);
    expect(statSync(path).mode).toBe(0o100555);
  }
});
