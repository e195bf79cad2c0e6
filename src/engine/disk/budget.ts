/** The budget of the data root: who is about to store something asks first. */
import { SampanError } from "../../base/errors.ts";
import { blobFolders } from "../content/paths.ts";
import type { Engine } from "../engine.ts";
import type { EngineSettings } from "../settings.ts";
import type { Store } from "../store/store.ts";
import { countTree } from "./count.ts";

/**
 * Collects when `bytes` more would go over the budget, also what is left of downloads that nobody works on. Errors: `resource_exhausted` when they still would.
 */
export async function ensureRoom(
  engine: Pick<Engine, "store" | "settings" | "gc">,
  bytes: number,
  signal?: AbortSignal,
): Promise<void> {
  const { budget } = engine.settings;
  if (budget === 0 || (await occupied(engine.store)) + bytes <= budget) return;
  await engine.gc.collect(signal, { ingests: "all" });
  const used = await occupied(engine.store);
  if (used + bytes > budget) throw overBudget(engine.settings, { used, bytes });
}

function overBudget(
  { budget, root }: Pick<EngineSettings, "budget" | "root">,
  { used, bytes }: { used: number; bytes: number },
): SampanError {
  const what =
    bytes > 0
      ? `${bytes} bytes in "${root}": ${used} are in use`
      : `more in "${root}": with it, ${used} bytes are in use`;
  return new SampanError(
    "resource_exhausted",
    `cannot store ${what} and the budget is ${budget}; remove images or containers, or raise [engine] budget`,
  );
}

export interface Watch extends Disposable {
  /** Why it was ended. */
  readonly exceeded: SampanError | undefined;
}

/** Milliseconds between two looks, and how much longer than a look at the least. */
const rest = { least: 100, times: 10 } as const;

/** While something grows whose size nobody knows before: calls `end` once when the budget is exceeded. */
export function watchRoom(
  engine: Pick<Engine, "store" | "settings">,
  end: (error: SampanError) => void,
): Watch {
  const { settings, store } = engine;
  let exceeded: SampanError | undefined;
  let next: Timer | undefined;
  let open = settings.budget > 0;
  const look = async () => {
    const begun = performance.now();
    const used = await occupied(store);
    if (!open) return;
    if (used > settings.budget) end((exceeded = overBudget(settings, { used, bytes: 0 })));
    else wait(Math.max(rest.least, rest.times * (performance.now() - begun)));
  };
  const wait = (milliseconds: number) => {
    // What cannot be looked at now is counted at the end.
    next = setTimeout(() => void look().catch(() => undefined), milliseconds);
  };
  if (open) wait(rest.least);
  return {
    get exceeded() {
      return exceeded;
    },
    [Symbol.dispose]: () => {
      open = false;
      clearTimeout(next);
    },
  };
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
