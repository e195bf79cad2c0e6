/** How often an edge may do something: some at once, and so many a second in the long run. Per session, so that it goes with it. */
import type { Clock } from "../../../base/clock.ts";
import { KubeError } from "../../../spec/kubernetes/kube.ts";
import type { Edge } from "../hub/hub.ts";

export interface RateOptions {
  readonly clock: Clock;
  /** What it is, for the refusal: `events`. */
  readonly of: string;
  readonly burst: number;
  readonly perSecond: number;
}

interface Bucket {
  left: number;
  at: number;
}

export class Rate {
  private readonly options: RateOptions;
  private readonly buckets = new WeakMap<Edge, Bucket>();

  constructor(options: RateOptions) {
    this.options = options;
  }

  /** @throws KubeError TooManyRequests */
  take(edge: Edge): void {
    const { clock, of, burst, perSecond } = this.options;
    const now = clock.now();
    const bucket = this.buckets.get(edge) ?? { left: burst, at: now };
    this.buckets.set(edge, bucket);
    const gained = (Math.max(0, now - bucket.at) * perSecond) / 1000;
    bucket.left = Math.min(burst, bucket.left + gained);
    bucket.at = now;
    if (bucket.left < 1) throw new KubeError("TooManyRequests", `node "${edge.node}" sends too many ${of}`);
    bucket.left -= 1;
  }
}
