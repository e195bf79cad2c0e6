/** The probes of all containers of this node. One timer serves all: it goes off when the earliest is due. */
import type { Clock } from "../../../../base/clock.ts";
import { SampanError } from "../../../../base/errors.ts";
import type { Action, Probe } from "../../../../spec/kubernetes/pod.ts";
import type { NodeFacts, ProbeKind, ProbeResult, Probes, ProbeTarget } from "../translate.ts";
import { act, type RunInContainer } from "./action.ts";
import { counted, type Count, isOver, nextLook, noCount, type Pace, paceOf } from "./count.ts";
import type { ActionResult } from "./result.ts";

export interface ProbesOptions {
  /** runInEngine of engine-run.ts. */
  readonly run: RunInContainer;
  readonly node: Pick<NodeFacts, "ips">;
  readonly clock: Clock;
  /** 0 to 1. */
  readonly random?: () => number;
  readonly log?: (text: string) => void;
}

interface Watched {
  readonly kind: ProbeKind;
  readonly target: ProbeTarget;
  readonly probe: Probe;
  readonly pace: Pace;
  readonly stop: AbortController;
  count: Count;
  /** Milliseconds since 1970; undefined while it is looked at, before startup has succeeded, and when it is over. */
  due: number | undefined;
  readonly since: number;
}

const fields = {
  startup: "startupProbe",
  readiness: "readinessProbe",
  liveness: "livenessProbe",
} as const satisfies Record<ProbeKind, string>;
const kinds = ["startup", "readiness", "liveness"] as const;

/** Milliseconds: what is due so soon is looked at with the rest. */
const slack = 50;

export function openProbes(options: ProbesOptions): Probes {
  return new AllProbes(options);
}

class AllProbes implements Probes {
  readonly #options: ProbesOptions;
  readonly #watched = new Map<string, Watched[]>();
  readonly #handlers: ((result: ProbeResult) => void)[] = [];
  readonly #looks = new Set<Promise<void>>();
  #cancel: (() => void) | undefined;
  #at: number | undefined;

  constructor(options: ProbesOptions) {
    this.#options = options;
  }

  start(target: ProbeTarget): void {
    this.stop(target.id);
    const now = this.#options.clock.now();
    const found = kinds.flatMap((kind): Watched[] => {
      const probe = target.container[fields[kind]];
      if (!probe) return [];
      const pace = paceOf(probe);
      return [
        {
          kind,
          target,
          probe,
          pace,
          stop: new AbortController(),
          count: noCount,
          due: undefined,
          since: now,
        },
      ];
    });
    this.#watched.set(target.id, found);
    const startup = found.filter(({ kind }) => kind === "startup");
    for (const each of startup.length > 0 ? startup : found) each.due = now + each.pace.delay;
    this.#arm();
  }

  stop(id: string): void {
    for (const { stop } of this.#watched.get(id) ?? []) stop.abort();
    this.#watched.delete(id);
    this.#arm();
  }

  onVerdict(handler: (result: ProbeResult) => void): void {
    this.#handlers.push(handler);
  }

  verdict(id: string, kind: ProbeKind): boolean | undefined {
    const found = this.#watched.get(id)?.find((each) => each.kind === kind);
    return found ? found.count.verdict : true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const id of this.#watched.keys()) this.stop(id);
    await Promise.allSettled(this.#looks);
  }

  #arm(): void {
    let earliest: number | undefined;
    for (const { due } of this.#all())
      if (due !== undefined && (earliest === undefined || due < earliest)) earliest = due;
    if (earliest === this.#at) return;
    this.#cancel?.();
    this.#at = earliest;
    const { clock } = this.#options;
    this.#cancel =
      earliest === undefined
        ? undefined
        : clock.after(earliest - clock.now(), () => {
            this.#at = undefined;
            this.#cancel = undefined;
            this.#lookAtDue();
          });
  }

  #all(): Watched[] {
    return [...this.#watched.values()].flat();
  }

  #lookAtDue(): void {
    const now = this.#options.clock.now();
    for (const each of this.#all()) {
      if (each.due === undefined || each.due > now + slack) continue;
      each.due = undefined;
      const look = this.#look(each, now).finally(() => this.#looks.delete(look));
      this.#looks.add(look);
    }
    this.#arm();
  }

  async #look(watched: Watched, began: number): Promise<void> {
    const { kind, target, pace, stop } = watched;
    const result = await this.#actInTime(watched);
    if (stop.signal.aborted) return;
    const before = watched.count.verdict;
    watched.count = counted(watched.count, result.outcome, pace);
    const { verdict } = watched.count;
    if (!isOver(kind, watched.count)) {
      const next = nextLook(began, pace, (this.#options.random ?? Math.random)());
      watched.due = Math.max(next, this.#options.clock.now());
    }
    if (verdict !== undefined && verdict !== before) {
      if (kind === "startup" && verdict) this.#beginOthers(target.id);
      this.#tell(watched, result.message);
    }
    this.#arm();
  }

  /** What hangs is given up after its time; the program of an exec is killed with the signal. */
  async #actInTime({ probe, target, pace, stop }: Watched): Promise<ActionResult> {
    const { clock } = this.#options;
    const late = new AbortController();
    const cancel = clock.after(pace.timeout, () => {
      late.abort();
    });
    try {
      return await act(actionOf(probe), target, {
        parts: this.#options,
        signal: AbortSignal.any([late.signal, stop.signal]),
      });
    } finally {
      cancel();
    }
  }

  /** Their delays count from the container's start. */
  #beginOthers(id: string): void {
    const now = this.#options.clock.now();
    for (const each of this.#watched.get(id) ?? [])
      if (each.kind !== "startup") each.due = Math.max(now, each.since + each.pace.delay);
  }

  #tell({ kind, target, count }: Watched, message: string): void {
    const result: ProbeResult = {
      kind,
      pod: target.pod.metadata.uid ?? "",
      container: target.container.name,
      id: target.id,
      success: count.verdict === true,
      message,
    };
    for (const handler of this.#handlers) {
      try {
        handler(result);
      } catch (error) {
        this.#options.log?.(SampanError.wrap("cannot tell of a probe", error).message);
      }
    }
  }
}

/** A probe has no pause. */
function actionOf({ exec, httpGet, tcpSocket, grpc }: Probe): Action {
  return {
    ...(exec && { exec }),
    ...(httpGet && { httpGet }),
    ...(tcpSocket && { tcpSocket }),
    ...(grpc && { grpc }),
  };
}
