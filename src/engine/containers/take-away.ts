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
  await leaveHost(engine, info);
  await engine.snapshots.remove(snapshot);
  if (!dropRow(engine, id)) return;
  engine.tasks.table.forget(id);
  await removeContainerFolder(engine, id);
  for (const name of anonymous) await removeVolume(engine, name);
  tellGone(engine, info);
}

/**
 * As takeAway, of one that was made to be removed, at its end. Its row goes first, and who waits is told then: nothing has its name or its volumes any more. Folders
 * without a row are nobody's: should this process end before they are gone, the next restore and the next collection remove them.
 */
export async function takeAwayAtEnd(engine: LifeParts, info: ContainerInfo): Promise<void> {
  const { id, snapshot } = info;
  const anonymous = anonymousOf(engine, id);
  await leaveHost(engine, info);
  if (!dropRow(engine, id)) return;
  engine.tasks.table.forget(id);
  for (const name of anonymous) await removeVolume(engine, name);
  tellGone(engine, info);
  await answersOut();
  await engine.snapshots.remove(snapshot);
  await removeContainerFolder(engine, id);
}

/**
 * As takeAway, of one that is made anew. Its rows go first, and its folders a moment later, when nobody waits: once the rows are durable, so that a power cut leaves either
 * all of it or folders of nobody's, which the next restore and the next collection remove.
 */
export async function takeAwaySoon(
  engine: LifeParts,
  info: ContainerInfo,
  { volumes }: TakeAway,
): Promise<void> {
  const { id, snapshot } = info;
  const { table } = engine.tasks;
  const anonymous = volumes ? anonymousOf(engine, id) : [];
  await leaveHost(engine, info);
  const dropAll = () => {
    const removeSnapshot = engine.snapshots.drop(snapshot);
    return dropRow(engine, id) ? removeSnapshot : undefined;
  };
  const removeSnapshot = engine.store.transaction(dropAll, { durable: "soon" });
  if (!removeSnapshot) return;
  table.forget(id);
  for (const name of anonymous) await removeVolume(engine, name);
  tellGone(engine, info);
  table.inBackground(removeFolders(engine, id, removeSnapshot));
}

async function removeFolders(engine: LifeParts, id: string, removeSnapshot: () => Promise<void>) {
  await engine.tasks.table.reactions.rest();
  await engine.store.settle();
  await removeSnapshot();
  await removeContainerFolder(engine, id);
}

async function leaveHost(engine: LifeParts, info: ContainerInfo): Promise<void> {
  if (hasLeavings(engine, info.id)) {
    const failure = await clearAll(engine, info);
    if (failure) throw failure;
  }
  await leaveNetworks(engine, info.id);
}

function tellGone(engine: LifeParts, info: ContainerInfo): void {
  emit(engine, info, "destroy");
  engine.tasks.table.waiters.tell(info.id, { kind: "removed" });
}

/** To remove folders holds up all else, so that what is on its way to clients goes first: a turn for the end of output, one for its passing on, one for the answer. */
async function answersOut(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
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
