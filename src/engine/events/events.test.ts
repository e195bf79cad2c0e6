import { describe, expect, test } from "bun:test";
import type { EngineEvent } from "./events.ts";
import { openEvents } from "./open.ts";

const event = (action: string) => ({ type: "container", action, id: "a", attributes: {} }) as const;

async function take(events: AsyncIterable<EngineEvent>, count: number): Promise<string[]> {
  const found: string[] = [];
  for await (const { action } of events) if (found.push(action) === count) break;
  return found;
}

describe("events", () => {
  test("have times that rise, also within one tick of the clock", () => {
    const events = openEvents(() => 5n);
    for (const action of ["a", "b", "c"]) events.emit(event(action));
    expect(events.past().map(({ time }) => time)).toEqual([5n, 6n, 7n]);
  });
  test("come to a listener from the moment that it asks", async () => {
    const events = openEvents();
    events.emit(event("before"));
    const heard = take(events.follow({ signal: new AbortController().signal }), 2);
    for (const action of ["one", "two"]) events.emit(event(action));
    expect(await heard).toEqual(["one", "two"]);
  });
  test("of the past come first, when they are asked for", async () => {
    const events = openEvents(() => 5n);
    for (const action of ["a", "b", "c"]) events.emit(event(action));
    const heard = take(events.follow({ since: 6n, signal: new AbortController().signal }), 3);
    events.emit(event("d"));
    expect(await heard).toEqual(["b", "c", "d"]);
  });
  test("end with the listener's signal", async () => {
    const [events, controller] = [openEvents(), new AbortController()];
    const heard = take(events.follow({ signal: controller.signal }), 2);
    events.emit(event("one"));
    await Promise.resolve();
    controller.abort();
    expect(await heard).toEqual(["one"]);
  });
  test("are kept up to a bound, for those who ask and for one who does not listen", async () => {
    const [events, controller] = [openEvents(), new AbortController()];
    const late = events.follow({ signal: controller.signal });
    for (let number = 0; number < 10_005; number++) events.emit(event(`${number}`));
    expect(events.past()).toHaveLength(1024);
    expect(await take(late, 1)).toEqual(["5"]);
  });
});
