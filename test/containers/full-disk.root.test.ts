import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "bun:test";
import { unmount } from "../../src/kernel/mounts.ts";
import { needing } from "../needs.ts";
import { needs, Place } from "./place.ts";

const { test } = needing(needs);

test("a container that fills the disk of the data root ends with its own code, and with --rm leaves nothing on it", async () => {
  const disk = mkdtempSync(join(tmpdir(), "sampan-full-disk-"));
  const before = process.env["TMPDIR"];
  using stack = new DisposableStack();
  stack.defer(() => rmSync(disk, { recursive: true }));
  expect(Bun.spawnSync(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", disk]).exitCode).toBe(0);
  stack.defer(() => unmount(disk));
  process.env["TMPDIR"] = disk;
  stack.defer(() => {
    if (before === undefined) delete process.env["TMPDIR"];
    else process.env["TMPDIR"] = before;
  });
  const place = stack.use(new Place());
  await place.fill();
  const container = await place.create({
    command: ["sh", "-c", "cat /dev/zero > /filled; exit 7"],
    remove: true,
  });
  expect((await place.start(container)).status).toBe(7);
  expect(place.parts.containers.list()).toEqual([]);
  expect(place.parts.snapshots.list().map(({ kind }) => kind)).toEqual(["committed"]);
});
