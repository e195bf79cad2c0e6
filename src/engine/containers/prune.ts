/** Removes the containers that do not run. */
import { SampanError } from "../../base/errors.ts";
import { filterContainers } from "./filter.ts";
import { storedContainer } from "./open.ts";
import type { LifeParts } from "./parts.ts";
import { removeContainer } from "./remove.ts";

export interface Pruned {
  /** Ids. */
  readonly removed: readonly string[];
  /** Bytes of what they had written. */
  readonly reclaimed: number;
}

const pruned: ReadonlySet<string> = new Set(["created", "exited", "dead"]);

/** `until` (milliseconds since 1970) leaves what was made later. One that starts meanwhile is left. */
export async function pruneContainers(
  engine: LifeParts,
  {
    filters = {},
    until,
    signal,
  }: {
    readonly filters?: Readonly<Record<string, readonly string[]>>;
    readonly until?: number;
    readonly signal?: AbortSignal;
  } = {},
): Promise<Pruned> {
  const all = engine.containers
    .list()
    .map((info) => ({ info, stored: storedContainer(engine.store, info.id) }));
  const wanted = filterContainers(all, { all: true, filters }).filter(
    ({ info }) => pruned.has(info.state) && (until === undefined || info.created.getTime() < until),
  );
  const removed: string[] = [];
  let reclaimed = 0;
  for (const { info } of wanted) {
    signal?.throwIfAborted();
    try {
      const { bytes } = await engine.snapshots.usage(info.snapshot);
      removed.push(await removeContainer(engine, info.id));
      reclaimed += bytes;
    } catch (error) {
      const { code } = SampanError.from(error);
      if (code !== "not_found" && code !== "failed_precondition") throw error;
    }
  }
  return { removed, reclaimed };
}
