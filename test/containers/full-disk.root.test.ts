import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "bun:test";
import { runContainer } from "../../src/engine/containers/run.ts";
import { unmount } from "../../src/kernel/mounts.ts";
import { needing } from "../needs.ts";
import { needs, Place, runtime } from "./place.ts";

const { test } = needing(needs);

test.each([
  { remove: true, message: "cannot remove container" },
  { remove: false, message: "cannot write down the end of container" },
])(
  "the container's exit code wins over a database that could not be written: $message",
  async ({ remove, message }) => {
    using place = new Place();
    await place.fill();
    const container = await place.create({ command: ["false"], remove });
    const { store } = place.parts;
    // As a disk says that became full while the container ran.
    const full = () => {
      throw Object.assign(new Error("database or disk is full"), {
        name: "SQLiteError",
        code: "SQLITE_FULL",
      });
    };
    let claimed = false;
    const transaction: typeof store.transaction = (change) =>
      store.transaction(() => (claimed ? full() : ((claimed = true), change())));
    const told: string[] = [];
    const status = await runContainer({ ...place.parts, store: { ...store, transaction } }, container, {
      runtime,
      stdio: ["ignore", "ignore", "ignore"],
      onFailure: (text) => Promise.resolve(void told.push(text)),
    });
    expect(status).toBe(1);
    expect(told).toHaveLength(1);
    expect(told[0]).toContain(message);
    expect(told[0]).toContain(
      `cannot use database "${join(store.root, "sampan.db")}": no space left on device`,
    );
    expect(place.mounts()).toEqual([]);
  },
);

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
  const told: string[] = [];
  const status = await runContainer(place.parts, container, {
    runtime,
    stdio: ["ignore", "ignore", "ignore"],
    onFailure: (text) => Promise.resolve(void told.push(text)),
  });
  expect({ status, told }).toEqual({ status: 7, told: [] });
  expect(place.parts.containers.list()).toEqual([]);
  expect(place.parts.snapshots.list().map(({ kind }) => kind)).toEqual(["committed"]);
});

test("what the container wrote is removed first when the database has no room for the removal", async () => {
  using place = new Place();
  await place.fill();
  const container = await place.create({ command: ["sh", "-c", "echo > /filled; exit 7"], remove: true });
  const { store, snapshots } = place.parts;
  const filled = join(snapshots.directory(container.snapshot), "filled");
  const transaction: typeof store.transaction = (change) => {
    if (!existsSync(filled)) return store.transaction(change);
    throw Object.assign(new Error("database or disk is full"), { name: "SQLiteError", code: "SQLITE_FULL" });
  };
  const told: string[] = [];
  const status = await runContainer({ ...place.parts, store: { ...store, transaction } }, container, {
    runtime,
    stdio: ["ignore", "ignore", "ignore"],
    onFailure: (text) => Promise.resolve(void told.push(text)),
  });
  expect({ status, told }).toEqual({ status: 7, told: [] });
  expect(place.parts.containers.list()).toEqual([]);
});
