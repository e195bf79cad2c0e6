import { expect, test } from "bun:test";
import {
  applyChanges,
  bounds,
  changesOf,
  joinChanges,
  requireRoom,
} from "../../../src/fleet/cloud/devicecontroller/twins.ts";
import type { DeviceTwin } from "../../../src/fleet/link/kinds/devices.ts";
import type { Twin } from "../../../src/fleet/link/kinds/twin.ts";

const actual = (value: string, edge: number, timestamp: number): Twin => ({
  actual: { value, metadata: { timestamp } },
  actual_version: { cloud: 0, edge },
  metadata: { type: "int" },
});
const kept = (value: string, version: string, timestamp: string): DeviceTwin => ({
  propertyName: "temp",
  reported: { value, metadata: { timestamp, type: "int", version, node: "edge1" } },
});

test("the first value of a property is kept, though its status has no entry yet", () => {
  expect(applyChanges([], changesOf({ temp: actual("22", 1, 100) }, "edge1"))).toEqual([
    kept("22", "1", "100"),
  ]);
});

test("an entry that an older cloud left empty takes the first value", () => {
  const before = [{ propertyName: "temp", reported: { value: "" } }];
  expect(applyChanges(before, changesOf({ temp: actual("22", 1, 100) }, "edge1"))).toEqual([
    kept("22", "1", "100"),
  ]);
});

test.each<[string, Twin, boolean]>([
  ["an older version from an older time", actual("20", 4, 90), false],
  ["the same version again", actual("21", 5, 100), false],
  ["a newer version", actual("22", 6, 110), true],
  ["a newer version by a clock that was set back", actual("22", 6, 50), true],
  ["a lower version at a later time, as an edge counts that lost its store", actual("22", 1, 200), true],
  ["an older time without a version", { actual: { value: "20", metadata: { timestamp: 90 } } }, false],
  ["another value without version and time", { actual: { value: "22" } }, true],
  ["the same value without version and time", { actual: { value: "21" } }, false],
])("%s", (_, told, isTaken) => {
  const before = [kept("21", "5", "100")];
  const after = applyChanges(before, changesOf({ temp: told }, "edge1"));
  expect(after === before).toBe(!isTaken);
  expect(after[0]?.reported?.value).toBe(isTaken ? (told.actual?.value ?? "") : "21");
});

test("what the node says where the device is now counts, whatever its clock and versions are", () => {
  const [after] = applyChanges([kept("21", "5", "100")], changesOf({ temp: actual("7", 1, 10) }, "edge2"));
  expect(after?.reported).toEqual({
    value: "7",
    metadata: { timestamp: "10", type: "int", version: "1", node: "edge2" },
  });
});

test("what is wanted and what is so have versions of their own", () => {
  const told: Twin = {
    ...actual("20", 4, 90),
    expected: { value: "40", metadata: { timestamp: 120 } },
    expected_version: { cloud: 0, edge: 1 },
  };
  const [after] = applyChanges([kept("21", "5", "100")], changesOf({ temp: told }, "edge1"));
  expect(after).toEqual({
    ...kept("21", "5", "100"),
    observedDesired: {
      value: "40",
      metadata: { timestamp: "120", type: "int", version: "1", node: "edge1" },
    },
  });
});

test.each<[string, Twin | null]>([
  ["null", null],
  ["the type deleted", { metadata: { type: "deleted" } }],
])("a property goes by %s", (_, told) => {
  expect(applyChanges([kept("21", "5", "100")], changesOf({ temp: told }, "edge1"))).toEqual([]);
});

test("reports joined before they are written are as if each had been written", () => {
  const reports = [
    { temp: actual("1", 1, 1) },
    { temp: null },
    { temp: actual("3", 3, 3), other: actual("9", 1, 1) },
    { temp: actual("2", 2, 2) },
  ].map((twins) => changesOf(twins, "edge1"));
  const one = reports.reduce<readonly DeviceTwin[]>((twins, changes) => applyChanges(twins, changes), []);
  const joined = new Map();
  for (const changes of reports)
    for (const [name, change] of changes) joined.set(name, joinChanges(joined.get(name), change));
  expect(applyChanges([], joined)).toEqual([...one]);
});

test.each<[string, Record<string, Twin>, string]>([
  ["a name with a control character", { "a\nb": actual("1", 1, 1) }, "no name"],
  ["no name", { "": actual("1", 1, 1) }, "no name"],
  ["a name that is too long", { ["x".repeat(bounds.name + 1)]: actual("1", 1, 1) }, "no name"],
  ["a value that is too long", { big: actual("x".repeat(bounds.value + 1), 1, 1) }, '"big" has 8193'],
  [
    "too many properties",
    Object.fromEntries(Array.from({ length: bounds.properties + 1 }, (_, index) => [`p${index}`, {}])),
    "1001 properties",
  ],
  [
    "too many characters",
    Object.fromEntries(
      Array.from({ length: 100 }, (_, index) => [`p${index}`, actual("x".repeat(8000), 1, 1)]),
    ),
    "characters, wanted at most",
  ],
])("%s is refused", (_, twins, said) => {
  expect(() => changesOf(twins, "edge1")).toThrow(said);
});

test("a device that would have more properties than an object holds is refused", () => {
  const many = Array.from({ length: bounds.properties + 1 }, (_, index) => ({ propertyName: `p${index}` }));
  expect(() => requireRoom("default/d1", many)).toThrow('device "default/d1"');
});

test("a property called __proto__ is one like any other", () => {
  const twins = JSON.parse('{"__proto__":{"actual":{"value":"1"}}}') as Record<string, Twin>;
  const [after] = applyChanges([], changesOf(twins, "edge1"));
  expect(after).toEqual({ propertyName: "__proto__", reported: { value: "1", metadata: { node: "edge1" } } });
  expect(Object.prototype).not.toHaveProperty("actual");
});
