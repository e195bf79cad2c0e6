/** Brings a container to life: everything of it on the host, its monitor, its program. The caller has it exclusively. */
import { mkdirSync } from "node:fs";
import { SampanError } from "../../base/errors.ts";
import type { MonitorConnection, MonitorRequest } from "../../runtime/runtime.ts";
import { forgetful, mountAll, withContext } from "../snapshots/mount.ts";
import { clearAll, hasLeavings } from "./clear.ts";
import type { ContainerInfo } from "./containers.ts";
import { containerFolder } from "./create.ts";
import { healthCheckOf, unknownHealth } from "./health.ts";
import { writeBegun, writeFailed } from "./life-rows.ts";
import { logRequest } from "./log-request.ts";
import { storedContainer } from "./open.ts";
import { emit, monitorFolder, runtimeOf, type LifeParts } from "./parts.ts";
import { hostConfig, isMadeAnew } from "./request.ts";
import { relink } from "./relink.ts";
import { makeRootfs } from "./rootfs.ts";
import { openSandbox } from "./sandbox.ts";
import { userNamespaceOf } from "./pod.ts";
import { mountLabel } from "./spec/host.ts";
import { startCode } from "./start-code.ts";
import { follow } from "./task.ts";
import { writeLiveBundle } from "./live-bundle.ts";

export interface BeginOptions {
  /** Not by its restart policy. */
  readonly byPerson: boolean;
  readonly signal?: AbortSignal;
}

/** Nothing is left of a failed one but the reason, in its row. Errors: what kept it from starting. */
export async function begin(engine: LifeParts, info: ContainerInfo, options: BeginOptions): Promise<void> {
  const what = `cannot start container "${info.name}"`;
  try {
    if (hasLeavings(engine, info.id)) await clearLeavings(engine, info);
    await make(engine, info, options);
  } catch (error) {
    const failure = SampanError.wrap(what, error);
    await undo(engine, info, failure);
    throw failure;
  }
}

async function clearLeavings(engine: LifeParts, info: ContainerInfo): Promise<void> {
  const failure = await clearAll(engine, info);
  if (failure) throw SampanError.wrap("what its last run has left cannot be taken away", failure);
}

async function make(
  engine: LifeParts,
  info: ContainerInfo,
  { byPerson, signal }: BeginOptions,
): Promise<void> {
  const { id } = info;
  const runtime = runtimeOf(engine, info);
  const folder = monitorFolder(engine, id);
  const stored = storedContainer(engine.store, id);
  const bundle = containerFolder(engine.store.root, id);
  // The bundle's folder may have been lost by a power cut that its row has outlived.
  for (const each of [folder, bundle]) mkdirSync(each, { recursive: true, mode: 0o700 });
  const network = await openSandbox(engine, info);
  const rootfs = makeRootfs(engine, id, stored);
  const mounts = engine.snapshots.mounts(info.snapshot);
  // The next restore removes one that a power cut has ended.
  const kept = hostConfig(info.body).AutoRemove ? forgetful(mounts) : mounts;
  const labelled = withContext(kept, mountLabel(stored.extras?.selinux));
  await mountAll(labelled, rootfs, userNamespaceOf(network.pod));
  await writeLiveBundle(engine, { info, stored, rootfs, network, ...(signal && { signal }) });
  const { pid } = await runtime.create({ id, bundle, monitor: monitorRequest(engine, info, folder) }, signal);
  const connection = await engine.monitors.connect(folder, signal);
  try {
    await attachPending(engine, id, connection);
    const started = Date.now();
    const health = healthCheckOf(info.body, info.imageConfig) && unknownHealth;
    writeBegun(engine.store, id, { pid, started, health, byPerson, isBrief: isMadeAnew(info) });
    relink(engine, info, network);
    await runtime.start(id, signal);
    follow(engine, id, connection, new Date(started));
  } catch (error) {
    await connection[Symbol.asyncDispose]();
    throw error;
  }
  emit(engine, info, "start");
}

function monitorRequest(engine: LifeParts, info: ContainerInfo, folder: string): MonitorRequest {
  const { body } = info;
  const log = logRequest(engine, info);
  const [rows = 0, columns = 0] = hostConfig(body).ConsoleSize ?? [];
  return {
    folder,
    stdio: {
      terminal: body.Tty === true,
      stdin: !body.OpenStdin ? "none" : body.StdinOnce ? "once" : "open",
      ...(rows > 0 && columns > 0 && { size: { rows, columns } }),
    },
    ...(log && { log }),
  };
}

async function attachPending({ tasks }: LifeParts, id: string, connection: MonitorConnection): Promise<void> {
  const waiting = tasks.table.pending.get(id);
  tasks.table.pending.delete(id);
  for (const attachment of waiting ?? []) await attachment.connect(connection);
}

async function undo(engine: LifeParts, info: ContainerInfo, failure: SampanError): Promise<void> {
  const { id } = info;
  const { table } = engine.tasks;
  for (const attachment of table.pending.get(id) ?? []) attachment.fail(failure);
  table.pending.delete(id);
  await clearAll(engine, info);
  const state = info.state === "restarting" ? "exited" : info.state;
  writeFailed(engine.store, id, { state, error: failure.message, code: startCode(failure) });
}
