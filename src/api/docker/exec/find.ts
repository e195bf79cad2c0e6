/** Which exec a path means, with dockerd's words where there is none. */
import { SampanError } from "../../../base/errors.ts";
import { inspectExec } from "../../../engine/containers/exec.ts";
import type { ExecInfo } from "../../../engine/containers/life.ts";
import type { LiveEngine } from "../../../engine/engine.ts";

/** Errors: `not_found` in dockerd's words. */
export function findExec(engine: LiveEngine, id: string): ExecInfo {
  try {
    return inspectExec(engine, id);
  } catch (error) {
    if (SampanError.from(error).code !== "not_found") throw error;
    throw new SampanError("not_found", `No such exec instance: ${id}`, { cause: error });
  }
}
