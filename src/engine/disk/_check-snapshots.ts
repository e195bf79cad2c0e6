import { lstatSync } from "node:fs";
import { SampanError } from "../../base/errors.ts";
import type { Check } from "./check.ts";
import { tryRepair } from "./_repair.ts";

interface SnapshotRow {
  readonly id: number;
  readonly key: string;
  readonly kind: "active" | "view" | "committed";
  readonly parent: string | null;
  readonly driver: string;
}

/** Every row has its directory and its parent; in a deep check, the directory what the layer's archive holds. */
export async function checkSnapshots(check: Check): Promise<void> {
  const { engine, options, report, step } = check;
  const { db, root } = engine.store;
  step("snapshots");
  const rows = db
    .query<SnapshotRow, []>("SELECT id, key, kind, parent, driver FROM snapshots ORDER BY id")
    .all();
  const keys = new Set(rows.map(({ key }) => key));
  for (const row of rows) {
    const { parent } = row;
    const path = `${root}/snapshots/${row.driver}/${row.id}`;
    if (lstatSync(path, { throwIfNoEntry: false })?.isDirectory()) {
      if (
        parent !== null &&
        !keys.has(parent) &&
        !keys.has(`unpack-${parent}`) &&
        !row.key.startsWith("unpack-")
      )
        report({
          what: `${named(check, row)} stands on ${parent}, which is not here; it is unpacked again when its image is used`,
          severity: "damage",
        });
      continue;
    }
    // The row went with its directory since the list was made.
    if (!stillThere(check, row)) continue;
    reportMissing(check, row, path);
  }
  if (options.deep && options.compareSnapshot) await compare(check, options.compareSnapshot);
}

/** A layer is had again from its archive, so its row goes. What a container wrote is not to be had again. */
function reportMissing(check: Check, row: SnapshotRow, path: string): void {
  const { engine, options, report } = check;
  const container = containerOf(check, row.key);
  const drop = options.repair && container === undefined;
  if (drop)
    engine.store.transaction(() => engine.store.db.query("DELETE FROM snapshots WHERE id = ?").run(row.id));
  const then =
    container === undefined
      ? row.kind === "committed"
        ? "it is unpacked again when its image is used"
        : "nobody uses it"
      : `what container "${container}" wrote is lost; \`sampan rm ${container}\` removes it`;
  report({
    what: `${named(check, row)} has no directory "${path}"; ${then}`,
    // The row comes before its directory is durable: of what nobody uses, a power cut in between has taken nothing from anyone.
    severity: container === undefined && row.kind !== "committed" ? "garbage" : "damage",
    repaired: drop,
  });
}

async function compare(
  check: Check,
  compareSnapshot: NonNullable<Check["options"]["compareSnapshot"]>,
): Promise<void> {
  const { engine, options, report, step } = check;
  for (const snapshot of engine.snapshots.list()) {
    if (snapshot.kind !== "committed") continue;
    step(`snapshot ${snapshot.key}`);
    const difference = await comparison(check, () => compareSnapshot(snapshot));
    // Removed by another process meanwhile.
    if (difference === undefined || !engine.snapshots.list().some(({ key }) => key === snapshot.key))
      continue;
    const { renewSnapshot } = options;
    const { repaired, why } = await tryRepair(check, renewSnapshot && (() => renewSnapshot(snapshot)));
    report({
      what: `snapshot ${snapshot.key} is not what its layer holds: ${difference}${why}`,
      severity: "damage",
      repaired,
    });
  }
}

/** A layer whose archive is damaged here cannot be compared; that is said of the blob, and here too, since nobody knows. */
async function comparison(
  { options }: Check,
  work: () => Promise<string | undefined>,
): Promise<string | undefined> {
  try {
    return await work();
  } catch (error) {
    const { code, message } = SampanError.from(error);
    if (options.signal?.aborted || (code !== "data_loss" && code !== "not_found")) throw error;
    return `it cannot be compared, ${message}`;
  }
}

function named(check: Check, { key, kind }: SnapshotRow): string {
  const container = containerOf(check, key);
  return container === undefined ? `snapshot ${key} (${kind})` : `the snapshot of container "${container}"`;
}

function containerOf({ engine }: Check, key: string): string | undefined {
  return (
    engine.store.db
      .query<{ name: string }, [string]>("SELECT name FROM containers WHERE snapshot = ? LIMIT 1")
      .get(key)?.name ?? undefined
  );
}

function stillThere({ engine }: Check, { id }: SnapshotRow): boolean {
  return engine.store.db.query("SELECT 1 FROM snapshots WHERE id = ?").get(id) !== null;
}
