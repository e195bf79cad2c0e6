import { describe, expect, test } from "bun:test";
import { KubeError, type KubeObject } from "../../../../spec/kubernetes/kube.ts";
import { jsonPatch, maxOperations } from "./json.ts";
import { mergePatch } from "./merge.ts";

const object = (data: unknown): KubeObject => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name: "a" },
  data,
});

describe("a JSON patch", () => {
  const rows: readonly (readonly [string, unknown, unknown[], unknown])[] = [
    ["adds a field", {}, [{ op: "add", path: "/data/a", value: 1 }], { a: 1 }],
    ["adds into a list", [1, 3], [{ op: "add", path: "/data/1", value: 2 }], [1, 2, 3]],
    ["adds to the end of a list", [1], [{ op: "add", path: "/data/-", value: 2 }], [1, 2]],
    ["removes", { a: 1, b: 2 }, [{ op: "remove", path: "/data/a" }], { b: 2 }],
    ["replaces", { a: 1 }, [{ op: "replace", path: "/data/a", value: null }], { a: null }],
    ["moves", { a: 1 }, [{ op: "move", from: "/data/a", path: "/data/b" }], { b: 1 }],
    [
      "copies",
      { a: [1] },
      [
        { op: "copy", from: "/data/a", path: "/data/b" },
        { op: "add", path: "/data/b/-", value: 2 },
      ],
      { a: [1], b: [1, 2] },
    ],
    ["tests", { a: { b: 1 } }, [{ op: "test", path: "/data/a", value: { b: 1 } }], { a: { b: 1 } }],
    [
      "reads ~1 and ~0",
      { "a/b": 1, "c~d": 2 },
      [
        { op: "remove", path: "/data/a~1b" },
        { op: "move", from: "/data/c~0d", path: "/data/x" },
      ],
      { x: 2 },
    ],
    ["with no operation changes nothing", { a: 1 }, [], { a: 1 }],
  ];
  for (const [name, before, patch, after] of rows)
    test(name, () => {
      const original = object(before);
      const kept = structuredClone(original);
      expect(jsonPatch(original, patch)["data"]).toEqual(after);
      expect(original).toEqual(kept);
    });

  const refused: readonly (readonly [string, unknown, string])[] = [
    ["that is no list", {}, "BadRequest"],
    ["with an operation that is none", [1], "BadRequest"],
    ["with an unknown operation", [{ op: "append", path: "/data" }], "BadRequest"],
    [
      "with an operation named after a property of all objects",
      [{ op: "constructor", path: "/data" }],
      "BadRequest",
    ],
    ["without a path", [{ op: "remove" }], "BadRequest"],
    ["with a path that does not begin with a slash", [{ op: "remove", path: "data" }], "BadRequest"],
    ["without a value", [{ op: "add", path: "/data/a" }], "BadRequest"],
    ["without from", [{ op: "move", path: "/data/a" }], "BadRequest"],
    [
      "with too many operations",
      Array.from({ length: maxOperations + 1 }, () => ({ op: "test", path: "/kind", value: "ConfigMap" })),
      "RequestEntityTooLarge",
    ],
    ["that removes what is not there", [{ op: "remove", path: "/data/x" }], "Invalid"],
    ["that replaces what is not there", [{ op: "replace", path: "/data/x", value: 1 }], "Invalid"],
    ["that adds below what is not there", [{ op: "add", path: "/data/x/y", value: 1 }], "Invalid"],
    ["that moves what is not there", [{ op: "move", from: "/data/x", path: "/data/y" }], "Invalid"],
    [
      "that copies an inherited property",
      [{ op: "copy", from: "/data/toString", path: "/data/y" }],
      "Invalid",
    ],
    ["that moves a field into itself", [{ op: "move", from: "/data", path: "/data/y" }], "Invalid"],
    ["whose test fails", [{ op: "test", path: "/data/a", value: 2 }], "Invalid"],
    ["that reaches for a prototype", [{ op: "add", path: "/__proto__/polluted", value: 1 }], "Invalid"],
    [
      "that reaches for a constructor's prototype",
      [{ op: "add", path: "/constructor/prototype/polluted", value: 1 }],
      "Invalid",
    ],
    ["that leaves no object", [{ op: "replace", path: "", value: 1 }], "Invalid"],
    [
      "whose copies double",
      [
        { op: "add", path: "/data/l", value: ["x".repeat(1000)] },
        ...Array.from({ length: 30 }, () => ({ op: "copy", from: "/data/l", path: "/data/l/-" })),
      ],
      "RequestEntityTooLarge",
    ],
  ];
  for (const [name, patch, reason] of refused)
    test(`${name} is refused`, () => {
      const original = object({ a: 1 });
      const error = caught(() => jsonPatch(original, patch));
      expect(error).toBeInstanceOf(KubeError);
      expect((error as KubeError).reason).toBe(reason as KubeError["reason"]);
      expect(original).toEqual(object({ a: 1 }));
      expect(Object.hasOwn(Object.prototype, "polluted")).toBe(false);
    });
});

function caught(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  return undefined;
}

describe("a merge patch", () => {
  // The examples of RFC 7386, appendix A, as fields of an object.
  const rows: readonly (readonly [unknown, unknown, unknown])[] = [
    [{ a: "b" }, { a: "c" }, { a: "c" }],
    [{ a: "b" }, { b: "c" }, { a: "b", b: "c" }],
    [{ a: "b" }, { a: null }, {}],
    [{ a: "b", b: "c" }, { a: null }, { b: "c" }],
    [{ a: ["b"] }, { a: "c" }, { a: "c" }],
    [{ a: "c" }, { a: ["b"] }, { a: ["b"] }],
    [{ a: { b: "c" } }, { a: { b: "d", c: null } }, { a: { b: "d" } }],
    [{ a: [{ b: "c" }] }, { a: [1] }, { a: [1] }],
    [
      ["a", "b"],
      ["c", "d"],
      ["c", "d"],
    ],
    [{ a: "b" }, ["c"], ["c"]],
    [{ a: "foo" }, "bar", "bar"],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [[1, 2], { a: "b", c: null }, { a: "b" }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  ];
  for (const [before, patch, after] of rows)
    test(`${JSON.stringify(patch)} over ${JSON.stringify(before)}`, () => {
      const original = object(before);
      const kept = structuredClone(original);
      expect(mergePatch(original, { data: patch })["data"]).toEqual(after);
      expect(original).toEqual(kept);
    });

  test("takes __proto__ for a name like others", () => {
    const result = mergePatch(object({}), JSON.parse('{"data":{"__proto__":{"polluted":1}}}'));
    expect(JSON.stringify(result["data"])).toBe('{"__proto__":{"polluted":1}}');
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
  });

  test("that is no object, or leaves none, is refused", () => {
    expect(() => mergePatch(object({}), [])).toThrow("must be an object");
    expect(() => mergePatch(object({}), { metadata: null })).toThrow("no object");
  });

  test("made of the difference of two values leads from one to the other", () => {
    const random = sequence(7);
    for (let round = 0; round < 300; round++) {
      const [a, b] = [value(random, 3), value(random, 3)];
      const result = mergePatch(object({ value: a }), { data: difference({ value: a }, { value: b }) });
      expect(result["data"]).toEqual({ value: b });
    }
  });
});

/** A patch that leads from one object to the other. */
function difference(a: Record<string, unknown>, b: Record<string, unknown>): Record<string, unknown> {
  const patch: Record<string, unknown> = {};
  for (const name of new Set([...Object.keys(a), ...Object.keys(b)])) {
    const [left, right] = [a[name], b[name]];
    if (!(name in b)) patch[name] = null;
    else if (isRecord(left) && isRecord(right)) patch[name] = difference(left, right);
    else if (isRecord(right)) patch[name] = right;
    else patch[name] = right;
  }
  return patch;
}

function isRecord(value_: unknown): value_ is Record<string, unknown> {
  return typeof value_ === "object" && value_ !== null && !Array.isArray(value_);
}

/** Numbers that look random and are the same each time. */
function sequence(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

function value(random: (below: number) => number, depth: number): unknown {
  const kind = random(depth > 0 ? 5 : 3);
  if (kind < 2) return random(4);
  if (kind === 2) return `s${random(3)}`;
  if (kind === 3) return Array.from({ length: random(3) }, () => value(random, depth - 1));
  return Object.fromEntries(
    Array.from({ length: random(4) }, () => [`f${random(4)}`, value(random, depth - 1)]),
  );
}
