/** Whether a container that has ended is started again, and when: Docker's rules. Pure. */
import type { RestartPolicy } from "../../spec/docker/create.ts";

/** Milliseconds. */
const first = 100;
const longest = 60_000;
/** Who has run for so long is not in a loop: its next delay is the first again. */
const steady = 10_000;

export interface Ended {
  readonly policy: RestartPolicy;
  readonly exitCode: number;
  readonly stoppedByUser: boolean;
  /** How often the policy has started it since a person did. */
  readonly restartCount: number;
  /** How long it ran, milliseconds. */
  readonly ran: number;
  /** What it waited for last time; 0: it did not. */
  readonly lastDelay: number;
}

/** Milliseconds to wait before the next start; undefined: it stays as it is. */
export function restartDelay(ended: Ended): number | undefined {
  if (ended.stoppedByUser || !isWanted(ended)) return undefined;
  const isFresh = ended.lastDelay === 0 || ended.ran >= steady;
  return isFresh ? first : Math.min(2 * ended.lastDelay, longest);
}

/** When the daemon or the machine has started: `always` takes also what a person had stopped, never what was never started. */
export function startsWithDaemon(
  ended: Pick<Ended, "policy" | "exitCode" | "stoppedByUser" | "restartCount"> & {
    readonly wasStarted: boolean;
  },
): boolean {
  if (!ended.wasStarted) return false;
  if (ended.policy.Name === "always") return true;
  return !ended.stoppedByUser && isWanted(ended);
}

function isWanted({
  policy: { Name, MaximumRetryCount: most = 0 },
  exitCode,
  restartCount,
}: Pick<Ended, "policy" | "exitCode" | "restartCount">): boolean {
  if (Name === "on-failure") return exitCode !== 0 && (most <= 0 || restartCount < most);
  return Name === "always" || Name === "unless-stopped";
}
