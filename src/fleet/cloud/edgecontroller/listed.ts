import type { Clock } from "../../../base/clock.ts";
import type { Informer } from "../informer/informer.ts";

/** Resolves when each informer has its first list; rejects when the signal aborts before. */
export async function listed(informers: readonly Informer[], signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const ended = Promise.withResolvers<never>();
  const end = (): void => ended.reject(signal.reason);
  signal.addEventListener("abort", end, { once: true });
  try {
    await Promise.race([ended.promise, Promise.all(informers.map(({ synced }) => synced))]);
  } finally {
    signal.removeEventListener("abort", end);
  }
}

export interface Patience {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly milliseconds: number;
}

/** As `listed`, but goes on after a while: for kinds that the cloud may not be allowed to read, without which it can do most of its work. */
export async function listedSoon(
  informers: readonly Informer[],
  { clock, signal, milliseconds }: Patience,
): Promise<void> {
  const late = new AbortController();
  const end = (): void => late.abort();
  const cancel = clock.after(milliseconds, end);
  signal.addEventListener("abort", end, { once: true });
  try {
    await listed(informers, late.signal);
  } catch {
    signal.throwIfAborted();
  } finally {
    cancel();
    signal.removeEventListener("abort", end);
  }
}
