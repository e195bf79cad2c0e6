/**
 * Where a message goes, by its envelope alone: KubeEdge's rules as two tables, of which the first row that fits counts. Pure; nothing is delivered here.
 * Two rows mend what KubeEdge loses: error replies of ServiceBus carry no operation, and empty envelopes are dropped by name instead of by an error.
 */
import type { Envelope } from "./envelope.ts";

export type UpstreamTarget =
  /** Of the transport: answered with `ack`, delivered to nobody. */
  | "control"
  /** The session's timer begins anew. */
  | "keepalive"
  /** The answer that a waiting CSI driver gets. */
  | "volumes"
  /** An acknowledgement of the message named by `parent`, and never more than that. */
  | "acknowledgement"
  /** The edge could not keep the message named by `parent`; it is delivered again. */
  | "failure"
  | "tasks"
  /** Asks for the CA of Kubernetes. */
  | "authority"
  | "router"
  /** MetaServer's requests. */
  | "dynamic"
  | "devices"
  | "objects"
  | "drop";

export type DownstreamTarget =
  | "control"
  /** Whoever waits for the answer named by `parent`; dropped when nobody does. */
  | "waiter"
  | "meta"
  | "twin"
  | "eventbus"
  | "servicebus"
  | "upgrade"
  | "tasks"
  | "drop";

type Row<Target> = readonly [to: Target, fits: (envelope: Envelope) => boolean];

/** `config`, `ping` and `pong` are never delivered: the receiver answers with the content `ack`. */
const control = ({ route }: Envelope) => ["config", "ping", "pong"].includes(route.operation);
const volume = /^\w[-\w.+]*\/volume\/\w[-\w.+]*/;
const tasks = ["prepull", "upgrade", "UpdateNodeActionStatus"];

const upstream: readonly Row<UpstreamTarget>[] = [
  ["control", control],
  ["keepalive", ({ route }) => route.operation === "keepalive"],
  ["volumes", ({ route }) => volume.test(route.resource)],
  ["acknowledgement", ({ route }) => route.operation === "response"],
  ["failure", ({ route }) => route.operation === "error"],
  ["tasks", ({ route }) => tasks.includes(route.operation)],
  ["authority", ({ route }) => route.resource === "k8s/ca.crt"],
  ["router", ({ route }) => route.operation === "upload" && route.group === "user"],
  [
    "router",
    ({ route, parent }) => route.source === "servicebus" && route.operation === "" && parent !== undefined,
  ],
  ["drop", ({ route }) => route.source === "" || route.operation === ""],
  ["dynamic", ({ route }) => route.source === "metaserver"],
  ["devices", ({ route }) => route.source === "twin"],
  ["objects", () => true],
];

const isObjects = (group: string) => group === "resource" || group === "func";

const downstream: readonly Row<DownstreamTarget>[] = [
  ["control", control],
  ["waiter", ({ route, parent }) => isObjects(route.group) && parent !== undefined],
  ["meta", ({ route }) => isObjects(route.group)],
  ["twin", ({ route }) => route.group === "twin"],
  ["waiter", ({ route, parent }) => route.group === "user" && parent !== undefined],
  ["servicebus", ({ route }) => route.group === "user" && route.source === "router_servicebus"],
  ["eventbus", ({ route }) => route.group === "user"],
  ["upgrade", ({ route }) => route.group === "nodeupgradejobcontroller"],
  ["tasks", ({ route }) => route.group === "taskmanager"],
  ["drop", () => true],
];

/** Which part of the cloud takes a message that an edge sent. */
export function routeUpstream(envelope: Envelope): UpstreamTarget {
  return first(upstream, envelope) ?? "drop";
}

/** Which part of the edge takes a message that the cloud sent. */
export function routeDownstream(envelope: Envelope): DownstreamTarget {
  return first(downstream, envelope) ?? "drop";
}

function first<Target>(rows: readonly Row<Target>[], envelope: Envelope): Target | undefined {
  return rows.find(([, fits]) => fits(envelope))?.[0];
}
