/** Removes a container of which nothing lives. The caller has it exclusively. */
import { lstatSync } from "node:fs";
import { clearAll, hasLeavings } from "./clear.ts";
import type { ContainerInfo } from "./containers.ts";
import { containerFolder } from "./create.ts";
import { storedContainer } from "./open.ts";
import { emit, type LifeParts } from "./parts.ts";

export interface TakeAway {
  /** Its anonymous volumes too. */
  readonly volumes: boolean;
}

/**
 * Its snapshot first, in the one transaction that is durable: a row that says that it is being removed, or that it goes with its end, is then taken away by the next restore.
 * Errors: what keeps something of it on the host or the disk.
 */
export async function takeAway(engine: LifeParts, info: ContainerInfo, { volumes }: TakeAway): Promise<void> {
  const { id, snapshot } = info;
  const anonymous = volumes ? anonymousOf(engine, id) : [];
  if (hasLeavings(engine, id)) {
    const failure = await clearAll(engine, info);
    if (failure) throw failure;
  }
  await leaveNetworks(engine, id);
  await engine.snapshots.remove(snapshot);
  const { table } = engine.tasks;
  if (!dropRow(engine, id)) return;
  table.forget(id);
  await removeContainerFolder(engine, id);
  for (const name of anonymous) await removeVolume(engine, name);
  emit(engine, info, "destroy");
  table.waiters.tell(id, { kind: "removed" });
}

export async function removeContainerFolder(engine: LifeParts, id: string): Promise<void> {
  const folder = containerFolder(engine.store.root, id);
  if (lstatSync(folder, { throwIfNoEntry: false })) await engine.unpacker.removeTree(folder);
}

function anonymousOf({ store }: LifeParts, id: string): string[] {
  const { volumes } = storedContainer(store, id);
  return volumes.filter(({ anonymous }) => anonymous).map(({ source }) => source);
}

function dropRow({ store }: LifeParts, id: string): boolean {
  const drop = () => store.db.query("DELETE FROM containers WHERE id = ?").run(id).changes > 0;
  return store.transaction(drop, { durable: false });
}

async function leaveNetworks({ networks }: LifeParts, id: string): Promise<void> {
  for (const network of networks.list())
    if (network.endpoints[id]) await networks.disconnect(network.id, id, { force: true, durable: false });
}

/** Another container may use it; then it stays. */
async function removeVolume({ volumes }: LifeParts, name: string): Promise<void> {
  await volumes.remove(name, { force: true }).catch(() => undefined);
}
