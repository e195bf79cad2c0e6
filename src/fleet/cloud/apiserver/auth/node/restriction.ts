/**
 * NodeRestriction: what a node may write into what it may write. https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#noderestriction
 * Which object it may touch at all the Node authorizer decides.
 */
import type { KubeObject } from "../../../../../spec/kubernetes/kube.ts";
import type { UserInfo } from "../auth.ts";
import { forbidden } from "../refusal.ts";
import { nodeOf } from "./names.ts";
import { referencesOf } from "./references.ts";

export interface NodeWrite {
  readonly user: UserInfo;
  /** The storage's name of the kind. */
  readonly resource: string;
  readonly subresource?: string;
  readonly object: KubeObject;
  /** Undefined: it is made. */
  readonly old?: KubeObject;
}

/** KubeError `Forbidden`. Nothing for users that are no nodes. */
export function restrictNode(write: NodeWrite): void {
  const node = nodeOf(write.user);
  if (node === undefined) return;
  const why = rules[write.resource]?.(node, write);
  if (why === undefined) return;
  const [resource = "", group = ""] = write.resource.split("/").toReversed();
  throw forbidden({ group, resource, name: write.object.metadata.name ?? "" }, why);
}

export function isRestricted(resource: string): boolean {
  return Object.hasOwn(rules, resource);
}

/** A text says why not. */
type Rule = (node: string, write: NodeWrite) => string | undefined;

const own: Rule = (node, { object }) =>
  object.metadata.name === node
    ? undefined
    : `node "${node}" is not allowed to modify node "${object.metadata.name}"`;

const rules: Readonly<Record<string, Rule>> = {
  nodes: (node, write) => own(node, write) ?? nodeRule(node, write),
  pods: podRule,
  "coordination.k8s.io/leases": (node, { object }) => {
    const { name, namespace } = object.metadata;
    if (namespace === "kube-node-lease" && name === node) return undefined;
    return `can only access node lease with the same name as the requesting node, in the namespace "kube-node-lease"`;
  },
  "storage.k8s.io/csinodes": own,
};

/** Labels of Kubernetes that a node may set on itself: https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#noderestriction */
const ownLabels = new Set([
  "kubernetes.io/hostname",
  "kubernetes.io/arch",
  "kubernetes.io/os",
  "beta.kubernetes.io/arch",
  "beta.kubernetes.io/os",
  "beta.kubernetes.io/instance-type",
  "node.kubernetes.io/instance-type",
  "failure-domain.beta.kubernetes.io/region",
  "failure-domain.beta.kubernetes.io/zone",
  "failure-domain.kubernetes.io/region",
  "failure-domain.kubernetes.io/zone",
  "topology.kubernetes.io/region",
  "topology.kubernetes.io/zone",
]);

function nodeRule(node: string, { object, old, subresource }: NodeWrite): string | undefined {
  const changed = changedLabels(object, old).filter(isForbiddenLabel);
  if (changed.length > 0)
    return `is not allowed to ${old ? "modify" : "set"} the following labels: ${changed.toSorted().join(", ")}`;
  if ((object.metadata.ownerReferences ?? []).length > (old?.metadata.ownerReferences ?? []).length)
    return `node "${node}" is not allowed to set owner references of itself`;
  if (!old || subresource === "status") return undefined;
  const taints = (each: KubeObject) =>
    JSON.stringify((each["spec"] as { taints?: unknown } | undefined)?.taints ?? []);
  // A node comes with its taints; only others take them away.
  return taints(object) === taints(old) ? undefined : `node "${node}" is not allowed to modify taints`;
}

function changedLabels({ metadata: { labels = {} } }: KubeObject, old: KubeObject | undefined): string[] {
  const before = old?.metadata.labels ?? {};
  return [...new Set([...Object.keys(labels), ...Object.keys(before)])].filter(
    (key) => labels[key] !== before[key],
  );
}

function isForbiddenLabel(key: string): boolean {
  const [domain = ""] = key.includes("/") ? key.split("/") : [];
  const within = (of: string) => domain === of || domain.endsWith(`.${of}`);
  if (within("node-restriction.kubernetes.io")) return true;
  if (within("kubelet.kubernetes.io") || within("node.kubernetes.io")) return false;
  return (within("kubernetes.io") || within("k8s.io")) && !ownLabels.has(key);
}

const mirror = "kubernetes.io/config.mirror";

function podRule(node: string, write: NodeWrite): string | undefined {
  const { object, old, subresource } = write;
  const bound = ((old ?? object)["spec"] as { nodeName?: unknown } | undefined)?.nodeName;
  if (old) {
    if (bound !== node)
      return `node "${node}" can only update pod status for pods with spec.nodeName set to itself`;
    const labels = (each: KubeObject) => JSON.stringify(each.metadata.labels ?? {});
    const may = subresource === "status" && labels(object) === labels(old);
    return may ? undefined : `node "${node}" cannot update labels or anything but the status of pods`;
  }
  if (object.metadata.annotations?.[mirror] === undefined)
    return `pod does not have "${mirror}" annotation, node "${node}" can only create mirror pods`;
  if (bound !== node) return `node "${node}" can only create pods with spec.nodeName set to itself`;
  return ownerRule(node, object) ?? mirrorRule(node, object);
}

function ownerRule(node: string, { metadata }: KubeObject): string | undefined {
  const [owner, ...more] = metadata.ownerReferences ?? [];
  const good =
    owner?.apiVersion === "v1" && owner.kind === "Node" && owner.name === node && owner.controller === true;
  return good && more.length === 0 && owner.blockOwnerDeletion !== true
    ? undefined
    : `node "${node}" can only create pods with an owner reference set to itself`;
}

/** A static pod is nobody to the API, and reads nothing from it. The service account that admission gives comes after this. */
function mirrorRule(node: string, object: KubeObject): string | undefined {
  const kinds = new Set([...referencesOf(object)].map((reference) => reference.split("/")[0] ?? ""));
  const [kind] = kinds;
  return kind === undefined ? undefined : `node "${node}" can not create pods that reference ${kind}`;
}
