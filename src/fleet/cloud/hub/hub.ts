/**
 * The contract of CloudHub towards the controllers of the cloud: sessions of edges, messages from them, and reliable delivery of objects to them.
 *
 * Several processes may run one each on the same Kubernetes API. What an edge has is written down there alone (ObjectSync, ClusterObjectSync), so an edge may come back to any of them. A
 * controller therefore acts only for the edges that are connected here, and does not care about the others.
 *
 * Objects reach an edge in two ways that lead to the same end: a controller calls `deliver` when something changes, and the hub asks each `Source` what a node should have when the node
 * connects and every some seconds after, and delivers what the node's syncs lack: newer versions, and deletions of what is gone.
 */
import type { Envelope } from "../../link/envelope.ts";
import type { UpstreamTarget } from "../../link/routing.ts";
import type { Traits, Version } from "../../link/versions.ts";
import type { KubeObject } from "../../../spec/kubernetes/kube.ts";

export interface Edge {
  readonly node: string;
  /** By status.nodeInfo.kubeletVersion of its Node; the newest that we speak until it is known. */
  readonly version: Version;
  readonly traits: Traits;
  /** Milliseconds since 1970. */
  readonly since: number;
  /** Aborts when this session ends; another may follow. */
  readonly signal: AbortSignal;
}

/** An object on its way to one node. */
export interface Delivery {
  readonly operation: "insert" | "update" | "delete";
  /** Whole, with kind and apiVersion. Of a deletion the last that was known, or its metadata alone. */
  readonly object: KubeObject;
  /** The type on the wire: `pod`, `configmap`, `device`. The resource is made of it and of the object's namespace and name. */
  readonly type: string;
  /** `edgecontroller`, `devicecontroller`, `dynamiccontroller`, `policycontroller`. */
  readonly source: string;
  /** False: it is delivered in this session until it is acknowledged, and no sync is written of it (MetaServer's watches). */
  readonly recorded?: boolean;
}

/** What a node should have. */
export interface Wanted extends Omit<Delivery, "operation"> {
  /** How it is sent to an edge that does not have it; `insert` without it. KubeEdge's edges know secrets and nodes by updates alone. */
  readonly first?: "insert" | "update";
}

/** One who knows what a node should have, of some kinds. */
export interface Source {
  /** Kinds whose syncs it answers for: a sync of one of these whose object is not wanted by the node is delivered as a deletion. */
  readonly kinds: readonly { readonly apiVersion: string; readonly kind: string }[];
  /** All that the node should have now. Called often: from informers' stores, without asking the API. */
  wanted(node: string): Iterable<Wanted>;
}

export interface AskOptions {
  readonly signal: AbortSignal;
  /** Milliseconds; 60,000. */
  readonly deadline?: number;
}

export type Handler = (edge: Edge, message: Envelope) => void | Promise<void>;

export interface Hub {
  /** Those that are connected to this process. */
  edges(): readonly Edge[];
  edge(node: string): Edge | undefined;
  /** Puts an object's newest state into the node's queue; an older one of the same object that waits there is replaced. Nothing when the node is not connected here. */
  deliver(node: string, delivery: Delivery): void;
  /** Once, without waiting for an acknowledgement (answers, memberships, rules). False when the node is not connected here, or its bound of unsent bytes is reached. */
  send(node: string, message: Envelope): boolean;
  /** Sends and waits for the message whose parent it is. Errors: `unavailable` when not connected or the session ends, `deadline_exceeded`. */
  ask(node: string, message: Envelope, options: AskOptions): Promise<Envelope>;
  /**
   * Who takes what edges say; one handler a target. It is called in the order of arrival for one edge, without waiting for the handler before: a handler that answers does so by `send`.
   * Where the message came from is `edge.node` and nothing else; the message has passed `requireOwnNode`. What it throws is logged.
   */
  on(
    target: Exclude<UpstreamTarget, "control" | "keepalive" | "acknowledgement" | "failure" | "drop">,
    handler: Handler,
  ): void;
  addSource(source: Source): void;
  /** At once for those that are connected. */
  onConnect(handler: (edge: Edge) => void): void;
  /** Looks at what the node should have now, without waiting for the next round. */
  resync(node: string): void;
}
