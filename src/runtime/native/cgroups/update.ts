/**
 * `sampan runtime update`: new limits for a container that runs. What has to be written is planned by the same functions as at its
 * creation, which read what is set now; apply.ts then writes it. Devices stay as they are, as with runc.
 */
import { SampanError } from "../../../base/errors.ts";
import type { OciMemory, OciResources } from "../../../spec/oci/config.ts";
import type { Operation } from "../plan/operations.ts";
import { type CgroupFiles, hostFiles } from "./host.ts";
import { v1Limits } from "./limits_v1.ts";
import { v2Limits } from "./limits_v2.ts";
import type { CgroupPaths } from "./paths.ts";

/**
 * The writes in an order that the kernel takes from where the container is now. `paths` may be what the state keeps.
 * Errors: `invalid_argument`, `failed_precondition` naming the field; the latter too when memory.checkBeforeUpdate is true and
 * the memory in use is not below the new limit.
 */
export function updateSteps(
  resources: OciResources,
  paths: Pick<CgroupPaths, "version" | "dirs">,
  files: Pick<CgroupFiles, "read"> = hostFiles,
): Operation[] {
  if (paths.version === 1) {
    checkUsage(resources.memory, `${paths.dirs["memory"]}/memory.usage_in_bytes`, files);
    return v1Limits(resources, paths.dirs, files);
  }
  const dir = paths.dirs[""] ?? "";
  checkUsage(resources.memory, `${dir}/memory.current`, files);
  const controllers = files.read(`${dir}/cgroup.controllers`)?.trim().split(" ");
  return v2Limits(resources, { dir, controllers }, files);
}

/** On v2 the kernel would take a limit below the usage, and kill. runc's check before that; where usage cannot be read there is none. */
function checkUsage(memory: OciMemory | undefined, file: string, files: Pick<CgroupFiles, "read">): void {
  if (memory?.checkBeforeUpdate !== true) return;
  const text = files.read(file)?.trim();
  if (text === undefined) return;
  for (const field of ["swap", "limit"] as const) {
    const value = memory[field] ?? 0;
    if (Number(value) <= 0 || BigInt(value) > BigInt(text)) continue;
    throw new SampanError(
      "failed_precondition",
      `cannot set linux.resources.memory.${field} to ${value}: ${text} bytes are in use, a higher limit was wanted`,
    );
  }
}
