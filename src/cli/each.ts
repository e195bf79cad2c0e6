/** A verb over several words: one that fails does not keep the others from their turn. */
import { SampanError } from "../base/errors.ts";
import type { CommandContext } from "./command.ts";
import { errorLine } from "./error-line.ts";

export interface EachOptions {
  /** What is not there is said, but is no failure. */
  readonly absentIsFine?: boolean;
  /** All are begun together; what they say still comes in the order of the words. */
  readonly atOnce?: boolean;
}

type Settled = { readonly error?: unknown };

const settled = (work: Promise<void>): Promise<Settled> =>
  work.then(
    () => ({}),
    (error: unknown) => ({ error }),
  );

async function unsettled(work: Promise<Settled> | undefined): Promise<void> {
  const outcome = await work;
  if (outcome && "error" in outcome) throw outcome.error;
}

/** Gives the exit status. Errors are printed as they come; Ctrl-C ends it at once. */
export async function forEach(
  { err, signal }: Pick<CommandContext, "err" | "signal">,
  words: readonly string[],
  { verb, absentIsFine = false, atOnce = false }: EachOptions & { verb: (word: string) => Promise<void> },
): Promise<number> {
  let status = 0;
  const begun = atOnce ? words.map((word) => settled(verb(word))) : [];
  for (const [at, word] of words.entries()) {
    try {
      await (atOnce ? unsettled(begun[at]) : verb(word));
    } catch (error) {
      if (signal.aborted) throw error;
      const { code, message } = SampanError.from(error);
      await err.write(`${errorLine(message)}\n`);
      if (!(absentIsFine && code === "not_found")) status = 1;
    }
  }
  return status;
}
