/** What goes wrong between the command line and a daemon, as errors that say what to do. */
import { type Code, SampanError } from "../../../base/errors.ts";
import type { Address } from "./address.ts";

const codes: Readonly<Record<number, Code>> = {
  400: "invalid_argument",
  401: "unauthenticated",
  403: "permission_denied",
  404: "not_found",
  406: "failed_precondition",
  409: "failed_precondition",
  500: "unknown",
  501: "unimplemented",
  503: "unavailable",
};

/** Docker's own words stand before a daemon's: scripts look for them. */
export const fromDaemon = "Error response from daemon: ";

export function codeOf(status: number): Code {
  return codes[status] ?? (status < 500 ? "invalid_argument" : "unknown");
}

/** The error that a daemon's answer tells: `{"message": …}`, or its text. */
export function refusal(status: number, body: string): SampanError {
  return new SampanError(codeOf(status), `${fromDaemon}${messageIn(body) || `status ${status}`}`, {
    cause: { status },
  });
}

function messageIn(body: string): string {
  try {
    const { message } = JSON.parse(body) as { message?: unknown };
    if (typeof message === "string") return message;
  } catch {
    // A proxy between may answer with a page.
  }
  return body.trim().slice(0, 1000);
}

const absent = new Set(["ENOENT", "ECONNREFUSED", "ConnectionRefused", "FailedToOpenSocket"]);

/** No answer at all. */
export function unreachable(address: Address, error: unknown): SampanError {
  if (error instanceof SampanError) return error;
  const { code = "", message } = error as { code?: string; message: string };
  const what = `cannot connect to the daemon at ${address.text}`;
  if (code === "EACCES" || code === "EPERM")
    return new SampanError(
      "permission_denied",
      `${what}: permission denied; be root, or a member of the group that owns the socket`,
      { cause: error },
    );
  if (absent.has(code))
    return new SampanError("unavailable", `${what}: is it running? (DOCKER_HOST and -H say where it is)`, {
      cause: error,
    });
  return new SampanError("unavailable", `${what}: ${message}`, { cause: error });
}
