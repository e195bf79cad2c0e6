/**
 * When to dial again. Each wait is drawn anew between nothing and a bound that doubles: a thousand edges that lost their cloud in one moment do not come back in one
 * (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/, "full jitter").
 */
export interface BackoffOptions {
  /** Milliseconds up to which the first wait is. */
  readonly first: number;
  /** Milliseconds up to which any wait is. */
  readonly most: number;
  /** How many addresses there are: all are tried before the bound grows. */
  readonly addresses: number;
  readonly random: () => number;
}

export interface Backoff {
  /** Milliseconds to wait before the next attempt. */
  next(): number;
  /** The same when nothing came as far as a cloud: when the network is back, no cloud meets more than it would. */
  local(): number;
  /** A connection stood long enough to count as good. */
  reset(): void;
}

/** Milliseconds. */
const localMost = 2_000;

export function backoff({ first, most, addresses, random }: BackoffOptions): Backoff {
  let failures = 0;
  return {
    next() {
      const round = Math.floor(failures / Math.max(addresses, 1));
      const bound = Math.min(most, first * 2 ** Math.min(round, 20));
      failures += 1;
      return Math.round(random() * bound);
    },
    local: () => Math.round(random() * Math.min(most, Math.max(first, localMost))),
    reset() {
      failures = 0;
    },
  };
}
