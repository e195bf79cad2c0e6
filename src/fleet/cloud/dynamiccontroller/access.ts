/**
 * What a node may do by way of MetaServer. The API sees the cloud's own identity, so that the cloud decides:
 *
 * - what is the node's own: its Node and lease, its pods and what they refer to, its devices; and services with their endpoints, which all nodes need;
 * - what roles give to the node (`system:node:NAME`, `system:nodes`), or to a service account of a pod that runs there. The node has those pods' tokens in any case.
 *
 * KubeEdge allows everything that its cloud may; so does `all`.
 */
import { forbidden } from "../../../spec/kubernetes/errors.ts";
import type { KubeError, KubeObject } from "../../../spec/kubernetes/kube.ts";
import { nodesGroup, nodeUserPrefix } from "../apiserver/auth/node/names.ts";
import { allows } from "../apiserver/auth/rbac/rules.ts";
import { nodeOf, type Inventory, type Referred } from "../edgecontroller/inventory.ts";
import { claimOf } from "../edgecontroller/volumes.ts";
import { subjectsOfAccount, type Roles } from "../policycontroller/roles.ts";

export type AccessMode = "node" | "all";

export interface Asked {
  /** A verb of RBAC: get, list, watch, create, update, patch, delete. */
  readonly verb: string;
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly subresource?: string;
  readonly namespace?: string;
  readonly name?: string;
}

/** Which objects of what was asked for; undefined: all. */
export type Allowed = ((object: KubeObject) => boolean) | undefined;

export interface Access {
  /** @throws KubeError Forbidden */
  authorize(node: string, asked: Asked): Allowed;
  /** Another number when what a node may do may be another. */
  generation(node: string): string;
}

export interface AccessOptions {
  readonly mode: AccessMode;
  readonly inventory: Inventory;
  readonly roles: Roles;
}

const reading: readonly string[] = ["get", "list", "watch"];

/** Whom the API takes for the writer counts there: it would let the cloud give more than the asker has, or sign and judge in the cloud's name. */
const byIdentity: readonly string[] = [
  "rbac.authorization.k8s.io",
  "certificates.k8s.io",
  "authentication.k8s.io",
  "authorization.k8s.io",
  "admissionregistration.k8s.io",
  "apiregistration.k8s.io",
];

type Own = (node: string, object: KubeObject, inventory: Inventory) => boolean;

const refers =
  (resource: Referred): Own =>
  (node, { metadata: { namespace = "", name = "" } }, inventory) =>
    inventory.refers(node, { resource, namespace, name });

/** What is a node's own, of each kind that it may read. */
const own: Readonly<Record<string, Own>> = {
  services: () => true,
  endpoints: () => true,
  "discovery.k8s.io/endpointslices": () => true,
  "node.k8s.io/runtimeclasses": () => true,
  "devices.kubeedge.io/devicemodels": () => true,
  nodes: (node, { metadata }) => metadata.name === node,
  "coordination.k8s.io/leases": (node, { metadata }) =>
    metadata.name === node && metadata.namespace === "kube-node-lease",
  pods: (node, pod) => nodeOf(pod) === node,
  "devices.kubeedge.io/devices": (node, device) => nodeOf(device) === node,
  configmaps: refers("configmaps"),
  secrets: refers("secrets"),
  persistentvolumeclaims: refers("persistentvolumeclaims"),
  serviceaccounts: refers("serviceaccounts"),
  "policy.kubeedge.io/serviceaccountaccesses": refers("serviceaccounts"),
  persistentvolumes: (node, volume, inventory) => {
    const claim = claimOf(volume);
    return claim !== undefined && inventory.refers(node, claim);
  },
};

/** Kinds of which a node has its own without watching them. */
const given: Readonly<Record<string, string>> = {
  Pod: "pods",
  Node: "nodes",
  ConfigMap: "configmaps",
  Secret: "secrets",
  PersistentVolumeClaim: "persistentvolumeclaims",
  PersistentVolume: "persistentvolumes",
  ServiceAccountAccess: "policy.kubeedge.io/serviceaccountaccesses",
};

/** Whether the node has the object in any case, so that no watch may take it away. */
export function isGiven(node: string, object: KubeObject, inventory: Inventory): boolean {
  const key = Object.hasOwn(given, object.kind) ? given[object.kind] : undefined;
  return key !== undefined && own[key]?.(node, object, inventory) === true;
}

export function openAccess({ mode, inventory, roles }: AccessOptions): Access {
  return {
    authorize(node, asked) {
      if (mode === "all") return undefined;
      if (isWrite(asked) && byIdentity.includes(asked.group))
        throw refusal(node, asked, "the API takes this only from who asks for it");
      if (byRoles(node, asked, { inventory, roles })) return undefined;
      const key = asked.group === "" ? asked.resource : `${asked.group}/${asked.resource}`;
      const rule = Object.hasOwn(own, key) && asked.subresource === undefined ? own[key] : undefined;
      const may =
        reading.includes(asked.verb) || (asked.verb === "update" && key === "devices.kubeedge.io/devices");
      if (!rule || !may)
        throw refusal(node, asked, "no role allows it to the node or to a pod that runs there");
      return (object) => rule(node, object, inventory);
    },
    generation: (node) => (mode === "all" ? "" : `${roles.generation} ${inventory.generation(node)}`),
  };
}

function isWrite({ verb }: Asked): boolean {
  return !reading.includes(verb);
}

function byRoles(
  node: string,
  { verb, namespace, ...resource }: Asked,
  { inventory, roles }: Omit<AccessOptions, "mode">,
): boolean {
  const attributes = {
    user: { name: "", groups: [] },
    verb,
    resource: { ...resource, ...(namespace === undefined ? {} : { namespace }) },
  };
  for (const grant of roles.grants(subjectsOn(node, inventory))) {
    const isHere = grant.namespace === undefined || grant.namespace === namespace;
    if (isHere && grant.rules.some((rule) => allows(rule, attributes))) return true;
  }
  return false;
}

/** The node itself, and the service accounts of its pods. */
function* subjectsOn(node: string, inventory: Inventory): Iterable<string> {
  yield `User ${nodeUserPrefix}${node}`;
  yield `Group ${nodesGroup}`;
  yield "Group system:authenticated";
  for (const { resource, namespace, name } of inventory.referencesOf(node))
    if (resource === "serviceaccounts") yield* subjectsOfAccount(namespace, name);
}

export function refusal(
  node: string,
  { verb, group, resource, subresource, namespace, name = "" }: Asked,
  why: string,
): KubeError {
  const full = subresource === undefined ? resource : `${resource}/${subresource}`;
  const where = namespace === undefined ? "at the cluster scope" : `in the namespace "${namespace}"`;
  return forbidden({ group, plural: resource }, name, {
    why: `User "${nodeUserPrefix}${node}" cannot ${verb} resource "${full}" in API group "${group}" ${where}: ${why}`,
  });
}
