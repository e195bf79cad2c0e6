import { expect, test } from "bun:test";
import { eventLine, eventsAnswer } from "../../src/api/docker/system/events.ts";
import { fits } from "../../src/api/docker/system/event-filter.ts";
import { Query } from "../../src/api/docker/query.ts";
import type { Answer, Call } from "../../src/api/docker/route.ts";
import { untilOf, momentOf, goTime } from "../../src/api/docker/time.ts";
import type { EngineEvent } from "../../src/engine/events/events.ts";
import { openEvents } from "../../src/engine/events/open.ts";

const second = 1_000_000_000n;
const event = (change: Partial<EngineEvent> = {}): EngineEvent => ({
  type: "container",
  action: "start",
  id: "abc123",
  attributes: { name: "web", image: "nginx:1", tier: "front" },
  time: 7n * second + 5n,
  ...change,
});

test("a line has Docker's names, old and new, and every nanosecond", () => {
  expect(JSON.stringify(eventLine(event({ time: 1_763_740_556_123_456_789n })))).toBe(
    '{"status":"start","id":"abc123","from":"nginx:1","Type":"container","Action":"start","Actor":{"ID":"abc123","Attributes":{"name":"web","image":"nginx:1","tier":"front"}},"scope":"local","time":1763740556,"timeNano":1763740556123456789}',
  );
  expect(Object.keys(eventLine(event({ type: "volume" })))[0]).toBe("Type");
});

test.each([
  [{ type: ["container", "image"] }, true],
  [{ type: ["image"] }, false],
  [{ event: ["start", "die"] }, true],
  [{ event: ["die"] }, false],
  [{ container: ["abc"] }, true],
  [{ container: ["web"] }, true],
  [{ container: ["other"] }, false],
  [{ image: ["nginx"] }, true],
  [{ image: ["nginx:2"] }, false],
  [{ label: ["tier=front", "name"] }, true],
  [{ label: ["tier=front", "tier=back"] }, false],
  [{ scope: ["swarm"] }, false],
])("filters %j: %p", (filters, wanted) => {
  expect(fits(event(), filters as unknown as Record<string, string[]>)).toBe(wanted);
});

test("an action that goes on after a colon fits its beginning", () => {
  const exec = event({ action: "exec_create: sh -c ls" });
  expect(fits(exec, { event: ["exec_create"] })).toBe(true);
  expect(fits(exec, { event: ["exec"] })).toBe(false);
});

async function linesOf(answer: Answer, wanted = Infinity): Promise<string[]> {
  if (answer.kind !== "stream") throw new Error("no stream");
  const lines: string[] = [];
  const enough = Promise.withResolvers<void>();
  const write = (line: Uint8Array | string) => {
    lines.push((JSON.parse(String(line)) as { Action: string }).Action);
    if (lines.length >= wanted) enough.resolve();
    return Promise.resolve();
  };
  await Promise.race([answer.write({ write, begin: () => {} }), enough.promise]);
  return lines;
}

function events(...actions: string[]) {
  let clock = 0n;
  const open = openEvents(() => (clock += second));
  for (const action of actions) open.emit({ type: "volume", action, id: "v", attributes: {} });
  return open;
}

const call = (query: Record<string, string>, signal = new AbortController().signal) =>
  ({ query: new Query(query), signal }) as Call;

test("a span of the past ends by itself", async () => {
  const past = events("one", "two", "three");
  expect(await linesOf(eventsAnswer(past, call({ since: "2", until: "2.5" })))).toEqual(["two"]);
  expect(await linesOf(eventsAnswer(past, call({ until: "9" })))).toEqual(["one", "two", "three"]);
});

test("what comes follows what was, until the client goes", async () => {
  const leave = new AbortController();
  const open = events("one", "two");
  const answer = eventsAnswer(open, call({ since: "2" }, leave.signal));
  const reading = linesOf(answer, 2);
  open.emit({ type: "volume", action: "three", id: "v", attributes: {} });
  expect(await reading).toEqual(["two", "three"]);
  const rest = linesOf(eventsAnswer(open, call({}, leave.signal)));
  leave.abort();
  expect(await rest).toEqual([]);
});

test("a stream with an end in the future ends then", async () => {
  const open = events("one");
  // The engine's clock is at 1 s; the end is 50 ms from now.
  const answer = eventsAnswer(open, call({ since: "0", until: "1.05" }), () => 1000);
  expect(await linesOf(answer)).toEqual(["one"]);
});

test("moments", () => {
  expect(momentOf("since", "1763740556.000000007")).toBe(1_763_740_556_000_000_007n);
  expect(momentOf("since", "1970-01-01T00:00:01Z")).toBe(second);
  expect(() => momentOf("since", "soon")).toThrow('cannot read parameter "since"');
  expect(untilOf("1h30m", 10_000_000)).toBe(10_000_000 - 5_400_000);
  expect(untilOf("5")).toBe(5000);
  expect(goTime(undefined)).toBe("0001-01-01T00:00:00Z");
  expect(goTime(new Date(1500))).toBe("1970-01-01T00:00:01.5Z");
  expect(goTime(new Date(10_000))).toBe("1970-01-01T00:00:10Z");
});
