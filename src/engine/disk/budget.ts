/** The budget of the data root: who is about to store something asks first. */
import { SampanError } from "../../base/errors.ts";
import { blobFolders } from "../content/paths.ts";
import type { Engine } from "../engine.ts";
import type { Store } from "../store/store.ts";
import { countTree } from "./count.ts";

/**
 * Collects when `bytes` more would go over the budget. Errors: `resource_exhausted` when they still would.
 */
export async function ensureRoom(
  engine: Pick<Engine, "store" | "settings" | "gc">,
  bytes: number,
  signal?: AbortSignal,
): Promise<void> {
  const { budget, root } = engine.settings;
  if (budget === 0 || (await occupied(engine.store)) + bytes <= budget) return;
  await engine.gc.collect(signal);
  const used = await occupied(engine.store);
  if (used + bytes <= budget) return;
  throw new SampanError(
    "resource_exhausted",
    `cannot store ${bytes} bytes in "${root}": ${used} are in use and the budget is ${budget}; remove images or containers, or raise [engine] budget`,
  );
}

/** Allocated bytes of the data root; what never changes is taken from its row and not counted again. */
async function occupied(store: Store): Promise<number> {
  const sum = (sql: string) => store.db.query<{ bytes: number | null }, []>(sql).get()?.bytes ?? 0;
  const layers = store.db
    .query<{ driver: string; id: number }, []>(
      "SELECT driver, id FROM snapshots WHERE kind = 'committed' AND bytes > 0",
    )
    .all();
  const known = new Set([
    ...blobFolders(store.root).map(({ path }) => path),
    ...layers.map(({ driver, id }) => `${store.root}/snapshots/${driver}/${id}`),
  ]);
  const counted = await countTree(store.root, new Set(), (path) => known.has(path));
  return (
    counted +
    sum("SELECT sum(size) AS bytes FROM blobs") +
    sum("SELECT sum(bytes) AS bytes FROM snapshots WHERE kind = 'committed'")
  );
}
