/** The question before something is removed. */
import { SampanError } from "../base/errors.ts";
import type { Io } from "./io.ts";

export const forceFlag = { kind: "yes", short: "f", help: "Do not ask" } as const;

/** Without a terminal there is nobody to ask: refused unless forced. Errors: `failed_precondition`. */
export async function confirm(
  io: Pick<Io, "ask" | "input">,
  warning: string,
  force: boolean,
): Promise<boolean> {
  if (force) return true;
  if (!io.input.terminal)
    throw new SampanError(
      "failed_precondition",
      "cannot ask for confirmation: standard input is no terminal; use --force",
    );
  const answer = await io.ask(`WARNING! ${warning}\nAre you sure you want to continue? [y/N] `);
  return ["y", "yes"].includes(answer?.trim().toLowerCase() ?? "");
}
