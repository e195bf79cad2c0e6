/**
 * `sampan runtime update`: new limits for a container that runs. What has to be written is planned by the same functions as at its
 * creation, which read what is set now; then it is written from here. Devices stay as they are, as with runc.
 */
import { closeSync, constants, mkdirSync, openSync, readFileSync, writeSync } from "node:fs";
import { SampanError } from "../../../base/errors.ts";
import { describeErrno, errno, errnoOf } from "../../../kernel/errno.ts";
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

/**
 * Carries out `write` and `mkdir` operations in this process. Errors: the kernel's, with the field, the file and the value.
 * What was written before a failure stays, as with runc.
 */
export function applySteps(steps: readonly Operation[]): void {
  for (let at = 0; at < steps.length; at++) {
    const step = steps[at];
    if (step === undefined) continue;
    try {
      perform(step);
    } catch (error) {
      const number = errnoOf(error);
      const { errnos, skip = 0 } = step.tolerate ?? { errnos: [] };
      if (errnos !== "any" && !errnos.includes(number)) throw failure(step, number, error);
      at += skip;
    }
  }
}

function perform(step: Operation): void {
  const path = String(step.args["path"]);
  if (step.name === "mkdir") {
    mkdirSync(path, { mode: Number(step.args["mode"] ?? 0o755) });
    return;
  }
  if (step.name !== "write") {
    throw new SampanError(
      "internal",
      `cannot perform operation "${step.name}": only write and mkdir are done here`,
    );
  }
  // One write(2), and never a file that is not there: what Node's writeFile does is neither.
  const file = openSync(path, constants.O_WRONLY);
  try {
    writeSync(file, String(step.args["data"]));
  } finally {
    closeSync(file);
  }
}

function failure(step: Operation, number: number, cause: unknown): SampanError {
  if (number === 0) return SampanError.from(cause);
  const inner = SampanError.from(cause);
  const { name, text } = describeErrno(number);
  const path = String(step.args["path"]);
  const hint = number === errno.EBUSY ? usageHint(path) : "";
  const data = step.args["data"] === undefined ? "" : ` to "${String(step.args["data"])}"`;
  return new SampanError(
    inner.code === "unknown" ? codeFor(number) : inner.code,
    `cannot set ${step.why}${data}: ${path}: ${text} (${name})${hint}`,
    { cause },
  );
}

function codeFor(number: number): SampanError["code"] {
  if (number === errno.EINVAL) return "invalid_argument";
  if (number === errno.EPERM || number === errno.EACCES || number === errno.EROFS) return "permission_denied";
  return "failed_precondition";
}

/** v1 refuses a memory limit below what is in use and cannot be given back. */
function usageHint(path: string): string {
  if (!path.endsWith("limit_in_bytes")) return "";
  const usage = readFileSync(path.replace(/limit_in_bytes$/, "usage_in_bytes"), "utf8").trim();
  return `; ${usage} bytes are in use`;
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
