/** `system prune` of a daemon: containers first, for they hold the rest. */
import { SampanError } from "../../base/errors.ts";
import type { DaemonClient, Filters } from "../client/daemon.ts";

export interface PruneAll {
  readonly all: boolean;
  readonly volumes: boolean;
  readonly filters: Filters;
  readonly signal: AbortSignal;
}

export async function pruneAll(
  daemon: DaemonClient,
  { all, volumes, filters, signal }: PruneAll,
): Promise<{ removed: readonly string[]; reclaimed: number }> {
  const containers = await daemon.pruneContainers({ filters });
  const networks = await daemon.pruneNetworks(filters);
  // Volumes have no age: docker leaves that filter out for them.
  const { until: _until, ...rest } = filters;
  const emptied = volumes ? await daemon.pruneVolumes(rest) : { deleted: [], reclaimed: 0 };
  const images = await daemon.pruneImages({ all, filters });
  const none = { removed: [], reclaimed: 0 };
  // What is garbage has neither age nor labels: by filters it is left alone.
  const filtered = Object.keys(filters).length > 0;
  const garbage = filtered
    ? none
    : await daemon.pruneSystem({ all, signal }).catch((error: unknown) => {
        // Another daemon than Sampan's keeps no partial downloads to ask for.
        if (SampanError.from(error).code !== "unimplemented") throw error;
        return none;
      });
  return {
    removed: [
      ...containers.deleted,
      ...networks,
      ...emptied.deleted,
      ...images.deleted.map(({ Deleted, Untagged = "" }) => Deleted ?? Untagged),
      ...garbage.removed,
    ],
    reclaimed: containers.reclaimed + emptied.reclaimed + images.reclaimed + garbage.reclaimed,
  };
}
