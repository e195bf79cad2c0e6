/** What commands cost: wall time, processor time of all their processes and of a daemon, and the most memory that these had at once. */
import { readdirSync, readFileSync } from "node:fs";

export interface Cost {
  readonly wallMs: number;
  readonly processorMs: number;
  /**
   * Sum of the resident sets of all processes, looked at every 20 ms; shared pages count in each. Not the kernel's own maximum: that of a child
   * begins with the memory of the one that forked it.
   */
  readonly peakMiB: number;
}

const tickMs = 10;
const pageMiB = 4096 / 2 ** 20;
const lookMs = 20;
const deadlineMs = 600_000;

/** Commands one after the other, as one thing. `daemon` does a part of the work. Throws when one fails. */
export async function measure(commands: readonly (readonly string[])[], daemon?: number): Promise<Cost> {
  const before = daemon === undefined ? 0 : daemonMs(daemon);
  const began = performance.now();
  let processorMs = 0;
  let peakMiB = 0;
  for (const command of commands) {
    const child = Bun.spawn([...command], {
      stdin: "ignore",
      stdout: "ignore",
      stderr: "pipe",
      timeout: deadlineMs,
    });
    const roots = daemon === undefined ? [child.pid] : [child.pid, daemon];
    const look = setInterval(() => (peakMiB = Math.max(peakMiB, residentMiB(roots))), lookMs);
    const errors = await new Response(child.stderr).text();
    await child.exited;
    clearInterval(look);
    if (child.exitCode !== 0) throw new Error(`${command.join(" ")}: ${errors.trim().slice(-2000)}`);
    const usage = child.resourceUsage();
    processorMs += Number(usage?.cpuTime.total ?? 0) / 1000;
  }
  const wallMs = performance.now() - began;
  return {
    wallMs,
    processorMs: processorMs + (daemon === undefined ? 0 : daemonMs(daemon) - before),
    peakMiB,
  };
}

interface Stat {
  readonly pid: number;
  readonly parent: number;
  /** Of itself and of the children that it waited for. */
  readonly ticks: number;
  readonly pages: number;
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
    return { pid, parent: fields[1] ?? 0, ticks, pages: fields[21] ?? 0 };
  } catch {
    return undefined;
  }
}

/** A daemon's own and those of its living and dead children. */
function daemonMs(pid: number): number {
  return family([pid]).reduce((sum, { ticks }) => sum + ticks * tickMs, 0);
}

function residentMiB(roots: readonly number[]): number {
  return family(roots).reduce((sum, { pages }) => sum + pages * pageMiB, 0);
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
