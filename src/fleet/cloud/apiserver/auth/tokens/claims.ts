/**
 * The claims of a service account's token (https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/#bound-service-account-tokens), and whom they mean
 * now: a token ends with the account, and with the pod, secret or node that it is bound to.
 */
import type { JWTPayload } from "jose";
import type { KubeObject } from "../../../../../spec/kubernetes/kube.ts";
import type { UserInfo } from "../auth.ts";
import { unauthorized } from "./signer.ts";

/** Looks up an object as it is now: `find("pods", "default", "a")`; "" for no namespace. */
export type Find = (resource: string, namespace: string, name: string) => KubeObject | undefined;

export interface Reference {
  readonly name: string;
  readonly uid: string;
}

export interface Bound {
  readonly namespace: string;
  readonly serviceaccount: Reference;
  readonly pod?: Reference;
  readonly secret?: Reference;
  readonly node?: Reference;
}

const claim = "kubernetes.io";
const prefix = "authentication.kubernetes.io";
/** Seconds for which what is being deleted is still good, beyond its own grace. */
const leeway = 60;

export function claimsOf(bound: Bound): JWTPayload {
  const subject = accountName(bound.namespace, bound.serviceaccount.name);
  return { sub: subject, jti: crypto.randomUUID(), [claim]: bound };
}

export function accountName(namespace: string, name: string): string {
  return `system:serviceaccount:${namespace}:${name}`;
}

export function accountGroups(namespace: string): string[] {
  return ["system:serviceaccounts", `system:serviceaccounts:${namespace}`, "system:authenticated"];
}

/** KubeError `Unauthorized` when the account or what the token is bound to is gone, or another one of that name. */
export function userOf(payload: JWTPayload, find: Find, now: number): UserInfo {
  const bound = readBound(payload[claim]);
  if (!bound || payload.sub !== accountName(bound.namespace, bound.serviceaccount.name)) throw unauthorized();
  const { namespace, serviceaccount, pod, secret, node } = bound;
  still(find("serviceaccounts", namespace, serviceaccount.name), serviceaccount, now);
  if (pod) still(find("pods", namespace, pod.name), pod, now);
  if (secret) still(find("secrets", namespace, secret.name), secret, now);
  // The node of a pod's token is told, but only a token for the node itself ends with it.
  if (node && !pod) still(find("nodes", "", node.name), node, now);
  const extra = {
    ...(payload.jti === undefined ? {} : { [`${prefix}/credential-id`]: [`JTI=${payload.jti}`] }),
    ...(pod ? { [`${prefix}/pod-name`]: [pod.name], [`${prefix}/pod-uid`]: [pod.uid] } : {}),
    ...(node ? { [`${prefix}/node-name`]: [node.name], [`${prefix}/node-uid`]: [node.uid] } : {}),
  };
  return {
    name: accountName(namespace, serviceaccount.name),
    uid: serviceaccount.uid,
    groups: accountGroups(namespace),
    extra,
  };
}

function still(object: KubeObject | undefined, { uid }: Reference, now: number): void {
  if (object?.metadata.uid !== uid) throw unauthorized();
  const { deletionTimestamp } = object.metadata;
  // The time of the deletion has the grace in it.
  if (deletionTimestamp !== undefined && Date.parse(deletionTimestamp) + leeway * 1000 < now)
    throw unauthorized();
}

/** Our own key signed it; still nothing is taken for granted of its shape. */
function readBound(value: unknown): Bound | undefined {
  const { namespace, serviceaccount, ...rest } = (value ?? {}) as Record<string, unknown>;
  if (typeof namespace !== "string" || !isReference(serviceaccount)) return undefined;
  const { pod, secret, node } = rest;
  if (![pod, secret, node].every((each) => each === undefined || isReference(each))) return undefined;
  return value as Bound;
}

function isReference(value: unknown): value is Reference {
  const { name, uid } = (value ?? {}) as Record<string, unknown>;
  return typeof name === "string" && typeof uid === "string";
}
