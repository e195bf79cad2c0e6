/**
 * `bun tools/test.ts ok|all [PART-OF-PATH…]`: the gate, then with `all` every rung that this machine can run and a search for what the
 * run leaked. A line for each step, failures whole, and as the last line `N passed, N failed, N skipped` over all rungs.
 * With parts of paths, only the test files whose path has one of them, and neither gate nor leak search.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checks } from "./_gate.ts";
import {
  add,
  countLine,
  countsOf,
  errorsOf,
  failedFilesOf,
  nothing,
  skippedOf,
  type Counts,
} from "./_junit.ts";
import { failureOf, inFull, inShort, type Failure } from "./_failures.ts";
import { deadlineOf, filesOf, rungs, type Rung, type RungName } from "./_rungs.ts";
import { run, type Ran } from "./_run.ts";
import { takeRealRoot } from "./_real-root.ts";
import { leaksSince, take } from "./leaks.ts";

if (process.argv.includes("all")) await takeRealRoot();

const start = take();
const bun = process.execPath;
const failed: Counts = { passed: 0, failed: 1, skipped: 0 };
const skipped: Counts = { passed: 0, failed: 0, skipped: 1 };
const scratch = mkdtempSync(join(tmpdir(), "sampan-test-"));
const reportFile = join(scratch, "junit.xml");

function progress(rung: string, what: string, result: string, seconds: number): void {
  console.log(`${rung.padEnd(6)}${what.padEnd(66)} ${result.padEnd(34)} ${seconds.toFixed(1)} s`);
}

/** What failed, told again behind everything else: whoever sees only the end of a long log still learns what it was. */
const failures: Failure[] = [];

/** Files that passed only when they were run again, with what they said the first time: no failures, and nothing to be passed over either. */
const unsteady: string[] = [];

function show(what: string, ran: Ran): void {
  const text = `──── ${what}${ran.reason ? `: ${ran.reason}` : ""}\n${ran.output.trimEnd()}\n────`;
  failures.push(failureOf(what, ran));
  console.log(text);
}

/** A check that fails counts as one failure, one whose program is missing as skipped; one that passes is no test and counts as nothing. */
async function gate(): Promise<Counts> {
  const results = await Promise.all(
    checks(bun).map(async ({ name, command }) => {
      const program = command[0] ?? "";
      if (!Bun.which(program)) {
        console.log(`gate  ${name} is skipped: ${program} is not installed`);
        return skipped;
      }
      const ran = await run(command, { deadlineSeconds: 120 });
      progress("gate", name, ran.ok ? "ok" : "FAILED", ran.seconds);
      if (!ran.ok) show(name, ran);
      return ran.ok ? nothing : failed;
    }),
  );
  return results.reduce(add, nothing);
}

interface Request {
  readonly rung: Rung;
  readonly label: string;
  readonly files: readonly string[];
  readonly flags?: readonly string[];
  readonly deadlineSeconds: number;
}

/** Why a run has failed although no test in it did. A run whose tests are all skipped has a status of its own, and is well. */
function unexplained(ran: Ran, counted: Counts): string | undefined {
  if (counted.failed > 0) return undefined;
  if (counted.passed + counted.skipped === 0) return ran.reason ?? "ran no test";
  return ran.ok || (counted.passed === 0 && !ran.reason) ? undefined : (ran.reason ?? "ended badly");
}

/** Of the last run; empty when it was ended before it wrote one. */
function lastReport(): string {
  return existsSync(reportFile) ? readFileSync(reportFile, "utf8") : "";
}

/** One `bun test`: its counts, with a failure for each error outside of a test and for an end without a report. */
async function bunTest(request: Request): Promise<Counts> {
  const { rung, label, files, flags = [], deadlineSeconds } = request;
  rmSync(reportFile, { force: true });
  const ran = await run(
    [
      bun,
      "test",
      "--only-failures",
      "--reporter=junit",
      `--reporter-outfile=${reportFile}`,
      `--timeout=${rung.testTimeout}`,
      ...flags,
      ...files.map((file) => `./${file}`),
    ],
    { deadlineSeconds },
  );
  const xml = lastReport();
  const counted = add(countsOf(xml) ?? nothing, { passed: 0, failed: errorsOf(ran.output), skipped: 0 });
  const why = unexplained(ran, counted);
  const counts = why ? add(counted, failed) : counted;
  progress(rung.name, label, countLine(counts), ran.seconds);
  for (const one of skippedOf(xml)) console.log(`      skipped ${one}`);
  if (counts.failed > 0) show(label, why ? { ...ran, reason: why } : ran);
  return counts;
}

/** What stops a rung on this machine; its tests are then counted as skipped. */
function obstacle(rung: RungName): string | undefined {
  if (rung !== "pure" && process.getuid?.() !== 0) return "needs root";
  if (rung === "vm" && !Bun.which("qemu-system-x86_64")) return "needs qemu-system-x86_64";
  return undefined;
}

async function climb(rung: Rung, wanted: readonly string[]): Promise<Counts> {
  const files = filesOf(rung.name).filter((f) => wanted.length === 0 || wanted.some((w) => f.includes(w)));
  if (files.length === 0) return nothing;
  if (rung.name === "pure") {
    return sideBySide(rung, files);
  }
  const why = obstacle(rung.name);
  if (why) console.log(`${rung.name.padEnd(6)}${files.length} files are skipped: ${why}`);
  // A pattern that no test's name has: bun test loads the file and counts all of its tests as skipped.
  const flags = why ? ["-t", "^this machine cannot run any$"] : [];
  let counts = nothing;
  for (const file of files) {
    const deadlineSeconds = deadlineOf(readFileSync(file, "utf8"), rung.deadlineSeconds);
    counts = add(counts, await withTries({ rung, label: file, files: [file], flags, deadlineSeconds }));
  }
  return counts;
}

/** All files of a rung in one run; those that fail are run again, one after the other. Where it is not known which they are, all are. */
async function sideBySide(rung: Rung, files: readonly string[]): Promise<Counts> {
  const { deadlineSeconds } = rung;
  const label = files.length === 1 ? (files[0] ?? "") : `${files.length} files`;
  const all = async () => await bunTest({ rung, label, files, flags: ["--parallel"], deadlineSeconds });
  const before = failures.length;
  const counted = await all();
  const failing = failedFilesOf(lastReport());
  if (counted.failed === 0 || failing.length > triesLeft) return counted;
  // What failed outside of a test is in no report.
  const isInReport = failing.length > 0 && countsOf(lastReport())?.failed === counted.failed;
  const first = failures.splice(before);
  let again = nothing;
  if (!isInReport) again = await all();
  else
    for (const file of failing) {
      triesLeft--;
      again = add(again, await bunTest({ rung, label: file, files: [file], deadlineSeconds }));
    }
  if (again.failed === 0) unsteady.push(...first.flatMap(inFull));
  if (!isInReport) return again;
  return { ...counted, passed: counted.passed + counted.failed - again.failed, failed: again.failed };
}

/** What a run that failed has left behind: told, but no failure besides its own. */
const leftByFailed = new Set<string>();

/** Runs of all files after their first; past this many, something is broken and not just unsteady. */
let triesLeft = 8;

/**
 * A file that fails is run again: a machine that others share holds a test up now and then, and a guest under software emulation stands still (seen in one
 * boot of some twenty). Only a failure that shows again fails the run; one that does not is told at its end.
 */
async function withTries(request: Request): Promise<Counts> {
  const { rung, label } = request;
  const before = failures.length;
  let counted = await bunTest(request);
  for (let tries = rung.tries; counted.failed > 0 && tries > 1 && triesLeft > 0; tries--) {
    triesLeft--;
    console.log(`${rung.name.padEnd(6)}${label} is run again; what counts is that run`);
    const [first] = failures.splice(before);
    for (const leaked of await leaksSince(start)) leftByFailed.add(leaked);
    counted = await bunTest(request);
    if (counted.failed === 0) unsteady.push(...(first ? inFull(first) : [`  ${label}`]));
  }
  return counted;
}

async function leaks(): Promise<Counts> {
  const begin = performance.now();
  const all = await leaksSince(start);
  const leaked = all.filter((line) => !leftByFailed.has(line));
  const result = leaked.length === 0 ? "nothing" : `${leaked.length} LEAKED`;
  progress(
    "leaks",
    "mounts, cgroups, namespaces, processes, files",
    result,
    (performance.now() - begin) / 1000,
  );
  for (const line of all)
    console.log(`      leaked ${line}${leftByFailed.has(line) ? " (by a run that failed)" : ""}`);
  return leaked.length === 0 ? nothing : failed;
}

async function main(mode: string | undefined, wanted: readonly string[]): Promise<Counts> {
  if (mode !== "ok" && mode !== "all") throw new Error("usage: bun tools/test.ts ok|all [PART-OF-PATH…]");
  let counts = wanted.length === 0 ? await gate() : nothing;
  for (const rung of rungs.toReversed())
    if (mode === "all" || rung.name === "pure") counts = add(counts, await climb(rung, wanted));
  return mode === "all" && wanted.length === 0 ? add(counts, await leaks()) : counts;
}

const counts = await main(process.argv[2], process.argv.slice(3)).finally(() =>
  rmSync(scratch, { recursive: true, force: true }),
);
if (unsteady.length > 0) console.log(`\nWhat passed only when it was run again:\n${unsteady.join("\n")}`);
if (failures.length > 0) {
  console.log(`\nWhat failed, once more:\n${failures.flatMap(inFull).join("\n")}`);
  console.log(`\nIn short:\n${failures.map(inShort).join("\n")}`);
}
console.log(countLine(counts));
process.exit(counts.failed > 0 ? 1 : 0);
