/**
 * Who asks, and what they may. A service account is known by a token that this node keeps for one of its pods; its rights are those of its ServiceAccountAccess, which the cloud sends. Root of this
 * machine itself may do all, since it can read the store. Nobody else may more than ask what kind of server this is.
 */
import type { IncomingHttpHeaders } from "node:http";
import type { Socket } from "node:net";
import { isRecord } from "../../link/json.ts";
import { KubeError } from "../../../spec/kubernetes/kube.ts";
import { forbidden } from "../../../spec/kubernetes/errors.ts";
import type { LocalMeta } from "../meta/open.ts";
import { isHostRoot } from "./peer.ts";
import type { ResourceRequest } from "./request.ts";

export type User =
  | { readonly is: "anonymous" }
  | { readonly is: "root" }
  | { readonly is: "account"; readonly namespace: string; readonly name: string };

/** Errors: KubeError Unauthorized for a token that is not known. */
export function whoAsks(
  { authorization: header, host, origin }: IncomingHttpHeaders,
  socket: Socket,
  { meta, isOpen }: { meta: LocalMeta; isOpen: boolean },
): User {
  if (isOpen) return { is: "root" };
  const [, token] = /^Bearer ([\w.~+/=-]{1,16384})$/.exec(header ?? "") ?? [];
  if (token !== undefined) {
    const owner = meta.ownerOf(token);
    if (!owner) throw new KubeError("Unauthorized", "Unauthorized");
    return { is: "account", ...owner };
  }
  if (header !== undefined) throw new KubeError("Unauthorized", "Unauthorized");
  // A page in a browser comes with its origin, or by a name that somebody else gave this address.
  const isDirect = origin === undefined && /^(?:localhost|127\.[\d.]+|\[::1\])(?::\d+)?$/.test(host ?? "");
  return isDirect && isHostRoot(socket) ? { is: "root" } : { is: "anonymous" };
}

/** Throws a KubeError: Unauthorized for nobody, Forbidden for whom no rule allows it. */
export function authorize(user: User, request: ResourceRequest, meta: LocalMeta): void {
  if (user.is === "root") return;
  if (user.is === "anonymous") throw new KubeError("Unauthorized", "Unauthorized");
  if (rulesOf(user, meta).some((grant) => allows(grant, request))) return;
  const { verb, id, namespace, name = "", subresource } = request;
  const where = namespace === undefined ? "at the cluster scope" : `in the namespace "${namespace}"`;
  const resource = subresource === undefined ? id.resource : `${id.resource}/${subresource}`;
  throw forbidden({ group: id.group, plural: id.resource }, name, {
    why: `User "system:serviceaccount:${user.namespace}:${user.name}" cannot ${verb} resource "${resource}" in API group "${id.group}" ${where}`,
  });
}

interface Grant {
  /** undefined: everywhere. */
  readonly namespace: string | undefined;
  readonly rule: Readonly<Record<string, unknown>>;
}

function rulesOf({ namespace, name }: Extract<User, { is: "account" }>, meta: LocalMeta): Grant[] {
  return meta.list("serviceaccountaccess", namespace).flatMap((object) => {
    const spec = record(object["spec"]);
    const { name: of } = record(record(spec["serviceAccount"])["metadata"]);
    if ((of ?? object.metadata.name) !== name) return [];
    return [
      ...grants(spec["accessClusterRoleBinding"], () => undefined),
      ...grants(spec["accessRoleBinding"], (binding) => {
        const { namespace: bound } = record(record(binding["roleBinding"])["metadata"]);
        return typeof bound === "string" && bound !== "" ? bound : namespace;
      }),
    ];
  });
}

function grants(
  bindings: unknown,
  namespaceOf: (binding: Record<string, unknown>) => string | undefined,
): Grant[] {
  return listed(bindings).flatMap((binding) =>
    listed(binding["rules"]).map((rule) => ({ namespace: namespaceOf(binding), rule })),
  );
}

function record(value: unknown): Record<string, unknown> {
  return isRecord(value) ? value : {};
}

function listed(value: unknown): Record<string, unknown>[] {
  return Array.isArray(value) ? value.filter(isRecord) : [];
}

/** As RBAC's PolicyRule: https://kubernetes.io/docs/reference/access-authn-authz/rbac/ */
function allows({ namespace, rule }: Grant, request: ResourceRequest): boolean {
  if (namespace !== undefined && namespace !== request.namespace) return false;
  const { id, verb, name, subresource } = request;
  const resources = texts(rule["resources"]);
  const full = subresource === undefined ? id.resource : `${id.resource}/${subresource}`;
  const names = texts(rule["resourceNames"]);
  return (
    has(texts(rule["verbs"]), verb) &&
    has(texts(rule["apiGroups"]), id.group) &&
    (has(resources, full) || (subresource !== undefined && resources.includes(`*/${subresource}`))) &&
    (names.length === 0 || (name !== undefined && names.includes(name)))
  );
}

function has(words: readonly string[], wanted: string): boolean {
  return words.includes("*") || words.includes(wanted);
}

function texts(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((each): each is string => typeof each === "string") : [];
}
