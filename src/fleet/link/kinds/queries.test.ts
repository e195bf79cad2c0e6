import { expect, test } from "bun:test";
import { parseOutwardRequest } from "./user.ts";
import { requireSameObject } from "./kube.ts";
import { reply, type Reply } from "./queries.ts";

const node = { metadata: { name: "edge1" } };

test.each<[unknown, Reply]>([
  ["OK", { is: "ok" }],
  ["-----BEGIN", { is: "text", text: "-----BEGIN" }],
  [{}, { is: "error" }],
  [{ ErrStatus: { code: 404 } }, { is: "error", status: { code: 404 } }],
  [
    { Object: node, Err: null },
    { is: "response", response: { Object: node, Err: null } },
  ],
  [
    { Object: null, Err: {} },
    { is: "response", response: { Object: null, Err: { ErrStatus: {} } } },
  ],
  [
    { ...node, kind: "Node" },
    { is: "object", object: { ...node, kind: "Node" } },
  ],
  [["{}", node], { is: "list", items: ["{}", node] }],
])("the answer %j is told apart, and written as it was", (content, told) => {
  expect(reply.parse(content)).toEqual(told);
  expect(JSON.stringify(reply.build(told))).toBe(JSON.stringify(content));
});

test("an object is the one that its message names", () => {
  const resource = { namespace: "default", type: "pod", name: "p1" };
  expect(() => requireSameObject(resource, { metadata: { name: "p1", namespace: "default" } })).not.toThrow();
  expect(() => requireSameObject(resource, { metadata: { name: "p1" } })).not.toThrow();
  expect(() => requireSameObject(resource, { metadata: { name: "p2" } })).toThrow('"p2"');
  expect(() => requireSameObject(resource, { metadata: { name: "p1", namespace: "other" } })).toThrow(
    '"other"',
  );
});

test("a local application's request is read from its body", () => {
  const body = (value: unknown) => Buffer.from(JSON.stringify(value));
  expect(parseOutwardRequest(body({ method: "POST", targetURL: "http://a/x", payload: [1] }))).toEqual({
    method: "POST",
    targetURL: "http://a/x",
    payload: [1],
  });
  for (const bad of [null, {}, { targetURL: "a\nb", payload: 1 }, { targetURL: "a", method: "GET /" }])
    expect(() => parseOutwardRequest(body(bad))).toThrow("the request");
});
