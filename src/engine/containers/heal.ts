/** Heals what a crash has left of containers. */
import { lstatSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { SampanError } from "../../base/errors.ts";
import { isAbandoned } from "../volumes/half-made.ts";
import { storedContainer } from "./open.ts";
import { anonymousVolumes, endOrphan, removeFolder, sweepVolumes, takeAway } from "./foreground-remove.ts";
import { hostConfig } from "./request.ts";
import type { RunParts, RuntimeOption } from "./runtime-command.ts";
import { orphans } from "./states.ts";

export interface Healed {
  readonly what: string;
  /** False: it is left as it is, and `what` says why. */
  readonly repaired: boolean;
}

/**
 * After whoever ran them was killed: containers of which nothing runs any more are unmounted and `exited` with 255, or removed if that was asked for; folders of no
 * container, volumes of no container and half-made ones are removed. Before each call that looks at containers. Writes nothing when nothing is to heal.
 */
export async function healContainers(engine: RunParts, options: RuntimeOption): Promise<readonly Healed[]> {
  const healed: Healed[] = [];
  for (const id of orphans(engine.store)) healed.push(await healOne(engine, id, options));
  return [...healed, ...(await removeStrays(engine))];
}

/** One that cannot be healed must not keep the others from being seen. */
async function healOne(engine: RunParts, id: string, { runtime }: RuntimeOption): Promise<Healed> {
  const name = `container ${id.slice(0, 12)}`;
  try {
    const { snapshot } = engine.containers.get(id);
    const volumes = anonymousVolumes(engine, id);
    const remove = hostConfig(storedContainer(engine.store, id).body).AutoRemove === true;
    await endOrphan(engine, id, runtime);
    if (remove) await takeAway(engine, { id, snapshot }, { force: false, volumes });
    return { what: `${name} had lost its process: it is ${remove ? "removed" : "exited"}`, repaired: true };
  } catch (error) {
    return { what: `${name} has lost its process: ${SampanError.from(error).message}`, repaired: false };
  }
}

async function removeStrays(engine: RunParts): Promise<Healed[]> {
  const strays = strayFolders(engine);
  for (const id of strays) await removeFolder(engine, id);
  const volumes = await sweepVolumes(engine);
  const below = join(engine.store.root, "volumes");
  for (const name of namesIn(below).filter(isAbandoned)) await engine.unpacker.removeTree(join(below, name));
  return [
    ...strays.map((id) => `folder of container ${id.slice(0, 12)}, which is gone: removed`),
    ...volumes.map((name) => `volume ${name.slice(0, 12)} of a container that is gone: removed`),
  ].map((what) => ({ what, repaired: true }));
}

/** A folder is made in the transaction of its row. So one that seems to have none is looked at again under the write lock, which is not taken for nothing. */
function strayFolders({ store }: RunParts): string[] {
  const hasNoRow = (id: string) => store.db.query("SELECT 1 FROM containers WHERE id = ?").get(id) === null;
  const suspects = namesIn(join(store.root, "containers")).filter(hasNoRow);
  return suspects.length === 0 ? [] : store.transaction(() => suspects.filter(hasNoRow));
}

function namesIn(folder: string): string[] {
  return lstatSync(folder, { throwIfNoEntry: false }) ? readdirSync(folder) : [];
}
