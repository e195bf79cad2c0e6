/** One verb on a data root, and a word once it has ended well: `bun _verb.ts ROOT VERB ARGUMENT…`. */
import { writeSync } from "node:fs";
import { pull } from "../../src/engine/images/pull.ts";
import { removeImage } from "../../src/engine/images/remove.ts";
import { openSmallEngine, type SmallEngine } from "./_engine.ts";

const say = (words: string) => void writeSync(1, `${words}\n`);

const verbs: Readonly<Record<string, (engine: SmallEngine, ...args: string[]) => Promise<unknown>>> = {
  pull: (engine, reference = "") => pull(engine, reference),
  remove: (engine, reference = "") => removeImage(engine, reference),
  collect: (engine) => engine.gc.collect(undefined, { ingests: "all" }),
};

if (import.meta.main) {
  const [root = "", verb = "", ...args] = process.argv.slice(2);
  await using engine = await openSmallEngine(root);
  const act = verbs[verb];
  if (!act) throw new Error(`there is no verb "${verb}"`);
  await act(engine, ...args);
  say(`${verb} ${args.join(" ")}`);
}
