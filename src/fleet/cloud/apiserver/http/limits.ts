/** How much may go on at once, so that a flood is refused rather than kept. */
import { KubeError } from "../../../../spec/kubernetes/kube.ts";

export interface LimitSizes {
  /** Requests that read, at once. */
  readonly reads: number;
  /** Requests that change something, at once. */
  readonly writes: number;
  /** Watches and streams, at once. */
  readonly long: number;
  /** Of each for one user, so that whoever holds his places by sending or reading slowly leaves some to others. */
  readonly perUser: Readonly<Record<Lane, number>>;
}

/** For tens of nodes with hundreds of pods. */
export const defaultLimits: LimitSizes = {
  reads: 400,
  writes: 200,
  long: 4000,
  perUser: { reads: 200, writes: 100, long: 2000 },
};

export type Lane = "reads" | "writes" | "long";

/** Counts what goes on. */
export class Limits {
  readonly #sizes: LimitSizes;
  readonly #busy: Record<Lane, number> = { reads: 0, writes: 0, long: 0 };
  readonly #perUser: Readonly<Record<Lane, Map<string, number>>> = {
    reads: new Map(),
    writes: new Map(),
    long: new Map(),
  };

  constructor(sizes: LimitSizes = defaultLimits) {
    this.#sizes = sizes;
  }

  /** How many are in a lane now. */
  busy(lane: Lane): number {
    return this.#busy[lane];
  }

  /** A place, given back by `using`. KubeError `TooManyRequests` when there is none. */
  enter(lane: Lane, user: string): Disposable {
    const own = this.#perUser[lane].get(user) ?? 0;
    if (this.#busy[lane] >= this.#sizes[lane] || own >= this.#sizes.perUser[lane])
      throw new KubeError("TooManyRequests", "too many requests, please try again later", {
        retryAfterSeconds: 1,
      });
    this.#busy[lane] += 1;
    this.#perUser[lane].set(user, own + 1);
    return { [Symbol.dispose]: () => this.#leave(lane, user) };
  }

  #leave(lane: Lane, user: string): void {
    this.#busy[lane] -= 1;
    const users = this.#perUser[lane];
    const left = (users.get(user) ?? 1) - 1;
    if (left > 0) users.set(user, left);
    else users.delete(user);
  }
}
