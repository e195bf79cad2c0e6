/** A container of a pod is removed when its rows are: its folders go a moment later, and with the next collection where that was cut off. */
import { expect } from "bun:test";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { containerFolder } from "../../src/engine/containers/create.ts";
import { removeContainer } from "../../src/engine/containers/remove.ts";
import { startContainer } from "../../src/engine/containers/start.ts";
import { stopContainer } from "../../src/engine/containers/stop.ts";
import { needing } from "../needs.ts";
import { needs, World } from "./_world.ts";

const { test } = needing(needs);

const snapshotsIn = (world: World) =>
  readdirSync(join(world.folder, "data/snapshots", world.engine.snapshots.name));

test("it leaves no folder, whenever the engine is closed", async () => {
  await using world = await World.open();
  const before = snapshotsIn(world);
  const pod = await world.pod();
  const id = await world.start(pod.id, ["sleep 1000"]);
  await stopContainer(world.engine, id, { timeout: 0 });
  await removeContainer(world.engine, id, { force: true, volumes: true });
  expect(() => world.engine.containers.get(id)).toThrow("No such container");
  const { root } = world.engine.store;
  await world.engine[Symbol.asyncDispose]();
  expect(existsSync(containerFolder(root, id))).toBe(false);
  expect(snapshotsIn(world)).toEqual(before);
  await world.again();
  expect(world.warnings).toEqual([]);
});

test("folders whose removal was cut off go with the next start and the next collection", async () => {
  await using world = await World.open();
  const pod = await world.pod();
  const before = snapshotsIn(world);
  const { id } = await world.container(pod.id, ["true"]);
  const { engine } = world;
  engine.store.transaction(() => {
    engine.snapshots.drop(engine.containers.get(id).snapshot);
    engine.store.db.query("DELETE FROM containers WHERE id = ?").run(id);
  });
  await world.again();
  expect(existsSync(containerFolder(world.engine.store.root, id))).toBe(false);
  await world.engine.gc.collect();
  expect(snapshotsIn(world)).toEqual(before);
});

test("one that a power cut has left without its files cannot start, and is removed", async () => {
  await using world = await World.open();
  const pod = await world.pod();
  const { id } = await world.container(pod.id, ["true"]);
  const { snapshots, store } = world.engine;
  await world.engine.unpacker.removeTree(join(snapshots.directory(id), ".."));
  await world.engine.unpacker.removeTree(containerFolder(store.root, id));
  expect(await snapshots.usage(id)).toEqual({ bytes: 0, inodes: 0 });
  const failure = await startContainer(world.engine, id).catch((error: unknown) => String(error));
  expect(failure).toContain("cannot start container");
  await removeContainer(world.engine, id, { force: true, volumes: true });
  await world.engine.pods.remove(pod.id);
  expect(world.engine.containers.list()).toEqual([]);
});
