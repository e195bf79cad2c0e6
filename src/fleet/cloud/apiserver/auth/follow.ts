/** Keeps something up to date with all objects of a kind. */
import { KubeError } from "../../../../spec/kubernetes/kube.ts";
import { pause } from "../../../../base/pause.ts";
import type { Change, Storage, Watcher } from "../storage/storage.ts";

export interface Follower {
  /** Everything is to be read again: at the beginning, and when changes were missed. */
  readonly reset: () => void;
  readonly change: (change: Change) => void;
}

/** Milliseconds until a watch that broke is begun again. */
const patience = 1000;

/** `reset` was called when this returns. Ends on dispose, or with the storage. */
export function follow(
  storage: Pick<Storage, "revision" | "watch">,
  resource: string,
  { reset, change }: Follower,
): AsyncDisposable {
  const ending = new AbortController();
  const begin = (): Watcher => {
    const watcher = storage.watch(resource, { after: storage.revision });
    reset();
    return watcher;
  };
  let watcher = begin();
  const run = async (): Promise<void> => {
    while (!ending.signal.aborted) {
      try {
        for await (const each of watcher) change(each);
        return;
      } catch (error) {
        await watcher[Symbol.asyncDispose]();
        // Whatever broke it: rights that were taken away must not live on in here.
        reset();
        if (!(error instanceof KubeError) || error.reason !== "Expired") await pause(patience, ending.signal);
        if (!ending.signal.aborted) watcher = begin();
      }
    }
  };
  const running = run();
  // Whoever disposes of it is told; until then it is nobody's unhandled error.
  running.catch(() => {});
  return {
    [Symbol.asyncDispose]: async () => {
      ending.abort();
      await watcher[Symbol.asyncDispose]();
      await running;
    },
  };
}
