import { expect, test } from "bun:test";
import { SampanError } from "../../base/errors.ts";
import { message } from "./envelope.ts";
import {
  formatResource,
  isNodeName,
  isOperation,
  isType,
  parseResource,
  prependNode,
  requireOwnNode,
  resourceOf,
  stripNode,
} from "./resources.ts";

test.each([
  ["default/pod/p1", { namespace: "default", type: "pod", name: "p1" }],
  ["default/podlist", { namespace: "default", type: "podlist" }],
  ["null/node/edge1", { type: "node", name: "edge1" }],
  ["null/clusterrole/system:node", { type: "clusterrole", name: "system:node" }],
  ["kube-node-lease/lease/edge1", { namespace: "kube-node-lease", type: "lease", name: "edge1" }],
])("%s is read and written", (text, parts) => {
  expect(parseResource(text)).toEqual(parts);
  expect(formatResource(parts)).toBe(text);
});

test.each([
  "",
  "/",
  "pod",
  "default",
  "default/",
  "default//p1",
  "default/pod/",
  "default/pod/.",
  "default/pod/..",
  "../pod/p1",
  "default/pod/a/b",
  "default/pod/a\\b",
  "default/pod/a%2fb",
  "default/pod/a\u0000b",
  "default/pod/a b",
  "default/pod/a\u202eb",
  "Default/pod/p1",
  "default/Pod/p1",
  "-a/pod/p1",
  `default/pod/${"a".repeat(254)}`,
  `${"a".repeat(64)}/pod/p1`,
  `default/${"a".repeat(64)}/p1`,
  "default/pod/p1".repeat(1000),
])("%p is no resource of an object", (text) => {
  expect(() => parseResource(text)).toThrow(SampanError);
  expect(resourceOf(text)).toBeUndefined();
});

test("what would not be read back is not written", () => {
  expect(() => formatResource({ namespace: "null", type: "pod", name: "p" })).toThrow(SampanError);
  expect(() => formatResource({ namespace: "a/b", type: "pod", name: "p" })).toThrow(SampanError);
  expect(() => formatResource({ namespace: "a", type: "pod", name: "p/../q" })).toThrow(SampanError);
});

test("the node stands before a resource within the cloud only", () => {
  expect(prependNode("edge1", "default/pod/p1")).toBe("node/edge1/default/pod/p1");
  expect(stripNode("node/edge1/default/pod/p1")).toEqual({ node: "edge1", resource: "default/pod/p1" });
  expect(prependNode("edge1", "")).toBe("node/edge1");
  expect(stripNode("node/edge1")).toBeUndefined();
  expect(stripNode("upgrade/up1/node/edge1")).toBeUndefined();
  expect(stripNode("node/../default/pod/p1")).toBeUndefined();
  expect(() => prependNode("a/b", "x")).toThrow(SampanError);
  // A resource that pretends to be of another node stays below the sender's.
  expect(stripNode(prependNode("edge1", "node/edge2/default/pod/p"))?.node).toBe("edge1");
});

test.each([
  ["default/nodepatch/edge2", null],
  ["default/nodestatus/edge2", null],
  ["default/node/edge2", null],
  ["kube-node-lease/lease/edge2", null],
  ["operations.kubeedge.io/v1alpha2/nodeupgradejob/j/node/edge2", null],
  ["upgrade/up1/node/edge2", null],
  ["null", { Nodename: "edge2" }],
  ["watchapp/sync", { a: { Nodename: "edge2" } }],
  ["upgrade/up1", { NodeName: "edge2" }],
])("%s %j of another node is refused", (resource, content) => {
  const sent = message({ resource }, content);
  expect(() => requireOwnNode(sent, "edge1")).toThrow('speaks for "edge2"');
  expect(() => requireOwnNode(sent, "edge2")).not.toThrow();
});

test("objects that are of no node are anyone's", () => {
  for (const resource of ["default/pod/edge2", "default/lease/app", "null", "membership/detail", ""])
    expect(() => requireOwnNode(message({ resource }, null), "edge1")).not.toThrow();
});

test("types and operations are known by release", () => {
  const [old, mid] = [
    { major: 1, minor: 15, patch: 4 },
    { major: 1, minor: 19, patch: 0 },
  ];
  expect(isType("pod", old)).toBe(true);
  expect(isType("event", old)).toBe(false);
  expect(isType("event", mid)).toBe(true);
  expect(isType("constructor")).toBe(false);
  expect(isOperation("prepull", old)).toBe(false);
  expect(isOperation("prepull", mid)).toBe(true);
  expect(isOperation("prepull", { major: 1, minor: 22, patch: 0 })).toBe(false);
  expect(isOperation("toString")).toBe(false);
});

test("a node's name is a DNS name", () => {
  expect(isNodeName("edge-1.site")).toBe(true);
  for (const bad of ["", "Edge", "a..b", "a/b", "-a", "a".repeat(254), "a\n"])
    expect(isNodeName(bad)).toBe(false);
});
