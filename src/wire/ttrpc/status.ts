/** From our errors to the numbers of gRPC's statuses, and back. */
import { codes, SampanError, type Code } from "../../base/errors.ts";

/** The order of `codes` is that of the numbers, from 1. */
export function numberOf(code: Code): number {
  return codes.indexOf(code) + 1;
}

/** An error that a peer has sent. Unknown numbers are `unknown`. */
export function errorOf(number: number, message: string): SampanError {
  return new SampanError(codes[number - 1] ?? "unknown", message);
}
