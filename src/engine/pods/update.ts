/** Changes the limits of a whole pod. */
import { SampanError } from "../../base/errors.ts";
import { hostFacts } from "../containers/spec/host.ts";
import { checkResources, limits } from "../containers/spec/resources.ts";
import { shareAbove, type PodParts } from "./make.ts";
import type { PodRow } from "./places.ts";
import type { PodResources, PodSandboxRequest } from "./pods.ts";

/**
 * For who has it in turn. Its cgroup first, so that a row never says what is not so; one that is not there gets the limits when it is made. Errors: `invalid_argument`,
 * and the kernel's, which name the limit: then nothing is changed.
 */
export function updatePod(engine: PodParts, row: PodRow, given: PodResources): void {
  const { request } = row;
  const resources = mergedResources(request.resources ?? {}, given);
  const facts = hostFacts({ privileged: false });
  try {
    checkResources(resources, facts);
    if (request.cgroupParent !== undefined && !request.foreignCgroup && row.wanted)
      engine.door.updateCgroup(request.cgroupParent, {
        now: limits(resources, facts),
        before: limits(request.resources ?? {}, facts),
      });
  } catch (error) {
    throw SampanError.wrap(`cannot update pod sandbox "${row.id.slice(0, 12)}"`, error);
  }
  const changed: PodSandboxRequest = { ...request, resources };
  const { store } = engine;
  store.transaction(() =>
    store.db.query("UPDATE pods SET request = ? WHERE id = ?").run(JSON.stringify(changed), row.id),
  );
  if (row.wanted) shareAbove(engine, { ...row, request: changed });
}

/** 0 and absent leave a limit as it is, as with a container; a quota or a limit of -1 takes it away. */
export function mergedResources(before: PodResources, given: PodResources): PodResources {
  return { ...before, ...Object.fromEntries(Object.entries(given).filter(([, value]) => Boolean(value))) };
}
