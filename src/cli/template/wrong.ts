/** Errors of templates: always with the place. */
import { invalid, type SampanError } from "../../base/errors.ts";

export function wrongAt(source: string, at: number, what: string): SampanError {
  const before = source.slice(0, at).split("\n");
  const column = Array.from(before.at(-1) ?? "").length + 1;
  return invalid(
    `cannot use template ${JSON.stringify(source)}: line ${before.length}, column ${column}: ${what}`,
  );
}
