/** Takes away what a container has on the host while it lives. Every step is tried, whatever became of the others; idempotent. */
import { existsSync, rmSync } from "node:fs";
import { SampanError } from "../../base/errors.ts";
import type { ContainerInfo } from "./containers.ts";
import { within } from "./deadline.ts";
import { letExecsGo } from "./exec-follow.ts";
import { storedContainer } from "./open.ts";
import { monitorFolder, runtimeOf, type LifeParts } from "./parts.ts";
import type { VolumeMount } from "./volumes.ts";
import { removeRootfs } from "./rootfs.ts";

/** Milliseconds for what is not ours to hurry. */
const patience = 20_000;

/** Its processes, cgroup, mounts, network and volumes. The monitor's folder stays: it holds how it ended. Gives what went wrong. */
export async function clearHost(engine: LifeParts, info: ContainerInfo): Promise<SampanError | undefined> {
  const { id, name } = info;
  const what = `clear away container "${name}"`;
  return await firstFailure([
    () => within(patience, what, (signal) => runtimeOf(engine, info).delete(id, { force: true, signal })),
    () => closeConnection(engine, id),
    () => within(patience, what, () => letExecsGo(engine, id)),
    async () => await Promise.resolve(removeRootfs(engine, id)),
    () => within(patience, what, () => engine.networks.close(id)),
    () => within(patience, what, () => releaseVolumes(engine, id)),
  ]);
}

/** As clearHost, and the monitor's folder. What a start that failed or was cut off has made is gone then. */
export async function clearAll(engine: LifeParts, info: ContainerInfo): Promise<SampanError | undefined> {
  const failure = await clearHost(engine, info);
  if (!failure) removeMonitorFolder(engine, info.id);
  return failure;
}

export function removeMonitorFolder(engine: LifeParts, id: string): void {
  rmSync(monitorFolder(engine, id), { recursive: true, force: true });
}

/** A start makes it first of all, and an end takes it away last. */
export function hasLeavings(engine: LifeParts, id: string): boolean {
  return existsSync(monitorFolder(engine, id));
}

async function closeConnection({ tasks }: LifeParts, id: string): Promise<void> {
  const task = tasks.table.running.get(id);
  if (!task) return;
  tasks.table.running.delete(id);
  await task.connection[Symbol.asyncDispose]();
}

export function namedVolumes({ volumes }: { readonly volumes: readonly VolumeMount[] }): string[] {
  return [...new Set(volumes.filter(({ kind }) => kind === "volume").map(({ source }) => source))];
}

async function releaseVolumes(engine: LifeParts, id: string): Promise<void> {
  for (const name of namedVolumes(storedContainer(engine.store, id))) await engine.volumes.release(name, id);
}

async function firstFailure(steps: readonly (() => Promise<unknown>)[]): Promise<SampanError | undefined> {
  let first: SampanError | undefined;
  for (const step of steps) {
    try {
      await step();
    } catch (error) {
      first ??= SampanError.from(error);
    }
  }
  return first;
}
