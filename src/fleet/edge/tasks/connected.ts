/** Whether the link comes to stand: what trials of settings and programs wait for. */
import { pause } from "../../../base/clock.ts";
import type { EdgeContext } from "../part.ts";

/** False after so many milliseconds, or when the signal aborts. */
export async function connectedWithin(
  { link, clock, signal }: Pick<EdgeContext, "link" | "clock" | "signal">,
  milliseconds: number,
): Promise<boolean> {
  const stop = new AbortController();
  const limit = AbortSignal.any([signal, stop.signal]);
  const state = { connected: link.connected };
  using _ = link.onChange((connected) => {
    state.connected ||= connected;
    if (connected) stop.abort();
  });
  if (!state.connected) await pause(clock, milliseconds, limit);
  return state.connected;
}
