/** kill -9 of whoever creates, runs or removes a container: what is left is healed by the next, or taken by a collection. */
import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expect } from "bun:test";
import { healContainers } from "../../src/engine/containers/heal.ts";
import { removeContainer } from "../../src/engine/containers/foreground-remove.ts";
import { claim, exited } from "../../src/engine/containers/states.ts";
import { openStore } from "../../src/engine/store/open.ts";
import { needing } from "../needs.ts";
import { needs, Place, runtime } from "./place.ts";
import { cgroups, isGone, killLeft, parentOf, until, within } from "./survivors.ts";

const { test } = needing(needs);

interface Survivor {
  readonly id: string;
  /** Its first process. */
  readonly pid: number;
  readonly runtimePid: number;
}

/** A container that a process of its own runs, as `sampan run` does, and that then was killed. */
async function survivor(place: Place, remove: boolean): Promise<Survivor> {
  const ready = join(place.dir, "ready");
  mkdirSync(ready);
  const { id } = await place.create({
    command: ["sh", "-c", "touch /ready/yes; sleep 1000"],
    volumes: [`${ready}:/ready`, "/own"],
    remove,
  });
  const keeper = Bun.spawn([process.execPath, join(import.meta.dir, "runner.ts"), place.dir, "run", id], {
    stdio: ["ignore", "ignore", "ignore"],
  });
  await until(() => existsSync(join(ready, "yes")), "the container's start");
  keeper.kill("SIGKILL");
  await within(keeper.exited, "the keeper's end");
  const { pid = 0 } = place.parts.containers.get(id);
  return { id, pid, runtimePid: parentOf(pid) };
}

/** What there is of it beside its row, snapshot, folder and volumes. */
function leftOf(place: Place, id: string) {
  const state = join(place.dir, "state");
  return {
    mounts: place.mounts(),
    roots: readdirSync(join(state, "roots")),
    runtime: readdirSync(join(state, "runtime")).filter((name) => name.includes(id)),
    cgroups: cgroups(id),
  };
}
const nothing = { mounts: [], roots: [], runtime: [], cgroups: [] };

test.each([
  { remove: false, killRuntime: false },
  { remove: true, killRuntime: false },
  { remove: false, killRuntime: true },
])("a container outlives a killed run, and is healed when it has ended: %j", async (how) => {
  using place = new Place();
  await place.fill();
  const { root } = place.parts.store;
  try {
    const { id, pid, runtimePid } = await survivor(place, how.remove);
    if (how.killRuntime) {
      process.kill(runtimePid, "SIGKILL");
      await until(() => isGone(runtimePid), "the runtime's end");
    }
    expect(await healContainers(place.parts, { runtime })).toEqual([]);
    expect(place.parts.containers.get(id)).toMatchObject({ state: "running", pid, exitCode: undefined });
    expect(removeContainer(place.parts, id, { runtime })).rejects.toThrow("it is running");
    expect(place.mounts()).toHaveLength(1);
    process.kill(pid, "SIGKILL");
    await until(() => isGone(pid) && isGone(runtimePid), "the container's end");
    expect(place.parts.containers.get(id)).toMatchObject({ state: "exited", exitCode: 255 });
    expect(await healContainers(place.parts, { runtime })).toHaveLength(1);
    expect(leftOf(place, id)).toEqual(nothing);
    const left = place.parts.containers.list();
    expect(left.map(({ state, exitCode }) => [state, exitCode])).toEqual(how.remove ? [] : [["exited", 255]]);
    expect(readdirSync(join(root, "volumes"))).toHaveLength(how.remove ? 0 : 1);
    if (!how.remove) await removeContainer(place.parts, id, { runtime, volumes: true });
    expect([readdirSync(join(root, "containers")), readdirSync(join(root, "volumes"))]).toEqual([[], []]);
    expect(await healContainers(place.parts, { runtime })).toEqual([]);
  } finally {
    killLeft(root);
  }
});

test.each([false, true])(
  "force ends one whose run was killed, and removes all of it (--rm: %p)",
  async (remove) => {
    using place = new Place();
    await place.fill();
    const { root } = place.parts.store;
    try {
      const { id, pid, runtimePid } = await survivor(place, remove);
      expect(await within(removeContainer(place.parts, id, { runtime, force: true }), "removal")).toBe(id);
      await until(() => isGone(pid) && isGone(runtimePid), "the container's end");
      expect(leftOf(place, id)).toEqual(nothing);
      expect(place.parts.containers.list()).toEqual([]);
      expect(readdirSync(join(root, "containers"))).toEqual([]);
      expect(place.parts.snapshots.list().map(({ kind }) => kind)).toEqual(["committed"]);
    } finally {
      killLeft(root);
    }
  },
);

test("healing takes no lock when there is nothing to heal", async () => {
  using place = new Place();
  await place.fill();
  await place.run({ command: ["true"], volumes: ["named:/data"] });
  await place.create({ command: ["true"] });
  using other = openStore(place.parts.store.root);
  other.db.run("BEGIN IMMEDIATE");
  expect(await within(healContainers(place.parts, { runtime }), "healing")).toEqual([]);
  other.db.run("ROLLBACK");
});

test("one that cannot be healed is said, and keeps nobody else from it", async () => {
  using place = new Place();
  await place.fill();
  const stuck = await place.create({ command: ["true"], runtime: "false" });
  const other = await place.create({ command: ["true"] });
  place.parts.store.db.run("UPDATE containers SET state = 'running'");
  const healed = await healContainers(place.parts, { runtime });
  expect(healed.filter(({ repaired }) => repaired)).toHaveLength(1);
  expect(healed.find(({ repaired }) => !repaired)?.what).toContain("cannot end container");
  expect([stuck, other].map(({ id }) => place.parts.containers.get(id).state)).toEqual(["exited", "exited"]);
});

test("while its run lives the end is the run's to tell", async () => {
  using place = new Place();
  await place.fill();
  const container = await place.create({ command: ["true"] });
  using _keeping = claim(place.parts.store, container);
  expect(await healContainers(place.parts, { runtime })).toEqual([]);
  exited(place.parts.store, container.id, 3);
  const { state, exitCode, started, finished } = place.parts.containers.get(container.id);
  expect([state, exitCode]).toEqual(["exited", 3]);
  expect(Number(finished)).toBeGreaterThanOrEqual(Number(started));
});

test("volumes of a container that was removed go with the next healing", async () => {
  using place = new Place();
  await place.fill();
  const { store } = place.parts;
  mkdirSync(join(store.root, "volumes/gone/_data"), { recursive: true });
  store.db.run("INSERT INTO garbage (kind, key) VALUES ('volume', 'gone')");
  expect(await healContainers(place.parts, { runtime })).toMatchObject([{ repaired: true }]);
  expect(readdirSync(join(store.root, "volumes"))).toEqual([]);
  expect(await healContainers(place.parts, { runtime })).toEqual([]);
});

test("a run that was killed does not stand in the way of the next run", async () => {
  using place = new Place();
  await place.fill();
  const container = await place.create({ command: ["echo", "again"] });
  place.parts.store.db.run("UPDATE containers SET state = 'running'");
  expect(place.parts.containers.get(container.id).state).toBe("exited");
  expect(await place.start(container)).toMatchObject({ status: 0, stdout: "again\n" });
});

test("a folder without a row is removed", async () => {
  using place = new Place();
  await place.fill();
  const containers = join(place.parts.store.root, "containers");
  const kept = await place.create({ command: ["true"] });
  mkdirSync(join(containers, "f".repeat(64)));
  expect(await healContainers(place.parts, { runtime })).toHaveLength(1);
  expect(readdirSync(containers)).toEqual([kept.id]);
});
