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
