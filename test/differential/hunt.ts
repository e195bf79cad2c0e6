/**
 * By hand: `bun test/differential/hunt.ts [--count N] [--seed N] [--lanes N] [--program PATH] [--show N]` tries bundles from a seed on,
 * prints how ours differs from runc and counts the kinds of differences. With `--count 1` it makes a bundle that differs as small as it can.
 */
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { report } from "./report.ts";
import { shrink } from "./shrink.ts";
import { tryMany } from "./try.ts";
import { World } from "./world.ts";

const { values } = parseArgs({
  options: {
    count: { type: "string", default: "1000" },
    seed: { type: "string", default: "1" },
    lanes: { type: "string", default: "3" },
    show: { type: "string", default: "10" },
    program: { type: "string", default: "dist/sampan" },
  },
});
const count = Number(values.count);
const program = [resolve(values.program), "runtime"];

using world = new World();
for (const signal of ["SIGINT", "SIGTERM"] as const)
  process.once(signal, () => {
    world[Symbol.dispose]();
    process.exit(130);
  });
const { different, started } = await tryMany(world, {
  program,
  count,
  seed: Number(values.seed),
  lanes: Number(values.lanes),
});
const kinds = new Map<string, number[]>();
for (const { tried, differences } of different)
  for (const { field } of differences) kinds.set(field, [...(kinds.get(field) ?? []), tried.seed]);
for (const verdict of different.slice(0, Number(values.show)))
  console.log(
    count === 1
      ? report(await shrink(world, verdict, { program, most: 150 }), "with bundle")
      : report(verdict, "short"),
  );
for (const [field, seeds] of [...kinds].toSorted((a, b) => b[1].length - a[1].length))
  console.log(`${String(seeds.length).padStart(6)}  ${field}  (${seeds.slice(0, 6).join(" ")})`);
console.log(`${count} bundles, ${started} started by runc, ${different.length} different`);
process.exitCode = different.length > 0 ? 1 : 0;
