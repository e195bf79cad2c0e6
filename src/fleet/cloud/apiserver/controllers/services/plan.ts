/** The endpoint slices and the endpoints of a service. Source: https://kubernetes.io/docs/reference/kubernetes-api/service-resources/endpoint-slice-v1/ and endpoints-v1/ */
import type { KubeObject } from "../../../../../spec/kubernetes/kube.ts";
import type { Node, Pod, Service } from "../kinds.ts";
import { controllerReference, isDeleting, same } from "../references.ts";
import {
  belongsTo,
  familiesOf,
  groupsOf,
  hasSelector,
  type Address,
  type Group,
  type Port,
} from "./addresses.ts";

export const serviceLabel = "kubernetes.io/service-name";
export const managerLabel = "endpointslice.kubernetes.io/managed-by";
export const manager = "endpointslice-controller.k8s.io";

/** By these it is seen which Endpoints were made here. */
export const endpointsLabels = { "endpoints.kubernetes.io/managed-by": "endpoint-controller" } as const;

export interface ServiceState {
  readonly service: Service;
  /** Pods of its namespace. */
  readonly pods: readonly Pod[];
  readonly node: (name: string) => Node | undefined;
  /** Those with this service's label that we manage. */
  readonly slices: readonly EndpointSlice[];
  readonly endpoints: KubeObject | undefined;
}

export interface EndpointSlice extends KubeObject {
  addressType?: string;
  endpoints?: readonly object[];
  ports?: readonly Port[];
}

export type ServiceStep =
  | { readonly do: "create slice" | "update slice" | "delete slice"; readonly slice: EndpointSlice }
  | { readonly do: "create endpoints" | "update endpoints"; readonly endpoints: KubeObject };

/** Of one slice, and of one Endpoints object. */
const mostPerSlice = 100;
const mostEndpoints = 1000;

export function planService(state: ServiceState): readonly ServiceStep[] {
  const { service } = state;
  if (!hasSelector(service) || isDeleting(service)) return [];
  const pods = state.pods.filter((pod) => belongsTo(service, pod));
  return [...sliceSteps({ ...state, pods }), ...endpointsSteps({ ...state, pods })];
}

function sliceSteps(state: ServiceState): readonly ServiceStep[] {
  const steps: ServiceStep[] = [];
  const left = new Set(state.slices.filter((slice) => !isDeleting(slice)));
  for (const wanted of wantedSlices(state)) {
    const present = bestMatch(wanted, left);
    if (!present) {
      steps.push({ do: "create slice", slice: wanted });
      continue;
    }
    left.delete(present);
    const isSame =
      same(present.endpoints, wanted.endpoints) &&
      same(present.ports, wanted.ports) &&
      same(present.metadata.labels, wanted.metadata.labels);
    if (isSame) continue;
    const { labels = {} } = wanted.metadata;
    const metadata = { ...present.metadata, labels };
    steps.push({ do: "update slice", slice: { ...present, ...wanted, metadata } });
  }
  return [...steps, ...[...left].map((slice) => ({ do: "delete slice", slice }) as const)];
}

/** The slice that needs the least change: same family and, best of all, the same endpoints. */
function bestMatch(wanted: EndpointSlice, slices: ReadonlySet<EndpointSlice>): EndpointSlice | undefined {
  const candidates = [...slices].filter(({ addressType }) => addressType === wanted.addressType);
  return (
    candidates.find((slice) => same(slice.endpoints, wanted.endpoints) && same(slice.ports, wanted.ports)) ??
    candidates.find((slice) => same(slice.ports, wanted.ports)) ??
    candidates[0]
  );
}

function wantedSlices({ service, pods, node }: ServiceState): readonly EndpointSlice[] {
  return familiesOf(service).flatMap((family) => {
    const groups = groupsOf(service, pods, family);
    // A service without pods has an empty slice, so that whoever looks sees that it was looked after.
    const shown = groups.length > 0 ? groups : [{ ports: [], addresses: [] }];
    return shown.flatMap((group) => inParts(group).map((part) => sliceOf(service, family, part, node)));
  });
}

function inParts({ ports, addresses }: Group): readonly Group[] {
  const count = Math.max(1, Math.ceil(addresses.length / mostPerSlice));
  return Array.from({ length: count }, (_, part) => ({
    ports,
    addresses: addresses.slice(part * mostPerSlice, (part + 1) * mostPerSlice),
  }));
}

function sliceOf(
  service: Service,
  addressType: string,
  { ports, addresses }: Group,
  node: ServiceState["node"],
): EndpointSlice {
  const { name = "", namespace = "", labels } = service.metadata;
  const isHeadless = service.spec.clusterIP === "None";
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: {
      generateName: `${name}-`,
      namespace,
      labels: {
        ...labels,
        [serviceLabel]: name,
        [managerLabel]: manager,
        ...(isHeadless ? { "service.kubernetes.io/headless": "" } : {}),
      },
      ownerReferences: [controllerReference(service)],
    },
    addressType,
    endpoints: addresses.map((address) => endpointOf(service, address, node)),
    ports,
  };
}

function endpointOf(service: Service, address: Address, node: ServiceState["node"]): object {
  const { pod, ready, serving, terminating } = address;
  const { nodeName } = pod.spec;
  const zone = nodeName ? node(nodeName)?.metadata.labels?.["topology.kubernetes.io/zone"] : undefined;
  const hostname = hostnameOf(service, pod);
  return {
    addresses: [address.address],
    conditions: { ready, serving, terminating },
    ...(hostname ? { hostname } : {}),
    ...(nodeName ? { nodeName } : {}),
    targetRef: referenceTo(pod),
    ...(zone ? { zone } : {}),
  };
}

/** A pod that names its place under a headless service has a name of its own there. */
function hostnameOf({ metadata }: Service, { spec }: Pod): string | undefined {
  return spec.subdomain !== undefined && spec.subdomain === metadata.name ? spec.hostname : undefined;
}

function referenceTo({ metadata }: Pod): object {
  const { namespace, name, uid } = metadata;
  return { kind: "Pod", namespace, name, uid };
}

function endpointsSteps({ service, pods, endpoints }: ServiceState): readonly ServiceStep[] {
  const [family = "IPv4"] = familiesOf(service);
  const subsets = subsetsOf(service, groupsOf(service, pods, family));
  const { name = "", namespace = "", labels: own } = service.metadata;
  const labels = {
    ...own,
    ...endpointsLabels,
    ...(service.spec.clusterIP === "None" ? { "service.kubernetes.io/headless": "" } : {}),
  };
  if (!endpoints) {
    const made = { apiVersion: "v1", kind: "Endpoints", metadata: { name, namespace, labels }, subsets };
    return [{ do: "create endpoints", endpoints: made }];
  }
  if (same(endpoints["subsets"], subsets) && same(endpoints.metadata.labels, labels)) return [];
  const metadata = { ...endpoints.metadata, labels };
  return [{ do: "update endpoints", endpoints: { ...endpoints, metadata, subsets } }];
}

function subsetsOf(service: Service, groups: readonly Group[]): readonly object[] {
  let room = mostEndpoints;
  return groups.flatMap(({ ports, addresses }) => {
    const shown = addresses.filter(({ terminating, ready }) => ready || !terminating).slice(0, room);
    room -= shown.length;
    if (shown.length === 0) return [];
    const list = (ready: boolean): readonly object[] =>
      shown.filter((address) => address.ready === ready).map((address) => subsetAddress(service, address));
    const [addressesReady, notReadyAddresses] = [list(true), list(false)];
    return [
      {
        ...(addressesReady.length > 0 ? { addresses: addressesReady } : {}),
        ...(notReadyAddresses.length > 0 ? { notReadyAddresses } : {}),
        ports,
      },
    ];
  });
}

function subsetAddress(service: Service, { pod, address }: Address): object {
  const hostname = hostnameOf(service, pod);
  const { nodeName } = pod.spec;
  return {
    ip: address,
    ...(hostname ? { hostname } : {}),
    ...(nodeName ? { nodeName } : {}),
    targetRef: referenceTo(pod),
  };
}
