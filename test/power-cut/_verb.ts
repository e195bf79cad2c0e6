/**
 * One verb on a data root: `bun _verb.ts ROOT VERB ARGUMENT…`. Says `ready` when the engine is open and `done` once the verb has ended well. Status 3: it was
 * refused, for a reason that is no fault (a container uses the image).
 */
import { writeSync } from "node:fs";
import { SampanError } from "../../src/base/errors.ts";
import { openSmallEngine } from "./_engine.ts";
import { verbs } from "./_verbs.ts";

if (import.meta.main) {
  const [root = "", verb = "", ...args] = process.argv.slice(2);
  await using engine = await openSmallEngine(root);
  const act = verbs[verb];
  if (!act) throw new Error(`there is no verb "${verb}"`);
  writeSync(1, "ready\n");
  try {
    await act(engine, ...args);
    writeSync(1, "done\n");
  } catch (error) {
    if (
      !(error instanceof SampanError) ||
      !["failed_precondition", "not_found", "already_exists"].includes(error.code)
    )
      throw error;
    process.exitCode = 3;
  }
}
