/** Takes a container away. */
import { lstatSync } from "node:fs";
import { join } from "node:path";
import { SampanError } from "../../base/errors.ts";
import { containerFolder } from "./create.ts";
import { storedContainer } from "./open.ts";
import { runtimeCommand, type RunParts, type RuntimeOption } from "./runtime-command.ts";
import { exited, orphans } from "./states.ts";
import { removeRootfs } from "./rootfs.ts";

/**
 * The row first, then snapshot and folder; what a crash leaves is garbage. Named volumes stay; anonymous ones go with a container that was made to be removed.
 * Errors: `not_found`; `failed_precondition` for a running one without `force`, which ends it.
 */
export async function removeContainer(
  engine: RunParts,
  reference: string,
  options: RuntimeOption & { readonly force?: boolean },
): Promise<string> {
  const { id, name, state, snapshot } = engine.containers.get(reference);
  if (state === "running" && options.force !== true)
    throw new SampanError(
      "failed_precondition",
      `cannot remove container "${name}": it is running; stop it first, or use force`,
    );
  const stored = storedContainer(engine.store, id);
  await endOrphan(engine, id, options.runtime);
  if (state === "running") await endForced(engine, id, options.runtime);
  const { changes } = engine.store.db
    .query("DELETE FROM containers WHERE id = ? AND (state <> 'running' OR ?)")
    .run(id, options.force === true ? 1 : 0);
  if (changes === 0)
    throw new SampanError(
      "failed_precondition",
      `cannot remove container "${name}": it was started meanwhile`,
    );
  await removeFolder(engine, id);
  await engine.snapshots.remove(snapshot);
  const { request, volumes } = stored;
  for (const { source } of request.remove ? volumes.filter((each) => each.anonymous) : [])
    await engine.unpacker.removeTree(join(engine.store.root, "volumes", source));
  return id;
}

/** Its bundle and its mount. */
export async function removeFolder(engine: RunParts, id: string): Promise<void> {
  removeRootfs(engine, id);
  const folder = containerFolder(engine.store.root, id);
  if (!lstatSync(folder, { throwIfNoEntry: false })) return;
  await engine.unpacker.removeTree(folder);
}

/** One whose process is gone is ended, unmounted and `exited` with 255. True if it was such. */
export async function endOrphan(engine: RunParts, id: string, runtime: readonly string[]): Promise<boolean> {
  if (orphans(engine.store, id).length === 0) return false;
  await endForced(engine, id, runtime);
  removeRootfs(engine, id);
  exited(engine.store, id, 255);
  return true;
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
