/**
 * The mark of a clean stop: the boot in which the last one who worked on the data root ended with every byte synced. The next opening takes it away; in the next boot
 * it keeps the epoch, so that nothing need be verified again.
 */
import type { Durability, Store } from "./store.ts";

/** Key in `meta`; the value is the boot's id. */
export const cleanStop = "clean_stop";

/** The last thing that is done with a store, by one who knows that nobody else has it open. */
export async function markCleanStop(store: Store, durability: Durability): Promise<void> {
  await durability.sync(store.root);
  store.transaction(() =>
    store.db.run(
      `INSERT OR REPLACE INTO meta (key, value) SELECT '${cleanStop}', value FROM meta WHERE key = 'boot_id'`,
    ),
  );
}
