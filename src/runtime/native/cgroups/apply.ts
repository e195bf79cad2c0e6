/** Carries out the simple operations of a plan in this process: for containers that run, where there is no launcher to do it. */
import { closeSync, constants, mkdirSync, openSync, readFileSync, writeSync } from "node:fs";
import { SampanError } from "../../../base/errors.ts";
import { describeErrno, errno, errnoOf } from "../../../kernel/errno.ts";
import type { Operation } from "../plan/operations.ts";

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
