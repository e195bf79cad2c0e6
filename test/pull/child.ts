/** A pull in a process of its own: `child.ts ROOT REFERENCE`. A line for each event, so that a test can say when it is killed. */
import { writeSync } from "node:fs";
import { pull } from "../../src/engine/images/pull.ts";
import { testEngine } from "./parts.ts";

const [root = "", reference = ""] = process.argv.slice(2);
await using engine = await testEngine({}, root);
writeSync(1, "open\n");
await pull(engine, reference, {
  onProgress: (event) => writeSync(1, `${event.kind === "layer" ? event.step : event.kind}\n`),
});
writeSync(1, "pulled\n");
