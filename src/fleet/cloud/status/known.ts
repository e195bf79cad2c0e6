import type { ResourceId } from "../../../spec/kubernetes/kube.ts";
import type { CloudContext } from "../part.ts";

/** Resolves when all objects of these kinds are known, or the signal has aborted. */
export async function known(
  { informers, signal }: Pick<CloudContext, "informers" | "signal">,
  kinds: readonly ResourceId[],
): Promise<void> {
  if (signal.aborted) return;
  const { promise: aborted, resolve } = Promise.withResolvers<void>();
  const end = (): void => resolve();
  signal.addEventListener("abort", end, { once: true });
  await Promise.race([aborted, Promise.all(kinds.map((kind) => informers.of(kind).synced))]);
  signal.removeEventListener("abort", end);
}
