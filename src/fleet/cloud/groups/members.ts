/** Which node belongs to which group. Pure. A node belongs to one: to the group whose label it bears while that one selects it, otherwise to the oldest that does. */
import type { KubeObject } from "../../../spec/kubernetes/kube.ts";
import { hasLabels } from "../apiserver/controllers/selectors.ts";
import { belongingTo, type NodeGroupSpec, type NodeStatus } from "./kinds.ts";

export interface Membership {
  /** Nodes whose label has to change, with the label that they are to bear. */
  readonly labels: ReadonlyMap<string, string | undefined>;
  /** By group, in the order of nodes' names. */
  readonly statuses: ReadonlyMap<string, readonly NodeStatus[]>;
}

const nameOf = ({ metadata: { name = "" } }: KubeObject) => name;
const specOf = (group: KubeObject) => (group["spec"] ?? {}) as NodeGroupSpec;

export function membershipOf(groups: readonly KubeObject[], nodes: readonly KubeObject[]): Membership {
  const living = groups.filter(({ metadata }) => metadata.deletionTimestamp === undefined).toSorted(byAge);
  const owners = new Map(nodes.map((node) => [nameOf(node), ownerOf(node, living)]));
  const labels = new Map<string, string | undefined>();
  for (const node of nodes) {
    const owner = owners.get(nameOf(node));
    if (node.metadata.labels?.[belongingTo] !== owner) labels.set(nameOf(node), owner);
  }
  const known = new Map(nodes.map((node) => [nameOf(node), node]));
  const statuses = new Map(living.map((group) => [nameOf(group), statusesOf(group, known, owners)]));
  return { labels, statuses };
}

function byAge(a: KubeObject, b: KubeObject): number {
  const [first, second] = [a, b].map(({ metadata }) => `${metadata.creationTimestamp} ${metadata.name}`);
  return (first ?? "") < (second ?? "") ? -1 : 1;
}

function ownerOf(node: KubeObject, groups: readonly KubeObject[]): string | undefined {
  const selecting = groups.filter((group) => isSelected(node, specOf(group)));
  const present = selecting.find((group) => nameOf(group) === node.metadata.labels?.[belongingTo]);
  const owner = present ?? selecting[0];
  return owner && nameOf(owner);
}

function isSelected(node: KubeObject, { nodes = [], matchLabels = {} }: NodeGroupSpec): boolean {
  if (nodes.includes(nameOf(node))) return true;
  return Object.keys(matchLabels).length > 0 && hasLabels(matchLabels, node.metadata.labels);
}

function statusesOf(
  group: KubeObject,
  known: ReadonlyMap<string, KubeObject>,
  owners: ReadonlyMap<string, string | undefined>,
): NodeStatus[] {
  const spec = specOf(group);
  const selected = [...known.values()].filter((node) => isSelected(node, spec)).map(nameOf);
  const names = [...new Set([...selected, ...(spec.nodes ?? [])])].toSorted();
  return names.map((nodeName) => {
    const node = known.get(nodeName);
    const owner = owners.get(nodeName);
    const failed = { nodeName, readyStatus: readyStatusOf(node), selectionStatus: "Failed" } as const;
    if (!node) return { ...failed, selectionStatusReason: `there is no node "${nodeName}"` };
    if (owner !== nameOf(group))
      return { ...failed, selectionStatusReason: `the node belongs to group "${owner ?? ""}"` };
    return { ...failed, selectionStatus: "Succeeded" };
  });
}

export function readyStatusOf(node: KubeObject | undefined): NodeStatus["readyStatus"] {
  const { conditions = [] } = (node?.["status"] ?? {}) as {
    readonly conditions?: readonly { readonly type?: string; readonly status?: string }[];
  };
  const status = conditions.find(({ type }) => type === "Ready")?.status;
  return status === "True" ? "Ready" : status === "False" ? "NotReady" : "Unknown";
}
