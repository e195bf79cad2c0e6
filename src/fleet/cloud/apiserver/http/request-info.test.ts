import { expect, test } from "bun:test";
import { requestInfo } from "./request-info.ts";

const pods = { group: "", version: "v1", resource: "pods" };
const asked: readonly [method: string, url: string, verb: string, resource: object | undefined][] = [
  ["GET", "/api/v1/pods", "list", pods],
  ["GET", "/api/v1/pods?watch=true", "watch", pods],
  ["GET", "/api/v1/pods?watch=0", "list", pods],
  ["GET", "/api/v1/namespaces/a/pods/b", "get", { ...pods, namespace: "a", name: "b" }],
  ["HEAD", "/api/v1/namespaces/a/pods/b", "get", { ...pods, namespace: "a", name: "b" }],
  [
    "GET",
    "/api/v1/namespaces/a/pods/b/log?follow",
    "get",
    { ...pods, namespace: "a", name: "b", subresource: "log" },
  ],
  ["POST", "/api/v1/namespaces/a/pods", "create", { ...pods, namespace: "a" }],
  ["DELETE", "/api/v1/namespaces/a/pods", "deletecollection", { ...pods, namespace: "a" }],
  ["DELETE", "/api/v1/namespaces/a/pods/b", "delete", { ...pods, namespace: "a", name: "b" }],
  ["GET", "/api/v1/namespaces", "list", { ...pods, resource: "namespaces" }],
  ["GET", "/api/v1/namespaces/a", "get", { ...pods, resource: "namespaces", namespace: "a", name: "a" }],
  [
    "PUT",
    "/api/v1/namespaces/a/finalize",
    "update",
    { ...pods, resource: "namespaces", namespace: "a", name: "a", subresource: "finalize" },
  ],
  [
    "PATCH",
    "/apis/apps/v1/namespaces/a/deployments/b/scale",
    "patch",
    {
      group: "apps",
      version: "v1",
      resource: "deployments",
      namespace: "a",
      name: "b",
      subresource: "scale",
    },
  ],
  ["GET", "/api/v1/watch/namespaces/a/pods/b", "watch", { ...pods, namespace: "a", name: "b" }],
  ["GET", "/api/v1/pods?fieldSelector=metadata.name%3Db", "list", { ...pods, name: "b" }],
  ["GET", "/api/v1", "get", undefined],
  ["GET", "/apis/apps/v1/", "get", undefined],
  ["GET", "/version", "get", undefined],
  ["GET", "/api/v1/namespaces/a/pods/b/c/d", "get", undefined],
];

test.each(asked)("%s %s is a %s", (method, url, verb, resource) => {
  const info = requestInfo(method, url);
  expect(info.verb).toBe(verb);
  expect(info.resource).toEqual(resource as never);
});

test.each([
  "/api/v1/namespaces/../pods",
  "/api/v1/namespaces/%2e%2e/pods",
  "/api/v1//pods",
  "//api/v1",
  "/api/v1/namespaces/a%2fb/pods",
  "/api/v1/namespaces/a%5Cb/pods",
  "/api/v1/namespaces/a%00/pods",
  "/api/v1/namespaces/%zz/pods",
  "http://other/api/v1",
  `/api/v1/namespaces/${"a".repeat(600)}`,
  `/api/v1/pods?labelSelector=${"a".repeat(20_000)}`,
])("refuses the path %.60s", (url) => {
  expect(() => requestInfo("GET", url)).toThrow(/path|address/);
});

test("the name of a cluster role may hold a colon, encoded or not", () => {
  const path = "/apis/rbac.authorization.k8s.io/v1/clusterroles/system";
  expect(requestInfo("GET", `${path}:node`).resource?.name).toBe("system:node");
  expect(requestInfo("GET", `${path}%3Anode`).resource?.name).toBe("system:node");
});
