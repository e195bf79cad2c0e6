/**
 * `bun tools/test.ts ok|all [PART-OF-PATH…]`: the gate, then with `all` every rung that this machine can run and a search for what the
 * run leaked. A line for each step, failures whole, and as the last line `N passed, N failed, N skipped` over all rungs.
 * With parts of paths, only the test files whose path has one of them, and neither gate nor leak search.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checks } from "./_gate.ts";
import { add, countLine, countsOf, errorsOf, nothing, skippedOf, type Counts } from "./_junit.ts";
import { deadlineOf, filesOf, rungs, type Rung, type RungName } from "./_rungs.ts";
import { run, type Ran } from "./_run.ts";
import { takeRealRoot } from "./_real-root.ts";
import { leaksSince, take } from "./leaks.ts";

if (process.argv.includes("all")) await takeRealRoot();

const bun = process.execPath;
const failed: Counts = { passed: 0, failed: 1, skipped: 0 };
const skipped: Counts = { passed: 0, failed: 0, skipped: 1 };
const scratch = mkdtempSync(join(tmpdir(), "sampan-test-"));

function progress(rung: string, what: string, result: string, seconds: number): void {
  console.log(`${rung.padEnd(6)}${what.padEnd(66)} ${result.padEnd(34)} ${seconds.toFixed(1)} s`);
}

/** What failed, told again behind everything else: whoever sees only the end of a long log still learns what it was. */
const failures: string[] = [];

function show(what: string, ran: Ran): void {
  const text = `──── ${what}${ran.reason ? `: ${ran.reason}` : ""}\n${ran.output.trimEnd()}\n────`;
  const telling = ran.output
    .split("\n")
    .filter((line) => /^\(fail\)|error:|^Expected|^Received/.test(line.trim()));
  failures.push(
    `  ${what}${ran.reason ? `: ${ran.reason}` : ""}`,
    ...telling.slice(0, 8).map((line) => `    ${line.trim().slice(0, 300)}`),
  );
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

/** One `bun test`: its counts, with a failure for each error outside of a test and for an end without a report. */
async function bunTest(request: Request): Promise<Counts> {
  const { rung, label, files, flags = [], deadlineSeconds } = request;
  const report = join(scratch, "junit.xml");
  rmSync(report, { force: true });
  const ran = await run(
    [
      bun,
      "test",
      "--only-failures",
      "--reporter=junit",
      `--reporter-outfile=${report}`,
      `--timeout=${rung.testTimeout}`,
      ...flags,
      ...files.map((file) => `./${file}`),
    ],
    { deadlineSeconds },
  );
  const xml = (await Bun.file(report).exists()) ? await Bun.file(report).text() : "";
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
    const label = files.length === 1 ? (files[0] ?? "") : `${files.length} files`;
    return bunTest({ rung, label, files, flags: ["--parallel"], deadlineSeconds: rung.deadlineSeconds });
  }
  const why = obstacle(rung.name);
  if (why) console.log(`${rung.name.padEnd(6)}${files.length} files are skipped: ${why}`);
  // A pattern that no test's name has: bun test loads the file and counts all of its tests as skipped.
  const flags = why ? ["-t", "^this machine cannot run any$"] : [];
  let counts = nothing;
  for (const file of files) {
    const deadlineSeconds = deadlineOf(readFileSync(file, "utf8"), rung.deadlineSeconds);
    const request = { rung, label: file, files: [file], flags, deadlineSeconds };
    const before = failures.length;
    let counted = await bunTest(request);
    // A guest under software emulation stands still now and then (seen in one boot of some twenty): a file that fails has one more try.
    if (rung.name === "vm" && counted.failed > 0) {
      console.log(`${rung.name.padEnd(6)}${file} is run a second time; what counts is this run`);
      failures.length = before;
      counted = await bunTest(request);
    }
    counts = add(counts, counted);
  }
  return counts;
}

async function leaks(before: ReturnType<typeof take>): Promise<Counts> {
  const begin = performance.now();
  const leaked = await leaksSince(before);
  const result = leaked.length === 0 ? "nothing" : `${leaked.length} LEAKED`;
  progress(
    "leaks",
    "mounts, cgroups, namespaces, processes, files",
    result,
    (performance.now() - begin) / 1000,
  );
  for (const line of leaked) console.log(`      leaked ${line}`);
  return leaked.length === 0 ? nothing : failed;
}

async function main(mode: string | undefined, wanted: readonly string[]): Promise<Counts> {
  if (mode !== "ok" && mode !== "all") throw new Error("usage: bun tools/test.ts ok|all [PART-OF-PATH…]");
  const before = take();
  let counts = wanted.length === 0 ? await gate() : nothing;
  for (const rung of rungs.toReversed())
    if (mode === "all" || rung.name === "pure") counts = add(counts, await climb(rung, wanted));
  return mode === "all" && wanted.length === 0 ? add(counts, await leaks(before)) : counts;
}

const counts = await main(process.argv[2], process.argv.slice(3)).finally(() =>
  rmSync(scratch, { recursive: true, force: true }),
);
if (failures.length > 0) console.log(`\nWhat failed, once more:\n${failures.join("\n")}`);
console.log(countLine(counts));
process.exit(counts.failed > 0 ? 1 : 0);
