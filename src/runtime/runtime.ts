/**
 * The runtime's contract: the life of a container, for whoever makes one (native; later vm, sandbox, external).
 *
 *   create → created → start → running ⇄ paused → (its process ends) → stopped → delete → gone
 *
 * - `create` makes everything but the process's program, which waits. It fails whole: nothing is left of a failed one, and an id is taken once.
 * - `start` lets the program go, once; a second call is refused.
 * - `kill` sends a signal and does not wait. `delete` removes what is left on the host; with force it ends the container first, and one that is
 *   not there is no error. What an interrupted create left is deleted with force.
 * - `exec` adds a process to a container that runs. `pause` and `resume` stop and go on with all its processes; `update` changes its limits.
 * - Several callers may act on one container at once: verbs that change it exclude each other, and each looks at the status when its turn has come.
 *
 * The status is never stored: it is asked of the kernel each time, so that no crash can leave a false one.
 */
import { SampanError } from "../base/errors.ts";

/** runtime.md, "State", less `creating` (no verb can see it), and paused, as all runtimes have it. */
export const statuses = ["created", "running", "paused", "stopped"] as const;
export type Status = (typeof statuses)[number];

interface Rule {
  /** The statuses in which the verb may be called. */
  readonly from: readonly Status[];
  /** What is said in the others: runc's words, which its callers look for. */
  readonly refusal: string | Readonly<Partial<Record<Status, string>>>;
}

/** States are a table: which verb may be called when. */
export const verbs = {
  start: {
    from: ["created"],
    refusal: {
      running: "cannot start an already running container",
      paused: "cannot start an already running container",
      stopped: "cannot start a container that has stopped",
    },
  },
  exec: {
    from: ["created", "running"],
    refusal: {
      paused: "cannot exec in a paused container (use --ignore-paused to override)",
      stopped: "cannot exec in a stopped container",
    },
  },
  kill: { from: ["created", "running", "paused"], refusal: "container not running" },
  pause: { from: ["created", "running"], refusal: "container not running or created" },
  resume: { from: ["paused"], refusal: "container not paused" },
  update: { from: ["created", "running", "paused"], refusal: "container not running" },
  delete: { from: ["created", "stopped"], refusal: "it is not stopped" },
} as const satisfies Readonly<Record<string, Rule>>;

export type Verb = keyof typeof verbs;

/** Refuses a verb in a status that the table does not allow. Errors: `failed_precondition` naming both statuses. */
export function checkStatus(verb: Verb, id: string, status: Status): void {
  const { from, refusal }: Rule = verbs[verb];
  if (from.includes(status)) return;
  const words = typeof refusal === "string" ? refusal : refusal[status];
  throw new SampanError(
    "failed_precondition",
    `cannot ${verb} container "${id}": it is ${status}, wanted ${from.join(" or ")}: ${words}`,
  );
}
