import { describe, expect, test } from "bun:test";
import { decodeProblems, dropNulls } from "./coerce.ts";
import { applyDefaults } from "./default.ts";
import { hasFormat } from "./formats.ts";
import { compilePattern, matches as matchesWithin, newEffort } from "./pattern.ts";
import { prune, unknownField } from "./prune.ts";
import type { Definitions, Schema } from "./schema.ts";
import { validate } from "./validate.ts";

const text: Schema = { type: "string" };
const of = (properties: Readonly<Record<string, Schema>>, more: Schema = {}): Schema => ({
  type: "object",
  properties,
  ...more,
});

describe("a value is complained of", () => {
  const keyed: Schema = {
    type: "array",
    "x-kubernetes-list-type": "map",
    "x-kubernetes-list-map-keys": ["port", "protocol"],
    items: of({ port: { type: "integer" }, protocol: { ...text, default: "TCP" } }),
  };
  /** The schema of field `f`, its value, `field: message` of the first complaint, its reason. */
  const rows: readonly (readonly [Schema, unknown, string, string])[] = [
    [
      { type: "integer" },
      "string",
      'f: Invalid value: "string": f in body must be of type integer: "string"',
      "TypeInvalid",
    ],
    [
      { type: "string" },
      1,
      'f: Invalid value: "integer": f in body must be of type string: "integer"',
      "TypeInvalid",
    ],
    [
      { type: "boolean" },
      "true",
      'f: Invalid value: "string": f in body must be of type boolean: "string"',
      "TypeInvalid",
    ],
    [
      { type: "integer" },
      1.5,
      'f: Invalid value: "number": f in body must be of type integer: "number"',
      "TypeInvalid",
    ],
    [
      { type: "array" },
      {},
      'f: Invalid value: "object": f in body must be of type array: "object"',
      "TypeInvalid",
    ],
    [
      { type: "object" },
      [],
      'f: Invalid value: "array": f in body must be of type object: "array"',
      "TypeInvalid",
    ],
    [
      { type: "string" },
      null,
      'f: Invalid value: "null": f in body must be of type string: "null"',
      "TypeInvalid",
    ],
    [
      { "x-kubernetes-int-or-string": true },
      true,
      'f: Invalid value: "boolean": f in body must be of type integer,string: "boolean"',
      "TypeInvalid",
    ],
    [
      { ...text, enum: ["a", "b"] },
      "x",
      'f: Unsupported value: "x": supported values: "a", "b"',
      "NotSupported",
    ],
    [{ type: "integer", enum: [1] }, 2, "f: Unsupported value: 2: supported values: 1", "NotSupported"],
    [{ ...text, maxLength: 3 }, "abcd", "f: Too long: may not be longer than 3", "TooLong"],
    [
      { ...text, minLength: 1 },
      "",
      'f: Invalid value: "": f in body should be at least 1 chars long',
      "Invalid",
    ],
    [
      { ...text, pattern: "^[a-z]+$" },
      "A",
      "f: Invalid value: \"A\": f in body should match '^[a-z]+$'",
      "Invalid",
    ],
    [
      { ...text, format: "date-time" },
      "yesterday",
      'f: Invalid value: "yesterday": f in body must be of type date-time: "yesterday"',
      "Invalid",
    ],
    [
      { type: "integer", minimum: 1 },
      0,
      "f: Invalid value: 0: f in body should be greater than or equal to 1",
      "Invalid",
    ],
    [
      { type: "integer", minimum: 1, exclusiveMinimum: true },
      1,
      "f: Invalid value: 1: f in body should be greater than 1",
      "Invalid",
    ],
    [
      { type: "integer", maximum: 9 },
      10,
      "f: Invalid value: 10: f in body should be less than or equal to 9",
      "Invalid",
    ],
    [
      { type: "number", maximum: 9, exclusiveMaximum: true },
      9,
      "f: Invalid value: 9: f in body should be less than 9",
      "Invalid",
    ],
    [
      { type: "integer", multipleOf: 2 },
      3,
      "f: Invalid value: 3: f in body should be a multiple of 2",
      "Invalid",
    ],
    [
      { type: "integer", format: "int32" },
      2 ** 31,
      "f: Invalid value: 2147483648: f in body must be of type int32: 2147483648",
      "Invalid",
    ],
    [
      { type: "array", minItems: 1 },
      [],
      "f: Invalid value: 0: f in body should have at least 1 items",
      "Invalid",
    ],
    [{ type: "array", maxItems: 1 }, [1, 2], "f: Too many: 2: must have at most 1 items", "TooMany"],
    [
      { type: "array", uniqueItems: true },
      [{ a: 1 }, { a: 1 }],
      'f: Invalid value: [{"a":1},{"a":1}]: f in body shouldn\'t contain duplicates',
      "Invalid",
    ],
    [
      { type: "object", minProperties: 1 },
      {},
      "f: Invalid value: 0: f in body should have at least 1 properties",
      "Invalid",
    ],
    [
      { type: "object", maxProperties: 1 },
      { a: 1, b: 2 },
      "f: Too many: 2: must have at most 1 items",
      "TooMany",
    ],
    [of({ a: text }, { required: ["a"] }), {}, "f.a: Required value", "Required"],
    [
      { type: "array", items: text },
      ["a", 1],
      'f[1]: Invalid value: "integer": f[1] in body must be of type string: "integer"',
      "TypeInvalid",
    ],
    [
      { type: "object", additionalProperties: text },
      { a: 1 },
      'f.a: Invalid value: "integer": f.a in body must be of type string: "integer"',
      "TypeInvalid",
    ],
    [
      { type: "array", items: text, "x-kubernetes-list-type": "set" },
      ["a", "b", "a"],
      'f[2]: Duplicate value: "a"',
      "Duplicate",
    ],
    [
      keyed,
      [{ port: 1 }, { protocol: "TCP", port: 1 }],
      'f[1]: Duplicate value: {"port":1,"protocol":"TCP"}',
      "Duplicate",
    ],
    [keyed, [{ protocol: "TCP" }], "f[0].port: Required value", "Required"],
    [
      { anyOf: [{ type: "string" }, { type: "integer" }] },
      true,
      'f: Invalid value: true: "f" must validate at least one schema (anyOf)',
      "Invalid",
    ],
    [
      { oneOf: [{ type: "string" }, { type: "integer" }] },
      true,
      'f: Invalid value: true: "f" must validate one and only one schema (oneOf). Found none valid',
      "Invalid",
    ],
    [
      { oneOf: [{ type: "integer" }, { minimum: 0 }] },
      1,
      'f: Invalid value: 1: "f" must validate one and only one schema (oneOf). Found 2 valid alternatives',
      "Invalid",
    ],
    [
      { allOf: [{ minimum: 2 }] },
      1,
      'f: Invalid value: 1: "f" must validate all the schemas (allOf)',
      "Invalid",
    ],
    [
      { not: { enum: ["x"] } },
      "x",
      'f: Invalid value: "x": "f" must not validate the schema (not)',
      "Invalid",
    ],
    [
      { type: "object", "x-kubernetes-embedded-resource": true },
      { apiVersion: "v1" },
      "f.kind: Required value: must not be empty",
      "Required",
    ],
    [
      { type: "object", "x-kubernetes-embedded-resource": true },
      { apiVersion: "v1", kind: "Pod", metadata: { labels: { a: 1 } } },
      'f.metadata.labels.a: Invalid value: "integer": f.metadata.labels.a in body must be of type string: "integer"',
      "TypeInvalid",
    ],
  ];
  for (const [schema, value, message, reason] of rows)
    test(message, () => {
      const [first] = validate({ f: value }, of({ f: schema }));
      expect(`${first?.field}: ${first?.message}`).toBe(message);
      expect(first?.reason).toBe(`FieldValue${reason}`);
    });

  test("no more than a hundred times", () => {
    expect(
      validate({ f: Array.from({ length: 5000 }, () => 1) }, of({ f: { type: "array", items: text } })),
    ).toHaveLength(100);
  });

  test("from a path on", () => {
    expect(validate({ a: 1 }, of({ a: text }), undefined, "spec")[0]?.field).toBe("spec.a");
  });

  test("when it is nested without end", () => {
    const tree: Schema = { type: "object", properties: { a: { $ref: "tree" } } };
    const value: unknown = JSON.parse(`${'{"a":'.repeat(2000)}{}${"}".repeat(2000)}`);
    expect(validate(value, tree, () => tree)[0]?.message).toContain("nested deeper than");
  });
});

describe("a value is valid", () => {
  const rows: readonly (readonly [string, Schema, unknown])[] = [
    ["an integer as a number", { type: "number" }, 1],
    ["null where it is allowed", { type: "string", nullable: true }, null],
    ["an integer or a string", { "x-kubernetes-int-or-string": true }, "50%"],
    ["0.3 as a multiple of 0.1", { type: "number", multipleOf: 0.1 }, 0.3],
    ["a length in characters", { type: "string", maxLength: 2 }, "😀😀"],
    [
      "a list with keys that the schema defaults",
      {
        type: "array",
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["a"],
        items: of({ a: { ...text, default: "x" } }),
      },
      [{}],
    ],
    ["whatever nobody described", {}, { a: [1, "b", null] }],
    ["whatever is preserved", { "x-kubernetes-preserve-unknown-fields": true }, null],
    ["an alternative", { anyOf: [{ type: "integer" }, { pattern: "^a" }] }, "ab"],
  ];
  for (const [name, schema, value] of rows)
    test(name, () => {
      expect(validate({ f: value }, of({ f: schema }))).toEqual([]);
    });
});

describe("patterns of strangers", () => {
  const matches = (pattern: string, text: string) => matchesWithin(pattern, text, newEffort());

  test("that JavaScript would take years for are answered", () => {
    for (const pattern of ["^(a+)+$", "^(a|a)*$", "^(a|aa)+$", "(.*)*b"])
      expect(matches(pattern, `${"a".repeat(20_000)}!`)).toBe(false);
  });

  test("are RE2: anchors, classes and flags of Go", () => {
    expect(matches("(?i)^ABC$", "abc")).toBe(true);
    expect(matches("^[[:alpha:]]+\\z", "abc")).toBe(true);
    expect(matches("^\\pL+$", "äß")).toBe(true);
    expect(matches("b", "abc")).toBe(true);
  });

  test("that RE2 has not, or that are too long, are none", () => {
    for (const pattern of [
      "(?=a)",
      "(a)\\1",
      "(",
      "a{2000}",
      "a".repeat(5000),
      "(".repeat(2000) + ")".repeat(2000),
    ])
      expect(compilePattern(pattern)).toBeInstanceOf(Error);
  });
});

describe("formats", () => {
  const rows: readonly (readonly [string, readonly string[], readonly string[]])[] = [
    [
      "date-time",
      ["2026-11-21T19:00:00Z", "2026-11-21T19:00:00.123+01:00"],
      ["2026-11-21", "2026-02-30T00:00:00Z", "2026-11-21T25:00:00Z"],
    ],
    ["date", ["2024-02-29"], ["2023-02-29", "2024-13-01", "today"]],
    ["duration", ["1h30m", "2 days", "100ms", "1.5s"], ["", "h", "1", "1 fortnight", "..s"]],
    ["ipv4", ["10.0.0.1"], ["10.0.0.256", "::1"]],
    ["ipv6", ["::1"], ["10.0.0.1"]],
    ["cidr", ["10.0.0.0/8", "fd00::/64"], ["10.0.0.0/33", "10.0.0.0", "a/8"]],
    ["byte", ["", "aGk=", "aGkh"], ["a", "a===", "ä"]],
    ["uuid", ["123e4567-e89b-12d3-a456-426614174000"], ["123e4567"]],
    ["hostname", ["a.example.com", "a"], ["-a", "a..b", "x".repeat(64)]],
    ["email", ["a@b.c"], ["a", "a b@c"]],
    ["uri", ["https://example.com/a", "/a/b"], ["a b"]],
    ["mac", ["00:11:22:33:44:55"], ["00:11"]],
    ["nobody-knows", ["anything"], []],
  ];
  for (const [format, good, bad] of rows)
    test(format, () => {
      for (const one of good) expect([one, hasFormat(one, format)]).toEqual([one, true]);
      for (const one of bad) expect([one, hasFormat(one, format)]).toEqual([one, false]);
    });
});

describe("pruning", () => {
  const rows: readonly (readonly [string, Schema, unknown, unknown, readonly string[]])[] = [
    ["leaves out what the schema does not know", of({ a: text }), { a: "1", b: "2" }, { a: "1" }, ["b"]],
    [
      "goes into objects and lists",
      of({ l: { type: "array", items: of({ a: text }) } }),
      { l: [{ a: "1", b: 2 }] },
      { l: [{ a: "1" }] },
      ["l[0].b"],
    ],
    [
      "goes into maps",
      { type: "object", additionalProperties: of({ a: text }) },
      { x: { b: 1 } },
      { x: {} },
      ["x.b"],
    ],
    [
      "keeps what is preserved",
      { type: "object", "x-kubernetes-preserve-unknown-fields": true },
      { x: { y: 1 } },
      { x: { y: 1 } },
      [],
    ],
    [
      "prunes described fields within what is preserved",
      of({ a: of({ b: text }) }, { "x-kubernetes-preserve-unknown-fields": true }),
      { x: 1, a: { b: "1", c: 1 } },
      { x: 1, a: { b: "1" } },
      ["a.c"],
    ],
    [
      "keeps the identity of an embedded resource",
      of({ t: of({ spec: of({}) }, { "x-kubernetes-embedded-resource": true }) }),
      { t: { apiVersion: "v1", kind: "Pod", metadata: { name: "a", x: 1 }, spec: { y: 1 }, z: 1 } },
      { t: { apiVersion: "v1", kind: "Pod", metadata: { name: "a" }, spec: {} } },
      ["t.metadata.x", "t.spec.y", "t.z"],
    ],
    [
      "takes inherited names for unknown",
      of({}),
      { constructor: 1, toString: 2 },
      {},
      ["constructor", "toString"],
    ],
    ["leaves values of another type to validation", of({ a: of({}) }), { a: "1" }, { a: "1" }, []],
  ];
  for (const [name, schema, before, after, unknown] of rows)
    test(name, () => {
      const kept = structuredClone(before);
      const result = prune(before, schema);
      expect(result.value).toEqual(after);
      expect(result.unknown).toEqual(unknown);
      expect(before).toEqual(kept);
    });

  test("shares what does not change", () => {
    const value = { a: "1" };
    expect(prune(value, of({ a: text })).value).toBe(value);
  });

  test("is worded as the API server words it", () => {
    expect(unknownField("spec.foo")).toBe('unknown field "spec.foo"');
  });
});

describe("defaults", () => {
  const inner = of({ a: { ...text, default: "x" } });
  const rows: readonly (readonly [string, Schema, unknown, unknown])[] = [
    ["fill what is missing", inner, {}, { a: "x" }],
    ["leave what is given", inner, { a: "y" }, { a: "y" }],
    ["fill what a default brought", of({ o: { ...inner, default: {} } }), {}, { o: { a: "x" } }],
    ["do not make an object without a default", of({ o: inner }), {}, {}],
    ["fill elements of lists", { type: "array", items: inner }, [{}, { a: "y" }], [{ a: "x" }, { a: "y" }]],
    ["fill values of maps", { type: "object", additionalProperties: inner }, { m: {} }, { m: { a: "x" } }],
    ["take the place of a null that is not allowed", inner, { a: null }, { a: "x" }],
    [
      "leave a null that is allowed",
      of({ a: { ...text, nullable: true, default: "x" } }),
      { a: null },
      { a: null },
    ],
    [
      "may be false or nothing",
      of({ b: { type: "boolean", default: false }, n: { type: "integer", default: 0 } }),
      {},
      { b: false, n: 0 },
    ],
  ];
  for (const [name, schema, before, after] of rows)
    test(name, () => {
      const kept = structuredClone(before);
      const once = applyDefaults(before, schema);
      expect(once).toEqual(after);
      expect(before).toEqual(kept);
      expect(applyDefaults(once, schema)).toBe(once);
    });

  test("are not shared between objects", () => {
    const schema = of({ o: { type: "object", default: { l: [] } } });
    expect(applyDefaults<Record<string, unknown>>({}, schema)["o"]).not.toBe(
      applyDefaults<Record<string, unknown>>({}, schema)["o"],
    );
  });
});

test("defaults of many elements that are larger than any object are refused", () => {
  const item = {
    type: "object",
    properties: { a: { type: "string", default: "x".repeat(100_000) } },
  } as const;
  const schema = { type: "array", items: item } as const;
  expect(() => applyDefaults(Array(32).fill({}), schema)).toThrow("the defaults of the object are larger");
  expect(applyDefaults(Array(3).fill({}), schema)).toHaveLength(3);
});

describe("objects of built-in kinds", () => {
  const known: Readonly<Record<string, Schema>> = {
    Spec: of({ replicas: { type: "integer", format: "int32" }, time: { ...text, nullable: true } }),
  };
  const definitions: Definitions = (name) => known[name];
  const schema = of({ spec: { $ref: "Spec" }, list: { type: "array", items: { $ref: "Spec" } } });

  test("lose nulls", () => {
    const value = { spec: { replicas: null, time: null }, list: [{ replicas: null }], other: null };
    expect(dropNulls<unknown>(value, schema, definitions)).toEqual({
      spec: { time: null },
      list: [{}],
      other: null,
    });
  });

  test("of wrong types cannot be read", () => {
    const value = { spec: { replicas: "3" }, list: {} };
    expect(decodeProblems(value, schema, definitions)).toEqual([
      "spec.replicas: must be an integer, not a string",
      "list: must be a list, not an object",
    ]);
    expect(decodeProblems({ spec: { replicas: 2 ** 40 } }, schema, definitions)).toHaveLength(1);
    expect(decodeProblems({ spec: { replicas: null } }, schema, definitions)).toEqual([]);
    expect(decodeProblems([], schema, definitions)).toEqual(["the object: must be an object, not a list"]);
  });
});
