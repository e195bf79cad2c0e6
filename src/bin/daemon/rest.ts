/**
 * After work the heap keeps what it needed at most. Who has nothing to do gives it back: a daemon rests most of its life. One that always has something to do, as the cloud of a fleet, does so when
 * the rush is over.
 */

/** Milliseconds between two looks. */
const look = 10_000;
/** Milliseconds of processor time between two looks, up to which nothing happened. */
const idle = 150;
/** The part of the most that was worked between two looks, below which a rush is over. */
const calm = 1 / 2;
/** What must have been worked since the last rest: collecting again and again would itself be work. */
const leastWork = 1_000;

/** Processor time of this process so far, in microseconds. */
type Usage = () => { readonly user: number; readonly system: number };

/** `forget` drops caches before the heap is collected. Disposing ends it. */
export function restWhenIdle(forget: () => void = () => {}): Disposable {
  const isTime = restTimes(() => process.cpuUsage());
  const timer = setInterval(() => {
    isTime(() => {
      forget();
      Bun.gc(true);
      Bun.shrink();
    });
  }, look);
  timer.unref();
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

/** Called at each look: `rest` when nothing happened since the last one, or far less than before, and enough since the last rest. */
export function restTimes(usage: Usage): (rest: () => void) => void {
  const used = () => {
    const { user, system } = usage();
    return (user + system) / 1000;
  };
  let before = used();
  let rested = before - leastWork;
  let most = 0;
  return (rest) => {
    const now = used();
    const worked = now - before;
    before = now;
    most = Math.max(most, worked);
    const isOver = worked < idle || worked < most * calm;
    if (!isOver || now - rested < leastWork) return;
    rest();
    // Its own work is no reason to do it again, nor is a rush that it followed.
    before = used();
    rested = before;
    most = worked;
  };
}
