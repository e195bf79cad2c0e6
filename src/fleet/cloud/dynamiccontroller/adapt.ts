/** Objects as one node is to see them: endpoints of its own node group alone, where the service says so, and the API at the node's own MetaServer. */
import { isRecord } from "../../link/json.ts";
import type { KubeObject } from "../../../spec/kubernetes/kube.ts";
import type { Store } from "../informer/store.ts";

const topology = "apps.kubeedge.io/service-topology";
const withinGroup = "range-nodegroup";
const serviceName = "kubernetes.io/service-name";
export const groupLabel = "apps.kubeedge.io/belonging-to";

export interface Neighbours {
  readonly nodes: Store;
  readonly services: Store;
}

type Fields = Record<string, unknown>;
type Keep = (endpoint: unknown) => boolean;

/** The object itself where nothing is to be changed. */
export function adapt(object: KubeObject, node: string, neighbours: Neighbours): KubeObject {
  if (object.kind === "EndpointSlice") {
    const { namespace, labels = {} } = object.metadata;
    const service = labels[serviceName];
    if (namespace === "default" && service === "kubernetes") return atMetaServer(object);
    return isWithinGroup(neighbours, namespace, service)
      ? { ...object, endpoints: listOf(object["endpoints"]).filter(sameGroup(node, neighbours)) }
      : object;
  }
  if (object.kind !== "Endpoints") return object;
  const { namespace, name } = object.metadata;
  return isWithinGroup(neighbours, namespace, name)
    ? { ...object, subsets: listOf(object["subsets"]).flatMap(subset(sameGroup(node, neighbours))) }
    : object;
}

/** Whether what a node sees of the object depends on its group. */
export function dependsOnGroup({ kind, metadata }: KubeObject, { services }: Neighbours): boolean {
  const { namespace, name, labels = {} } = metadata;
  if (kind === "EndpointSlice") return isWithinGroup({ services }, namespace, labels[serviceName]);
  return kind === "Endpoints" && isWithinGroup({ services }, namespace, name);
}

/** The service that an EndpointSlice or Endpoints are of. */
export function serviceOf({ kind, metadata: { name, labels = {} } }: KubeObject): string | undefined {
  return kind === "EndpointSlice" ? labels[serviceName] : kind === "Endpoints" ? name : undefined;
}

export function topologyOf(service: KubeObject | undefined): string | undefined {
  return service?.metadata.annotations?.[topology];
}

function isWithinGroup(
  { services }: Pick<Neighbours, "services">,
  namespace: string | undefined,
  service: string | undefined,
): boolean {
  return service !== undefined && topologyOf(services.get(namespace, service)) === withinGroup;
}

function sameGroup(node: string, { nodes }: Neighbours): Keep {
  const groupOf = (name: string): string | undefined =>
    nodes.get(undefined, name)?.metadata.labels?.[groupLabel];
  const own = groupOf(node);
  return (endpoint) => {
    const name = isRecord(endpoint) ? endpoint["nodeName"] : undefined;
    if (typeof name !== "string") return false;
    return name === node || (own !== undefined && own !== "" && groupOf(name) === own);
  };
}

const subset =
  (keep: Keep) =>
  (value: unknown): readonly Fields[] => {
    if (!isRecord(value)) return [];
    const { addresses, notReadyAddresses, ...rest } = value;
    const ready = listOf(addresses).filter(keep);
    const waiting = listOf(notReadyAddresses).filter(keep);
    if (ready.length + waiting.length === 0) return [];
    return [
      {
        ...rest,
        ...(ready.length > 0 ? { addresses: ready } : {}),
        ...(waiting.length > 0 ? { notReadyAddresses: waiting } : {}),
      },
    ];
  };

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? (value as unknown[]) : [];
}

const metaServer = { address: "127.0.0.1", port: 10_550 } as const;

function atMetaServer(slice: KubeObject): KubeObject {
  const [port] = listOf(slice["ports"]);
  const named = isRecord(port) ? port : { name: "https", protocol: "TCP" };
  return {
    ...slice,
    addressType: "IPv4",
    endpoints: [{ addresses: [metaServer.address], conditions: { ready: true } }],
    ports: [{ ...named, port: metaServer.port }],
  };
}
