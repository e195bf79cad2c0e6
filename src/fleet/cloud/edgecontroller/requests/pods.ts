/** A node about its pods: status, end, and the shadows of its static pods. */
import { conflict, notFound } from "../../../../spec/kubernetes/errors.ts";
import { KubeError, type KubeObject } from "../../../../spec/kubernetes/kube.ts";
import { requireSameObject } from "../../../link/kinds/kube.ts";
import * as kinds from "../../../link/kinds/pods.ts";
import { restrictNode } from "../../apiserver/auth/node/restriction.ts";
import { ids, named, typed } from "../ids.ts";
import { nodeOf } from "../inventory.ts";
import { refuse, userOf, type Handler, type Office, type Request } from "../request.ts";
import { isPresent, readPatch } from "./patches.ts";

/** A pod that is bound to the node. Another's is refused in the same way whether it is there or not. */
function bound(office: Office, request: Request): KubeObject {
  const { node, namespace, name } = request;
  const pod = office.inventory.pod(namespace, name);
  if (!pod) throw notFound(named(ids.pods), name);
  if (nodeOf(pod) !== node)
    throw refuse(ids.pods, request, `node "${node}" can only use pods that are bound to it`);
  return typed(pod, "Pod");
}

export const queryPod: Handler = async (office, request) => bound(office, request);

export const patchPod: Handler = async (office, request) => {
  const { uid, status, ...foreign } = readPatch(kinds.podPatch.parse(request.envelope.content), (field) =>
    refuse(ids.pods, request, `a node patches the status of its pods, not ${field}`),
  );
  if (Object.keys(foreign).length > 0)
    throw refuse(ids.pods, request, "a node patches the status of its pods, not their labels or annotations");
  if (uid !== undefined && !office.inventory.pod(request.namespace, request.name))
    await endUnknown(office, request, uid);
  const pod = bound(office, request);
  if (uid !== undefined && uid !== pod.metadata.uid) throw recreated(request, uid, pod);
  const patch = { metadata: { uid: pod.metadata.uid }, ...(status ? { status } : {}) };
  if (isPresent(patch, pod)) return pod;
  const key = { namespace: request.namespace, name: request.name, subresource: "status" };
  return await office.client.patch(ids.pods, key, patch, {
    type: "application/strategic-merge-patch+json",
    signal: request.signal,
  });
};

/** What this API does not know is of another time or another cloud, and no sync tells of it: it ends. The API is asked itself, since what is kept here may be late. */
async function endUnknown(office: Office, request: Request, uid: string): Promise<void> {
  const { namespace, name, signal } = request;
  try {
    await office.client.get(ids.pods, { namespace, name }, signal);
  } catch (error) {
    if (error instanceof KubeError && error.reason === "NotFound") tellGone(office, request, uid);
  }
}

function recreated({ name }: Request, uid: string, pod: KubeObject): KubeError {
  const why = `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${pod.metadata.uid}`;
  return conflict(named(ids.pods), name, why);
}

interface Running {
  readonly containerStatuses?: readonly { readonly state?: { readonly running?: unknown } }[];
}

/** Old edges: whole states, of one pod or of all pods of a namespace. A pod that is not there, or another by now, is deleted at the edge. */
export const updatePodStatus: Handler = async (office, request) => {
  const sent = kinds.podStatusUpdate.parse(request.envelope.content);
  for (const each of isList(sent) ? sent : [sent]) {
    if (request.name !== "" && each.Name !== request.name)
      throw refuse(ids.pods, request, `its message is of another pod`);
    await updateOne(office, { ...request, name: each.Name }, each);
  }
  return undefined;
};

function isList(value: kinds.PodStatus | readonly kinds.PodStatus[]): value is readonly kinds.PodStatus[] {
  return Array.isArray(value);
}

async function updateOne(
  office: Office,
  request: Request,
  { UID: uid, Status: status }: kinds.PodStatus,
): Promise<void> {
  const { node, namespace, name, signal } = request;
  const pod = office.inventory.podOf(node, namespace, name);
  if (pod?.metadata.uid !== uid) return tellGone(office, request, uid);
  const patch = [
    { op: "test", path: "/metadata/uid", value: uid },
    { op: "add", path: "/status", value: status },
  ];
  await office.client.patch(ids.pods, { namespace, name, subresource: "status" }, patch, {
    type: "application/json-patch+json",
    signal,
  });
  const { containerStatuses = [] } = status as Running;
  const isOver = pod.metadata.deletionTimestamp !== undefined;
  if (!isOver || containerStatuses.some(({ state }) => state?.running !== undefined)) return;
  await remove(office, request, uid);
}

/**
 * The pod has ended at the edge. Answered with OK, and with the deletion of the pod: by itself when the API told of it, at once where there is nothing to delete.
 * An end of a pod by the same name with another uid says nothing about the present one.
 */
export const deletePod: Handler = async (office, request) => {
  const { node, namespace, name } = request;
  const { preconditions } = kinds.podDelete.parse(request.envelope.content);
  const pod = office.inventory.pod(namespace, name);
  const uid = preconditions?.uid ?? pod?.metadata.uid;
  if (pod && (uid === undefined || pod.metadata.uid === uid)) {
    if (nodeOf(pod) !== node)
      throw refuse(ids.pods, request, `node "${node}" can only delete pods that are bound to it`);
    await remove(office, request, pod.metadata.uid ?? "");
    return undefined;
  }
  if (uid !== undefined) tellGone(office, request, uid);
  return undefined;
};

/** For good: the node says that nothing of it runs. */
async function remove(office: Office, request: Request, uid: string): Promise<void> {
  const { namespace, name, signal } = request;
  const options = { gracePeriodSeconds: 0, preconditions: { uid }, signal };
  try {
    await office.client.delete(ids.pods, { namespace, name }, options);
  } catch (error) {
    const isGone = error instanceof KubeError && ["NotFound", "Conflict"].includes(error.reason);
    if (!isGone) throw error;
    tellGone(office, request, uid);
  }
}

function tellGone({ hub }: Office, { node, namespace, name }: Request, uid: string): void {
  const object: KubeObject = { apiVersion: "v1", kind: "Pod", metadata: { name, namespace, uid } };
  hub.deliver(node, { operation: "delete", object, type: "pod", source: "edgecontroller" });
}

export const insertPod: Handler = async (office, request) => {
  const { node, namespace } = request;
  const sent = kinds.podInsert.parse(request.envelope.content);
  requireSameObject({ namespace, type: "pod", name: request.name }, sent);
  const { labels, annotations, ownerReferences } = sent.metadata;
  const object: KubeObject = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name: request.name,
      namespace,
      ...(labels ? { labels: { ...labels } } : {}),
      ...(annotations ? { annotations: { ...annotations } } : {}),
      ...(ownerReferences
        ? { ownerReferences: ownerReferences.map((each) => ({ ...each, uid: each.uid ?? "" })) }
        : {}),
    },
    spec: sent["spec"],
  };
  restrictNode({ user: userOf(node), resource: "pods", object });
  const uid = office.nodes.store.get(undefined, node)?.metadata.uid;
  if (object.metadata.ownerReferences?.[0]?.uid !== uid)
    throw refuse(ids.pods, request, `node "${node}" can only create pods that its present node owns`);
  office.rates.mirrors.take(request.edge);
  return await office.client.create(ids.pods, object, { signal: request.signal });
};
