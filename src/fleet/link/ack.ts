/** Which messages an edge acknowledges, and how. A cloud sends again what is not acknowledged; it looks only at the operation and the parent. */
import { isRecord } from "./json.ts";
import { message, respond, type Envelope, type Stamp } from "./envelope.ts";
import { resourceOf } from "./resources.ts";

/** Types whose messages are sent once. KubeEdge looks for these words anywhere in the resource, and so delivers a pod called `membership` once only. */
const once = ["podlist", "serviceaccounttoken"];
const volumes = ["createvolume", "deletevolume", "controllerpublishvolume", "controllerunpublishvolume"];
const tasks = ["nodeupgradejobcontroller", "taskmanager"];
const states = ["lease", "nodepatch", "podpatch", "podstatus", "certificatesigningrequest"];

/** Whether a message of the cloud is delivered until the edge says that it has it. All others are sent once. */
export function needsAcknowledgement({ route, content }: Envelope): boolean {
  if (once.includes(resourceOf(route.resource)?.type ?? "") || route.resource === "k8s/ca.crt") return false;
  if (volumes.includes(route.operation) || route.operation === "applicationResponse") return false;
  // Group `twin` is never acknowledged by an edge either; KubeEdge sends `membership` and answers there only.
  if (route.group === "user" || route.group === "twin" || tasks.includes(route.source)) return false;
  if (route.operation === "response" && (content === "OK" || isError(content))) return false;
  return route.source !== "edgecontroller" || !isState(route.resource, route.operation);
}

function isError(content: unknown): boolean {
  return isRecord(content) && (Object.keys(content).length === 0 || Object.hasOwn(content, "ErrStatus"));
}

function isState(resource: string, operation: string): boolean {
  const type = resourceOf(resource)?.type ?? "";
  if (type === "node") return operation !== "update";
  return states.includes(type) || (type === "pod" && operation === "response");
}

/** Whether an edge acknowledges what it got: also answers that need none, never what goes to twins and applications. */
export function isAcknowledged({ route }: Envelope): boolean {
  return route.group === "resource" || route.group === "func";
}

/** What an edge sends after it stored a message. New devices and models are acknowledged by its twin part. */
export function acknowledge(received: Envelope, stamp: Stamp = {}): Envelope {
  const { source, group, operation, resource } = received.route;
  const type = resourceOf(resource)?.type;
  const isNewDevice = operation === "insert" && (type === "device" || type === "devicemodel");
  return respond(received, isNewDevice ? { source: "meta", group: "twin" } : { source, group }, "OK", stamp);
}

/** What an edge sends when it could not store a message: it is delivered again. */
export function reportFailure(received: Envelope, reason: string, stamp: Stamp = {}): Envelope {
  return respond(
    received,
    { source: "metamanager", group: received.route.group, operation: "error" },
    reason,
    stamp,
  );
}

/** Every 15 s from an edge. */
export function keepaliveMessage(stamp: Stamp = {}): Envelope {
  return message(
    { source: "websocket", group: "resource", operation: "keepalive", resource: "node" },
    "ping",
    stamp,
  );
}
