/**
 * After a start of the engine: what lives is found again by its monitors, and not touched; what has ended meanwhile is written down with its true code and time; what crashes have
 * left is taken away; what its restart policy wants is started, each after those that it needs.
 */
import { pause } from "../../base/pause.ts";
import { lstatSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { SampanError } from "../../base/errors.ts";
import { sideBySide } from "../../base/side-by-side.ts";
import { isAbandoned } from "../volumes/half-made.ts";
import { clearAll, hasLeavings, removeMonitorFolder } from "./clear.ts";
import type { ContainerInfo } from "./containers.ts";
import { within } from "./deadline.ts";
import { writeEnd } from "./end.ts";
import { findExecs } from "./exec-follow.ts";
import { bootOf, thisBoot } from "./life-rows.ts";
import { wantedPods } from "../pods/places.ts";
import { findContainer, isLive, monitorFolder, runtimeOf, type LifeParts } from "./parts.ts";
import { hostConfig } from "./request.ts";
import { startWanted } from "./restore-start.ts";
import { removeRootfs } from "./rootfs.ts";
import { follow } from "./task.ts";
import { removeContainerFolder, takeAway } from "./take-away.ts";

export interface RestoreOptions {
  readonly supervise: boolean;
  readonly signal: AbortSignal;
  readonly warn: (text: string) => void;
}

/** How many at once. */
const side = 16;
/** Milliseconds until a monitor that does not answer holds up nobody else any more, and until it is asked again. */
const patience = 3000;
const retry = 1000;

/** One that cannot be restored is told to `warn`, and keeps none of the others from it. */
export async function restore(engine: LifeParts, options: RestoreOptions): Promise<void> {
  const { supervise, signal, warn } = options;
  const { table } = engine.tasks;
  // Before all is seen nothing is started again: what has ended meanwhile comes back in its order.
  table.supervising = false;
  const one = async (id: string, work: () => Promise<unknown>) => {
    if (signal.aborted) return;
    try {
      await engine.tasks.exclusive(id, work);
    } catch (error) {
      warn(`cannot restore container "${id.slice(0, 12)}": ${SampanError.from(error).message}`);
    }
  };
  const before = engine.containers.list();
  // What a start made in this very process is not for us.
  const isOld = ({ id }: ContainerInfo) => !table.running.has(id);
  await sideBySide(before.filter(isOld), side, ({ id }) => one(id, () => restoreOne(engine, id, signal)));
  await sideBySide(strangers(engine), side, (id) => one(id, () => clearStranger(engine, id)));
  await removeStrays(engine);
  if (!supervise) return;
  await restoreNetworks(engine, warn);
  table.supervising = true;
  for (const [id, task] of table.running) table.reactions.watch(id, task);
  await startWanted(engine, before, options);
}

/** Without them containers still run on, and those that need none still start. */
async function restoreNetworks(engine: LifeParts, warn: (text: string) => void): Promise<void> {
  const { networks, tasks, store } = engine;
  try {
    await networks.restore([...tasks.table.running.keys(), ...wantedPods(store)]);
  } catch (error) {
    warn(SampanError.wrap("cannot restore networks", error).message);
  }
}

async function restoreOne(engine: LifeParts, id: string, signal: AbortSignal): Promise<void> {
  const info = findContainer(engine, id);
  if (!info) return;
  if (isLive(info)) return await reconnect(engine, info, signal);
  if (hasLeavings(engine, id)) {
    const failure = await clearAll(engine, info);
    if (failure) throw failure;
  }
  const endsWithRemoval = info.state === "exited" && hostConfig(info.body).AutoRemove === true;
  if (info.state === "removing" || endsWithRemoval)
    await takeAway(engine, info, { volumes: endsWithRemoval });
}

async function reconnect(engine: LifeParts, info: ContainerInfo, signal: AbortSignal): Promise<void> {
  const { id } = info;
  if (engine.tasks.table.running.has(id)) return;
  const folder = monitorFolder(engine, id);
  const exit = () => engine.monitors.exit(folder);
  // A machine that was started anew has nothing of it.
  if (bootOf(engine.store, id) !== thisBoot()) return await writeEnd(engine, id, exit());
  try {
    const connection = await within(patience, `reach the monitor of container "${info.name}"`, (signal) =>
      engine.monitors.connect(folder, signal),
    );
    follow(engine, id, connection, info.started ?? new Date());
  } catch (error) {
    // Its monitor has gone; or it hangs: then the container may well be alive, and nobody else waits for it.
    if (SampanError.from(error).code !== "deadline_exceeded") return await writeEnd(engine, id, exit());
    return engine.tasks.table.inBackground(tryAgain(engine, id, signal));
  }
  await completeStart(engine, info);
  await findExecs(engine, id);
}

/** Until its monitor answers or has gone, or this engine closes. */
async function tryAgain(engine: LifeParts, id: string, signal: AbortSignal): Promise<void> {
  const { table } = engine.tasks;
  for (;;) {
    if (!(await pause(retry, signal)) || table.running.has(id)) return;
    const info = findContainer(engine, id);
    if (!info || !isLive(info)) return;
    try {
      const connection = await within(patience, `reach the monitor of container "${info.name}"`, (signal) =>
        engine.monitors.connect(monitorFolder(engine, id), signal),
      );
      if (table.running.has(id)) return await connection[Symbol.asyncDispose]();
      follow(engine, id, connection, info.started ?? new Date());
      return await findExecs(engine, id);
    } catch (error) {
      if (SampanError.from(error).code === "deadline_exceeded") continue;
      return await engine.tasks.exclusive(id, () =>
        writeEnd(engine, id, engine.monitors.exit(monitorFolder(engine, id))),
      );
    }
  }
}

/** Killed between the row and the letting go, whoever started it has left it waiting. */
async function completeStart(engine: LifeParts, info: ContainerInfo): Promise<void> {
  const runtime = runtimeOf(engine, info);
  const state = await within(patience, `look at container "${info.name}"`, () => runtime.state(info.id));
  if (state?.status !== "created") return;
  await within(patience, `start container "${info.name}"`, (signal) => runtime.start(info.id, signal));
}

/** Ids of which there is something on the host and no row: a removal that was cut off. */
function strangers(engine: LifeParts): string[] {
  const { state } = engine.settings;
  const there = [...namesIn(join(state, "containers")), ...namesIn(join(state, "roots"))];
  return [...new Set(there)].filter((id) => /^[0-9a-f]{64}$/.test(id) && !findContainer(engine, id));
}

async function clearStranger(engine: LifeParts, id: string): Promise<void> {
  for (const name of engine.runtimes.names)
    await within(patience, `clear away container "${id.slice(0, 12)}"`, (signal) =>
      engine.runtimes.get(name).delete(id, { force: true, signal }),
    );
  await engine.networks.close(id);
  removeRootfs(engine, id);
  removeMonitorFolder(engine, id);
}

/** Folders on the disk that belong to no container, and volumes that somebody did not finish to fill. */
async function removeStrays(engine: LifeParts): Promise<void> {
  const { store, unpacker } = engine;
  const hasNoRow = (id: string) => store.db.query("SELECT 1 FROM containers WHERE id = ?").get(id) === null;
  const suspects = namesIn(join(store.root, "containers")).filter(hasNoRow);
  // A folder is made in the transaction of its row: under the write lock there is none in between.
  const strays =
    suspects.length === 0 ? [] : store.transaction(() => suspects.filter(hasNoRow), { durable: false });
  for (const id of strays) await removeContainerFolder(engine, id);
  const volumes = join(store.root, "volumes");
  for (const name of namesIn(volumes).filter(isAbandoned)) await unpacker.removeTree(join(volumes, name));
}

function namesIn(folder: string): string[] {
  return lstatSync(folder, { throwIfNoEntry: false }) ? readdirSync(folder) : [];
}
