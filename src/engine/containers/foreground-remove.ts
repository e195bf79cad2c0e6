/** Takes a container of the foreground away. */
import { lstatSync } from "node:fs";
import { join } from "node:path";
import { SampanError } from "../../base/errors.ts";
import type { ContainerInfo } from "./containers.ts";
import { containerFolder } from "./create.ts";
import { storedContainer } from "./open.ts";
import { hostConfig } from "./request.ts";
import { removeRootfs } from "./rootfs.ts";
import { runtimeCommand, type RunParts, type RuntimeOption } from "./runtime-command.ts";
import { exited, isRunning, orphans } from "./states.ts";

export interface RemoveOptions extends RuntimeOption {
  /** One that runs is ended. */
  readonly force?: boolean;
  /** Its anonymous volumes too. Those of a container that was made to be removed always go with it; named ones stay. */
  readonly volumes?: boolean;
}

/**
 * The row first, then snapshot and folder; what a crash leaves is taken by healContainers or a collection.
 * Errors: `not_found`; `failed_precondition` for a running one without `force`.
 */
export async function removeContainer(
  engine: RunParts,
  reference: string,
  options: RemoveOptions,
): Promise<string> {
  const container = engine.containers.get(reference);
  const { id, name, state } = container;
  if (state === "running" && options.force !== true)
    throw new SampanError(
      "failed_precondition",
      `cannot remove container "${name}": it is running; stop it first, or use force`,
    );
  const volumes = anonymousVolumes(engine, id, options.volumes);
  await endOrphan(engine, id, options.runtime);
  if (state === "running") await endRunning(engine, id, options.runtime);
  await takeAway(engine, container, { force: options.force === true, volumes });
  if (isRunning(engine.store, id))
    throw new SampanError(
      "failed_precondition",
      `cannot remove container "${name}": it was started meanwhile`,
    );
  return id;
}

/** Names of those that go with it. */
export function anonymousVolumes(engine: RunParts, id: string, wanted = false): string[] {
  const { body, volumes } = storedContainer(engine.store, id);
  return wanted || hostConfig(body).AutoRemove
    ? volumes.filter(({ anonymous }) => anonymous).map(({ source }) => source)
    : [];
}

export interface TakenAway {
  /** Also when its row says that it runs. */
  readonly force: boolean;
  readonly volumes: readonly string[];
}

/** One of which nothing runs. One that another has removed is no error. */
export async function takeAway(
  engine: RunParts,
  { id, snapshot }: Pick<ContainerInfo, "id" | "snapshot">,
  { force, volumes }: TakenAway,
): Promise<void> {
  const { store } = engine;
  const gone = store.transaction(() => {
    const { changes } = store.db
      .query("DELETE FROM containers WHERE id = ? AND (state <> 'running' OR ?)")
      .run(id, force ? 1 : 0);
    const insert = store.db.query("INSERT OR IGNORE INTO garbage (kind, key) VALUES ('volume', ?)");
    for (const name of changes > 0 ? volumes : []) insert.run(name);
    return changes > 0;
  });
  if (!gone) return;
  await removeFolder(engine, id);
  await engine.snapshots.remove(snapshot);
  await sweepVolumes(engine);
}

/** Its bundle and its mount. */
export async function removeFolder(engine: RunParts, id: string): Promise<void> {
  removeRootfs(engine, id);
  const folder = containerFolder(engine.store.root, id);
  if (!lstatSync(folder, { throwIfNoEntry: false })) return;
  await engine.unpacker.removeTree(folder);
}

/** Volumes whose container is gone; their names are chance and never come again. Gives the names. */
export async function sweepVolumes({ store, unpacker }: RunParts): Promise<string[]> {
  const names = store.db
    .query<{ key: string }, []>("SELECT key FROM garbage WHERE kind = 'volume'")
    .all()
    .map(({ key }) => key);
  for (const name of names) {
    const path = join(store.root, "volumes", name);
    if (lstatSync(path, { throwIfNoEntry: false })) await unpacker.removeTree(path);
    store.transaction(() =>
      store.db.query("DELETE FROM garbage WHERE kind = 'volume' AND key = ?").run(name),
    );
  }
  return names;
}

/** One of which nothing runs any more is unmounted and `exited` with 255. True if it was such. */
export async function endOrphan(engine: RunParts, id: string, runtime: readonly string[]): Promise<boolean> {
  if (orphans(engine.store, id).length === 0) return false;
  await endForced(engine, id, runtime);
  removeRootfs(engine, id);
  exited(engine.store, id, 255);
  return true;
}

/** Whoever waits for it hears of its end before its things are taken away. */
async function endRunning(engine: RunParts, id: string, runtime: readonly string[]): Promise<void> {
  await endForced(engine, id, runtime);
  const deadline = Date.now() + 10_000;
  while (isRunning(engine.store, id) && orphans(engine.store, id).length === 0) {
    if (Date.now() > deadline)
      throw new SampanError(
        "deadline_exceeded",
        `cannot end container "${id.slice(0, 12)}": it still runs after 10 s`,
      );
    await Bun.sleep(2);
  }
}

/** Ends all its processes and what the runtime keeps of it: its state and its cgroup. */
export async function endForced(engine: RunParts, id: string, runtime: readonly string[]): Promise<void> {
  const words = runtimeCommand(engine, storedContainer(engine.store, id), runtime);
  const child = Bun.spawn([...words, "delete", "--force", id], {
    stdio: ["ignore", "ignore", "pipe"],
    timeout: 30_000,
  });
  const [status, text] = await Promise.all([child.exited, child.stderr.text()]);
  if (status !== 0)
    throw new SampanError("unavailable", `cannot end container "${id.slice(0, 12)}": ${text.trim()}`);
}
