/** Which container a path means, with dockerd's words where there is none. */
import { SampanError } from "../../../base/errors.ts";
import type { ContainerInfo } from "../../../engine/containers/containers.ts";
import type { LiveEngine } from "../../../engine/engine.ts";

type Parts = Pick<LiveEngine, "containers">;

/** By name (also with a slash in front), id, or the beginning of an id. */
export function findContainer({ containers }: Parts, reference: string): ContainerInfo {
  try {
    return containers.get(reference.replace(/^\//, ""));
  } catch (error) {
    const { code } = SampanError.from(error);
    if (code === "not_found") throw noSuchContainer(reference, error);
    if (code === "invalid_argument")
      throw new SampanError("invalid_argument", `Multiple IDs found with provided prefix: ${reference}`, {
        cause: error,
      });
    throw error;
  }
}

export function noSuchContainer(reference: string, cause?: unknown): SampanError {
  return new SampanError("not_found", `No such container: ${reference}`, { cause });
}

export function conflict(message: string): SampanError {
  return new SampanError("failed_precondition", message);
}

/** Refuses what only goes with one that runs. */
export function needRunning({ id, state }: ContainerInfo): void {
  if (state === "restarting")
    throw conflict(`Container ${id} is restarting, wait until the container is running`);
  if (state !== "running" && state !== "paused") throw conflict(`Container ${id} is not running`);
}
