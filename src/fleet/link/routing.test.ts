import { expect, test } from "bun:test";
import { message, type Envelope, type Route } from "./envelope.ts";
import { routeDownstream, routeUpstream } from "./routing.ts";

function sent(route: Partial<Route>, answers = false): Envelope {
  const made = message(route, null);
  return answers ? { ...made, parent: "m-0" } : made;
}

test.each<[Partial<Route>, boolean, ReturnType<typeof routeUpstream>]>([
  [{ source: "websocket", group: "resource", operation: "keepalive", resource: "node" }, false, "keepalive"],
  [{ source: "edged", operation: "ping" }, false, "control"],
  [{ source: "metamanager", operation: "response", resource: "default/volume/1-2" }, true, "volumes"],
  [
    { source: "edgecontroller", group: "resource", operation: "response", resource: "default/pod/p" },
    true,
    "acknowledgement",
  ],
  [{ source: "twin", operation: "response" }, true, "acknowledgement"],
  [{ source: "metamanager", operation: "error", resource: "default/pod/p" }, true, "failure"],
  [{ source: "websocket", group: "hub", operation: "UpdateNodeActionStatus" }, false, "tasks"],
  [{ source: "edged", group: "meta", operation: "query", resource: "k8s/ca.crt" }, false, "authority"],
  [{ source: "bus", group: "user", operation: "upload", resource: "default/t" }, false, "router"],
  [{ source: "servicebus", group: "user", operation: "upload" }, true, "router"],
  [{ source: "servicebus", group: "user" }, true, "router"],
  [{ source: "servicebus", group: "user" }, false, "drop"],
  [
    { source: "metaserver", group: "dynamiccontroller", operation: "null", resource: "null" },
    false,
    "dynamic",
  ],
  [
    { source: "twin", group: "resource", operation: "update", resource: "device/d1/twin/edge_updated" },
    false,
    "devices",
  ],
  [{ source: "edged", group: "meta", operation: "query", resource: "default/node/n" }, false, "objects"],
  [{ source: "bus", group: "meta", operation: "upload" }, false, "objects"],
  [{}, false, "drop"],
])("from an edge %j (an answer: %p) goes to %s", (route, answers, target) => {
  expect(routeUpstream(sent(route, answers))).toBe(target);
});

test.each<[Partial<Route>, boolean, ReturnType<typeof routeDownstream>]>([
  [
    { source: "edgecontroller", group: "resource", operation: "update", resource: "default/pod/p" },
    false,
    "meta",
  ],
  [{ source: "edgecontroller", group: "resource", operation: "response" }, true, "waiter"],
  [{ source: "dynamiccontroller", group: "resource", operation: "applicationResponse" }, true, "waiter"],
  [{ source: "edgefunctioncontroller", group: "func", operation: "insert" }, false, "meta"],
  [{ source: "devicecontroller", group: "twin", operation: "update", resource: "membership" }, false, "twin"],
  [{ source: "devicecontroller", group: "twin", operation: "response", resource: "twin" }, true, "twin"],
  [{ source: "servicebus", group: "user", operation: "response" }, true, "waiter"],
  [{ source: "router_servicebus", group: "user", operation: "POST" }, false, "servicebus"],
  [{ source: "router_eventbus", group: "user", operation: "publish" }, false, "eventbus"],
  [{ source: "other", group: "user", operation: "publish" }, false, "eventbus"],
  [
    { source: "nodeupgradejobcontroller", group: "nodeupgradejobcontroller", operation: "upgrade" },
    false,
    "upgrade",
  ],
  [{ source: "taskmanager", group: "taskmanager", operation: "Check" }, false, "tasks"],
  [{ source: "cloudhub", group: "resource", operation: "config" }, false, "control"],
  [{ source: "x", group: "constructor", operation: "insert" }, false, "drop"],
  [{}, true, "drop"],
])("from a cloud %j (an answer: %p) goes to %s", (route, answers, target) => {
  expect(routeDownstream(sent(route, answers))).toBe(target);
});
