import { expect, test } from "bun:test";
import type { KubeObject } from "../../../spec/kubernetes/kube.ts";
import { lean } from "./lean.ts";

function pod(name: string, node: string, image = "web:1"): KubeObject {
  return JSON.parse(
    JSON.stringify({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name, namespace: "default", uid: name, managedFields: [{ manager: "kubectl" }] },
      spec: { nodeName: node, containers: [{ name: "main", image, args: ["a", 1, null] }] },
      status: { phase: "Running" },
    }),
  ) as KubeObject;
}

interface Spec {
  readonly nodeName: string;
  readonly containers: readonly object[];
}

const specOf = (object: KubeObject) => object["spec"] as Spec;

test("an object is as it was, without managed fields", () => {
  const { managedFields: _, ...metadata } = pod("a", "n1").metadata;
  expect(lean(pod("a", "n1"))).toEqual({ ...pod("a", "n1"), metadata });
});

test("equal parts of two objects are one, what differs is each one's own", () => {
  const [a, b, c] = [lean(pod("a", "n1")), lean(pod("b", "n2")), lean(pod("c", "n2", "web:2"))];
  expect(specOf(a).containers).toBe(specOf(b).containers);
  expect([a, b].map((each) => specOf(each).nodeName)).toEqual(["n1", "n2"]);
  expect(specOf(c).containers).toEqual([{ name: "main", image: "web:2", args: ["a", 1, null] }]);
});

test("a large part is looked into, and whatever its fields are called they stay", () => {
  const long = "x".repeat(5000);
  const text = `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"data":{"__proto__":"p","long":"${long}"}}`;
  const object = JSON.parse(text) as KubeObject;
  expect(JSON.stringify(lean(object))).toBe(text);
});

test("however many different ones come, those that are kept are right", () => {
  for (let index = 0; index < 5000; index++) {
    const kept = lean(pod(`p${index}`, `n${index}`, `image:${index}`));
    expect(specOf(kept).containers).toEqual(specOf(pod("", "", `image:${index}`)).containers);
  }
});
