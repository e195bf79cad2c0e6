/** Keeps something up to date with all objects of a kind. */
import { KubeError } from "../../kube.ts";
import type { Change, Storage, Watcher } from "../storage/storage.ts";

export interface Follower {
  /** Everything is to be read again: at the beginning, and when changes were missed. */
  readonly reset: () => void;
  readonly change: (change: Change) => void;
}

/** `reset` was called when this returns. Ends on dispose. */
export function follow(
  storage: Pick<Storage, "revision" | "watch">,
  resource: string,
  { reset, change }: Follower,
): AsyncDisposable {
  let ended = false;
  const begin = (): Watcher => {
    const watcher = storage.watch(resource, { after: storage.revision });
    reset();
    return watcher;
  };
  let watcher = begin();
  const run = async (): Promise<void> => {
    while (!ended) {
      try {
        for await (const each of watcher) change(each);
        return;
      } catch (error) {
        if (!(error instanceof KubeError) || error.reason !== "Expired") throw error;
        await watcher[Symbol.asyncDispose]();
        watcher = begin();
      }
    }
  };
  const running = run();
  // Whoever disposes of it is told; until then it is nobody's unhandled error.
  running.catch(() => {});
  return {
    [Symbol.asyncDispose]: async () => {
      ended = true;
      await watcher[Symbol.asyncDispose]();
      await running;
    },
  };
}
