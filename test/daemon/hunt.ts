/** The long hunt: `bun test/daemon/hunt.ts [--kills 1000] [--seed N] [--lanes 4]`. */
import { parseArgs } from "node:util";
import { hunt } from "./_hunt.ts";

const { values } = parseArgs({
  options: {
    kills: { type: "string", default: "1000" },
    seed: { type: "string" },
    lanes: { type: "string", default: "4" },
  },
});
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 32));
console.log(`seed ${seed}`);
// What it has made is taken away also when it is stopped.
const told = new AbortController();
for (const name of ["SIGINT", "SIGTERM"] as const) process.once(name, () => told.abort());
const { verbs, failures } = await hunt({
  signal: told.signal,
  kills: Number(values.kills),
  seed,
  lanes: Number(values.lanes),
  onTurn: (line) => process.stdout.write(`\r${line}   `),
});
console.log(`\n${JSON.stringify(verbs)}`);
for (const failure of failures) console.log(`seed ${seed}: ${failure}`);
process.exit(failures.length > 0 ? 1 : 0);
