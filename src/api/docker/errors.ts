/** From what the engine throws to what Docker's API answers: one table, one body. */
import { SampanError, type Code } from "../../base/errors.ts";
import type { Answer } from "./route.ts";

/** The statuses of dockerd for the same kinds of errors. */
export const statuses = {
  cancelled: 499,
  unknown: 500,
  invalid_argument: 400,
  deadline_exceeded: 504,
  not_found: 404,
  already_exists: 409,
  permission_denied: 403,
  resource_exhausted: 500,
  failed_precondition: 409,
  aborted: 409,
  out_of_range: 400,
  unimplemented: 501,
  internal: 500,
  unavailable: 503,
  data_loss: 500,
  unauthenticated: 401,
} as const satisfies Readonly<Record<Code, number>>;

export function statusOf(error: unknown): number {
  return statuses[SampanError.from(error).code];
}

export function messageOf(error: unknown): string {
  return SampanError.from(error).message;
}

export function errorAnswer(error: unknown): Answer {
  return { kind: "json", status: statusOf(error), value: { message: messageOf(error) } };
}

/** A registry's refusal is not ours: at a 401 of the daemon's own, clients would ask for a password and try again. */
export function refusedElsewhere(error: unknown): unknown {
  const { code, message } = SampanError.from(error);
  return code === "unauthenticated" ? new SampanError("permission_denied", message, { cause: error }) : error;
}

/** 501 for what Docker has and we have not. `what` is a whole sentence. */
export function notThere(what: string): SampanError {
  return new SampanError("unimplemented", what);
}

/** Whether an error is our fault, so that it belongs in the log. */
export function isOurs(error: unknown): boolean {
  const status = statusOf(error);
  return status === 500 || status === 504;
}
