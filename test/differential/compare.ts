/** Two observations of one case, made comparable, and where they differ. */
import type { Case } from "./case.ts";
import type { Run } from "./execute.ts";
import { knownDifferences, knownRefusals } from "./known.ts";
import { canonicalMounts } from "./_mountinfo.ts";

export interface Difference {
  readonly field: string;
  readonly ours: readonly string[] | undefined;
  readonly runc: readonly string[] | undefined;
}

/** What must differ between two runs of one bundle is replaced: names, numbers that are given out, what was used up meanwhile. */
export function normalise({ seen, words }: Run): Record<string, string[]> {
  const plain = (line: string): string =>
    words.reduce((text, [real, word]) => text.replaceAll(real, word), line);
  return Object.fromEntries(
    Object.entries(seen).map(([field, lines]) => [field, normaliseField(field, lines.map(plain))]),
  );
}

/** Lines of /proc/PID/status that say what a process is, not what it has used. */
const identity =
  /^(Name|Umask|State|Uid|Gid|Groups|Kthread|Threads|SigPnd|ShdPnd|SigBlk|SigIgn|SigCgt|CapInh|CapPrm|CapEff|CapBnd|CapAmb|NoNewPrivs|Seccomp|Seccomp_filters|Speculation\S*|Cpus_allowed\S*|Mems_allowed\S*|CoreDumping|THP_enabled|x86_Thread\S*):/;

function normaliseField(field: string, lines: readonly string[]): string[] {
  if (field.endsWith("mountinfo")) return canonicalMounts(lines);
  if (field.endsWith("/proc/self/status")) return statusLines(lines);
  // Its size is that of what the hooks wrote, which is compared for itself.
  if (field.endsWith("touch /tmp")) return lines.filter((line) => !line.startsWith("/tmp/hook-log"));
  if (field.endsWith("namespaces")) return lines.map((line) => line.replace(/\w+:\[\d+\]/, "new"));
  if (field.startsWith("hook ")) return lines.map(hookLine);
  if (field.endsWith("ids")) return lines.map((line) => line.replace(/\/proc\/\d+\/fd/, "/proc/N/fd"));
  return [...lines];
}

/** The order of the keys of a JSON object means nothing. */
function hookLine(line: string): string {
  const text = /^state (.*)$/.exec(line)?.[1];
  if (text === undefined) return line;
  const state = JSON.parse(text) as Record<string, unknown>;
  const sorted = Object.fromEntries(Object.entries(state).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  return `state ${JSON.stringify({ ...sorted, ...(typeof state["pid"] === "number" && { pid: state["pid"] > 0 ? "a pid" : state["pid"] }) })}`;
}

function statusLines(lines: readonly string[]): string[] {
  const depth = lines
    .filter((line) => line.startsWith("NSpid:"))
    .map(
      (line) =>
        `NSpid of ${line.split("\t").length - 1} namespaces, the last ${line.endsWith("\t1") ? "" : "not "}1`,
    );
  return [...lines.filter((line) => identity.test(line)), ...depth];
}

/** Everything in which ours is not runc, less what is known to differ and why. */
export function compare(tried: Case, ours: Run, runc: Run): Difference[] {
  if (refused("runc", runc, ours) || refused("ours", ours, runc)) return [];
  const pair = { ours: normalise(ours), runc: normalise(runc) };
  for (const known of knownDifferences) if (known.when(tried, pair)) known.settle(pair, tried);
  const fields = [...new Set([...Object.keys(pair.ours), ...Object.keys(pair.runc)])];
  return fields
    .filter((field) => !same(pair.ours[field], pair.runc[field]))
    .map((field) => ({ field, ours: pair.ours[field], runc: pair.runc[field] }));
}

function same(a: readonly string[] | undefined, b: readonly string[] | undefined): boolean {
  return (
    a !== undefined && b !== undefined && a.length === b.length && a.every((line, index) => line === b[index])
  );
}

function refused(by: "ours" | "runc", one: Run, other: Run): boolean {
  if (started(one) || !started(other)) return false;
  return knownRefusals.some((known) => known.by === by && known.said.test(one.messages));
}

/** The container was made, if only to end at once: its first messages say otherwise. */
export function started({ messages }: Run): boolean {
  return !/level=error msg="(sampan runtime|runc) (run|create) failed/.test(messages);
}

/** For people: only the lines that one of the two does not have. */
export function describe({ field, ours, runc }: Difference): string {
  const only = (lines: readonly string[] | undefined, others: readonly string[] | undefined): string[] =>
    lines === undefined ? ["(nothing)"] : lines.filter((line) => !others?.includes(line));
  const [left, right] = [only(ours, runc), only(runc, ours)];
  const reordered =
    left.length + right.length === 0 ? [`  ours  ${ours?.join(" ¦ ")}`, `  runc  ${runc?.join(" ¦ ")}`] : [];
  return [
    field,
    ...left.map((line) => `  ours  ${line}`),
    ...right.map((line) => `  runc  ${line}`),
    ...reordered,
  ].join("\n");
}
