/** How often rules worked, kept in their status: counted here; the first is written at once, those of the next second together. Several clouds may count for one rule: what is written is what is there and what came since. */
import { pause, type Clock } from "../../../base/clock.ts";
import { SampanError } from "../../../base/errors.ts";
import { KubeError, type KubeClient, type KubeObject } from "../../../spec/kubernetes/kube.ts";
import type { RuleStatus } from "../../link/kinds/rules.ts";
import type { Informers } from "../informer/informers.ts";
import type { StatusPlaces } from "../status/place.ts";
import { rules } from "./kinds.ts";

export interface CountsOptions {
  readonly client: KubeClient;
  readonly informers: Informers;
  readonly places: StatusPlaces;
  readonly clock: Clock;
  readonly log: (text: string) => void;
  /** Ends the waiting; what was counted is still written. */
  readonly signal: AbortSignal;
}

interface Count {
  successes: number;
  failures: number;
  errors: string[];
}

/** Milliseconds between two writes. */
const window = 1000;
const tries = 5;
/** Of a status: the last ones, each cut. */
const bounds = { errors: 10, text: 256 } as const;

export class Counts {
  private readonly options: CountsOptions;
  private readonly counts = new Map<string, Count>();
  private running: Promise<void> | undefined;

  constructor(options: CountsOptions) {
    this.options = options;
  }

  success(key: string): void {
    this.count(key).successes++;
    this.begin();
  }

  failure(key: string, reason: string): void {
    const count = this.count(key);
    count.failures++;
    this.tell(count, reason);
    this.begin();
  }

  /** The rule itself is wrong: no message failed. */
  fault(key: string, reason: string): void {
    this.tell(this.count(key), reason);
    this.begin();
  }

  /** After the signal: when all is written. */
  async settled(): Promise<void> {
    while (this.running) await this.running;
  }

  private tell(count: Count, reason: string): void {
    const text = reason.slice(0, bounds.text);
    if (!count.errors.includes(text)) count.errors.push(text);
    if (count.errors.length > bounds.errors) count.errors.shift();
  }

  private count(key: string): Count {
    const found = this.counts.get(key) ?? { successes: 0, failures: 0, errors: [] };
    this.counts.set(key, found);
    return found;
  }

  private begin(): void {
    this.running ??= this.run().finally(() => {
      this.running = undefined;
      if (this.counts.size > 0) this.begin();
    });
  }

  private async run(): Promise<void> {
    const taken = [...this.counts];
    this.counts.clear();
    for (const [key, count] of taken) {
      try {
        await this.write(key, count);
      } catch (error) {
        this.options.log(`cannot write the status of rule "${key}": ${SampanError.from(error).message}`);
      }
    }
    await pause(this.options.clock, window, this.options.signal);
  }

  private async write(key: string, count: Count): Promise<void> {
    const { client, informers, places } = this.options;
    const [namespace, name = ""] = key.split("/");
    let rule = informers.of(rules).store.get(namespace, name);
    for (let left = tries; rule; left--) {
      try {
        informers.of(rules).wrote(await places.patch(rules, rule, added(rule, count)));
        return;
      } catch (error) {
        const reason = error instanceof KubeError ? error.reason : undefined;
        if (reason === "NotFound") return;
        if (reason !== "Conflict" || left === 1) throw error;
        rule = await client.get(rules, { namespace, name });
      }
    }
  }
}

function added({ status }: KubeObject, { successes, failures, errors }: Count): RuleStatus {
  const before = (status ?? {}) as RuleStatus;
  const known = (before.errors ?? []).filter((text) => !errors.includes(text));
  return {
    successMessages: (before.successMessages ?? 0) + successes,
    failMessages: (before.failMessages ?? 0) + failures,
    errors: [...known, ...errors].slice(-bounds.errors),
  };
}
