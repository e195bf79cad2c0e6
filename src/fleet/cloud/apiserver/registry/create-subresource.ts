/** POST to a subresource. What the registry does not do itself is given by others: tokens, approvals. */
import type { DeleteOptions, KubeObject } from "../../../../spec/kubernetes/kube.ts";
import { storageName } from "../resource.ts";
import type { Stored } from "../storage/storage.ts";
import { placeOf, timeOf, type Core, type ObjectRequest, type Writing } from "./_core.ts";
import { deleteWithin } from "./delete.ts";
import { badRequest, conflict, methodNotAllowed, notFound } from "../../../../spec/kubernetes/errors.ts";

type Fields = Record<string, unknown>;

const own: Readonly<Record<string, (writing: Writing, pod: Stored, object: KubeObject) => void>> = {
  "pods/binding": bind,
  "pods/eviction": evict,
};

export async function createSubresource(core: Core, request: ObjectRequest): Promise<KubeObject> {
  const { resource, key, object, options, context } = request;
  const name = `${storageName(resource)}/${key.subresource ?? ""}`;
  const handler = core.subresources[name];
  if (handler) return await handler(request);
  const act = own[name];
  if (!act) throw methodNotAllowed("create");
  await core.storage.write((transaction) => {
    const found = transaction.get(placeOf(resource, key));
    if (!found) throw notFound(resource, key.name);
    act({ core, transaction, resource, options, context }, found, object);
  });
  return { kind: "Status", apiVersion: "v1", metadata: {}, status: "Success", code: 201 };
}

/** The scheduler's word on which node a pod goes to; said once. */
function bind(writing: Writing, { key, object: pod }: Stored, binding: KubeObject): void {
  const target = binding["target"] as Fields | undefined;
  const node = target?.["name"];
  if (binding.kind !== "Binding" || typeof node !== "string" || node === "")
    throw badRequest("a Binding must name the node in target.name");
  if (![undefined, "", "Node", "Minion"].includes(target?.["kind"] as string | undefined))
    throw badRequest("the target of a Binding must be of kind Node");
  const of = { group: "", plural: "pods/binding" };
  const { uid } = binding.metadata;
  if (uid && uid !== pod.metadata.uid)
    throw conflict(
      of,
      key.name,
      `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${pod.metadata.uid}`,
    );
  if (pod.metadata.deletionTimestamp !== undefined)
    throw conflict(of, key.name, `pod ${key.name} is being deleted, cannot be assigned to a host`);
  const spec = pod["spec"] as Fields | undefined;
  if (spec?.["nodeName"])
    throw conflict(
      of,
      key.name,
      `pod ${key.name} is already assigned to node ${JSON.stringify(spec["nodeName"])}`,
    );
  if (writing.options.dryRun) return;
  const { annotations } = binding.metadata;
  writing.transaction.put(key, {
    ...pod,
    metadata: {
      ...pod.metadata,
      ...(annotations ? { annotations: { ...pod.metadata.annotations, ...annotations } } : {}),
    },
    spec: { ...spec, nodeName: node },
    status: scheduled(pod["status"] as Fields | undefined, timeOf(writing.core)),
  });
}

function scheduled(status: Fields | undefined, now: string): Fields {
  const conditions = (status?.["conditions"] ?? []) as readonly { readonly type: string }[];
  const condition = { type: "PodScheduled", status: "True", lastTransitionTime: now };
  return { ...status, conditions: [...conditions.filter(({ type }) => type !== condition.type), condition] };
}

/** A deletion by another name: budgets of disruption, which it would look at, are not served. */
function evict(writing: Writing, pod: Stored, eviction: KubeObject): void {
  if (eviction.kind !== "Eviction")
    throw badRequest("the object provided is unrecognized (must be of type Eviction)");
  const said = eviction.metadata.name;
  if (said && said !== pod.key.name)
    throw badRequest(`the name of the object (${said}) does not match the name on the URL (${pod.key.name})`);
  const { dryRun, ...options } = deleteOptions(eviction["deleteOptions"]);
  const ofWrite = dryRun ? { ...writing, options: { ...writing.options, dryRun } } : writing;
  deleteWithin(ofWrite, pod, options);
}

const policies = ["Orphan", "Background", "Foreground"] as const;

/** metav1.DeleteOptions as a client sends them within an object. */
function deleteOptions(sent: unknown = {}): DeleteOptions {
  if (typeof sent !== "object" || sent === null) throw badRequest("deleteOptions must be an object");
  const { gracePeriodSeconds, propagationPolicy, preconditions, dryRun } = sent as Fields;
  if (gracePeriodSeconds !== undefined && !Number.isSafeInteger(gracePeriodSeconds))
    throw badRequest("deleteOptions.gracePeriodSeconds must be a whole number");
  const policy = policies.find((each) => each === propagationPolicy);
  if (propagationPolicy !== undefined && !policy)
    throw badRequest(`deleteOptions.propagationPolicy must be one of ${policies.join(", ")}`);
  const { uid, resourceVersion } = (preconditions ?? {}) as Fields;
  return {
    dryRun: Array.isArray(dryRun) && dryRun.includes("All"),
    ...(gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds: gracePeriodSeconds as number }),
    ...(policy ? { propagationPolicy: policy } : {}),
    preconditions: {
      ...(typeof uid === "string" ? { uid } : {}),
      ...(typeof resourceVersion === "string" ? { resourceVersion } : {}),
    },
  };
}
