/** RemoveImage: all names of the image that is meant, and the image where no container has it. */
import type { LiveEngine } from "../../../engine/engine.ts";
import { removeRecord, type RemovedLine } from "../../../engine/images/remove.ts";
import { tellRemoved } from "../../../engine/images/tell.ts";
import { findImage } from "./find.ts";

/** One that is not here is no error. A container that has it keeps it, running or not: then it has no name any more, and the next removal by its id takes it. */
export async function removeImage(engine: LiveEngine, reference: string, signal: AbortSignal): Promise<void> {
  const image = findImage(engine.images, reference);
  if (!image) return;
  const removed = engine.store.transaction(() => {
    const lines: RemovedLine[] = [];
    let freed = false;
    for (const target of targetsOf(engine, image.id)) {
      const [record] = engine.images.platforms(target);
      if (!record) continue;
      // By name, so that one whose container runs loses its names too.
      const one = removeRecord(engine, record, { force: true, byId: false, reference });
      lines.push(...one.lines);
      freed ||= one.chains.length > 0;
    }
    return { lines, freed };
  });
  tellRemoved(engine, image.id, removed.lines);
  if (removed.freed) await engine.gc.collect(signal);
}

/** The same image can be here in several records: as Docker's document and as OCI's. */
function targetsOf(engine: LiveEngine, id: string): Set<string> {
  const all = engine.images.list().filter((image) => image.id === id);
  return new Set(all.map(({ target }) => target.digest));
}
