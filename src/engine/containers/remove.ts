/** Removes a container. */
import { SampanError } from "../../base/errors.ts";
import type { ContainerInfo } from "./containers.ts";
import { endByForce } from "./kill.ts";
import { writeState, writeStopped } from "./life-rows.ts";
import { findContainer, isLive, type LifeParts } from "./parts.ts";
import { hostConfig, isMadeAnew } from "./request.ts";
import { cancelRestart } from "./restart-plan.ts";
import { takeAway, takeAwaySoon } from "./take-away.ts";

export interface RemoveOptions {
  /** One that runs is killed. */
  readonly force?: boolean;
  /** Its anonymous volumes too. Those of a container that was made to be removed always go with it. */
  readonly volumes?: boolean;
}

/** Gives its id. Errors: `failed_precondition` for one that runs, without force, and for one that another is removing. */
export async function removeContainer(
  engine: LifeParts,
  reference: string,
  { force = false, volumes = false }: RemoveOptions = {},
): Promise<string> {
  const info = engine.containers.get(reference);
  const { id } = info;
  checkRemovable(info, force);
  // Killing is waited for, and its end wants the container for itself.
  if (isLive(info)) await endLive(engine, info);
  await engine.tasks.exclusive(id, async () => {
    const now = findContainer(engine, id);
    // It was removed at its end, by itself.
    if (!now) return;
    checkRemovable(isLive(now) ? now : { ...now, state: "exited" }, false);
    cancelRestart(engine, id);
    await removeExclusive(engine, now, volumes);
  });
  return id;
}

function checkRemovable({ name, id, state }: ContainerInfo, force: boolean): void {
  const refuse = (why: string) =>
    new SampanError("failed_precondition", `cannot remove container "/${name}": ${why}`);
  if (state === "removing") throw refuse(`removal of container ${id} is already in progress`);
  if (force) return;
  if (state === "paused") throw refuse("container is paused and must be unpaused first");
  if (state === "running" || state === "restarting")
    throw refuse(`container is ${state}: stop the container before removing or force remove`);
}

async function endLive(engine: LifeParts, info: ContainerInfo): Promise<void> {
  writeStopped(engine.store, info.id);
  await endByForce(engine, info);
}

/** A failure leaves it `dead`: it can be removed again, and nothing else. */
async function removeExclusive(engine: LifeParts, info: ContainerInfo, volumes: boolean): Promise<void> {
  const options = { volumes: volumes || hostConfig(info.body).AutoRemove === true };
  // Of one that is made anew all goes in one transaction, and whoever asked asks again where that is cut off.
  const isBrief = isMadeAnew(info);
  if (!isBrief) writeState(engine.store, info.id, "removing");
  try {
    await (isBrief ? takeAwaySoon : takeAway)(engine, info, options);
  } catch (error) {
    if (findContainer(engine, info.id)) writeState(engine.store, info.id, "dead");
    throw SampanError.wrap(`cannot remove container "/${info.name}"`, error);
  }
}
