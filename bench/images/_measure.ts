/** What commands cost: wall time, processor time of all their processes and of a daemon, and the most memory that these had at once. */
import { readdirSync, readFileSync } from "node:fs";

export interface Cost {
  readonly wallMs: number;
  readonly processorMs: number;
  /** Proportional set sizes (proc(5)) of all processes, added up, looked at every 5 to 50 ms: a page that two of them share counts half in each. */
  readonly peakMiB: number;
  /** Wall time with a sync of the store's file system behind it, where one was asked for. */
  readonly durableMs: number;
}

export interface Measuring {
  /** Does a part of the work. */
  readonly daemon?: number | undefined;
  /** The folder to be on disk in the end. */
  readonly sync?: string | undefined;
  /** Of each command. */
  readonly deadlineMs?: number | undefined;
}

const tickMs = 10;
/** Between two looks at the memory: short commands are looked at more often. */
const lookMs = { first: 5, growth: 1.2, most: 50 };
const defaultDeadlineMs = 120_000;

/** Commands one after the other, as one thing. Throws when one fails. */
export async function measure(commands: readonly (readonly string[])[], options: Measuring): Promise<Cost> {
  const { daemon, sync, deadlineMs = defaultDeadlineMs } = options;
  const before = daemon === undefined ? 0 : daemonMs(daemon);
  const began = performance.now();
  let processorMs = 0;
  let peakMiB = 0;
  for (const command of commands) {
    const done = await runOne(command, deadlineMs, daemon);
    processorMs += done.processorMs;
    peakMiB = Math.max(peakMiB, done.peakMiB);
  }
  const wallMs = performance.now() - began;
  processorMs += daemon === undefined ? 0 : daemonMs(daemon) - before;
  if (sync !== undefined) await runOne(["sync", "-f", sync], deadlineMs);
  return { wallMs, processorMs, peakMiB, durableMs: performance.now() - began };
}

async function runOne(
  command: readonly string[],
  deadlineMs: number,
  daemon?: number,
): Promise<Pick<Cost, "processorMs" | "peakMiB">> {
  let peakMiB = 0;
  const began = performance.now();
  const child = Bun.spawn([...command], {
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
    timeout: deadlineMs,
  });
  const roots = daemon === undefined ? [child.pid] : [child.pid, daemon];
  let pause = lookMs.first;
  const look = () => {
    peakMiB = Math.max(peakMiB, proportionalMiB(roots));
    pause = Math.min(lookMs.most, pause * lookMs.growth);
    timer = setTimeout(look, pause);
  };
  let timer = setTimeout(look, pause);
  try {
    const errors = await new Response(child.stderr).text();
    await child.exited;
    if (performance.now() - began > deadlineMs) throw new Error(`not done within ${deadlineMs / 1000} s`);
    if (child.exitCode !== 0) throw new Error(`${command.join(" ")}: ${errors.trim().slice(-2000)}`);
  } finally {
    clearTimeout(timer);
  }
  return { processorMs: Number(child.resourceUsage()?.cpuTime.total ?? 0) / 1000, peakMiB };
}

interface Stat {
  readonly pid: number;
  readonly parent: number;
  /** Of itself and of the children that it waited for. */
  readonly ticks: number;
}

function statOf(pid: number): Stat | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "latin1");
    // proc(5): the name in brackets may hold anything, the fields after it do not.
    const fields = text
      .slice(text.lastIndexOf(")") + 2)
      .split(" ")
      .map(Number);
    const ticks = [11, 12, 13, 14].reduce((sum, index) => sum + (fields[index] ?? 0), 0);
    return { pid, parent: fields[1] ?? 0, ticks };
  } catch {
    return undefined;
  }
}

/** A daemon's own and those of its living and dead children. */
function daemonMs(pid: number): number {
  return family([pid]).reduce((sum, { ticks }) => sum + ticks * tickMs, 0);
}

function proportionalMiB(roots: readonly number[]): number {
  return family(roots).reduce((sum, { pid }) => sum + proportionalKiB(pid) / 1024, 0);
}

/** Nothing for one that has just ended. */
function proportionalKiB(pid: number): number {
  try {
    return Number(/^Pss: +(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "latin1"))?.[1] ?? 0);
  } catch {
    return 0;
  }
}

function family(roots: readonly number[]): Stat[] {
  const all = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => statOf(Number(name)) ?? []);
  const members = new Set(roots);
  for (let before = 0; before !== members.size;) {
    before = members.size;
    for (const { pid, parent } of all) if (members.has(parent)) members.add(pid);
  }
  return all.filter(({ pid }) => members.has(pid));
}
