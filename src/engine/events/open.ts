/** Events in memory: a ring of the last ones, and a queue for each listener. */
import type { EngineEvent, Events } from "./events.ts";

const kept = 1024;
const mostBehind = 10_000;

interface Listener {
  readonly queue: EngineEvent[];
  wake: () => void;
}

export function openEvents(clock: () => bigint = () => BigInt(Date.now()) * 1_000_000n): Events {
  const ring: EngineEvent[] = [];
  const listeners = new Set<Listener>();
  let last = 0n;
  const rising = () => {
    const now = clock();
    last = now > last ? now : last + 1n;
    return last;
  };
  return {
    emit(event) {
      const timed = { ...event, time: rising() };
      push(ring, timed, kept);
      for (const { queue, wake } of listeners) {
        push(queue, timed, mostBehind);
        wake();
      }
    },
    past: () => [...ring],
    follow: ({ since, signal }) => {
      // From the moment of the call, not from the first look at it.
      const queue = since === undefined ? [] : ring.filter(({ time }) => time >= since);
      const listener: Listener = { queue, wake: () => undefined };
      listeners.add(listener);
      const leave = () => {
        listeners.delete(listener);
        listener.wake();
      };
      if (signal.aborted) leave();
      else signal.addEventListener("abort", leave, { once: true });
      return entries(listener, signal, () => {
        signal.removeEventListener("abort", leave);
        leave();
      });
    },
  };
}

function push(queue: EngineEvent[], event: EngineEvent, most: number): void {
  queue.push(event);
  if (queue.length > most) queue.shift();
}

async function* entries(
  listener: Listener,
  signal: AbortSignal,
  leave: () => void,
): AsyncGenerator<EngineEvent> {
  try {
    while (!signal.aborted) {
      const event = listener.queue.shift();
      if (event) {
        yield event;
        continue;
      }
      const { promise, resolve } = Promise.withResolvers<void>();
      listener.wake = resolve;
      // oxlint-disable-next-line no-await-in-loop
      await promise;
    }
  } finally {
    leave();
  }
}
