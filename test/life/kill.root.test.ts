/** An engine that is killed at a random moment of its work, again and again: nothing that ran is lost, nothing is left of what did not. */
// deadline: 180 s
import { afterAll, beforeAll, expect } from "bun:test";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { killContainer } from "../../src/engine/containers/kill.ts";
import { removeContainer } from "../../src/engine/containers/remove.ts";
import { cgroupOf } from "../../src/engine/containers/cgroup-name.ts";
import { until } from "../containers/survivors.ts";
import { needing } from "../needs.ts";
import { liveAt, needs, Place, type Live } from "./place.ts";

const { test } = needing(needs);
const rounds = Number(process.env["SAMPAN_HUNT_ROUNDS"] ?? 40);
/** Ids that were seen: other tests may run beside this one. */
const made = new Set<string>();
let place: Place;
beforeAll(async () => {
  place = new Place();
  await place.fill();
});
afterAll(async () => await place[Symbol.asyncDispose]());

/** Works until it is killed `delay` milliseconds after it has begun. */
async function killed(seed: number, delay: number): Promise<void> {
  const child = Bun.spawn([process.execPath, join(import.meta.dir, "worker.ts"), place.dir, `${seed}`], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  await until(
    () => existsSync(join(place.dir, `begun-${seed}`)) || child.exitCode !== null,
    "the worker's beginning",
  );
  await Bun.sleep(delay);
  expect(child.exitCode).toBeNull();
  child.kill("SIGKILL");
  await child.exited;
}

/** What is on the host of each container that runs, and nothing else. */
async function check(live: Live): Promise<void> {
  const running = live.containers.list().filter(({ state }) => state === "running" || state === "paused");
  const { state } = live.settings;
  const ids = running.map(({ id }) => id).toSorted();
  for (const folder of ["containers", "roots", "runtime/native"])
    expect(namesIn(join(state, folder)).toSorted()).toEqual(ids);
  for (const { id, pid = 0 } of running) {
    const status = await live.runtimes.get().state(id);
    expect(status).toEqual({ status: status?.status === "paused" ? "paused" : "running", pid });
  }
  const rows = live.containers.list();
  const known = new Set(rows.map(({ id }) => id));
  for (const id of known) made.add(id);
  expect(namesIn(join(live.store.root, "containers")).every((id) => known.has(id))).toBe(true);
  // Of one that ended, its true code: what the worker kills, stops or lets end.
  for (const { exitCode, state: at } of rows) if (at === "exited") expect([7, 137]).toContain(exitCode ?? -1);
  const mounts = place.mounts().filter((each) => each.startsWith(join(state, "roots")));
  expect(mounts).toHaveLength(ids.length);
  expect(strangers(new Set(ids))).toEqual([]);
}

/** Cgroups of containers that do not run. */
function strangers(running: ReadonlySet<string>): string[] {
  const prefix = cgroupOf("");
  return namesIn("/sys/fs/cgroup/pids")
    .filter((name) => name.startsWith(prefix))
    .map((name) => name.slice(prefix.length))
    .filter((id) => made.has(id) && !running.has(id));
}

function namesIn(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder) : [];
}

test("an engine that is killed at random moments loses nothing and leaves nothing", async () => {
  for (let seed = 0; seed < rounds; seed++) {
    await killed(seed, Math.random() * 250);
    const live = liveAt(place.dir);
    try {
      await live.tasks.restore({ supervise: true });
      expect(live.warnings).toEqual([]);
      await check(live);
      // Those that last are not touched by the restore; from time to time they are taken away, or there would be too many.
      if (seed % 5 === 4)
        for (const { id, state } of live.containers.list()) {
          if (state === "running") await killContainer(live, id);
          await removeContainer(live, id, { force: true });
        }
    } finally {
      await live.tasks[Symbol.asyncDispose]();
      live.store[Symbol.dispose]();
    }
  }
}, 170_000);
