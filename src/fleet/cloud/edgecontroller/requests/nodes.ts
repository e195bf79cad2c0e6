/** A node about itself: registration, labels, status. */
import { alreadyExists, conflict, modified, notFound } from "../../../../spec/kubernetes/errors.ts";
import { KubeError, type KubeObject } from "../../../../spec/kubernetes/kube.ts";
import { requireSameObject } from "../../../link/kinds/kube.ts";
import * as kinds from "../../../link/kinds/nodes.ts";
import { restrictNode } from "../../apiserver/auth/node/restriction.ts";
import { ids, named, typed } from "../ids.ts";
import { refuse, userOf, type Handler, type Office, type Request } from "../request.ts";
import { isPresent, readPatch } from "./patches.ts";

type Texts = Readonly<Record<string, string>>;

/** Labels that make a node an edge's, which NodeRestriction keeps for others; both sides of KubeEdge go by them. */
const edgeRoles = ["node-role.kubernetes.io/edge", "node-role.kubernetes.io/agent"];

function own(office: Office, { node, name }: Request): KubeObject | undefined {
  if (name !== node) throw refuse(ids.nodes, { name }, `node "${node}" can only use its own node`);
  return office.nodes.store.get(undefined, node);
}

async function find(office: Office, request: Request): Promise<KubeObject> {
  const known = own(office, request);
  return typed(known ?? (await office.client.get(ids.nodes, { name: request.node }, request.signal)), "Node");
}

/** Old edges ask every ten seconds. */
export const queryNode: Handler = find;

export const insertNode: Handler = async (office, request) => {
  if (own(office, request)) throw alreadyExists(named(ids.nodes), request.name);
  const sent = kinds.nodeInsert.parse(request.envelope.content);
  requireSameObject({ type: "node", name: request.name }, sent);
  const made = registration(request.node, sent);
  restrict(request.node, made);
  return await office.client.create(ids.nodes, made, { signal: request.signal });
};

/** Only what a node says of itself when it comes: no owners, no finalizers, no networks. */
function registration(node: string, sent: Readonly<Record<string, unknown>>): KubeObject {
  const { labels, annotations } = sent["metadata"] as { labels?: Texts; annotations?: Texts };
  const { taints, providerID, unschedulable } = (sent["spec"] ?? {}) as Record<string, unknown>;
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: {
      name: node,
      ...(labels ? { labels: { ...labels } } : {}),
      ...(annotations ? { annotations: { ...annotations } } : {}),
    },
    spec: {
      ...(taints === undefined ? {} : { taints }),
      ...(providerID === undefined ? {} : { providerID }),
      ...(unschedulable === undefined ? {} : { unschedulable }),
    },
    ...(sent["status"] === undefined ? {} : { status: sent["status"] }),
  };
}

function withoutRoles(object: KubeObject): KubeObject {
  const labels = { ...object.metadata.labels };
  for (const role of edgeRoles) if (labels[role] === "") delete labels[role];
  return { ...object, metadata: { ...object.metadata, labels } };
}

function restrict(node: string, object: KubeObject, old?: KubeObject): void {
  restrictNode({
    user: userOf(node),
    resource: "nodes",
    object: withoutRoles(object),
    ...(old ? { old: withoutRoles(old), subresource: "status" } : {}),
  });
}

/** Labels and annotations are added to those that are there, and nothing else is taken. */
export const updateNode: Handler = async (office, request) => {
  const sent = kinds.nodeUpdate.parse(request.envelope.content);
  requireSameObject({ type: "node", name: request.name }, sent);
  const old = await find(office, request);
  const { labels = {}, annotations = {} } = sent.metadata;
  const merged = {
    ...old,
    metadata: {
      ...old.metadata,
      labels: { ...old.metadata.labels, ...labels },
      annotations: { ...old.metadata.annotations, ...annotations },
    },
  };
  restrict(request.node, merged, old);
  const patch = { metadata: { labels, annotations } };
  if (isPresent(patch, old)) return undefined;
  await office.client.patch(ids.nodes, { name: request.node }, patch, {
    type: "application/merge-patch+json",
    signal: request.signal,
  });
  return undefined;
};

/** The status, and labels and annotations as a kubelet keeps its own. */
export const patchNode: Handler = async (office, request) => {
  const { status, labels, annotations, uid } = readPatch(
    kinds.nodePatch.parse(request.envelope.content),
    (field) => refuse(ids.nodes, request, `a node sets its status by a patch, not ${field}`),
  );
  const old = await find(office, request);
  requireUid(old, uid);
  const merged = {
    ...old,
    metadata: { ...old.metadata, labels: merge(old.metadata.labels, labels) },
  };
  restrict(request.node, merged, old);
  const metadata = {
    ...(uid === undefined ? {} : { uid }),
    ...(labels ? { labels } : {}),
    ...(annotations ? { annotations } : {}),
  };
  const patch = {
    ...(Object.keys(metadata).length > 0 ? { metadata } : {}),
    ...(status ? { status } : {}),
  };
  if (isPresent(patch, old)) return old;
  const key = { name: request.node, subresource: "status" };
  return await office.client.patch(ids.nodes, key, patch, {
    type: "application/strategic-merge-patch+json",
    signal: request.signal,
  });
};

function requireUid(node: KubeObject, uid: string | undefined): void {
  if (uid === undefined || uid === node.metadata.uid) return;
  throw conflict(named(ids.nodes), node.metadata.name ?? "", modified);
}

/** What a merge patch makes of labels: null takes one away. */
function merge(
  before: Texts | undefined,
  change: Readonly<Record<string, string | null>> | undefined,
): Record<string, string> {
  const all: [string, string | null][] = [...Object.entries(before ?? {}), ...Object.entries(change ?? {})];
  const kept = new Map(all);
  return Object.fromEntries([...kept].filter((each): each is [string, string] => each[1] !== null));
}

/** Old edges: the first word of a node, or of one that comes again. */
export const insertNodeStatus: Handler = async (office, request) => {
  const sent = kinds.nodeStatusInsert.parse(request.envelope.content);
  requireSameObject({ type: "node", name: request.name }, sent);
  if (!own(office, request)) {
    const made = registration(request.node, sent);
    restrict(request.node, made);
    try {
      await office.client.create(ids.nodes, made, { signal: request.signal });
      return undefined;
    } catch (error) {
      if (!(error instanceof KubeError && error.reason === "AlreadyExists")) throw error;
    }
  }
  const { status } = sent as { readonly status?: unknown };
  if (status !== undefined) await replaceStatus(office, request, status);
  return undefined;
};

export const updateNodeStatus: Handler = async (office, request) => {
  const { Status } = kinds.nodeStatusUpdate.parse(request.envelope.content);
  await replaceStatus(office, request, Status);
  return undefined;
};

/** The whole status, but for what others keep in it: attached volumes, and the port of the way to the node. */
async function replaceStatus(office: Office, request: Request, status: unknown): Promise<void> {
  const old = await find(office, request);
  const { volumesAttached, daemonEndpoints } = (old["status"] ?? {}) as Record<string, unknown>;
  const value = {
    ...(status as object),
    ...(volumesAttached === undefined ? {} : { volumesAttached }),
    ...(daemonEndpoints === undefined ? {} : { daemonEndpoints }),
  };
  const { uid } = old.metadata;
  if (uid === undefined) throw notFound(named(ids.nodes), request.name);
  const patch = [
    { op: "test", path: "/metadata/uid", value: uid },
    { op: "add", path: "/status", value },
  ];
  await office.client.patch(ids.nodes, { name: request.node, subresource: "status" }, patch, {
    type: "application/json-patch+json",
    signal: request.signal,
  });
}
