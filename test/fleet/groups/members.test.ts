import { expect, test } from "bun:test";
import { membershipOf } from "../../../src/fleet/cloud/groups/members.ts";
import type { KubeObject } from "../../../src/spec/kubernetes/kube.ts";

const belonging = "apps.kubeedge.io/belonging-to";

function node(name: string, labels: Record<string, string> = {}, ready?: string): KubeObject {
  const status = ready === undefined ? {} : { conditions: [{ type: "Ready", status: ready }] };
  return { apiVersion: "v1", kind: "Node", metadata: { name, labels }, status };
}

function group(name: string, spec: object, age = "2026-01-01T00:00:00Z"): KubeObject {
  return {
    apiVersion: "apps.kubeedge.io/v1alpha1",
    kind: "NodeGroup",
    metadata: { name, creationTimestamp: age },
    spec,
  };
}

test("nodes are selected by name and by label", () => {
  const nodes = [node("a", {}, "True"), node("b", { site: "x" }, "False"), node("c")];
  const { labels, statuses } = membershipOf(
    [group("g", { nodes: ["a", "z"], matchLabels: { site: "x" } })],
    nodes,
  );
  expect(Object.fromEntries(labels)).toEqual({ a: "g", b: "g" });
  expect(statuses.get("g")).toEqual([
    { nodeName: "a", readyStatus: "Ready", selectionStatus: "Succeeded" },
    { nodeName: "b", readyStatus: "NotReady", selectionStatus: "Succeeded" },
    {
      nodeName: "z",
      readyStatus: "Unknown",
      selectionStatus: "Failed",
      selectionStatusReason: 'there is no node "z"',
    },
  ]);
});

test("a group that selects nothing selects nothing", () => {
  expect(membershipOf([group("g", {}), group("h", { matchLabels: {} })], [node("a")]).labels.size).toBe(0);
});

test("a node of two groups stays in the one that it bears, otherwise the oldest has it", () => {
  const groups = [
    group("new", { nodes: ["a", "b"] }, "2026-02-01T00:00:00Z"),
    group("old", { nodes: ["a", "b"] }),
  ];
  const { labels, statuses } = membershipOf(groups, [node("a", { [belonging]: "new" }), node("b")]);
  expect(Object.fromEntries(labels)).toEqual({ b: "old" });
  expect(statuses.get("old")?.map(({ selectionStatusReason }) => selectionStatusReason)).toEqual([
    'the node belongs to group "new"',
    undefined,
  ]);
});

test("a label of a group that is gone, or that selects the node no longer, goes", () => {
  const leaving = group("leaving", { nodes: ["b"] });
  leaving.metadata.deletionTimestamp = "2026-03-01T00:00:00Z";
  const nodes = [
    node("a", { [belonging]: "g" }),
    node("b", { [belonging]: "leaving" }),
    node("c", { [belonging]: "gone" }),
  ];
  const { labels } = membershipOf([group("g", { nodes: ["z"] }), leaving], nodes);
  expect([...labels]).toEqual([
    ["a", undefined],
    ["b", undefined],
    ["c", undefined],
  ]);
});
