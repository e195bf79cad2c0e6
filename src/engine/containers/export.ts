/** Export: the whole file system of a container as a tar archive. The layers are read as one tree; nothing is mounted, so a running container is not disturbed. */
import { SampanError } from "../../base/errors.ts";
import { archiveMerged } from "../archive/merged.ts";
import type { Engine } from "../engine.ts";
import { ownersInside } from "../images/commit.ts";
import { layerFolders } from "../images/diff.ts";
import { storedContainer } from "./open.ts";

export type ExportParts = Pick<Engine, "containers" | "leases" | "snapshots" | "store">;

/** Errors: `aborted` when a running container changes a file while it is read. */
export async function* exportContainer(
  engine: ExportParts,
  reference: string,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  const container = engine.containers.get(reference);
  try {
    await using lease = engine.leases.acquire(`export ${container.name}`);
    lease.add("snapshot", container.snapshot);
    const owners = ownersInside(storedContainer(engine.store, container.id).remap);
    for (const piece of archiveMerged(layerFolders(engine.snapshots, container.snapshot), owners)) {
      signal?.throwIfAborted();
      yield piece;
    }
  } catch (error) {
    if (signal?.aborted)
      throw new SampanError("cancelled", `cannot export container "${container.name}": it was cancelled`, {
        cause: error,
      });
    throw SampanError.wrap(`cannot export container "${container.name}"`, error);
  }
}
