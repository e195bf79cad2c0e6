/**
 * One verb on a data root: `bun _verb.ts ROOT VERB ARGUMENT…`. Says `ready` when the engine is open and `done` once the verb has ended well. Status 1 with
 * `code: text` for an error that says what it is; 3 for a refusal that is no fault (a container uses the image); 4 for an error that nobody has thought of.
 */
import { writeSync } from "node:fs";
import { SampanError } from "../../src/base/errors.ts";
import { openSmallEngine } from "./_engine.ts";
import { verbs } from "./_verbs.ts";

const refusals: ReadonlySet<string> = new Set(["failed_precondition", "not_found", "already_exists"]);

async function run(root: string, verb: string, args: readonly string[]): Promise<void> {
  const act = verbs[verb];
  if (!act) throw new Error(`there is no verb "${verb}"`);
  await using engine = await openSmallEngine(root, process.env["SNAPSHOTTER"] === "copy" ? "copy" : "auto");
  writeSync(1, "ready\n");
  await act(engine, ...args);
  writeSync(1, "done\n");
}

if (import.meta.main) {
  const [root = "", verb = "", ...args] = process.argv.slice(2);
  try {
    await run(root, verb, args);
  } catch (thrown) {
    const error = thrown instanceof SuppressedError ? SampanError.from(thrown) : thrown;
    const said = error instanceof SampanError ? `${error.code}: ${error.message}` : String(error);
    console.error(said);
    process.exitCode = error instanceof SampanError ? (refusals.has(error.code) ? 3 : 1) : 4;
    if (process.exitCode === 4 && error instanceof Error) console.error(error.stack);
  }
}
