/** kill -9 of whoever creates, runs or removes a container: what is left is healed by the next, or taken by a collection. */
import { existsSync, mkdirSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expect } from "bun:test";
import { healContainers } from "../../src/engine/containers/heal.ts";
import { removeContainer } from "../../src/engine/containers/remove.ts";
import { needing } from "../needs.ts";
import { needs, Place, runtime } from "./place.ts";

const { test } = needing(needs);

/** A process of its own that runs the container, as `sampan run` does. */
function runner(place: Place, id: string) {
  return Bun.spawn([process.execPath, join(import.meta.dir, "runner.ts"), place.dir, id], {
    stdio: ["ignore", "ignore", "inherit"],
  });
}

test.each([false, true])(
  "a run that was killed is ended, unmounted and exited with 255 (--rm: %p)",
  async (remove) => {
    using place = new Place();
    await place.fill();
    const ready = join(place.dir, "ready");
    mkdirSync(ready);
    const container = await place.create({
      command: ["sh", "-c", "touch /ready/yes; sleep 1000"],
      volumes: [`${ready}:/ready`],
      remove,
    });
    const child = runner(place, container.id);
    while (!existsSync(join(ready, "yes"))) await Bun.sleep(5);
    const { pid = 0 } = place.parts.containers.get(container.id);
    process.kill(child.pid, "SIGKILL");
    await child.exited;
    expect(await healContainers(place.parts, { runtime })).toEqual([]);
    process.kill(pid, "SIGKILL");
    while (existsSync(`/proc/${pid}`) && !/^State:\s+Z/m.test(status(pid))) await Bun.sleep(5);
    expect(place.mounts()).toHaveLength(1);
    expect(await healContainers(place.parts, { runtime })).toHaveLength(1);
    expect(place.mounts()).toEqual([]);
    const left = place.parts.containers.list().map(({ state, exitCode }) => [state, exitCode]);
    expect(left).toEqual(remove ? [] : [["exited", 255]]);
    expect(readdirSync(join(place.dir, "state/roots"))).toEqual([]);
    if (!remove) await removeContainer(place.parts, container.id, { runtime });
    expect(readdirSync(join(place.parts.store.root, "containers"))).toEqual([]);
  },
);

test("a run that was killed does not stand in the way of the next run", async () => {
  using place = new Place();
  await place.fill();
  const container = await place.create({ command: ["echo", "again"] });
  place.parts.store.db
    .query(
      "UPDATE containers SET state = 'running', pid = 1, start_time = 'never', boot_id = 'gone' WHERE id = ?",
    )
    .run(container.id);
  expect(place.parts.containers.get(container.id).state).toBe("exited");
  expect(await place.start(container)).toMatchObject({ status: 0, stdout: "again\n" });
});

function status(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/status`, "utf8");
  } catch {
    return "State:\tZ";
  }
}

test("a folder without a row is removed", async () => {
  using place = new Place();
  await place.fill();
  const containers = join(place.parts.store.root, "containers");
  const kept = await place.create({ command: ["true"] });
  mkdirSync(join(containers, "f".repeat(64)));
  expect(await healContainers(place.parts, { runtime })).toHaveLength(1);
  expect(readdirSync(containers)).toEqual([kept.id]);
});
