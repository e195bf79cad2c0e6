/** Waiting with an end: a test that waits in vain says for what, and long before its own time is over. */

/** Seconds. Far above what a loaded machine needs, below the time of a test. */
const patience = 50;

/** In one line, as far as it helps to find it. */
function wordsOf(look: () => unknown): string {
  return look.toString().replaceAll(/\s+/g, " ").slice(0, 300);
}

/** Looks again until it is so. Errors: what was looked for, in the words of the test, when it never is. */
export async function until<Found>(
  look: () => Found | undefined | false | Promise<Found | undefined | false>,
  last: () => string = () => "",
): Promise<Found> {
  for (const end = performance.now() + patience * 1000; ; await Bun.sleep(2)) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > end)
      throw new Error(`waited ${patience} s in vain for ${wordsOf(look)} ${last()}`.trimEnd());
  }
}

/** What `promise` gives. Errors: `what` was waited for in vain. */
export async function within<Result>(promise: Promise<Result>, what: () => string): Promise<Result> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => reject(new Error(`waited ${patience} s in vain for ${what()}`)),
    patience * 1000,
  );
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** What a test looks for in a message, and what came in its place: for `within`. */
export function matching(match: (each: never) => unknown, seen: readonly unknown[]): string {
  return `${match.toString().replaceAll(/\s+/g, " ").slice(0, 300)}; the last that came: ${JSON.stringify(seen.slice(-3)).slice(0, 1000)}`;
}
