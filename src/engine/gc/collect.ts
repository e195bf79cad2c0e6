/** Mark and sweep: see gc.ts for what is promised. */
import type { Engine } from "../engine.ts";
import { forgetFound } from "../store/found.ts";
import type { Snapshotter } from "../snapshots/snapshotter.ts";
import type { Collected, CollectOptions, GarbageCollector } from "./gc.ts";
import { mark } from "./mark.ts";
import { sweepSnapshots } from "./_snapshots.ts";
import { sweepLeftOvers } from "./_left-overs.ts";
import { sweepBlobs, sweepIngests } from "./_sweep.ts";

/** Content and leases are reached through their rows and files, which only the store can look at in one moment. */
type Parts = Pick<Engine, "store"> &
  Partial<Pick<Engine, "content" | "leases">> & { readonly snapshots: Pick<Snapshotter, "name" | "cleanup"> };

export function openCollector(parts: Parts): GarbageCollector {
  const running = new Map<string, Promise<Collected>>();
  return {
    collect: (signal, { ingests = "old", found = "keep" } = {}) => {
      if (found === "take") forgetFound(parts.store);
      const kind = `${ingests} ${found}`;
      const known = running.get(kind);
      if (known) return known;
      const begun = collect(parts, ingests, signal).finally(() => running.delete(kind));
      running.set(kind, begun);
      return begun;
    },
  };
}

async function collect(
  { store, snapshots }: Parts,
  which: NonNullable<CollectOptions["ingests"]>,
  signal?: AbortSignal,
): Promise<Collected> {
  const marked = mark(store);
  const swept = {
    blobs: await sweepBlobs(store, signal),
    ingests: await sweepIngests(store, which, signal),
    snapshots: await sweepSnapshots(store, snapshots, marked.snapshots),
    others: await sweepLeftOvers(store, which),
  };
  const all = Object.values(swept);
  return {
    blobs: swept.blobs.names.length,
    ingests: swept.ingests.names.length,
    snapshots: swept.snapshots.names.length,
    bytes: all.reduce((sum, { bytes }) => sum + bytes, 0),
    removed: all.flatMap(({ names }) => names),
  };
}
