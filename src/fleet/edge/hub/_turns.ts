/** Work in turns: what has the same key is done one after the other, in the order of calls; what has different keys does not wait for each other. */
export interface Turns {
  /** False when too much waits already: nothing was taken. */
  take(key: string, bytes: number, work: () => Promise<void>): boolean;
  /** Resolves when nothing waits. */
  idle(): Promise<void>;
}

export interface TurnsLimits {
  readonly count: number;
  readonly bytes: number;
}

/** `work` must not throw. */
export function openTurns(limits: TurnsLimits): Turns {
  const last = new Map<string, Promise<void>>();
  let count = 0;
  let size = 0;
  return {
    take(key, bytes, work) {
      if (count >= limits.count || (count > 0 && size + bytes > limits.bytes)) return false;
      count += 1;
      size += bytes;
      const mine: Promise<void> = (last.get(key) ?? Promise.resolve()).then(work).finally(() => {
        count -= 1;
        size -= bytes;
        if (last.get(key) === mine) last.delete(key);
      });
      last.set(key, mine);
      return true;
    },
    async idle() {
      while (last.size > 0) await Promise.all(last.values());
    },
  };
}
