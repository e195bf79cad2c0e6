/** kill -9 of create, run and remove at random moments: a healing and a collection take all that is left. */
import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { expect } from "bun:test";
import { healContainers } from "../../src/engine/containers/heal.ts";
import { isRunning, orphans } from "../../src/engine/containers/states.ts";
import { storedContainer } from "../../src/engine/containers/open.ts";
import { openCollector } from "../../src/engine/gc/collect.ts";
import { Random } from "../differential/random.ts";
import { needing } from "../needs.ts";
import { needs, Place, runtime } from "./place.ts";
import { cgroups, killLeft, until, within } from "./survivors.ts";

const { test } = needing(needs);

const verbs = ["create", "run", "remove"] as const;
/** About what each takes here; later, it has ended by itself. Milliseconds. */
const lasts = { create: 25, run: 250, remove: 40 } as const;

/** Starts the verb and kills it so many milliseconds after it has begun. */
async function kill(place: Place, verb: string, thing: string, after: number): Promise<void> {
  const begun = join(place.dir, "begun");
  rmSync(begun, { force: true });
  const child = Bun.spawn([process.execPath, join(import.meta.dir, "runner.ts"), place.dir, verb, thing], {
    stdio: ["ignore", "ignore", "ignore"],
  });
  await until(() => existsSync(begun), "the beginning");
  await Promise.race([child.exited, Bun.sleep(after)]);
  child.kill("SIGKILL");
  await within(child.exited, "the end");
}

/** What stands on the disk and in the kernel, against the rows. */
function left(place: Place) {
  const { store, containers, snapshots } = place.parts;
  const state = join(place.dir, "state");
  const namesIn = (path: string) => (existsSync(path) ? readdirSync(path) : []);
  const rows = containers.list();
  const volumes = rows.flatMap(({ id }) => storedContainer(store, id).volumes.map(({ source }) => source));
  const ids = new Set(rows.map(({ id }) => id));
  return {
    folders: namesIn(join(store.root, "containers")).filter((id) => !ids.has(id)),
    folderless: [...ids].filter((id) => !existsSync(join(store.root, "containers", id))),
    snapshots: snapshots.list().filter(({ kind, key }) => kind === "active" && !ids.has(key)),
    snapshotless: [...ids].filter((id) => !existsSync(snapshots.directory(id))),
    volumes: namesIn(join(store.root, "volumes")).filter((name) => !volumes.includes(name)),
    running: rows.filter(({ state: now }) => now === "running").map(({ id }) => id),
    garbage: store.db.query("SELECT * FROM garbage").all(),
    leases: place.parts.leases.list(),
    mounts: place.mounts(),
    roots: namesIn(join(state, "roots")),
    runtime: namesIn(join(state, "runtime")),
  } satisfies Record<string, readonly unknown[]>;
}
const nothing = {
  folders: [],
  folderless: [],
  snapshots: [],
  snapshotless: [],
  volumes: [],
  running: [],
  garbage: [],
  leases: [],
  mounts: [],
  roots: [],
  runtime: [],
};

test.each([1, 2])(
  "kills of create, run and remove leave nothing that is not taken (seed %d)",
  async (seed) => {
    using place = new Place();
    await place.fill();
    // Keeps the image's layers.
    await place.create({ command: ["true"] });
    const random = new Random(seed);
    const { store, snapshots } = place.parts;
    const collector = openCollector({ store, snapshots });
    try {
      for (let turn = 0; turn < 12; turn++) {
        const verb = verbs[turn % verbs.length] ?? "create";
        const own =
          verb === "create"
            ? undefined
            : await place.create({ command: ["true"], volumes: ["/own"], remove: turn % 2 > 0 });
        const after = random.integer(0, lasts[verb]);
        const context = `seed ${seed}, turn ${turn}: ${verb} killed after ${after} ms`;
        await kill(place, verb, own?.id ?? `made-${turn}`, after);
        const id = own?.id ?? "";
        await until(() => !isRunning(store, id) || orphans(store, id).length > 0, `${context}: its end`);
        const unhealed = (await healContainers(place.parts, { runtime })).filter(({ repaired }) => !repaired);
        await collector.collect();
        expect({ context, unhealed, ...left(place), cgroups: cgroups(id) }).toEqual({
          context,
          unhealed: [],
          ...nothing,
          cgroups: [],
        });
      }
    } finally {
      killLeft(store.root);
    }
  },
  100_000,
);
