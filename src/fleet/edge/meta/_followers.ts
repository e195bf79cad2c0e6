/** Those who want to know of changes, by type. */
import { SampanError } from "../../../base/errors.ts";
import type { WatchEvent } from "../../../spec/kubernetes/kube.ts";
import type { MetaChange } from "./meta.ts";

export interface Followers {
  follow(types: readonly string[], handler: (change: MetaChange) => void): Disposable;
  /** One who throws keeps nobody else from being told. */
  tell(change: MetaChange): void;
}

export function openFollowers(log: (text: string) => void): Followers {
  const followers = new Set<{
    readonly types: ReadonlySet<string>;
    readonly handler: (change: MetaChange) => void;
  }>();
  return {
    follow(types, handler) {
      const follower = { types: new Set(types), handler };
      followers.add(follower);
      return { [Symbol.dispose]: () => void followers.delete(follower) };
    },
    tell(change) {
      for (const { types, handler } of followers)
        try {
          if (types.has(change.key.type)) handler(change);
        } catch (error) {
          log(`cannot tell of ${change.key.type} "${change.key.name}": ${SampanError.from(error).message}`);
        }
    },
  };
}

export interface Watchers {
  add(handler: (event: WatchEvent) => void): Disposable;
  tell(event: WatchEvent): void;
}

/** Those who want all changes, with what a deleted object was. */
export function openWatchers(log: (text: string) => void): Watchers {
  const watchers = new Set<(event: WatchEvent) => void>();
  return {
    add(handler) {
      watchers.add(handler);
      return { [Symbol.dispose]: () => void watchers.delete(handler) };
    },
    tell(event) {
      for (const handler of watchers)
        try {
          handler(event);
        } catch (error) {
          log(`cannot tell of "${event.object.metadata.name}": ${SampanError.from(error).message}`);
        }
    },
  };
}
