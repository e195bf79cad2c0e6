import { expect, test } from "bun:test";
import { SampanError } from "../../../base/errors.ts";
import { applicationId, formatKey, parseKey, type Key } from "./application.ts";

test.each<[string, Key]>([
  [
    "/core/v1/configmaps/default/cm1",
    { is: "resource", group: "", version: "v1", resource: "configmaps", namespace: "default", name: "cm1" },
  ],
  ["/core/v1/nodes/null/null", { is: "resource", group: "", version: "v1", resource: "nodes" }],
  [
    "/apps/v1/deployments/default/null",
    { is: "resource", group: "apps", version: "v1", resource: "deployments", namespace: "default" },
  ],
  ["/version", { is: "path", path: "/version" }],
  ["/apis/apps/v1", { is: "path", path: "/apis/apps/v1" }],
  ["/openapi/v3", { is: "path", path: "/openapi/v3" }],
])("%s is read and written", (text, key) => {
  expect(parseKey(text)).toEqual(key);
  expect(formatKey(key)).toBe(text);
});

test.each([
  "",
  "/",
  "core/v1/pods/default/p",
  "/core/v1/pods",
  "/core/v1/pods/default/p/exec",
  "/core/v1/pods/../secrets",
  "/core/v1/pods/default/..",
  "/core/v1/pods//p",
  "/core/v1/pods/default/a%2fb",
  "/core/v1/pods/default/a?b",
  "/apis/../version",
  "/metrics",
])("%p would become another address, and is refused", (text) => {
  expect(() => parseKey(text)).toThrow(SampanError);
});

test("names that are no names are not written", () => {
  expect(() => formatKey({ is: "resource", group: "", version: "v1", resource: "pods/exec" })).toThrow(
    SampanError,
  );
});

test("the id is the one that KubeEdge's edge computed", () => {
  const asked = {
    Nodename: "edge1",
    Key: "/core/v1/configmaps/default/cm1",
    Verb: "get",
    Option: new TextEncoder().encode("{}"),
    ReqBody: null,
    Subresource: "",
  } as const;
  expect(applicationId(asked)).toBe("c06de1b481754bb510c2bee5bc9efd3349aa49fd8c0ffa0cc382e79351351dcd");
  expect(applicationId({ ...asked, Nodename: "edge2" })).not.toBe(applicationId(asked));
});
