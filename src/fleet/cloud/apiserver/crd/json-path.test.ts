import { describe, expect, test } from "bun:test";
import { printerTable } from "./columns.ts";
import { findByPath, parseJsonPath } from "./json-path.ts";

const object = {
  metadata: { name: "a", creationTimestamp: "2026-01-01T00:00:00Z", labels: { "a.b/c": "x" } },
  spec: { replicas: 3, ratio: 0.5, paused: false, list: ["x", "y"], nothing: null },
  status: {
    conditions: [
      { type: "Ready", status: "True", count: 1 },
      { type: "Other", status: "False", count: 5, inner: { kind: "x" } },
    ],
  },
};

describe("a JSON path", () => {
  const rows: readonly (readonly [string, readonly unknown[]])[] = [
    [".spec.replicas", [3]],
    ["$.spec.replicas", [3]],
    [".spec.list[0]", ["x"]],
    [".spec.list[-1]", ["y"]],
    [".spec.list[7]", []],
    [".spec.list[*]", ["x", "y"]],
    [".spec['replicas']", [3]],
    ['.spec["replicas"]', [3]],
    [".metadata.labels.a\\.b/c", ["x"]],
    [".metadata.labels['a.b/c']", ["x"]],
    ['.status.conditions[?(@.type=="Ready")].status', ["True"]],
    [".status.conditions[?(@.type=='Ready')].status", ["True"]],
    ['.status.conditions[?(@.type != "Ready")].status', ["False"]],
    [".status.conditions[?(@.count>1)].type", ["Other"]],
    [".status.conditions[?(@.count<=1)].type", ["Ready"]],
    [".status.conditions[?(@.inner.kind)].type", ["Other"]],
    [".status.conditions[*].type", ["Ready", "Other"]],
    [".status.conditions.type", []],
    [".spec.*", [3, 0.5, false, ["x", "y"], null]],
    [".spec.missing.deeper", []],
    [".constructor", []],
    [".spec.__proto__", []],
    [".spec.nothing", [null]],
  ];
  for (const [text, found] of rows)
    test(text, () => {
      const path = parseJsonPath(text);
      if (typeof path === "string") throw new Error(path);
      expect(findByPath(object, path)).toEqual(found);
    });

  const wrong = [
    "",
    "spec",
    ".spec[",
    ".spec[x]",
    ".spec..name",
    ".spec[?(@.a=)]",
    ".spec[?(@.a==b)]",
    `.${"a".repeat(2000)}`,
    ".a".repeat(100),
    ".spec[99999999999]",
  ];
  for (const text of wrong)
    test(`${text.slice(0, 20) || "nothing"} is none`, () => {
      expect(parseJsonPath(text)).toBeString();
    });

  test("finds a bounded number of values", () => {
    const path = parseJsonPath("[*][*][*]");
    if (typeof path === "string") throw new Error(path);
    const list = Array.from({ length: 300 }, () => 1);
    expect(
      findByPath(
        list.map(() => list.map(() => list)),
        path,
      ),
    ).toHaveLength(1000);
  });
});

describe("printer columns", () => {
  const now = Date.parse("2026-01-01T01:00:00Z");
  const rows: readonly (readonly [string, string, unknown])[] = [
    ["integer", ".spec.replicas", 3],
    ["integer", ".spec.list", null],
    ["integer", ".spec.missing", null],
    ["number", ".spec.ratio", 0.5],
    ["boolean", ".spec.paused", false],
    ["boolean", ".spec.replicas", null],
    ["string", ".spec.replicas", "3"],
    ["string", ".spec.list", '["x","y"]'],
    ["string", ".spec.list[*]", "x y"],
    ["string", ".spec.nothing", null],
    ["date", ".metadata.creationTimestamp", "60m"],
    ["date", ".spec.replicas", null],
  ];
  for (const [type, jsonPath, cell] of rows)
    test(`${type} of ${jsonPath}`, () => {
      const table = printerTable([{ name: "X", type, jsonPath, priority: 1 }]);
      expect(table.cells({ apiVersion: "v1", kind: "X", ...object }, now)).toEqual(["a", cell]);
      expect(table.columns[1]).toMatchObject({ name: "X", type, priority: 1 });
    });

  test("are name and age where there are none", () => {
    expect(printerTable([]).columns.map(({ name }) => name)).toEqual(["Name", "Age"]);
  });
});
