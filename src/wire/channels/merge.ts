/** Several sources as one, each piece with the name of its source, in the order in which they come. One piece of each is asked for at a time. */
export async function* merge<N extends string>(
  sources: readonly (readonly [name: N, input: AsyncIterable<Uint8Array>])[],
): AsyncGenerator<{ readonly stream: N; readonly data: Uint8Array }, void, undefined> {
  // A race of promises would keep something of each round as long as one source is silent.
  const ready: (() => Arrived<N>)[] = [];
  let wake = () => {};
  const ask = (name: N, iterator: AsyncIterator<Uint8Array>) => {
    const arrived = (take: () => Arrived<N>) => {
      ready.push(take);
      wake();
    };
    iterator.next().then(
      (result) => arrived(() => ({ name, iterator, result })),
      (error: unknown) =>
        arrived(() => {
          throw error as Error;
        }),
    );
  };
  const iterators = sources.map(([name, input]) => [name, input[Symbol.asyncIterator]()] as const);
  for (const [name, iterator] of iterators) ask(name, iterator);
  try {
    for (let open = iterators.length; open > 0;) {
      const take = ready.shift();
      if (!take) {
        await new Promise<void>((resolve) => void (wake = resolve));
        continue;
      }
      const { name, iterator, result } = take();
      if (result.done) open -= 1;
      else {
        yield { stream: name, data: result.value };
        ask(name, iterator);
      }
    }
  } finally {
    for (const [, iterator] of iterators) void iterator.return?.()?.catch(() => {});
  }
}

interface Arrived<N> {
  readonly name: N;
  readonly iterator: AsyncIterator<Uint8Array>;
  readonly result: IteratorResult<Uint8Array>;
}
