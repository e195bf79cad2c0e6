/** kill -9 at any moment: what a snapshotter leaves are rows with their folders, folders that cleanup takes, and mounts that go with them. */
// deadline: 120 s
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expect } from "bun:test";
import { Copies } from "../../src/engine/snapshots/copy.ts";
import { Overlayfs } from "../../src/engine/snapshots/overlayfs.ts";
import { needing } from "../needs.ts";
import { mountsBelow, Place, work } from "./place.ts";

const { test } = needing({ root: true });

test.each(["overlayfs", "copy"])(
  "%s after it was killed at twelve moments",
  async (driver) => {
    using place = new Place();
    const { store } = place;
    const snapshots =
      driver === "copy" ? new Copies(store, work) : new Overlayfs(store, work, { mapsIds: false });
    for (let kill = 0; kill < 12; kill++) {
      await killed(store.root, driver, kill * 7);
      for (const { key, kind } of snapshots.list()) {
        // Of a layer that was not finished the files may be gone: they go before its row, and when it is begun anew.
        if (!key.startsWith("unpack-")) expect(existsSync(snapshots.directory(key)), key).toBe(true);
        if (kind === "committed") expect(readdirSync(snapshots.directory(key)), key).not.toEqual([]);
        expect((await snapshots.usage(key)).inodes, key).toBeGreaterThanOrEqual(
          key.startsWith("unpack-") ? 0 : 1,
        );
      }
      await snapshots.cleanup();
      // As a collection does: children first.
      for (const { key } of snapshots.list().toReversed()) await snapshots.remove(key);
      expect(readdirSync(join(store.root, "snapshots", driver))).toEqual([]);
      expect(mountsBelow(place.root)).toEqual([]);
    }
  },
  100_000,
);

/** Lets the steps go on for some milliseconds; which step it hits is left to chance. */
async function killed(root: string, driver: string, milliseconds: number): Promise<void> {
  const child = Bun.spawn([process.execPath, join(import.meta.dir, "steps.ts"), root, driver], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await child.stdout.getReader().read();
  await Bun.sleep(milliseconds);
  expect(child.exitCode).toBeNull();
  child.kill("SIGKILL");
  await child.exited;
}
