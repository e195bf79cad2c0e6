import { describe, expect, test } from "bun:test";
import { compileRule, newBudget, sizeOf } from "./_cel.ts";
import { ruleCauses, validateRules } from "./rules.ts";
import type { Schema } from "./schema.ts";

const text: Schema = { type: "string" };
const integer: Schema = { type: "integer" };
const of = (properties: Readonly<Record<string, Schema>>, ...rules: string[]): Schema => ({
  type: "object",
  properties,
  ...(rules.length > 0 ? { "x-kubernetes-validations": rules.map((rule) => ({ rule })) } : {}),
});

const fields: Readonly<Record<string, Schema>> = {
  min: integer,
  max: integer,
  ratio: { type: "number" },
  name: text,
  size: text,
  when: { ...text, format: "date-time" },
  wait: { ...text, format: "duration" },
  port: { "x-kubernetes-int-or-string": true },
  namespace: text,
  "a-b": text,
  list: { type: "array", items: text },
  map: { type: "object", additionalProperties: integer },
  parts: {
    type: "array",
    items: of({ name: text, weight: integer }),
    "x-kubernetes-list-type": "map",
    "x-kubernetes-list-map-keys": ["name"],
  },
  free: { type: "object", "x-kubernetes-preserve-unknown-fields": true },
};

const value = {
  min: 1,
  max: 3,
  ratio: 0.5,
  name: "abc",
  size: "1Gi",
  when: "2026-01-01T00:00:00Z",
  wait: "1h30m",
  port: 80,
  namespace: "n",
  "a-b": "x",
  list: ["a", "b"],
  map: { x: 1 },
  parts: [
    { name: "p", weight: 1 },
    { name: "q", weight: 2 },
  ],
  free: { deep: { number: 1 } },
};

describe("a rule", () => {
  const rows: readonly (readonly [string, boolean])[] = [
    ["self.min <= self.max", true],
    ["self.min > self.max", false],
    ["self.min + self.max == 4 && self.max % 2 == 1", true],
    ["self.ratio < 1.0", true],
    ["!has(self.missing)", true],
    ["has(self.name) && self.name.size() == 3", true],
    ["self.name.matches('^[a-z]+$')", true],
    ["self.name.matches('^(a+)+$')", false],
    ["self.list.all(x, x.size() == 1)", true],
    ["self.list.exists_one(x, x == 'a')", true],
    ["self.list.map(x, x + x) == ['aa', 'bb']", true],
    ["self.list.isSorted()", true],
    ["'a' in self.list && !('z' in self.list)", true],
    ["self.map.all(k, self.map[k] > 0)", true],
    ["self.parts.exists(p, p.name == 'q' && p.weight == 2)", true],
    ["self.parts.map(p, p.weight).sum() == 3", true],
    ["self.parts.map(p, p.weight).max() == 2", true],
    ["self.when > timestamp('2025-01-01T00:00:00Z')", true],
    ["self.wait == duration('90m')", true],
    ["type(self.port) == int ? self.port < 100 : self.port.endsWith('%')", true],
    ["self.__namespace__ == 'n'", true],
    ["self.a__dash__b == 'x'", true],
    ["quantity(self.size).isGreaterThan(quantity('500Mi'))", true],
    ["quantity('1').asInteger() == 1 && !isQuantity('x')", true],
    ["isURL('https://a.b/c') && isIP('::1') && !isCIDR('1')", true],
    ["self.free.deep.number == 1", true],
    ["self.?missing.orValue('x') == 'x'", true],
    ["self.name.replace('b', 'x') == 'axc' && self.name.charAt(0) == 'a'", true],
    ["'a1b22'.findAll('[0-9]+') == ['1', '22'] && 'a1'.find('[0-9]') == '1'", true],
    ["self.list.indexOf('b') == 1 && self.list.lastIndexOf('z') == -1", true],
  ];
  for (const [rule, holds] of rows)
    test(`${rule} ${holds ? "holds" : "fails"}`, () => {
      const schema = of(fields, rule);
      expect(ruleCauses(schema, "s")).toEqual([]);
      const causes = validateRules(value, undefined, schema);
      expect(causes.map(({ message }) => message)).toEqual(
        holds ? [] : [`Invalid value: "object": failed rule: ${rule}`],
      );
    });

  test("that cannot be read is refused with its schema", () => {
    for (const rule of [
      "self.min <",
      "nothing.min > 1",
      "nobody(self)",
      "self.min + 'a' ? 1",
      "x".repeat(9000),
    ])
      expect(ruleCauses(of({ spec: of(fields, rule) }), "s")[0]).toMatchObject({
        reason: "FieldValueInvalid",
        field: "s.properties[spec].x-kubernetes-validations[0].rule",
        message: expect.stringContaining("compilation failed: "),
      });
  });

  test("that runs into an error says which", () => {
    const [first] = validateRules({ min: 1 }, undefined, of(fields, "self.max > 1"));
    expect(first?.message).toBe('Invalid value: "object": No such key: max evaluating rule: self.max > 1');
  });

  test("says its own message, or what its messageExpression makes, with its reason and field", () => {
    const schema: Schema = {
      ...of(fields),
      "x-kubernetes-validations": [
        { rule: "self.min > 5", message: "too small" },
        {
          rule: "self.min > 5",
          messageExpression: "'min is ' + string(self.min)",
          fieldPath: ".min",
          reason: "FieldValueForbidden",
        },
        { rule: "self.min > 5", message: "kept", messageExpression: "self.missing" },
      ],
    };
    expect(validateRules({ spec: value }, undefined, of({ spec: schema }))).toEqual([
      { reason: "FieldValueInvalid", field: "spec", message: 'Invalid value: "object": too small' },
      { reason: "FieldValueForbidden", field: "spec.min", message: "Forbidden: min is 1" },
      { reason: "FieldValueInvalid", field: "spec", message: 'Invalid value: "object": kept' },
    ]);
  });

  test("is asked of each place that its schema describes", () => {
    const schema = of({
      list: { type: "array", items: of({ a: integer }, "self.a > 0") },
      map: {
        type: "object",
        additionalProperties: { ...integer, "x-kubernetes-validations": [{ rule: "self < 3" }] },
      },
    });
    const causes = validateRules({ list: [{ a: 1 }, { a: 0 }], map: { x: 1, y: 3 } }, undefined, schema);
    expect(causes.map(({ field }) => field)).toEqual(["list[1]", "map.y"]);
    expect(causes[1]?.message).toBe('Invalid value: "integer": failed rule: self < 3');
  });
});

describe("a rule about the old value", () => {
  const frozen = of({
    name: {
      ...text,
      "x-kubernetes-validations": [{ rule: "self == oldSelf", message: "Value is immutable" }],
    },
  });

  test("is asked of a change, and not of a new object", () => {
    expect(validateRules({ name: "a" }, undefined, frozen)).toEqual([]);
    expect(validateRules({ name: "a" }, { name: "a" }, frozen)).toEqual([]);
    expect(validateRules({ name: "b" }, { name: "a" }, frozen)).toEqual([
      { reason: "FieldValueInvalid", field: "name", message: 'Invalid value: "string": Value is immutable' },
    ]);
  });

  test("finds the old element by its keys", () => {
    const parts: Schema = {
      ...fields["parts"],
      items: of({ name: text, weight: integer }, "self.weight >= oldSelf.weight"),
    };
    const schema = of({ parts });
    const old = { parts: value.parts };
    const turned = {
      parts: [
        { name: "q", weight: 2 },
        { name: "p", weight: 0 },
        { name: "new", weight: 0 },
      ],
    };
    expect(validateRules(turned, old, schema).map(({ field }) => field)).toEqual(["parts[1]"]);
  });

  test("with optionalOldSelf is asked always", () => {
    const schema: Schema = {
      ...of(fields),
      "x-kubernetes-validations": [
        {
          rule: "oldSelf.hasValue() ? oldSelf.value().min <= self.min : self.min == 1",
          optionalOldSelf: true,
        },
      ],
    };
    expect(validateRules({ min: 1 }, undefined, schema)).toEqual([]);
    expect(validateRules({ min: 2 }, undefined, schema)).toHaveLength(1);
    expect(validateRules({ min: 2 }, { min: 1 }, schema)).toEqual([]);
    expect(validateRules({ min: 0 }, { min: 1 }, schema)).toHaveLength(1);
  });
});

describe("rules of strangers", () => {
  const many = { list: Array.from({ length: 2000 }, (_, index) => `e${index}`), name: "x".repeat(100_000) };
  const doubled = (levels: number, seed: string): string =>
    Array.from({ length: levels }).reduce<string>(
      (inner, _, level) => `${inner}.map(v${level}, v${level} + v${level})`,
      `[${seed}]`,
    );
  const hostile: readonly (readonly [string, string])[] = [
    ["loops within loops", "self.list.all(a, self.list.all(b, self.list.all(c, a + b + c != '')))"],
    [
      "loops whose parts fail",
      "self.list.exists(a, self.list.exists(b, self.list.exists(c, a.nothing == 1)))",
    ],
    ["texts that double", `${doubled(40, "self.name")} == []`],
    ["lists that double", `${doubled(40, "self.list")} == []`],
    ["comparisons of lists that share their parts", `${pairs(40)} == ${pairs(40)}`],
    ["values that are bound and doubled", binds(40)],
    [
      "expressions that search for long",
      "self.list.all(a, self.name.matches('(x+x+)+y') || true) && self.list.all(a, self.name.matches('(x+x+)+y') || true)",
    ],
  ];
  for (const [name, rule] of hostile)
    test(`with ${name} end with their budget`, () => {
      const causes = validateRules(many, undefined, of(fields, rule));
      expect(causes.at(-1)?.message).toContain("running out of cost budget");
    });

  test("pay the same for the same value each time", () => {
    const rule = compileRule("self.all(x, x != 'y')");
    if (rule instanceof Error) throw rule;
    const spent = [1, 2, 3].map(() => {
      const budget = newBudget();
      rule.run({ self: many.list, oldSelf: undefined }, budget);
      return newBudget().left - budget.left;
    });
    expect(new Set(spent.slice(1)).size).toBe(1);
    expect(spent[1]).toBeGreaterThan(many.list.length);
  });

  test("are sized without walking more than is left", () => {
    let shared: unknown = "x";
    for (let level = 0; level < 60; level++) shared = [shared, shared];
    expect(sizeOf(shared, 1000)).toBeLessThan(2000);
  });

  function pairs(levels: number): string {
    return Array.from({ length: levels }).reduce<string>(
      (inner, _, level) => `${inner}.map(p${level}, [p${level}, p${level}])`,
      "[self.list]",
    );
  }

  function binds(levels: number): string {
    return Array.from({ length: levels }, (_, at) => levels - at)
      .reduce(
        (inner, level) => `cel.bind(b${level}, b${level - 1} + b${level - 1}, ${inner})`,
        `size(b${levels}) > 0`,
      )
      .replace(/^/, "cel.bind(b0, self.name, ")
      .concat(")");
  }
});
