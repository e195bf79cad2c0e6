import { describe, expect, test } from "bun:test";
import { acknowledge, isAcknowledged, needsAcknowledgement } from "../../../src/fleet/link/ack.ts";
import { formatEnvelope, parseEnvelope } from "../../../src/fleet/link/envelope.ts";
import { kindOf } from "../../../src/fleet/link/kinds/all.ts";
import { requireOwnNode } from "../../../src/fleet/link/resources.ts";
import { routeDownstream, routeUpstream } from "../../../src/fleet/link/routing.ts";
import { captured } from "./_messages.ts";

test("there are messages of both ways", () => {
  expect(captured.filter(({ way }) => way === "up").length).toBeGreaterThan(25);
  expect(captured.filter(({ way }) => way === "down").length).toBeGreaterThan(20);
});

describe("every captured message", () => {
  test.each(captured.map((each) => [each.title, each] as const))(
    "%s is of a kind, and is written as it was read",
    (_title, { way, text, envelope }) => {
      const kind = kindOf(envelope, way);
      if (kind === undefined) throw new Error("no kind claims it");
      const content = kind.build(kind.parse(envelope.content));
      expect(formatEnvelope({ ...envelope, content })).toBe(text);
    },
  );

  test.each(captured.map((each) => [each.title, each] as const))(
    "%s goes somewhere",
    (_title, { way, envelope }) => {
      const target = way === "up" ? routeUpstream(envelope) : routeDownstream(envelope);
      // An edge sent one with nothing in it.
      expect(target === "drop").toBe(envelope.id === "");
    },
  );
});

test("captured messages of a node speak for that node alone", () => {
  for (const { way, envelope } of captured) if (way === "up") requireOwnNode(envelope, "edge1");
  const foreign = captured.filter(({ way, envelope }) => {
    try {
      requireOwnNode(envelope, "edge2");
      return false;
    } catch {
      return way === "up";
    }
  });
  expect(foreign.map(({ title }) => title)).toContain("up edged meta patch default/nodepatch/edge1");
  expect(foreign.map(({ title }) => title)).toContain("up metaserver dynamiccontroller null null");
});

test("what the edge acknowledged is what we would acknowledge, in the same words", () => {
  const acknowledgements = new Map(
    captured
      .filter(({ way, envelope }) => way === "up" && envelope.route.operation === "response")
      .map(({ envelope }) => [envelope.parent, envelope]),
  );
  let compared = 0;
  for (const { way, envelope } of captured) {
    const seen = acknowledgements.get(envelope.id);
    if (way !== "down" || seen === undefined) continue;
    compared++;
    expect(isAcknowledged(envelope)).toBe(true);
    const ours = acknowledge(envelope, { id: seen.id, now: seen.timestamp });
    expect(formatEnvelope(ours)).toBe(formatEnvelope(seen));
  }
  expect(compared).toBeGreaterThan(8);
});

test("only what has a version, or is a deletion, waits for an acknowledgement", () => {
  const waiting = captured.filter(({ way, envelope }) => way === "down" && needsAcknowledgement(envelope));
  expect(waiting.length).toBeGreaterThan(8);
  for (const { envelope, title } of waiting)
    expect(envelope.resourceVersion !== undefined || envelope.route.operation === "delete", title).toBe(true);
});

test("a captured message is the same without the newline behind it", () => {
  for (const { text, envelope } of captured) expect(parseEnvelope(text.trimEnd())).toEqual(envelope);
});
