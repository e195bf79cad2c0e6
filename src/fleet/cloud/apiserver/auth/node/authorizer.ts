/**
 * The Node authorizer: what a node may do, and only for itself and for the pods that are bound to it. https://kubernetes.io/docs/reference/access-authn-authz/node/
 * With the selectors of AuthorizeNodeWithSelectors: a node lists its own pods and no others.
 */
import type { KubeObject } from "../../../../../spec/kubernetes/kube.ts";
import type { Storage } from "../../storage/storage.ts";
import type { Attributes, Decision, UserInfo } from "../auth.ts";
import { allows, type PolicyRule } from "../rbac/rules.ts";
import { nodeOf } from "./names.ts";
import { type NodePods, openNodePods } from "./pods.ts";

/** Without looking at which object it is. */
export const nodeRules: readonly PolicyRule[] = [
  {
    verbs: ["create"],
    apiGroups: ["authentication.k8s.io"],
    resources: ["tokenreviews"],
  },
  {
    verbs: ["create"],
    apiGroups: ["authorization.k8s.io"],
    resources: ["subjectaccessreviews", "localsubjectaccessreviews"],
  },
  { verbs: ["get", "list", "watch"], apiGroups: [""], resources: ["services", "endpoints"] },
  { verbs: ["get", "list", "watch"], apiGroups: ["discovery.k8s.io"], resources: ["endpointslices"] },
  { verbs: ["create", "patch", "update"], apiGroups: ["", "events.k8s.io"], resources: ["events"] },
  { verbs: ["get", "list", "watch"], apiGroups: ["node.k8s.io"], resources: ["runtimeclasses"] },
  { verbs: ["get", "list", "watch"], apiGroups: ["storage.k8s.io"], resources: ["csidrivers"] },
  // NodeRestriction looks into these: a node makes itself, and shadows of its own static pods.
  { verbs: ["create"], apiGroups: [""], resources: ["nodes", "pods"] },
  { verbs: ["create"], apiGroups: ["certificates.k8s.io"], resources: ["certificatesigningrequests"] },
];

export interface NodeAuthorizer extends AsyncDisposable {
  /** Undefined: the user is no node. */
  authorize(attributes: Attributes): Decision | undefined;
}

type Found = NonNullable<Attributes["resource"]>;

interface Place {
  readonly node: string;
  readonly user: UserInfo;
  readonly verb: string;
  readonly of: Found;
}

/** Undefined is yes, a text says why not. */
type Check = (place: Place) => string | undefined;

export function openNodeAuthorizer(
  storage: Pick<Storage, "revision" | "watch" | "list" | "get">,
): NodeAuthorizer {
  // Not before a node comes itself: those of a fleet come by the hub, which knows what is theirs.
  let opened: NodePods | undefined;
  const known = () => (opened ??= openNodePods(storage));
  const pods: Known = {
    isBound: (...place) => known().isBound(...place),
    refers: (...place) => known().refers(...place),
  };
  const find = (resource: string, namespace: string, name: string) =>
    storage.get({ resource, namespace, name })?.object;
  const checks = checksOf(pods, find);
  return {
    authorize: (attributes) => {
      const node = nodeOf(attributes.user);
      if (node === undefined) return undefined;
      if (nodeRules.some((rule) => allows(rule, attributes))) return { allowed: true, reason: "" };
      const { user, verb, resource: of } = attributes;
      if (!of) return { allowed: false, reason: "" };
      const check = checks[of.group === "" ? of.resource : `${of.group}/${of.resource}`];
      if (!check) return { allowed: false, reason: "" };
      const why = check({ node, user, verb, of });
      return why === undefined
        ? { allowed: true, reason: "" }
        : { allowed: false, reason: `node "${node}" ${why}` };
    },
    [Symbol.asyncDispose]: async () => await opened?.[Symbol.asyncDispose](),
  };
}

type Known = Omit<NodePods, keyof AsyncDisposable>;
type Find = (resource: string, namespace: string, name: string) => KubeObject | undefined;

function checksOf(pods: Known, find: Find): Readonly<Record<string, Check>> {
  const read: Check = ({ node, verb, of: { resource, namespace = "", name, subresource } }) => {
    if (!["get", "list", "watch"].includes(verb)) return `can only read resources of this type`;
    if (subresource !== undefined) return "cannot read subresource";
    if (name === undefined) return "can only read one of them by its name";
    const found = pods.refers(node, namespace, `${resource}/${name}`);
    return found ? undefined : "has no pod that refers to it";
  };
  return {
    secrets: read,
    configmaps: read,
    persistentvolumeclaims: claimCheck(read),
    persistentvolumes: ({ node, user, verb, of }) => {
      if (verb !== "get" || of.name === undefined) return "can only get one by its name";
      const claim = claimOf(find("persistentvolumes", "", of.name));
      if (!claim) return "has no pod that refers to it";
      const place = { resource: "persistentvolumeclaims", group: "", version: "v1", ...claim };
      return read({ node, user, verb, of: place });
    },
    serviceaccounts: accountCheck(pods),
    nodes: nodeCheck,
    pods: podCheck(pods),
    "coordination.k8s.io/leases": leaseCheck,
    "storage.k8s.io/csinodes": ({ node, verb, of: { name } }) => {
      if (verb === "create") return undefined;
      return ["get", "update", "patch", "delete"].includes(verb) && name === node
        ? undefined
        : "has its own one alone";
    },
    "certificates.k8s.io/certificatesigningrequests": ({ user, verb, of: { name, subresource } }) => {
      if (!["get", "list", "watch"].includes(verb) || subresource !== undefined)
        return "can only read its own requests";
      if (name === undefined) return "can only read one of them by its name";
      const request = find("certificates.k8s.io/certificatesigningrequests", "", name);
      const by = (request?.["spec"] as { username?: unknown } | undefined)?.username;
      return by === user.name ? undefined : "can only read its own requests";
    },
  };
}

function claimCheck(read: Check): Check {
  return (place) => {
    const { verb, of } = place;
    if (of.subresource !== "status" || !["get", "update", "patch"].includes(verb)) return read(place);
    const { subresource: _, ...bare } = of;
    return read({ ...place, verb: "get", of: bare });
  };
}

function accountCheck(pods: Known): Check {
  return ({ node, verb, of: { namespace = "", name, subresource } }) => {
    const good =
      (verb === "create" && subresource === "token") || (verb === "get" && subresource === undefined);
    if (!good || name === undefined) return "can only get service accounts and make tokens for them";
    return pods.refers(node, namespace, `serviceaccounts/${name}`) ? undefined : "has no pod that uses it";
  };
}

const nodeCheck: Check = ({ node, verb, of: { name, subresource } }) => {
  const verbs = ["get", "list", "watch", "update", "patch"];
  if (subresource !== undefined && subresource !== "status") return "cannot use that subresource";
  if (!verbs.includes(verb)) return "cannot do that with nodes";
  return name === node ? undefined : "can only use its own node";
};

function podCheck(pods: Known): Check {
  const bound = (node: string, namespace: string, name: string | undefined) =>
    name !== undefined && pods.isBound(node, namespace, name)
      ? undefined
      : "can only use pods that are bound to it";
  return ({ node, verb, of: { namespace = "", name, subresource, fieldSelector = "" } }) => {
    const writes: Readonly<Record<string, readonly string[]>> = {
      "": ["delete"],
      status: ["get", "update", "patch"],
      eviction: ["create"],
    };
    if (writes[subresource ?? ""]?.includes(verb)) return bound(node, namespace, name);
    if (subresource !== undefined || !["get", "list", "watch"].includes(verb))
      return "cannot do that with pods";
    if (name !== undefined && verb === "get") return bound(node, namespace, name);
    const own = fieldSelector.split(",").some((each) => /^spec\.nodeName==?(.*)$/.exec(each)?.[1] === node);
    return own ? undefined : `can only list pods with the field selector spec.nodeName=${node}`;
  };
}

const leaseCheck: Check = ({ node, verb, of: { namespace, name } }) => {
  if (namespace !== "kube-node-lease") return "can only use leases in the namespace kube-node-lease";
  if (verb === "create" && name === undefined) return undefined;
  if (!["get", "create", "update", "patch", "delete"].includes(verb)) return "cannot do that with leases";
  return name === node ? undefined : "can only use its own lease";
};

function claimOf(volume: KubeObject | undefined): { namespace: string; name: string } | undefined {
  const claim = (volume?.["spec"] as { claimRef?: Record<string, unknown> } | undefined)?.claimRef;
  const { namespace, name } = claim ?? {};
  return typeof namespace === "string" && typeof name === "string" ? { namespace, name } : undefined;
}
