/** serviceaccounts/token: gives out a token. https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/token-request-v1/ */
import { KubeError, type KubeObject, type ObjectKey } from "../../../../../spec/kubernetes/kube.ts";
import type { UserInfo } from "../auth.ts";
import { nodeOf } from "../node/names.ts";
import { forbidden } from "../refusal.ts";
import { type Bound, claimsOf, type Find, type Reference } from "./claims.ts";
import type { TokenSigner } from "./signer.ts";

export interface TokenRequestOptions {
  readonly tokens: TokenSigner;
  readonly find: Find;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
}

/** What the registry hands over of a POST. */
export interface TokenRequesting {
  readonly key: ObjectKey;
  readonly object: KubeObject;
  readonly options: { readonly dryRun?: boolean };
  readonly context: { readonly user: UserInfo };
}

interface BoundReference {
  readonly kind: string;
  readonly apiVersion: string;
  readonly name: string;
  readonly uid: string;
}

interface Spec {
  readonly audiences: readonly string[];
  readonly expirationSeconds: number;
  readonly boundObjectRef?: BoundReference;
}

const usualSeconds = 3600;
const leastSeconds = 600;

/** Answers with the request and its status. KubeError `NotFound`, `Invalid`, `BadRequest`, `Conflict`, `Forbidden` (a node for a pod that is not its own). */
export function tokenRequests({ tokens, find, now = Date.now }: TokenRequestOptions) {
  return async ({ key, object, options, context }: TokenRequesting): Promise<KubeObject> => {
    const { namespace = "", name } = key;
    const account = find("serviceaccounts", namespace, name);
    if (!account) throw notFound("serviceaccounts", name);
    checkNames(object, { namespace, name });
    const spec = readSpec(object["spec"], tokens.issuer);
    const bound: Bound = {
      namespace,
      serviceaccount: referenceOf(account),
      ...(spec.boundObjectRef ? bind(spec.boundObjectRef, { namespace, account: name, find }) : {}),
    };
    restrict(context.user, { name, bound, find });
    const seconds = Math.floor(now() / 1000);
    const end = seconds + spec.expirationSeconds;
    const claims = { ...claimsOf(bound), aud: [...spec.audiences], iat: seconds, nbf: seconds, exp: end };
    const creationTimestamp = timeOf(seconds);
    return {
      apiVersion: "authentication.k8s.io/v1",
      kind: "TokenRequest",
      metadata: { name, namespace, creationTimestamp },
      spec: { ...spec },
      status: {
        token: options.dryRun ? "" : await tokens.sign(claims),
        expirationTimestamp: timeOf(end),
      },
    };
  };
}

function timeOf(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace(".000Z", "Z");
}

function referenceOf({ metadata }: KubeObject): Reference {
  return { name: metadata.name ?? "", uid: metadata.uid ?? "" };
}

function checkNames(object: KubeObject, { namespace, name }: { namespace: string; name: string }): void {
  const said: { name?: unknown; namespace?: unknown } = object.metadata ?? {};
  if (object.kind !== "TokenRequest" || object.apiVersion !== "authentication.k8s.io/v1")
    throw badRequest("wanted a TokenRequest of authentication.k8s.io/v1");
  if (said.name !== undefined && said.name !== "" && said.name !== name)
    throw badRequest(
      `the name of the object (${JSON.stringify(said.name)}) does not match the name on the URL (${name})`,
    );
  if (said.namespace !== undefined && said.namespace !== "" && said.namespace !== namespace)
    throw badRequest("the namespace of the provided object does not match the namespace sent on the request");
}

function readSpec(value: unknown, issuer: string): Spec {
  const {
    audiences,
    expirationSeconds: seconds = usualSeconds,
    boundObjectRef,
  } = (value ?? {}) as Record<string, unknown>;
  const texts = audiences ?? [];
  if (!Array.isArray(texts) || !texts.every((each): each is string => typeof each === "string"))
    throw badRequest("spec.audiences must be a list of strings");
  if (typeof seconds !== "number" || !Number.isSafeInteger(seconds))
    throw badRequest("spec.expirationSeconds must be a whole number");
  if (seconds < leastSeconds) throw invalid(seconds, "may not specify a duration less than 10 minutes");
  if (seconds > 2 ** 32) throw invalid(seconds, "may not specify a duration larger than 2^32 seconds");
  const bound = readBound(boundObjectRef);
  return {
    audiences: texts.length > 0 ? texts : [issuer],
    expirationSeconds: seconds,
    ...(bound ? { boundObjectRef: bound } : {}),
  };
}

function readBound(value: unknown): BoundReference | undefined {
  if (value === undefined || value === null) return undefined;
  const { kind, apiVersion = "v1", name, uid = "" } = value as Record<string, unknown>;
  const all = { kind, apiVersion, name, uid };
  if (!Object.values(all).every((each) => typeof each === "string"))
    throw badRequest("spec.boundObjectRef must name an object by its kind and name");
  return all as BoundReference;
}

interface Binding {
  readonly namespace: string;
  readonly account: string;
  readonly find: Find;
}

function bind(reference: BoundReference, { namespace, account, find }: Binding): Partial<Bound> {
  const { kind, apiVersion, name, uid } = reference;
  const found = (resource: string, inside: string): KubeObject => {
    const object = find(resource, inside, name);
    if (!object) throw notFound(resource, name);
    if (uid === "" || uid === object.metadata.uid) return object;
    throw conflict(resource, name, { uid, found: object.metadata.uid ?? "" });
  };
  if (apiVersion === "v1" && kind === "Pod") return bindPod(found("pods", namespace), account, find);
  if (apiVersion === "v1" && kind === "Secret") return { secret: referenceOf(found("secrets", namespace)) };
  if (apiVersion === "v1" && kind === "Node") return { node: referenceOf(found("nodes", "")) };
  throw badRequest(`cannot bind token to object of type "${apiVersion}, Kind=${kind}"`);
}

function bindPod(pod: KubeObject, account: string, find: Find): Partial<Bound> {
  const spec = (pod["spec"] ?? {}) as { serviceAccountName?: string; nodeName?: string };
  if ((spec.serviceAccountName ?? "default") !== account)
    throw badRequest(
      `cannot bind token for serviceaccount "${account}" to pod running with different serviceaccount name.`,
    );
  const node = spec.nodeName ? find("nodes", "", spec.nodeName) : undefined;
  return { pod: referenceOf(pod), ...(node ? { node: referenceOf(node) } : {}) };
}

/** NodeRestriction: a node gets tokens for the pods that it runs, and no others. */
function restrict(user: UserInfo, { name, bound, find }: { name: string; bound: Bound; find: Find }): void {
  const node = nodeOf(user);
  if (node === undefined) return;
  const place = { group: "", resource: "serviceaccounts", name };
  if (!bound.pod) throw forbidden(place, `node requested token not bound to a pod`);
  const pod = find("pods", bound.namespace, bound.pod.name);
  if ((pod?.["spec"] as { nodeName?: unknown } | undefined)?.nodeName === node) return;
  throw forbidden(place, "node requested token bound to a pod scheduled on a different node");
}

function badRequest(message: string): KubeError {
  return new KubeError("BadRequest", message);
}

function notFound(resource: string, name: string): KubeError {
  return new KubeError("NotFound", `${resource} "${name}" not found`, { name, kind: resource });
}

function conflict(resource: string, name: string, uids: { uid: string; found: string }): KubeError {
  const why = `the UID in the bound object reference (${uids.uid}) does not match the UID in record. The object might have been deleted and then recreated`;
  return new KubeError("Conflict", `Operation cannot be fulfilled on ${resource} "${name}": ${why}`, {
    name,
    kind: resource,
    uid: uids.found,
  });
}

function invalid(value: number, why: string): KubeError {
  const field = "spec.expirationSeconds";
  const message = `Invalid value: ${value}: ${why}`;
  return new KubeError("Invalid", `TokenRequest.authentication.k8s.io "" is invalid: ${field}: ${message}`, {
    group: "authentication.k8s.io",
    kind: "TokenRequest",
    causes: [{ reason: "FieldValueInvalid", message, field }],
  });
}
