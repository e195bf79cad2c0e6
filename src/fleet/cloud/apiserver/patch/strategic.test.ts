import { describe, expect, test } from "bun:test";
import type { KubeObject } from "../../../../spec/kubernetes/kube.ts";
import { example } from "./_example.ts";
import { strategicMergePatch } from "./strategic.ts";

type Spec = Record<string, unknown>;
const object = (spec: Spec, metadata: Spec = {}): KubeObject => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "a", ...metadata },
  spec,
});
const pod = (spec: Spec): Spec => ({ template: { spec } });
const named = (...names: string[]): Spec[] => names.map((name) => ({ name }));
const images = (...names: string[]): Spec[] => names.map((name) => ({ name, image: name }));
const containers = (...list: Spec[]): Spec => pod({ containers: list });

/** What it shows, the spec before, the patch of the spec, the spec after. */
const rows: readonly (readonly [string, Spec, Spec, Spec])[] = [
  // Fields.
  ["sets a field", {}, { replicas: 2 }, { replicas: 2 }],
  ["replaces a field", { replicas: 1 }, { replicas: 2 }, { replicas: 2 }],
  [
    "keeps what it does not name",
    { replicas: 1, paused: true },
    { replicas: 2 },
    { replicas: 2, paused: true },
  ],
  ["null removes a field", { replicas: 1, paused: true }, { paused: null }, { replicas: 1 }],
  ["null for what is not there does nothing", { replicas: 1 }, { paused: null }, { replicas: 1 }],
  ["merges maps", { settings: { a: "1" } }, { settings: { b: "2" } }, { settings: { a: "1", b: "2" } }],
  [
    "null removes an entry of a map",
    { settings: { a: "1", b: "2" } },
    { settings: { a: null } },
    { settings: { b: "2" } },
  ],
  ["an empty map changes nothing", { settings: { a: "1" } }, { settings: {} }, { settings: { a: "1" } }],
  [
    "makes a map that is not there, without its nulls",
    {},
    { settings: { a: "1", b: null } },
    { settings: { a: "1" } },
  ],
  ["a value takes the place of another type", { settings: { a: "1" } }, { settings: "x" }, { settings: "x" }],
  ["a map takes the place of a value", { settings: "x" }, { settings: { a: "1" } }, { settings: { a: "1" } }],
  [
    "fields nobody knows are merged as maps",
    { other: { a: 1 } },
    { other: { b: 2 } },
    { other: { a: 1, b: 2 } },
  ],
  [
    "a field with strategy replace is replaced",
    { whole: { a: "1", b: "2" } },
    { whole: { a: "3" } },
    { whole: { a: "3" } },
  ],
  [
    "__proto__ is a name like others",
    { settings: {} },
    JSON.parse('{"settings":{"__proto__":"x"}}'),
    JSON.parse('{"settings":{"__proto__":"x"}}'),
  ],
  // $patch on maps.
  [
    "$patch: replace replaces a map",
    { settings: { a: "1" } },
    { settings: { b: "2", $patch: "replace" } },
    { settings: { b: "2" } },
  ],
  [
    "$patch: delete empties a map",
    { settings: { a: "1" } },
    { settings: { $patch: "delete" } },
    { settings: {} },
  ],
  [
    "$patch: merge merges a map",
    { settings: { a: "1" } },
    { settings: { b: "2", $patch: "merge" } },
    { settings: { a: "1", b: "2" } },
  ],
  [
    "$patch: replace reaches below",
    { template: { spec: { containers: images("a") } } },
    { template: { $patch: "replace", spec: { containers: named("b") } } },
    { template: { spec: { containers: named("b") } } },
  ],
  [
    "$patch leaves no trace in a map that is new",
    {},
    { settings: { a: "1", $patch: "replace" } },
    { settings: { a: "1" } },
  ],
  // Lists without a merge key.
  [
    "a list without a strategy is replaced",
    pod({ tolerations: [{ key: "a" }] }),
    pod({ tolerations: [{ key: "b" }] }),
    pod({ tolerations: [{ key: "b" }] }),
  ],
  [
    "an empty list replaces such a list",
    pod({ tolerations: [{ key: "a" }] }),
    pod({ tolerations: [] }),
    pod({ tolerations: [] }),
  ],
  [
    "a list of plain values is replaced",
    containers({ name: "a", command: ["x", "y"] }),
    containers({ name: "a", command: ["z"] }),
    containers({ name: "a", command: ["z"] }),
  ],
  ["a list nobody knows is replaced", { other: [1, 2] }, { other: [3] }, { other: [3] }],
  // Lists with a merge key.
  [
    "adds an element before those that only the server has",
    containers(...images("a")),
    containers(...images("b")),
    containers(...images("b", "a")),
  ],
  [
    "merges the element of the same key",
    containers({ name: "a", image: "1", command: ["x"] }),
    containers({ name: "a", image: "2" }),
    containers({ name: "a", image: "2", command: ["x"] }),
  ],
  [
    "null in an element removes its field",
    containers({ name: "a", image: "1" }),
    containers({ name: "a", image: null }),
    containers({ name: "a" }),
  ],
  [
    "the order of the patch goes over that of the object",
    containers(...images("a", "b")),
    containers(...named("b", "a")),
    containers(...images("b", "a")),
  ],
  [
    "other elements stay before what followed them",
    containers(...images("a", "b", "c")),
    containers({ name: "c", image: "x" }),
    containers(...images("a", "b"), { name: "c", image: "x" }),
  ],
  [
    "other elements stay behind what they followed",
    containers(...images("a", "b", "c")),
    containers({ name: "a", image: "x" }),
    containers({ name: "a", image: "x" }, ...images("b", "c")),
  ],
  ["makes a list that is not there", pod({}), containers(...images("a")), containers(...images("a"))],
  ["an empty list changes nothing", containers(...images("a")), containers(), containers(...images("a"))],
  ["null removes the list", containers(...images("a")), pod({ containers: null }), pod({})],
  [
    "$patch: delete takes an element out",
    containers(...images("a", "b")),
    containers({ name: "a", $patch: "delete" }),
    containers(...images("b")),
  ],
  [
    "$patch: delete of what is not there does nothing",
    containers(...images("a")),
    containers({ name: "x", $patch: "delete" }),
    containers(...images("a")),
  ],
  [
    "$patch: delete leaves no trace in a list that is new",
    pod({}),
    containers({ name: "x", $patch: "delete" }),
    containers(),
  ],
  [
    "deletes one and merges another",
    containers(...images("a", "b")),
    containers({ name: "a", $patch: "delete" }, { name: "b", image: "2" }),
    containers({ name: "b", image: "2" }),
  ],
  [
    "a lone $patch: replace makes the patch the list",
    containers(...images("a", "b")),
    containers({ name: "c" }, { $patch: "replace" }),
    containers(...named("c")),
  ],
  [
    "a lone $patch: replace alone empties the list",
    containers(...images("a")),
    containers({ $patch: "replace" }),
    containers(),
  ],
  [
    "merges by a number",
    containers({ name: "a", ports: [{ containerPort: 80, name: "x" }] }),
    containers({ name: "a", ports: [{ containerPort: 80, hostPort: 1 }] }),
    containers({ name: "a", ports: [{ containerPort: 80, name: "x", hostPort: 1 }] }),
  ],
  [
    "another number is another element",
    containers({ name: "a", ports: [{ containerPort: 80 }] }),
    containers({ name: "a", ports: [{ containerPort: 81 }] }),
    containers({ name: "a", ports: [{ containerPort: 81 }, { containerPort: 80 }] }),
  ],
  [
    "merges lists within lists",
    containers({ name: "a", env: [{ name: "X", value: "1" }] }),
    containers({ name: "a", env: [{ name: "Y", value: "2" }] }),
    containers({
      name: "a",
      env: [
        { name: "Y", value: "2" },
        { name: "X", value: "1" },
      ],
    }),
  ],
  [
    "merges maps within elements",
    containers({ name: "a", resources: { limits: { cpu: 1 } } }),
    containers({ name: "a", resources: { limits: { memory: "1Gi" } } }),
    containers({ name: "a", resources: { limits: { cpu: 1, memory: "1Gi" } } }),
  ],
  // $setElementOrder.
  [
    "$setElementOrder orders what is merged",
    containers(...images("a", "b", "c")),
    pod({ "$setElementOrder/containers": named("c", "b", "a"), containers: [{ name: "b", image: "x" }] }),
    containers({ name: "c", image: "c" }, { name: "b", image: "x" }, { name: "a", image: "a" }),
  ],
  [
    "$setElementOrder alone orders the list",
    containers(...images("a", "b")),
    pod({ "$setElementOrder/containers": named("b", "a") }),
    containers(...images("b", "a")),
  ],
  [
    "$setElementOrder puts a new element at its place",
    containers(...images("a", "c")),
    pod({ "$setElementOrder/containers": named("a", "b", "c"), containers: images("b") }),
    containers(...images("a", "b", "c")),
  ],
  [
    "$setElementOrder keeps the server's own before what followed it",
    containers(...images("s", "a", "b")),
    pod({ "$setElementOrder/containers": named("a", "b") }),
    containers(...images("s", "a", "b")),
  ],
  [
    "$setElementOrder keeps the server's own behind all",
    containers(...images("a", "b", "s")),
    pod({ "$setElementOrder/containers": named("b", "a") }),
    containers(...images("b", "a", "s")),
  ],
  [
    "$setElementOrder may name what is not there",
    containers(...images("a")),
    pod({ "$setElementOrder/containers": named("a", "x") }),
    containers(...images("a")),
  ],
  [
    "$setElementOrder with a deletion",
    containers(...images("a", "b")),
    pod({ "$setElementOrder/containers": named("b"), containers: [{ name: "a", $patch: "delete" }] }),
    containers(...images("b")),
  ],
  [
    "$setElementOrder of a list that is not there leaves no trace",
    pod({}),
    pod({ "$setElementOrder/containers": named("a") }),
    pod({}),
  ],
  [
    "$setElementOrder orders plain values",
    { groups: ["a", "b"] },
    { "$setElementOrder/groups": ["b", "a"] },
    { groups: ["b", "a"] },
  ],
  [
    "$setElementOrder places a plain value",
    { groups: ["a", "c"] },
    { "$setElementOrder/groups": ["a", "b", "c"], groups: ["b"] },
    { groups: ["a", "b", "c"] },
  ],
  // Lists of plain values that are merged.
  ["adds to a set", { groups: ["a"] }, { groups: ["b"] }, { groups: ["b", "a"] }],
  ["adds to a set only once", { groups: ["a", "b"] }, { groups: ["a"] }, { groups: ["a", "b"] }],
  ["makes a set that is not there", {}, { groups: ["a", "a"] }, { groups: ["a"] }],
  [
    "$deleteFromPrimitiveList takes values out",
    { groups: ["a", "b", "c"] },
    { "$deleteFromPrimitiveList/groups": ["a", "c"] },
    { groups: ["b"] },
  ],
  [
    "$deleteFromPrimitiveList with an addition",
    { groups: ["a", "b"] },
    { "$deleteFromPrimitiveList/groups": ["a"], "$setElementOrder/groups": ["c", "b"], groups: ["c"] },
    { groups: ["c", "b"] },
  ],
  [
    "$deleteFromPrimitiveList of what is not there does nothing",
    { groups: ["a"] },
    { "$deleteFromPrimitiveList/groups": ["x"] },
    { groups: ["a"] },
  ],
  [
    "$deleteFromPrimitiveList of a list that is not there leaves no trace",
    {},
    { "$deleteFromPrimitiveList/groups": ["x"] },
    {},
  ],
  // $retainKeys.
  [
    "$retainKeys drops the other fields",
    { strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: 1 } } },
    { strategy: { $retainKeys: ["type"], type: "Recreate" } },
    { strategy: { type: "Recreate" } },
  ],
  [
    "$retainKeys keeps what it names",
    { strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: 1 } } },
    { strategy: { $retainKeys: ["type", "rollingUpdate"], type: "RollingUpdate" } },
    { strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: 1 } } },
  ],
  [
    "$retainKeys within an element of a list",
    pod({ volumes: [{ name: "v", emptyDir: {} }] }),
    pod({ volumes: [{ name: "v", $retainKeys: ["name", "hostPath"], hostPath: { path: "/x" } }] }),
    pod({ volumes: [{ name: "v", hostPath: { path: "/x" } }] }),
  ],
  [
    "$retainKeys of a map that is not there",
    {},
    { strategy: { $retainKeys: ["type"], type: "Recreate" } },
    { strategy: { type: "Recreate" } },
  ],
  [
    "$retainKeys lets nulls pass",
    { strategy: { type: "RollingUpdate", rollingUpdate: {} } },
    { strategy: { $retainKeys: ["type"], rollingUpdate: null, type: "Recreate" } },
    { strategy: { type: "Recreate" } },
  ],
];

describe("a strategic merge patch", () => {
  for (const [name, before, patch, after] of rows)
    test(name, () => {
      const original = object(before);
      const kept = structuredClone(original);
      const result = strategicMergePatch(original, { spec: patch }, example);
      expect(result["spec"]).toEqual(after);
      expect(original).toEqual(kept);
    });

  test("merges finalizers as a set, and owners by their uid", () => {
    const owner = { apiVersion: "v1", kind: "Pod", name: "p", uid: "1" };
    const before = object({}, { finalizers: ["a"], ownerReferences: [owner] });
    const patch = { metadata: { finalizers: ["b"], ownerReferences: [{ uid: "1", controller: true }] } };
    const { metadata } = strategicMergePatch(before, patch, example);
    expect(metadata.finalizers).toEqual(["b", "a"]);
    expect(metadata.ownerReferences).toEqual([{ ...owner, controller: true }]);
  });

  test("with the same patch twice is the same as once", () => {
    for (const [, before, patch] of rows) {
      const once = strategicMergePatch(object(before), { spec: patch }, example);
      expect(strategicMergePatch(once, { spec: patch }, example)).toEqual(once);
    }
  });
});

describe("a strategic merge patch is refused", () => {
  const refused: readonly (readonly [string, unknown, string])[] = [
    ["that is no object", [], "invalid JSON document"],
    [
      "with an element without its merge key",
      { spec: containers({ image: "x" }) },
      "does not contain declared merge key: name",
    ],
    ["with an element of another type", { spec: pod({ containers: ["a"] }) }, "expected a list of objects"],
    [
      "with an unknown $patch",
      { spec: { settings: { $patch: "append" } } },
      'unknown patch type: "append" in map',
    ],
    [
      "with $retainKeys that lacks a field it sets",
      { spec: { strategy: { $retainKeys: ["rollingUpdate"], type: "x" } } },
      "invalid patch format of retainKeys",
    ],
    [
      "with $retainKeys that is no list",
      { spec: { strategy: { $retainKeys: "type" } } },
      "invalid patch format of retainKeys",
    ],
    [
      "with $setElementOrder that is no list",
      { spec: { "$setElementOrder/groups": {} } },
      "invalid patch format of setElementOrder list",
    ],
    [
      "with $setElementOrder that lacks an element",
      { spec: { "$setElementOrder/groups": ["b"], groups: ["a"] } },
      "doesn't match $setElementOrder list",
    ],
    [
      "with $setElementOrder of another order",
      { spec: pod({ "$setElementOrder/containers": named("a", "b"), containers: named("b", "a") }) },
      "doesn't match $setElementOrder list",
    ],
    [
      "with $deleteFromPrimitiveList of objects",
      { spec: { "$deleteFromPrimitiveList/groups": [{}] } },
      "invalid patch format of primitive list",
    ],
    [
      "with an object in a list of plain values",
      { spec: { groups: [{}] } },
      "invalid patch format of primitive list",
    ],
    ["nested without end", nested(2000), "nested deeper"],
  ];
  for (const [name, patch, message] of refused)
    test(name, () => {
      const before = object({ strategy: { type: "x" }, groups: ["a"], ...containers(...images("a", "b")) });
      expect(() => strategicMergePatch(before, patch, example)).toThrow(message);
    });
});

function nested(levels: number): unknown {
  return JSON.parse(`${'{"a":'.repeat(levels)}1${"}".repeat(levels)}`);
}
