/** Heals what a crash has left of containers. */
import { lstatSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { storedContainer } from "./open.ts";
import { endOrphan, removeContainer, removeFolder } from "./remove.ts";
import type { RunParts, RuntimeOption } from "./runtime-command.ts";
import { orphans } from "./states.ts";

/**
 * After a crash of whoever ran them: containers whose process is gone are ended, unmounted and `exited` with 255, or removed if that was asked for; folders of no
 * container and half-made volumes are removed. Called when an engine opens and by `system check`. Gives a line for each.
 */
export async function healContainers(engine: RunParts, options: RuntimeOption): Promise<readonly string[]> {
  const healed: string[] = [];
  for (const id of orphans(engine.store)) {
    await endOrphan(engine, id, options.runtime);
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
  const volumes = join(root, "volumes");
  for (const name of namesIn(volumes).filter(isHalfMade(volumes)))
    await engine.unpacker.removeTree(join(volumes, name));
  return strays.map((id) => `folder of container ${id.slice(0, 12)}, which is gone: removed`);
}

/** A volume that is being filled at the moment is younger. */
const longest = 3600 * 1000;

function isHalfMade(volumes: string): (name: string) => boolean {
  return (name) => name.startsWith(".new-") && Date.now() - lstatSync(join(volumes, name)).mtimeMs > longest;
}

function namesIn(folder: string): string[] {
  return lstatSync(folder, { throwIfNoEntry: false }) ? readdirSync(folder) : [];
}
