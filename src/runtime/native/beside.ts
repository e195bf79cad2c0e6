/**
 * Executes a plan beside a process that lives on: nothing blocks, no descriptor is lent to anybody else, and nothing of the process is changed. A plan
 * with a monitor goes on after this: `keep` tells the monitor that its process is written down; until then it takes everything back when this process ends.
 */
import launcherPath from "#launcher" with { type: "file" };
import { SampanError } from "../../base/errors.ts";
import { descriptorStream, type DescriptorStream } from "../../kernel/descriptor-stream.ts";
import { closeFd, killProcess, memfd, seal, socketPair, waitFor, writeAll } from "../../kernel/libc.ts";
import { spawnWith } from "../../kernel/spawn.ts";
import { pidOfReport, planDeadlineMs, readOutput, reportSize, type Launched } from "./launch.ts";
import { encodePlan } from "./plan/encode.ts";
import type { Plan } from "./plan/operations.ts";

export interface BesideOptions {
  /** Descriptors of this process that the plan takes over, close-on-exec. */
  readonly fds?: readonly number[];
  readonly hookOutput?: number;
  /** Called with the bytes that the launcher is about to execute. */
  readonly keep?: (bytes: Uint8Array) => void;
  readonly signal?: AbortSignal;
}

let launcherFd: number | undefined;

/** A sealed copy (CVE-2019-5736), one for all plans of this process. */
export async function launcherFile(): Promise<number> {
  if (launcherFd !== undefined) return launcherFd;
  const bytes = await Bun.file(launcherPath).bytes();
  // Another caller may have been faster.
  if (launcherFd !== undefined) return launcherFd;
  const fd = memfd("sampan-launcher", true);
  writeAll(fd, bytes);
  seal(fd);
  return (launcherFd = fd);
}

/** Errors: the failed operation's, with its field; `cancelled`. The processes of a plan that failed are gone then. */
export async function launchBeside(plan: Plan, options: BesideOptions = {}): Promise<Launched> {
  const { fds = [], hookOutput, keep, signal } = options;
  const launcher = await launcherFile();
  if (signal?.aborted) throw cancelled(signal);
  const bytes = encodePlan(plan);
  keep?.(bytes);
  const inherited = [...fds, ...(hookOutput === undefined ? [] : [hookOutput])];
  const { pid, report } = start(launcher, bytes, { fds: inherited, monitor: plan.monitor !== undefined });
  const stream = await streamOf(report);
  const end = (): void => void (plan.monitor ? stream.shutdown() : killProcess(pid, 9));
  const late = setTimeout(end, planDeadlineMs);
  signal?.addEventListener("abort", end);
  try {
    const answer = await stream.first(reportSize);
    // A monitor goes on in a process of its own; the one that was started has ended by now.
    if (!plan.monitor) await stream.closed;
    waitFor(pid);
    if (signal?.aborted) throw cancelled(signal);
    const made = pidOfReport(plan, answer, () => readOutput(hookOutput));
    if (plan.monitor) return carriedBy(stream, made);
    stream.close();
    return { pid: made };
  } catch (error) {
    stream.shutdown();
    await stream.closed;
    stream.close();
    throw error;
  } finally {
    clearTimeout(late);
    signal?.removeEventListener("abort", end);
  }
}

function start(
  launcher: number,
  bytes: Uint8Array,
  { fds, monitor }: { readonly fds: readonly number[]; readonly monitor: boolean },
): { readonly pid: number; readonly report: number } {
  const planFd = memfd("sampan-plan", true);
  const [mine, theirs] = socketPair(1);
  try {
    writeAll(planFd, bytes);
    const pid = spawnWith({
      path: `/proc/self/fd/${launcher}`,
      argv: [monitor ? "sampan-monitor" : "sampan-launcher", String(planFd), String(theirs)],
      env: [],
      fds: [planFd, theirs, ...fds],
    });
    return { pid, report: mine };
  } catch (error) {
    closeFd(mine);
    throw error;
  } finally {
    closeFd(planFd);
    closeFd(theirs);
  }
}

async function streamOf(report: number): Promise<DescriptorStream> {
  try {
    return await descriptorStream(report);
  } catch (error) {
    // A monitor that hears the end takes back what it has made.
    closeFd(report);
    throw error;
  }
}

function carriedBy(stream: DescriptorStream, pid: number): Launched {
  return {
    pid,
    keep: () => {
      stream.write(new Uint8Array([1]));
      stream.close();
    },
    abandon: async () => {
      stream.shutdown();
      await stream.closed;
      stream.close();
    },
  };
}

function cancelled(signal: AbortSignal): SampanError {
  return new SampanError("cancelled", "cannot run the plan: it was cancelled", { cause: signal.reason });
}
