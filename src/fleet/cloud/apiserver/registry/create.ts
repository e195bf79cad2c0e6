import type { KubeObject, WriteOptions } from "../../../../spec/kubernetes/kube.ts";
import type { Encodable, RequestContext } from "../registry.ts";
import { storageName, type Resource } from "../resource.ts";
import { placeOf, strategyContext, timeOf, type Core, type Outcome, type Writing } from "./_core.ts";
import { commit, managed, mustBeValid } from "./_commit.ts";
import { answered, encodable } from "./_encodable.ts";
import { dropUndefined } from "./_equal.ts";
import { metadataCauses } from "./_metadata.ts";
import { receive } from "./_receive.ts";
import {
  alreadyExists,
  badRequest,
  forbidden,
  invalidObject,
  notFound,
} from "../../../../spec/kubernetes/errors.ts";
import { generatedName } from "../../../../spec/kubernetes/names.ts";

/** Kinds that come with their status: the node tells it of itself when it registers. */
const withStatus = new Set(["nodes"]);
/** Names that are tried before it is said that there is none. */
const attempts = 8;

interface Request {
  readonly resource: Resource;
  readonly place: { readonly namespace?: string };
  readonly object: KubeObject;
  readonly options: WriteOptions;
  readonly context: RequestContext;
}

export async function create(
  core: Core,
  { resource, place, object, options, context }: Request,
): Promise<Encodable> {
  const namespace = namespaceOf(resource, place.namespace, object);
  const fresh = receiveNew(resource, object, { options, context });
  if (resource.review) {
    mustBeValid(resource, fresh, () => []);
    // Who asks about a namespace asks about that of the request.
    if (resource.namespaced) fresh.metadata = { ...fresh.metadata, namespace };
    return encodable(await resource.review(fresh, { user: context.user }));
  }
  const outcome = await core.storage.write((transaction) =>
    createWithin({ core, transaction, resource, options, context }, fresh, namespace),
  );
  return answered(outcome, resource);
}

/** As it is before the first write. */
export function receiveNew(
  resource: Resource,
  object: KubeObject,
  options: Pick<Request, "options" | "context">,
): KubeObject {
  const fresh = receive(resource, object, {
    ...options,
    amend: (copy) => {
      if (resource.status && !withStatus.has(storageName(resource))) delete copy["status"];
    },
  });
  for (const text of resource.strategy.warnings?.(fresh) ?? []) options.context.warn(text);
  return fresh;
}

/** The namespace of the request; the object may say none or the same. */
export function namespaceOf(resource: Resource, asked: string | undefined, object: KubeObject): string {
  const said = object.metadata?.namespace;
  const namespace = resource.namespaced ? (asked ?? said ?? "") : "";
  if (said !== undefined && said !== "" && said !== namespace)
    throw badRequest("the namespace of the provided object does not match the namespace sent on the request");
  if (resource.namespaced && namespace === "")
    throw badRequest("an empty namespace may not be set during creation");
  return namespace;
}

/** `object` is received, and no one else's: it is changed. With `apply` its managed fields are right already. */
export function createWithin(
  writing: Writing,
  object: KubeObject,
  namespace: string,
  how: { readonly apply: boolean } = { apply: false },
): Outcome {
  const { resource, transaction } = writing;
  identify(writing, object, namespace);
  if (resource.namespaced) mustBeAlive(writing, namespace, object.metadata.name ?? "");
  const place = placeOf(resource, { namespace, name: object.metadata.name ?? "" });
  const context = strategyContext(writing);
  resource.strategy.prepareForCreate?.(object, context);
  dropUndefined(object);
  if (!how.apply) managed(writing, object, undefined);
  mustBeValid(resource, object, () => [
    ...metadataCauses(resource, object),
    ...(resource.strategy.validate?.(object, context) ?? []),
  ]);
  // What is wrong with it is told first.
  if (transaction.get(place)) throw alreadyExists(resource, place.name);
  return commit(writing, place, { object });
}

/** The metadata that only the server gives. */
function identify({ core, resource, transaction }: Writing, object: KubeObject, namespace: string): void {
  const { metadata } = object;
  if (![undefined, "", "0"].includes(metadata.resourceVersion))
    throw badRequest("resourceVersion should not be set on objects to be created");
  for (const field of [
    "resourceVersion",
    "selfLink",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "generation",
  ] as const)
    delete metadata[field];
  if (resource.namespaced) metadata.namespace = namespace;
  else delete metadata.namespace;
  metadata.uid = crypto.randomUUID();
  metadata.creationTimestamp = timeOf(core);
  if (resource.hasGeneration) metadata.generation = 1;
  if (metadata.name) return;
  delete metadata.name;
  if (!metadata.generateName) throw withoutName(resource);
  for (let tries = 0; tries < attempts; tries++) {
    metadata.name = generatedName(metadata.generateName);
    if (!transaction.get(placeOf(resource, { namespace, name: metadata.name }))) return;
  }
}

function withoutName(resource: Resource): Error {
  const message = "Required value: name or generateName is required";
  return invalidObject(resource, "", [{ reason: "FieldValueRequired", message, field: "metadata.name" }]);
}

const namespaces = { group: "", plural: "namespaces" };

/** Nothing new comes into a namespace that is not there or that goes. */
function mustBeAlive({ transaction, resource }: Writing, namespace: string, name: string): void {
  const found = transaction.get({ resource: "namespaces", namespace: "", name: namespace })?.object;
  if (!found) throw notFound(namespaces, namespace);
  const phase = (found["status"] as { phase?: string } | undefined)?.phase;
  if (found.metadata.deletionTimestamp === undefined && phase !== "Terminating") return;
  throw forbidden(resource, name, {
    why: `unable to create new content in namespace ${namespace} because it is being terminated`,
    causes: [
      {
        reason: "NamespaceTerminating",
        message: `namespace ${namespace} is being terminated`,
        field: "metadata.namespace",
      },
    ],
  });
}
