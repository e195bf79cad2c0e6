/** Waits for what another program does. There is no event for it: the condition is asked again and again. */

export async function until<T>(
  what: string,
  condition: () => Promise<T | undefined> | T | undefined,
  seconds = 30,
): Promise<T> {
  const end = performance.now() + seconds * 1000;
  for (;;) {
    const found = await condition();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > end) throw new Error(`cannot wait for ${what}: not there after ${seconds} s`);
    await Bun.sleep(20);
  }
}
