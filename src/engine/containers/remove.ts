/** Takes a container away, and heals what a crash has left of others. */
import { lstatSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { SampanError } from "../../base/errors.ts";
import { unmount } from "../../kernel/mounts.ts";
import type { Engine } from "../engine.ts";
import { containerFolder } from "./create.ts";
import { storedContainer } from "./open.ts";
import { runtimeCommand, type RunOptions, type RunParts } from "./run.ts";
import { exited, orphans } from "./states.ts";

/**
 * The row first, then snapshot and folder; what a crash leaves is garbage. Named volumes stay; anonymous ones go with a container that was made to be removed.
 * Errors: `not_found`; `failed_precondition` for a running one without `force`, which ends it.
 */
export async function removeContainer(
  engine: RunParts,
  reference: string,
  options: Pick<RunOptions, "runtime"> & { readonly force?: boolean },
): Promise<string> {
  const { id, name, state, snapshot } = engine.containers.get(reference);
  if (state === "running" && options.force !== true)
    throw new SampanError(
      "failed_precondition",
      `cannot remove container "${name}": it is running; stop it first, or use force`,
    );
  const stored = storedContainer(engine.store, id);
  if (state === "running") await endForced(engine, id, options.runtime);
  const { changes } = engine.store.db
    .query("DELETE FROM containers WHERE id = ? AND (state <> 'running' OR ?)")
    .run(id, options.force === true ? 1 : 0);
  if (changes === 0)
    throw new SampanError("failed_precondition", `cannot remove container "${name}": it was started meanwhile`);
  await removeFolder(engine, id);
  await engine.snapshots.remove(snapshot);
  const { request, volumes } = stored;
  for (const { source } of request.remove ? volumes.filter((each) => each.anonymous) : [])
    await engine.unpacker.removeTree(join(engine.store.root, "volumes", source));
  return id;
}

async function removeFolder(engine: RunParts, id: string): Promise<void> {
  const folder = containerFolder(engine.store.root, id);
  if (!lstatSync(folder, { throwIfNoEntry: false })) return;
  unmount(join(folder, "rootfs"));
  await engine.unpacker.removeTree(folder);
}

/** Ends all its processes and what the runtime keeps of it. */
async function endForced(engine: RunParts, id: string, runtime: readonly string[]): Promise<void> {
  const words = runtimeCommand(engine, storedContainer(engine.store, id), runtime);
  const child = Bun.spawn([...words, "delete", "--force", id], {
    stdio: ["ignore", "ignore", "pipe"],
    timeout: 30_000,
  });
  const [status, text] = await Promise.all([child.exited, child.stderr.text()]);
  if (status !== 0)
    throw new SampanError("unavailable", `cannot end container "${id.slice(0, 12)}": ${text.trim()}`);
}

/**
 * After a crash of whoever ran them: containers whose process is gone are ended, unmounted and `exited` with 255, or removed if that was asked for; folders of no
 * container and half-made volumes are removed. Called when an engine opens and by `system check`. Gives a line for each.
 */
export async function healContainers(
  engine: RunParts & Pick<Engine, "containers">,
  options: Pick<RunOptions, "runtime">,
): Promise<readonly string[]> {
  const healed: string[] = [];
  for (const id of orphans(engine.store)) {
    await endForced(engine, id, options.runtime);
    unmount(join(containerFolder(engine.store.root, id), "rootfs"));
    exited(engine.store, id, 255);
    healed.push(`container ${id.slice(0, 12)} had lost its process: it is exited`);
    if (storedContainer(engine.store, id).request.remove) await removeContainer(engine, id, options);
  }
  return [...healed, ...(await removeStrays(engine))];
}

async function removeStrays(engine: RunParts): Promise<string[]> {
  const { root } = engine.store;
  const folders = namesIn(join(root, "containers"));
  // Under the write lock: a folder is made in the transaction of its row.
  const strays = engine.store.transaction(() =>
    folders.filter((id) => engine.store.db.query("SELECT 1 FROM containers WHERE id = ?").get(id) === null),
  );
  for (const id of strays) await removeFolder(engine, id);
  return strays.map((id) => `folder of container ${id.slice(0, 12)}, which is gone: removed`);
}

function namesIn(folder: string): string[] {
  return lstatSync(folder, { throwIfNoEntry: false }) ? readdirSync(folder) : [];
}
