/** Writes down how a container has ended, and takes away what is left of it. The caller has it exclusively. */
import type { Exit } from "../../runtime/runtime.ts";
import { clearHost, removeMonitorFolder } from "./clear.ts";
import type { ContainerInfo } from "./containers.ts";
import { within } from "./deadline.ts";
import { writeEnded } from "./life-rows.ts";
import type { Health } from "./life.ts";
import { emit, findContainer, isLive, runtimeOf, type LifeParts } from "./parts.ts";
import { hostConfig, isMadeAnew } from "./request.ts";
import { delayOf, planRestart, wantRestart, type End } from "./restart-plan.ts";
import { takeAwayAtEnd } from "./take-away.ts";

/** Of one whose end nobody could tell. */
const unknownCode = 255;

/** `exit` undefined: nobody knows. Idempotent: of several processes that see an end, one writes it, and each does what is its own to do. */
export async function writeEnd(engine: LifeParts, id: string, exit: Exit | undefined): Promise<void> {
  const info = findContainer(engine, id);
  if (!info) return gone(engine, id);
  const code = exit?.code ?? unknownCode;
  const ended = isLive(info)
    ? await write(engine, info, { code, at: exit?.at ?? Date.now() })
    : await seen(engine, info);
  const { table } = engine.tasks;
  table.waiters.tell(id, {
    kind: "exit",
    code: ended.exitCode ?? code,
    restarting: ended.state === "restarting",
  });
  if (ended.state === "restarting") planRestart(engine, ended);
  else if (goesWithEnd(engine, ended)) await takeAwayAtEnd(engine, ended);
}

/** A restart is no end. */
function goesWithEnd({ tasks }: LifeParts, { id, body }: ContainerInfo): boolean {
  return hostConfig(body).AutoRemove === true && !tasks.table.restartedByPerson.has(id);
}

function gone(engine: LifeParts, id: string): void {
  engine.tasks.table.running.delete(id);
  engine.tasks.table.forget(id);
  engine.tasks.table.waiters.tell(id, { kind: "removed" });
}

async function write(engine: LifeParts, info: ContainerInfo, { code, at }: End): Promise<ContainerInfo> {
  const oomKilled = await wasOutOfMemory(engine, info);
  const failure = await clearHost(engine, info);
  const delay = delayOf(engine, info, { code, at });
  // By watchMemory, also while the counters were read.
  const isTold = engine.containers.get(info.id).oomKilled;
  writeEnded(engine.store, info.id, {
    state: delay === undefined ? "exited" : "restarting",
    code,
    at,
    oomKilled,
    restartCount: info.restartCount + (delay === undefined ? 0 : 1),
    error: failure?.message ?? "",
    health: endedHealth(info.health),
    isBrief: goesWithEnd(engine, info) || (isMadeAnew(info) && info.stoppedByUser),
  });
  if (!failure) removeMonitorFolder(engine, info.id);
  if (oomKilled && !isTold) emit(engine, info, "oom");
  const seconds = Math.max(0, Math.round((at - (info.started?.getTime() ?? at)) / 1000));
  emit(engine, info, "die", { exitCode: `${code}`, execDuration: `${seconds}` });
  return engine.containers.get(info.id);
}

/** Another process has written it; what has to follow it is here too, if this one supervises. */
async function seen(engine: LifeParts, info: ContainerInfo): Promise<ContainerInfo> {
  const connection = engine.tasks.table.running.get(info.id)?.connection;
  engine.tasks.table.running.delete(info.id);
  await connection?.[Symbol.asyncDispose]();
  return wantRestart(engine, info);
}

/** As dockerd has it: nothing that does not run is healthy. */
function endedHealth(health: Health | undefined): Health | undefined {
  return health && { ...health, status: "unhealthy" };
}

/** The counters go with the cgroup, so before that. */
async function wasOutOfMemory(engine: LifeParts, info: ContainerInfo): Promise<boolean> {
  try {
    const kills = await within(5000, "read counters", () => runtimeOf(engine, info).oomKills(info.id));
    return kills > 0;
  } catch {
    // Its cgroup is gone already, or its runtime has no such counters.
    return false;
  }
}
