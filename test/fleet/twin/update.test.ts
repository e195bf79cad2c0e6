import { describe, expect, test } from "bun:test";
import type { Twin, Twins } from "../../../src/fleet/link/kinds/twin.ts";
import {
  deltaOf,
  mostCharacters,
  mostProperties,
  owed,
  report,
  updateByCloud,
  updateLocally,
  wish,
  type UpdateOptions,
} from "../../../src/fleet/edge/twin/update.ts";
import { texts, type PropertyType } from "../../../src/fleet/edge/twin/values.ts";

const options = (types: Readonly<Record<string, PropertyType>> = {}): UpdateOptions => ({
  now: 1000,
  types: new Map(Object.entries(types)),
});
const at = { timestamp: 1000 };
const temp = (more: Partial<Twin> = {}): Twin => ({
  actual: { value: "20", metadata: { timestamp: 1 } },
  optional: true,
  metadata: { type: "int" },
  actual_version: { cloud: 2, edge: 5 },
  ...more,
});
const held = (twin: Twin) => new Map([["temp", twin]]);

describe("an update by a device", () => {
  test("of a new property has the type that came with it, and version 1", () => {
    const update: Twins = { temp: { actual: { value: "22" }, metadata: { type: "int" } } };
    const step = updateLocally(new Map(), update, options()).get("temp");
    expect(step?.last).toBeUndefined();
    expect(step?.current).toEqual({
      actual: { value: "22", metadata: at },
      optional: true,
      metadata: { type: "int" },
      actual_version: { cloud: 0, edge: 1 },
    });
  });

  test("counts the edge's version up, also for the same value", () => {
    const step = updateLocally(held(temp()), { temp: { actual: { value: "20" } } }, options()).get("temp");
    expect(step?.current.actual_version).toEqual({ cloud: 2, edge: 6 });
    expect(step?.owes).toBe(owed.actual);
  });

  test("cannot change the type of a property that is there", () => {
    const update: Twins = { temp: { actual: { value: "1" }, metadata: { type: "string" } } };
    const steps = updateLocally(held(temp()), update, options());
    expect(steps.get("temp")?.current.metadata?.type).toBe("int");
    const words: Twins = { temp: { actual: { value: "warm" }, metadata: { type: "string" } } };
    expect(() => updateLocally(held(temp()), words, options())).toThrow(texts.int);
  });

  test("takes the type of the device's model for a property that is new", () => {
    const types = { temp: { type: "int" } };
    expect(() => updateLocally(new Map(), { temp: { actual: { value: "x" } } }, options(types))).toThrow(
      texts.int,
    );
  });

  test("deletes by null: the row stays, with both versions counted up", () => {
    const twin = temp({ expected: { value: "1" }, expected_version: { cloud: 1, edge: 0 } });
    const step = updateLocally(held(twin), { temp: null }, options()).get("temp");
    expect(step?.current).toEqual({
      expected: {},
      actual: {},
      optional: true,
      metadata: { type: "deleted" },
      expected_version: { cloud: 1, edge: 1 },
      actual_version: { cloud: 2, edge: 6 },
    });
  });

  test("does not delete what is not optional, nor what is not there", () => {
    expect(updateLocally(held(temp({ optional: false })), { temp: null, sw: null }, options()).size).toBe(0);
  });

  test("of a deleted property gives it a new type, and goes on counting", () => {
    const deleted = temp({ metadata: { type: "deleted" }, actual: {} });
    const update: Twins = { temp: { actual: { value: "on" }, metadata: { type: "string" } } };
    const step = updateLocally(held(deleted), update, options()).get("temp");
    expect(step?.last).toBeUndefined();
    expect(step?.current).toEqual({
      actual: { value: "on", metadata: at },
      optional: true,
      metadata: { type: "string" },
      actual_version: { cloud: 2, edge: 6 },
    });
  });

  test("without a value changes nothing, whatever else is empty in it", () => {
    expect(updateLocally(held(temp()), { temp: { actual: {}, expected: {} } }, options()).size).toBe(0);
  });

  test("is refused when the device would have too many properties", () => {
    const many = Object.fromEntries(
      Array.from({ length: mostProperties + 1 }, (_, index) => [`p${index}`, { actual: { value: "1" } }]),
    );
    expect(() => updateLocally(new Map(), many, options())).toThrow("properties");
  });

  test("is refused when the values of the device would be too long together", () => {
    const long = "x".repeat(mostCharacters / 4);
    const four = Object.fromEntries(["a", "b", "c", "d"].map((name) => [name, { actual: { value: long } }]));
    const steps = updateLocally(new Map(), four, options());
    const twins = new Map([...steps].map(([name, { current }]) => [name, current]));
    expect(() => updateLocally(twins, { e: { actual: { value: long } } }, options())).toThrow("characters");
    expect(updateLocally(twins, { d: { actual: { value: long } } }, options()).size).toBe(1);
  });

  const refused: readonly [type: string, value: string, text: string][] = [
    ["int", "1.5", texts.int],
    ["int", "", texts.int],
    ["integer", "9223372036854775808", texts.int],
    ["float", "warm", texts.float],
    ["double", "1e999", texts.float],
    ["boolean", "True", texts.boolean],
    ["picture", "1", texts.type],
    ["constructor", "1", texts.type],
  ];
  for (const [type, value, text] of refused)
    test(`of type ${type} is refused with the value ${JSON.stringify(value)}: ${text}`, () => {
      const update: Twins = { p: { actual: { value }, metadata: { type } } };
      expect(() => updateLocally(new Map(), update, options())).toThrow(text);
    });

  const taken: readonly [type: string, value: string][] = [
    ["int", "-9223372036854775808"],
    ["integer", "+7"],
    ["float", "1e3"],
    ["float", "-.5"],
    ["double", "NaN"],
    ["boolean", "false"],
    ["string", ""],
    ["bytes", "AAEC"],
  ];
  for (const [type, value] of taken)
    test(`of type ${type} is taken with the value ${JSON.stringify(value)}`, () => {
      const steps = updateLocally(new Map(), { p: { actual: { value }, metadata: { type } } }, options());
      expect(steps.get("p")?.current.actual?.value).toBe(value);
    });
});

describe("a twin that a cloud sends", () => {
  const newer = { actual: { value: "7" }, actual_version: { cloud: 3, edge: 5 }, metadata: { type: "int" } };

  test("is adopted with its versions when they are not older", () => {
    const step = updateByCloud(held(temp()), { temp: newer }, options()).get("temp");
    expect(step?.current.actual).toEqual({ value: "7", metadata: at });
    expect(step?.current.actual_version).toEqual({ cloud: 3, edge: 5 });
    expect(step?.owes).toBe(0);
  });

  test.each([
    { cloud: 1, edge: 9 },
    { cloud: 9, edge: 4 },
  ])("is not adopted when a version is older (%p): what is here is owed to the cloud", (version) => {
    const twins = held(temp());
    const step = updateByCloud(twins, { temp: { ...newer, actual_version: version } }, options()).get("temp");
    expect(step?.current).toEqual(temp());
    expect(step?.owes).toBe(owed.actual);
  });

  test("without versions is not adopted", () => {
    expect(updateByCloud(held(temp()), { temp: { actual: { value: "7" } } }, options()).size).toBe(0);
  });

  test("with the type deleted deletes", () => {
    const given: Twin = { metadata: { type: "deleted" }, actual_version: { cloud: 3, edge: 5 } };
    const step = updateByCloud(held(temp()), { temp: given }, options()).get("temp");
    expect(step?.current.metadata?.type).toBe("deleted");
    expect(step?.current.actual).toEqual({});
  });

  test("with a value of another type is left out", () => {
    const wrong = { ...newer, actual: { value: "warm" } };
    expect(updateByCloud(held(temp()), { temp: wrong }, options()).size).toBe(0);
  });
});

describe("what a Device object wants", () => {
  test("becomes expected, with the cloud's version counted up", () => {
    const { steps } = wish(held(temp()), new Map([["temp", "25"]]), options());
    expect(steps.get("temp")?.current.expected).toEqual({ value: "25", metadata: at });
    expect(steps.get("temp")?.current.expected_version).toEqual({ cloud: 1, edge: 0 });
  });

  test("beyond the model's range or of another type is refused by name, the rest is taken", () => {
    const types = { temp: { type: "int", minimum: "-20", maximum: "100" }, sw: { type: "string" } };
    const wanted = new Map([
      ["temp", "101"],
      ["sw", "ON"],
    ]);
    const { steps, refused } = wish(new Map(), wanted, options(types));
    expect([...steps.keys()]).toEqual(["sw"]);
    expect(refused.get("temp")).toContain("out of range");
  });
});

test("the delta has each wanted value that is not reached, beside all that is wanted", () => {
  const reached = temp({ expected: { value: "20" } });
  const twins = new Map([
    ["temp", temp({ expected: { value: "25" } })],
    ["same", reached],
    ["unwanted", temp()],
    ["gone", temp({ expected: {}, metadata: { type: "deleted" } })],
  ]);
  const delta = deltaOf(twins);
  expect(delta?.delta).toEqual({ temp: "25" });
  expect(Object.keys(delta?.twin ?? {})).toEqual(["temp", "same"]);
  expect(delta?.twin["temp"]).not.toHaveProperty("actual_version");
  expect(deltaOf(held(reached))).toBeUndefined();
});

test("a report has only what is owed, with its version", () => {
  const twin = temp({ expected: { value: "1" }, expected_version: { cloud: 1, edge: 1 } });
  expect(report(twin, owed.actual)).toEqual(temp());
});
