import { describe, expect, test } from "bun:test";
import { covers, isReserved, mayPublish, maySubscribe } from "../../../src/fleet/edge/eventbus/rights.ts";

describe("what a filter covers", () => {
  const yes: readonly [allowed: string, wanted: string][] = [
    ["#", "a/b"],
    ["a/#", "a"],
    ["a/#", "a/+/c"],
    ["a/+", "a/+"],
    ["a/+/c", "a/b/c"],
    ["$hw/#", "$hw/events/#"],
  ];
  for (const [allowed, wanted] of yes)
    test(`${allowed} covers ${wanted}`, () => expect(covers(allowed, wanted)).toBeTrue());

  const no: readonly [allowed: string, wanted: string][] = [
    ["#", "$SYS/x"],
    ["+/x", "$SYS/x"],
    ["a/+", "a/#"],
    ["a/+", "a"],
    ["a/b", "a/+"],
    ["a", "a/b"],
    ["a/b/c", "a/b"],
    ["a/b", "#"],
  ];
  for (const [allowed, wanted] of no)
    test(`${allowed} does not cover ${wanted}`, () => expect(covers(allowed, wanted)).toBeFalse());
});

describe("rights", () => {
  const rights = { publish: ["of/%u/%c", "public/#"], subscribe: ["of/%u/#"] };
  const lamp = { user: "lamp", client: "c1" };

  test("have the user and the client in the place of patterns", () => {
    expect(mayPublish(rights, "of/lamp/c1", lamp)).toBeTrue();
    expect(mayPublish(rights, "of/other/c1", lamp)).toBeFalse();
    expect(mayPublish(rights, "of/lamp/c2", lamp)).toBeFalse();
    expect(maySubscribe(rights, "of/lamp/+/x", lamp)).toBeTrue();
    expect(maySubscribe(rights, "of/#", lamp)).toBeFalse();
  });

  test.each(["+", "#", "a/b", ""])("are none by a pattern when the name is %p", (user) => {
    expect(maySubscribe(rights, `of/${user}/#`, { user, client: "c" })).toBeFalse();
    expect(maySubscribe(rights, "of/other/#", { user, client: "c" })).toBeFalse();
  });

  test("take a name for what it is, also when it looks like a replacement", () => {
    expect(mayPublish({ publish: ["%u/x"], subscribe: [] }, "$&/x", { user: "$&", client: "c" })).toBeTrue();
  });
});

describe("reserved topics", () => {
  test.each([
    "$SYS/x",
    "$hw/events/device/d1/twin/update/result",
    "$hw/events/device/default/d1/twin/update/delta",
    "$hw/events/device/default/d1/twin/update/document",
    "$hw/events/device/default/d1/twin/get/result",
    "$hw/events/device/d1/twin/cloud_updated",
    "$hw/events/device/default/d1/state/update/result",
    "$hw/events/node/n/membership/updated",
  ])("%s is one", (topic) => expect(isReserved(topic)).toBeTrue());

  test.each([
    "$hw/events/device/d1/twin/update",
    "$hw/events/device/default/d1/twin/get",
    "$hw/events/device/default/d1/state/update",
    "$hw/events/upload/x",
    "$hw/events/node/n/membership/get",
    "a/b",
  ])("%s is none", (topic) => expect(isReserved(topic)).toBeFalse());
});
