/** Many side by side, or one alone: ADD and DEL of different sandboxes, and GC. */

export interface Gate {
  beside<Result>(work: () => Promise<Result>): Promise<Result>;
  /** When all that began before have ended; whoever comes later waits for it. */
  alone<Result>(work: () => Promise<Result>): Promise<Result>;
}

export function gate(): Gate {
  const open = new Set<Promise<unknown>>();
  let closed: Promise<unknown> = Promise.resolve();
  return {
    async beside(work) {
      const before = closed;
      const result = before.then(work);
      const settled = result.catch(() => {});
      open.add(settled);
      try {
        return await result;
      } finally {
        open.delete(settled);
      }
    },
    async alone(work) {
      const before = [closed, ...open];
      const result = Promise.all(before).then(work);
      closed = result.catch(() => {});
      return await result;
    },
  };
}
