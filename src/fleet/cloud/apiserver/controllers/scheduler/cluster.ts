/** The nodes with what runs on them, as the scheduler sees them. */
import type { Claim, Labels, Node, PersistentVolume, Pod, StorageClass } from "../kinds.ts";
import { isFinished } from "../references.ts";
import { amountsOf, hostPortsOf, requestsOf, type HostPort } from "./requests.ts";

export interface NodeInfo {
  readonly node: Node;
  readonly name: string;
  readonly labels: Labels;
  readonly pods: Pod[];
  readonly used: Map<string, number>;
  readonly ports: HostPort[];
  /** Those of its pods that say which others they do not want near them. */
  readonly repelling: Pod[];
  /** In whole units; 0 for what the node does not have. */
  allocatable(resource: string): number;
}

/** Says why a node will not do; several reasons where it lacks several things. Made once for a pod, asked for each node. */
export type NodeFilter = (at: NodeInfo) => readonly string[] | string | undefined;

/** More is better. */
export type NodeScore = (at: NodeInfo) => number;

export interface VolumeView {
  readonly claim: (namespace: string, name: string) => Claim | undefined;
  readonly volume: (name: string) => PersistentVolume | undefined;
  readonly volumes: () => readonly PersistentVolume[];
  readonly storageClass: (name: string) => StorageClass | undefined;
}

export interface Cluster {
  readonly nodes: readonly NodeInfo[];
  readonly namespaceLabels: (namespace: string) => Labels | undefined;
  readonly volumes: VolumeView;
}

export interface ClusterState {
  readonly nodes: readonly Node[];
  /** All pods; those without a node and those that have ended are passed over. */
  readonly pods: readonly Pod[];
  /** Uid of a pod → node that it was just bound to and that the API does not show yet. */
  readonly assumed?: ReadonlyMap<string, string>;
  readonly namespaceLabels?: (namespace: string) => Labels | undefined;
  readonly volumes?: VolumeView;
}

const noVolumes: VolumeView = {
  claim: () => undefined,
  volume: () => undefined,
  volumes: () => [],
  storageClass: () => undefined,
};

export function clusterOf(state: ClusterState): Cluster {
  const nodes = new Map(state.nodes.map((node) => [node.metadata.name ?? "", infoOf(node)]));
  for (const pod of state.pods) {
    const name = pod.spec.nodeName ?? state.assumed?.get(pod.metadata.uid ?? "");
    const info = name === undefined ? undefined : nodes.get(name);
    if (info && !isFinished(pod)) addPod(info, pod);
  }
  return {
    nodes: [...nodes.values()],
    namespaceLabels: state.namespaceLabels ?? (() => undefined),
    volumes: state.volumes ?? noVolumes,
  };
}

export function addPod(info: NodeInfo, pod: Pod): void {
  info.pods.push(pod);
  const unwanted = pod.spec.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  if (unwanted && unwanted.length > 0) info.repelling.push(pod);
  info.ports.push(...hostPortsOf(pod));
  for (const [name, value] of requestsOf(pod)) info.used.set(name, (info.used.get(name) ?? 0) + value);
}

/** The node as it would be with these pods and no others. */
export function withPods(at: NodeInfo, pods: readonly Pod[]): NodeInfo {
  const info = { ...at, pods: [], used: new Map(), ports: [], repelling: [] };
  for (const pod of pods) addPod(info, pod);
  return info;
}

function infoOf(node: Node): NodeInfo {
  const { name = "", labels = {} } = node.metadata;
  const allocatable = amountsOf(node.status?.allocatable);
  return {
    node,
    name,
    labels,
    pods: [],
    used: new Map(),
    ports: [],
    repelling: [],
    allocatable: (resource) => allocatable.get(resource) ?? 0,
  };
}
