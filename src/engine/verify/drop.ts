/** Damaged snapshots out of the way, so that their layers are unpacked again. */
import { SampanError } from "../../base/errors.ts";
import type { Engine } from "../engine.ts";
import type { Store } from "../store/store.ts";

/**
 * The rows go, in one transaction; their folders, which have no row then, are removed. What stands on them stays: it names its parent by the chain id, and the
 * layer that is unpacked next has the same. Errors: `failed_precondition` when a container runs on one of them, since its files would vanish under it.
 */
export async function dropSnapshots(
  { store, snapshots }: Pick<Engine, "store" | "snapshots">,
  keys: readonly string[],
): Promise<void> {
  store.transaction(() => {
    const user = snapshots.sequential ? undefined : runningOn(store, new Set(keys));
    if (user !== undefined)
      throw new SampanError(
        "failed_precondition",
        `a layer of it is damaged, and container "${user}" runs on it; stop that first`,
      );
    for (const key of keys) {
      store.db.query("DELETE FROM snapshots WHERE key = ? AND kind = 'committed'").run(key);
    }
  });
  await snapshots.cleanup();
}

/** The name of a container whose process lives and whose layers are among these. Copies hold all they need themselves. */
export function runningOn(store: Store, keys: ReadonlySet<string>): string | undefined {
  const parents = new Map(
    store.db
      .query<{ key: string; parent: string | null }, []>("SELECT key, parent FROM snapshots")
      .all()
      .map(({ key, parent }) => [key, parent]),
  );
  const running = store.db
    .query<{ name: string; snapshot: string }, []>(
      "SELECT name, snapshot FROM containers WHERE state IN ('running', 'paused')",
    )
    .all();
  for (const { name, snapshot } of running)
    for (let at = parents.get(snapshot) ?? null; at !== null; at = parents.get(at) ?? null)
      if (keys.has(at)) return name;
  return undefined;
}
