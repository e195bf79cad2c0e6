/** The next start of a container whose restart policy wants it, after its delay. */
import { begin } from "./begin.ts";
import type { ContainerInfo } from "./containers.ts";
import { writeEnded } from "./life-rows.ts";
import { findContainer, type LifeParts } from "./parts.ts";
import { hostConfig } from "./request.ts";
import { restartDelay } from "./restart-policy.ts";

export interface End {
  readonly code: number;
  readonly at: number;
}

/** Milliseconds to its restart; undefined: none is to come from this process. */
export function delayOf(
  { tasks: { table } }: LifeParts,
  info: ContainerInfo,
  { code, at }: End,
): number | undefined {
  if (!table.supervising) return undefined;
  const delay = restartDelay({
    policy: hostConfig(info.body).RestartPolicy ?? {},
    exitCode: code,
    stoppedByUser: info.stoppedByUser,
    restartCount: info.restartCount,
    ran: at - (info.started?.getTime() ?? at),
    lastDelay: table.delays.get(info.id) ?? 0,
  });
  if (delay === undefined) table.delays.delete(info.id);
  else table.delays.set(info.id, delay);
  return delay;
}

/** Of one that has ended and says so: its policy may want it again. Gives its row as it is then. */
export function wantRestart(engine: LifeParts, info: ContainerInfo): ContainerInfo {
  if (info.state !== "exited") return info;
  const [code, at] = [info.exitCode ?? 255, info.finished?.getTime() ?? Date.now()];
  if (delayOf(engine, info, { code, at }) === undefined) return info;
  const { oomKilled, error, health } = info;
  const restartCount = info.restartCount + 1;
  writeEnded(engine.store, info.id, {
    state: "restarting",
    code,
    at,
    oomKilled,
    restartCount,
    error,
    health,
  });
  return engine.containers.get(info.id);
}

/** Nothing is planned twice. It is given up by whoever stops or removes the container. */
export function planRestart({ tasks }: LifeParts, { id }: ContainerInfo): void {
  const { table } = tasks;
  if (!table.supervising || table.restarts.has(id)) return;
  const timer = setTimeout(
    () => {
      table.restarts.delete(id);
      table.inBackground(tasks.exclusive(id, () => table.reactions.restart(id)));
    },
    table.delays.get(id) ?? 0,
  );
  table.restarts.set(id, { cancel: () => clearTimeout(timer) });
}

/** When its delay is over. A start that fails is an end like another: the policy says what follows. */
export async function restartByPolicy(engine: LifeParts, id: string): Promise<void> {
  const info = findContainer(engine, id);
  if (info?.state !== "restarting") return;
  try {
    await begin(engine, info, { byPerson: false });
  } catch {
    const failed = findContainer(engine, id);
    const next = failed && wantRestart(engine, { ...failed, finished: new Date() });
    if (next?.state === "restarting") planRestart(engine, next);
  }
}

/** A person takes it in hand: what was planned is not done. */
export function cancelRestart({ tasks: { table } }: LifeParts, id: string): void {
  table.restarts.get(id)?.cancel();
  table.restarts.delete(id);
  table.delays.delete(id);
}
