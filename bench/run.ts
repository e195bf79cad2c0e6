/**
 * `bun bench/run.ts [--json] [--quick] [--only PART-OF-A-NAME]`: dist/sampan beside the other runtimes that this machine has, in one run. Needs root and
 * gcc. Writes a table into bench/results.md, or with --json all numbers to standard output. `--quick` takes a tenth of the samples.
 */
import { copyFileSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { build } from "./_command.ts";
import { bundleKinds, makeBundle, makeRootfs } from "./_bundles.ts";
import { privateMiB } from "./_memory.ts";
import { machine } from "./_machine.ts";
import { report, writeSection } from "./_report.ts";
import { findRuntimes, type Runtime } from "./_runtimes.ts";
import { scenarios } from "./_scenarios.ts";
import { spreadOf, type Row } from "./_statistics.ts";
import { time } from "./_timer.ts";
import { work, workKinds, type WorkSample } from "./_work.ts";
import { seccompRows } from "./seccomp/run.ts";

const { values: flags } = parseArgs({
  options: { json: { type: "boolean" }, quick: { type: "boolean" }, only: { type: "string", default: "" } },
});
const scratch = mkdtempSync(join(tmpdir(), "sampan-bench-"));
// The state of a runtime is on a tmpfs, as /run is on most hosts: making a file on a disk can take a tenth of a run.
const states = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "sampan-bench-"));
const rows: Row[] = [];

function begin(name: string): boolean {
  if (!name.includes(flags.only)) return false;
  console.error(name);
  return true;
}

function add(row: Row): void {
  rows.push(row);
  const texts = Object.entries(row.spreads).map(([name, { median }]) => `${name} ${median.toFixed(2)}`);
  console.error(`  ${row.unit}: ${texts.join("  ")}`);
}

/** One row of the samples of each runtime. */
function rowOf<S>(
  name: string,
  unit: string,
  { samples, value, goal }: { samples: Map<string, S[]>; value: (sample: S) => number; goal?: Row["goal"] },
): Row {
  const spreads = Object.fromEntries([...samples].map(([key, list]) => [key, spreadOf(list.map(value))]));
  return { name, unit, spreads, ...(goal && { goal }) };
}

const rounds = (number: number): number => (flags.quick ? Math.ceil(number / 10) : number);

async function commands(timer: string, runtimes: readonly Runtime[]): Promise<void> {
  for (const kind of bundleKinds) {
    const bundles = {
      short: makeBundle(scratch, kind, ["/bin/true"]),
      long: makeBundle(scratch, kind, ["/bin/sleep", "100000"]),
    };
    for (const scenario of scenarios) {
      const name = `${scenario.name}, ${kind}`;
      if (!begin(name)) continue;
      const samples = await time(scenario, { timer, runtimes, bundles, rounds: rounds(scenario.rounds) });
      const goal = { against: "runc", ratio: scenario === scenarios[0] ? 0.5 : 1 };
      add(rowOf(name, "ms", { samples, value: ({ wallMs }) => wallMs, goal }));
      add(
        rowOf(name, "ms of processor time", {
          samples,
          value: ({ processorMs }) => processorMs,
          goal: { against: "runc", ratio: 1 },
        }),
      );
      if (scenario.count > 1) continue;
      add(
        rowOf(`peak memory of ${name}`, "MiB resident", {
          samples,
          value: ({ peakMiB }) => peakMiB,
          goal: { against: "runc", ratio: 1 },
        }),
      );
    }
  }
}

async function memory(runtimes: readonly Runtime[]): Promise<void> {
  const name = "memory of the foreground process while the container runs";
  if (!begin(name)) return;
  const bundle = makeBundle(scratch, "minimal", ["/bin/sh", "-c", "echo up; exec sleep 100000"]);
  const samples = new Map<string, number[]>(runtimes.map((runtime) => [runtime.name, []]));
  for (let round = 0; round < rounds(10); round++)
    for (const runtime of runtimes) samples.get(runtime.name)?.push(await privateMiB(runtime, bundle));
  add(rowOf(name, "MiB private", { samples, value: (mib) => mib, goal: { against: "runc", ratio: 1 } }));
}

async function workInside(program: string, runtimes: readonly Runtime[]): Promise<void> {
  // Another kernel inside is another subject.
  const places = runtimes.filter(({ name }) => name !== "runsc");
  for (const kind of bundleKinds) {
    for (const task of workKinds) {
      const name = `work inside: ${task}, ${kind}`;
      if (!begin(name)) continue;
      const folder = task === "files" ? ["/tmp"] : [];
      const bundle = makeBundle(scratch, kind, ["/bin/work", task, ...folder]);
      const host = [program, task, ...(task === "files" ? ["/dev/shm"] : [])];
      const samples = new Map<string, WorkSample[]>();
      // Memory that one process happens to get makes it some percent quicker or slower for all of its life: each place has several.
      for (let process = 0; process < rounds(10); process++) {
        const more = await work(task, { host, runtimes: places, bundle, rounds: 20 });
        for (const [place, list] of more) samples.set(place, [...(samples.get(place) ?? []), ...list]);
      }
      const goal = { against: "host", ratio: 1.02 };
      add(rowOf(name, "ms of processor time", { samples, value: ({ processorMs }) => processorMs, goal }));
      add(rowOf(name, "ms", { samples, value: ({ wallMs }) => wallMs }));
    }
  }
}

async function systemCalls(): Promise<void> {
  const name = "filtered system call";
  if (!begin(name)) return;
  for (const { name: call, ours, peer, unit } of await seccompRows()) {
    const [what = "", against = ""] = call.split(/, (?=[^,]*$)/);
    const spreads = { sampan: spreadOf([ours]), [against]: spreadOf([peer]) };
    // One part in a hundred is what the measurement can tell.
    const goal = against.includes("libseccomp") ? { against, ratio: 1.01 } : undefined;
    add({ name: `${name}: ${what}`, unit, spreads, ...(goal && { goal }) });
  }
}

async function main(): Promise<void> {
  const root = join(import.meta.dir, "..");
  const timer = await build(scratch, join(import.meta.dir, "timer.c"));
  const program = await build(scratch, join(import.meta.dir, "work.c"));
  makeRootfs(scratch, program);
  const trial = makeBundle(scratch, "minimal", ["/bin/sh", "-c", "true"]);
  // A copy: the original may be built anew meanwhile.
  const sampan = join(scratch, "sampan");
  copyFileSync(join(root, "dist/sampan"), sampan);
  const found = await findRuntimes(sampan, { states, bundle: trial });
  const about = machine(found);
  console.error(about.join("\n"));
  await commands(timer, found.runtimes);
  await memory(found.runtimes);
  await workInside(program, found.runtimes);
  await systemCalls();
  if (flags.json) console.log(JSON.stringify({ about, rows }, undefined, 2));
  else if (flags.only === "") {
    const results = join(import.meta.dir, "results.md");
    writeSection(results, "The runtime", report(about, rows));
    // As the gate wants every file.
    Bun.spawnSync([process.execPath, "fmt", results], { stdout: "ignore" });
  } else console.log(report(about, rows));
}

try {
  await main();
} finally {
  for (const folder of [scratch, states]) rmSync(folder, { recursive: true, force: true });
}
