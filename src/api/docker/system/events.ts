/** GET /events: what has happened since, and what happens until. */
import type { EngineEvent, Events } from "../../../engine/events/events.ts";
import { jsonLines } from "../answer.ts";
import type { Answer, Call } from "../route.ts";
import { eventFilters, fits } from "./event-filter.ts";
import { momentOf } from "../time.ts";

/** `now`: milliseconds since 1970. */
export function eventsAnswer(events: Events, { query, signal }: Call, now = Date.now): Answer {
  const filters = query.filters(eventFilters);
  const [since, until] = ["since", "until"].map((name) => {
    const text = query.string(name);
    return text === undefined ? undefined : momentOf(name, text);
  });
  return jsonLines(async (line, out) => {
    out.begin();
    const wanted = (event: EngineEvent) => fits(event, filters);
    if (until === undefined) return follow({ ...(since === undefined ? {} : { since }), signal });
    const left = Number(until / 1_000_000n) - now();
    if (left <= 0) {
      const past = events.past().filter(({ time }) => time >= (since ?? 0n) && time <= until);
      for (const event of past.filter(wanted)) await line(eventLine(event));
      return undefined;
    }
    const end = new AbortController();
    const timer = setTimeout(() => end.abort(), Math.min(left, longestTimer));
    try {
      return await follow({ since: since ?? 0n, signal: AbortSignal.any([signal, end.signal]) });
    } finally {
      clearTimeout(timer);
    }

    async function follow(options: { since?: bigint; signal: AbortSignal }): Promise<void> {
      for await (const event of events.follow(options)) {
        if (until !== undefined && event.time > until) return;
        if (wanted(event)) await line(eventLine(event));
      }
    }
  });
}

/** Timers count in 31 bits. */
const longestTimer = 2 ** 31 - 1;

/** `status`, `id` and `from` are the older names, which clients still read. */
export function eventLine({ type, action, id, attributes, time }: EngineEvent): Record<string, unknown> {
  const { image } = attributes;
  return {
    ...(type === "container" || type === "image"
      ? { status: action, id, ...(image === undefined ? {} : { from: image }) }
      : {}),
    Type: type,
    Action: action,
    Actor: { ID: id, Attributes: attributes },
    scope: "local",
    time: Number(time / 1_000_000_000n),
    timeNano: exact(time),
  };
}

/** Beyond what a number of JavaScript holds, not beyond JSON. */
function exact(time: bigint): unknown {
  return (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON(String(time));
}
