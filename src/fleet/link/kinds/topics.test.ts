import { expect, test } from "bun:test";
import type { Content } from "./kind.ts";
import { membershipGet, membershipResult, membershipUpdated } from "./membership.ts";
import * as topics from "./topics.ts";
import { isTwinKey, isTwinValue } from "./twin.ts";

const payloads: readonly (readonly [Content<unknown>, object])[] = [
  [
    topics.twinUpdate,
    {
      event_id: "e",
      timestamp: 1,
      twin: { temp: { expected: { value: "1" }, metadata: { type: "int" } }, gone: null },
    },
  ],
  [topics.twinResult, { event_id: "e", timestamp: 1, twin: { temp: { actual: { value: "22" } } } }],
  [topics.twinError, { event_id: "e", timestamp: 1, code: 404, reason: "no such device" }],
  [
    topics.twinDocument,
    { event_id: "e", timestamp: 1, twin: { temp: { last: null, current: { actual: { value: "22" } } } } },
  ],
  [
    topics.twinDelta,
    { event_id: "e", timestamp: 1, twin: { temp: { expected: { value: "40" } } }, delta: { temp: "40" } },
  ],
  [topics.getRequest, { event_id: "x", timestamp: 1 }],
  [topics.stateUpdate, { event_id: "e", state: "online" }],
  [
    topics.stateResult,
    {
      event_id: "e",
      timestamp: 1,
      device: { name: "d1", state: "online", last_online: "2026-11-21 06:32:17" },
    },
  ],
  [
    topics.attributesUpdated,
    { event_id: "e", timestamp: 1, attributes: { a: { value: "b", optional: true } } },
  ],
  [membershipGet, { event_id: "x" }],
  [
    membershipUpdated,
    {
      event_id: "e",
      timestamp: 1,
      added_devices: [{ id: "d1", name: "d1", description: "lamp" }],
      removed_devices: null,
    },
  ],
  [membershipResult, { event_id: "x", timestamp: 1, devices: [] }],
];

test.each(payloads.map(([content, payload]) => [content.name, content, JSON.stringify(payload)] as const))(
  "the payload of the %s is written as it was read",
  (_name, content, text) => {
    expect(content.build(content.parse(text))).toBe(text);
  },
);

test.each(payloads.map(([content]) => [content.name, content] as const))(
  "what is no JSON object is refused as the payload of the %s",
  (_name, content) => {
    for (const bad of ["", "{", "[]", "5", '"{}"', null, 5])
      expect(() => content.parse(bad, "the payload")).toThrow("the payload");
  },
);

test("what a device leaves out is empty", () => {
  expect(topics.twinUpdate.parse("{}")).toEqual({ event_id: "", timestamp: 0, twin: {} });
});

test("a property called __proto__ is a property like any other", () => {
  const { twin } = topics.twinUpdate.parse('{"twin":{"__proto__":{"optional":true}}}');
  expect(Object.getPrototypeOf(twin)).toBe(Object.prototype);
  expect(Object.keys(twin)).toEqual(["__proto__"]);
});

test("names and values of properties are what edges take", () => {
  expect(isTwinKey("temp-1_a.b,c:d/e@f#g")).toBe(true);
  for (const bad of ["", "a b", "ü", "a\n", "a".repeat(129)]) expect(isTwinKey(bad)).toBe(false);
  expect(isTwinValue("")).toBe(true);
  expect(isTwinValue("22.5")).toBe(true);
  for (const bad of ["a b", "{}", "a".repeat(513)]) expect(isTwinValue(bad)).toBe(false);
});
