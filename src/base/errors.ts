/**
 * The one error class. `code` is the closed set of gRPC status codes
 * (https://grpc.github.io/grpc/core/md_doc_statuscodes.html); each interface has one table from code to its own status.
 *
 * Text has a grammar: `cannot <verb> <thing> "<name>": <what is, what was wanted>`. Context is added once per layer
 * (wrap), and the error is logged once, at the top.
 */
export const codes = [
  "cancelled",
  "unknown",
  "invalid_argument",
  "deadline_exceeded",
  "not_found",
  "already_exists",
  "permission_denied",
  "resource_exhausted",
  "failed_precondition",
  "aborted",
  "out_of_range",
  "unimplemented",
  "internal",
  "unavailable",
  "data_loss",
  "unauthenticated",
] as const;

export type Code = (typeof codes)[number];

export class SampanError extends Error {
  override readonly name = "SampanError";
  readonly code: Code;

  constructor(code: Code, message: string, options?: { cause?: unknown }) {
    super(message, options?.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
  }

  /** The same error with `context: ` in front; the code is kept, the original is the cause. */
  static wrap(context: string, error: unknown): SampanError {
    const inner = SampanError.from(error);
    return new SampanError(inner.code, `${context}: ${inner.message}`, { cause: error });
  }

  /** Anything that was thrown, as a SampanError; an unknown kind becomes `unknown`. */
  static from(error: unknown): SampanError {
    if (error instanceof SampanError) return error;
    // What failed while a scope was left hides what had failed in it: that is the one to tell.
    if (error instanceof SuppressedError) return SampanError.from(error.suppressed);
    if (error instanceof Error) return new SampanError("unknown", error.message, { cause: error });
    return new SampanError("unknown", String(error), { cause: error });
  }
}

/** Short form of the commonest refusal. */
export function invalid(message: string): SampanError {
  return new SampanError("invalid_argument", message);
}
