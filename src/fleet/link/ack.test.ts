import { expect, test } from "bun:test";
import { acknowledge, isAcknowledged, keepaliveMessage, needsAcknowledgement, reportFailure } from "./ack.ts";
import { message, type Route } from "./envelope.ts";

const down = (operation: string, resource: string, more: Partial<Route> = {}): Partial<Route> => ({
  source: "edgecontroller",
  group: "resource",
  operation,
  resource,
  ...more,
});

test.each<[boolean, Partial<Route>, unknown]>([
  [true, down("insert", "default/pod/p"), {}],
  [true, down("delete", "default/pod/p"), {}],
  [true, down("update", "default/secret/s"), {}],
  [true, down("response", "default/configmap/c"), { metadata: {} }],
  [true, down("update", "null/node/n"), {}],
  [true, down("insert", "default/device/d", { source: "devicecontroller" }), {}],
  [true, down("update", "null/lease/l", { source: "dynamiccontroller" }), {}],
  [true, down("insert", "default/serviceaccountaccess/s", { source: "policycontroller" }), {}],
  [true, down("update", "default/pod/membership"), {}],
  [true, down("update", "default/configmap/podlist"), {}],
  [false, down("response", "default/podlist"), []],
  [false, down("update", "membership", { group: "twin" }), {}],
  [false, down("update", "device/d/twin/cloud_updated", { group: "twin" }), {}],
  [false, down("response", "twin", { source: "devicecontroller", group: "twin" }), "OK"],
  [false, down("response", "default/serviceaccounttoken/s"), {}],
  [false, down("response", "k8s/ca.crt", { source: "cloudhub" }), "PEM"],
  [false, down("createvolume", "default/volume/v"), "{}"],
  [false, down("applicationResponse", "ignore/Application/ignore", { source: "dynamiccontroller" }), {}],
  [false, down("publish", "t", { source: "router_eventbus", group: "user" }), "x"],
  [false, down("upgrade", "upgrade/u/node/n", { source: "nodeupgradejobcontroller" }), {}],
  [false, down("Check", "x", { source: "taskmanager", group: "taskmanager" }), {}],
  [false, down("response", "default/pod/p"), "OK"],
  [false, down("response", "default/pod/p"), { Object: {} }],
  [false, down("response", "default/configmap/c"), { ErrStatus: {} }],
  [false, down("response", "default/configmap/c"), {}],
  [false, down("response", "default/node/n"), { Object: {} }],
  [false, down("response", "kube-node-lease/lease/n"), { Object: {} }],
  [false, down("response", "default/podpatch/p"), { Object: {} }],
])("%p: whether %j with %j is delivered until it is acknowledged", (needs, route, content) => {
  expect(needsAcknowledgement(message(route, content))).toBe(needs);
});

test("an acknowledgement copies source, group and resource; those of new devices come from the twin part", () => {
  const of = (route: Partial<Route>) => acknowledge(message(route, {}, { id: "m" }), { id: "a", now: 1 });
  expect(of(down("update", "default/pod/p"))).toEqual({
    id: "a",
    parent: "m",
    timestamp: 1,
    route: { source: "edgecontroller", group: "resource", operation: "response", resource: "default/pod/p" },
    content: "OK",
  });
  const device = down("insert", "default/device/d", { source: "devicecontroller" });
  expect(of(device).route).toMatchObject({ source: "meta", group: "twin" });
  expect(of({ ...device, operation: "update" }).route).toMatchObject({
    source: "devicecontroller",
    group: "resource",
  });
});

test("twins and applications are never acknowledged", () => {
  expect(isAcknowledged(message(down("update", "default/pod/p"), {}))).toBe(true);
  expect(isAcknowledged(message(down("update", "membership", { group: "twin" }), {}))).toBe(false);
  expect(isAcknowledged(message(down("publish", "t", { group: "user" }), {}))).toBe(false);
});

test("a failure names its message and says why", () => {
  const failed = reportFailure(message(down("update", "default/pod/p"), {}, { id: "m" }), "disk full", {
    id: "a",
    now: 1,
  });
  expect(failed.parent).toBe("m");
  expect(failed.route).toEqual({
    source: "metamanager",
    group: "resource",
    operation: "error",
    resource: "default/pod/p",
  });
});

test("a keepalive is what KubeEdge's edge sends", () => {
  expect(keepaliveMessage({ id: "a", now: 1 })).toEqual({
    id: "a",
    timestamp: 1,
    route: { source: "websocket", group: "resource", operation: "keepalive", resource: "node" },
    content: "ping",
  });
});
