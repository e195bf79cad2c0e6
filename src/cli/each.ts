/** A verb over several words: one that fails does not keep the others from their turn. */
import { SampanError } from "../base/errors.ts";
import type { CommandContext } from "./command.ts";
import { printable } from "./text/identifier.ts";

export interface EachOptions {
  /** What is not there is said, but is no failure. */
  readonly absentIsFine?: boolean;
}

/** Gives the exit status. Errors are printed as they come; Ctrl-C ends it at once. */
export async function forEach(
  { err, signal }: Pick<CommandContext, "err" | "signal">,
  words: readonly string[],
  { verb, absentIsFine = false }: EachOptions & { verb: (word: string) => Promise<void> },
): Promise<number> {
  let status = 0;
  for (const word of words) {
    try {
      await verb(word);
    } catch (error) {
      if (signal.aborted) throw error;
      const { code, message } = SampanError.from(error);
      await err.write(`Error: ${printable(message)}\n`);
      if (!(absentIsFine && code === "not_found")) status = 1;
    }
  }
  return status;
}
