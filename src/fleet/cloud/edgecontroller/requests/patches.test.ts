import { describe, expect, test } from "bun:test";
import { invalid } from "../../../../base/errors.ts";
import type { KubeObject } from "../../../../spec/kubernetes/kube.ts";
import { isPresent, readPatch } from "./patches.ts";

const ready = { type: "Ready", status: "True", reason: "EdgeReady" };
const disk = { type: "DiskPressure", status: "False" };
const node: KubeObject = {
  apiVersion: "v1",
  kind: "Node",
  metadata: { name: "n", uid: "u", labels: { a: "1" } },
  status: {
    conditions: [disk, ready],
    capacity: { cpu: "2", memory: "1Gi" },
    addresses: [{ type: "InternalIP", address: "10.0.0.1" }],
  },
};

const rows: readonly [title: string, patch: object, isThere: boolean][] = [
  ["nothing", {}, true],
  ["a field as it is", { status: { capacity: { cpu: "2" } } }, true],
  ["a field as it is not", { status: { capacity: { cpu: "4" } } }, false],
  ["a field that is not there", { status: { phase: "Running" } }, false],
  ["a condition as it is", { status: { conditions: [{ type: "Ready", status: "True" }] } }, true],
  ["a condition as it is not", { status: { conditions: [{ type: "Ready", status: "False" }] } }, false],
  ["a condition that is not there", { status: { conditions: [{ type: "New", status: "True" }] } }, false],
  ["a condition without a type", { status: { conditions: [{ status: "True" }] } }, false],
  ["a condition to be deleted", { status: { conditions: [{ type: "Ready", $patch: "delete" }] } }, false],
  ["the order of conditions alone", { status: { "$setElementOrder/conditions": [{ type: "Ready" }] } }, true],
  ["a list as it is", { status: { addresses: [{ type: "InternalIP", address: "10.0.0.1" }] } }, true],
  ["a part of a list", { status: { addresses: [] } }, false],
  [
    "a list to be replaced",
    { status: { addresses: [{ type: "InternalIP", address: "10.0.0.1" }, { $patch: "replace" }] } },
    false,
  ],
  ["what is not there taken away", { status: { phase: null } }, true],
  ["what is there taken away", { status: { capacity: { cpu: null } } }, false],
  ["all of what is there taken away", { status: { conditions: null } }, false],
  ["a text where an object is", { status: { capacity: "2" } }, false],
  ["an object where a text is", { metadata: { uid: {} } }, false],
  ["a name of every object", { status: { constructor: {} } }, false],
];

describe("whether a patch changes anything", () => {
  test.each(rows.map(([title, patch, isThere]) => ({ title, patch, isThere })))(
    "$title: is there already: $isThere",
    ({ patch, isThere }) => {
      expect(isPresent(patch as Record<string, unknown>, node)).toBe(isThere);
    },
  );
});

test("a patch is taken apart into what a node may say", () => {
  const patch = {
    metadata: { name: "n", uid: "u", creationTimestamp: null, labels: { a: null }, annotations: { b: "c" } },
    status: { phase: "Running" },
  };
  expect(readPatch(patch, (field) => invalid(field))).toEqual({
    uid: "u",
    labels: { a: null },
    annotations: { b: "c" },
    status: { phase: "Running" },
  });
});

test.each([
  [{ spec: {} }, "spec"],
  [{ $patch: "delete" }, "$patch"],
  [{ metadata: { finalizers: [] } }, "metadata.finalizers"],
  [
    { metadata: { "$deleteFromPrimitiveList/finalizers": ["x"] } },
    "metadata.$deleteFromPrimitiveList/finalizers",
  ],
  [{ metadata: { labels: { $patch: "replace" } } }, "labels are not texts"],
  [{ metadata: { labels: { a: 1 } } }, "labels are not texts"],
  [{ metadata: [] }, "metadata is no object"],
  [{ status: null }, "status is no object"],
  [{ status: { $retainKeys: [] } }, "status as a whole"],
] as const)("%j is refused", (patch, why) => {
  expect(() => readPatch(patch as Record<string, unknown>, (field) => invalid(field))).toThrow(why);
});
