/** Several sources as one, each piece with the name of its source, in the order in which they come. */
export async function* merge<N extends string>(
  sources: readonly (readonly [name: N, input: AsyncIterable<Uint8Array>])[],
): AsyncGenerator<{ readonly stream: N; readonly data: Uint8Array }, void, undefined> {
  const iterators = sources.map(([name, input]) => [name, input[Symbol.asyncIterator]()] as const);
  const next = async (name: N, iterator: AsyncIterator<Uint8Array>) => ({
    name,
    iterator,
    result: await iterator.next(),
  });
  const pending = new Map(iterators.map(([name, iterator]) => [name, next(name, iterator)]));
  try {
    while (pending.size > 0) {
      const { name, iterator, result } = await Promise.race(pending.values());
      if (result.done) pending.delete(name);
      else {
        pending.set(name, next(name, iterator));
        yield { stream: name, data: result.value };
      }
    }
  } finally {
    for (const promise of pending.values()) promise.catch(() => {});
    for (const [, iterator] of iterators) void iterator.return?.();
  }
}
