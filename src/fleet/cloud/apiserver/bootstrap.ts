/** What every cluster has from its first start: namespaces, priorities, roles, and the service by which pods find the API. */
import { isIP } from "node:net";
import {
  KubeError,
  type KubeClient,
  type KubeObject,
  type ObjectKey,
  type ResourceId,
} from "../../../spec/kubernetes/kube.ts";
import { bootstrapRoles } from "./auth/rbac/bootstrap.ts";

/** The first address of the services' range: `kubernetes.default.svc`. */
export const apiClusterIp = "10.96.0.1";

const core = (resource: string): ResourceId => ({ group: "", version: "v1", resource });
const priorityClasses: ResourceId = {
  group: "scheduling.k8s.io",
  version: "v1",
  resource: "priorityclasses",
};

const namespaces = ["default", "kube-system", "kube-public", "kube-node-lease"] as const;

const priorities = [
  {
    name: "system-cluster-critical",
    value: 2_000_000_000,
    description:
      "Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.",
  },
  {
    name: "system-node-critical",
    value: 2_000_001_000,
    description: "Used for system critical pods that must not be moved from their current node.",
  },
] as const;

/** What clients need before the first of them comes. What is there already is left as it is. */
export async function bootstrap(client: KubeClient): Promise<void> {
  await Promise.all(
    namespaces.map((name) =>
      ensure(client, core("namespaces"), { apiVersion: "v1", kind: "Namespace", metadata: { name } }),
    ),
  );
  await Promise.all([
    bootstrapRoles(client),
    ...priorities.map(({ name, value, description }) =>
      ensure(client, priorityClasses, {
        apiVersion: "scheduling.k8s.io/v1",
        kind: "PriorityClass",
        metadata: { name },
        value,
        description,
      }),
    ),
  ]);
}

/** Creates what is not there. */
async function ensure(client: KubeClient, resource: ResourceId, object: KubeObject): Promise<void> {
  const { name = "", namespace } = object.metadata;
  if (await find(client, resource, { name, namespace })) return;
  await client.create(resource, object);
}

async function find(
  client: KubeClient,
  resource: ResourceId,
  key: ObjectKey,
): Promise<KubeObject | undefined> {
  try {
    return await client.get(resource, key);
  } catch (error) {
    if (error instanceof KubeError && error.reason === "NotFound") return undefined;
    throw error;
  }
}

const name = "kubernetes";
const namespace = "default";

/** The service `kubernetes`, and behind it the address where this server is reached, unless that is of this machine alone. */
export async function bootstrapService(
  client: KubeClient,
  { address, port }: { readonly address: string; readonly port: number },
): Promise<void> {
  await ensure(client, core("services"), {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name, namespace, labels: { component: "apiserver", provider: name } },
    spec: {
      type: "ClusterIP",
      clusterIP: apiClusterIp,
      ports: [{ name: "https", protocol: "TCP", port: 443, targetPort: port }],
    },
  });
  if (isIP(address) === 0 || /^127\.|^::1$/.test(address)) return;
  const ports = [{ name: "https", port, protocol: "TCP" }];
  await settle(client, core("endpoints"), {
    apiVersion: "v1",
    kind: "Endpoints",
    metadata: { name, namespace, labels: { "endpointslice.kubernetes.io/skip-mirror": "true" } },
    subsets: [{ addresses: [{ ip: address }], ports }],
  });
  await settle(
    client,
    { group: "discovery.k8s.io", version: "v1", resource: "endpointslices" },
    {
      apiVersion: "discovery.k8s.io/v1",
      kind: "EndpointSlice",
      metadata: { name, namespace, labels: { "kubernetes.io/service-name": name } },
      addressType: isIP(address) === 6 ? "IPv6" : "IPv4",
      endpoints: [{ addresses: [address], conditions: { ready: true } }],
      ports,
    },
  );
}

/** Creates what is not there, and puts right what the last start said. */
async function settle(client: KubeClient, resource: ResourceId, object: KubeObject): Promise<void> {
  if (await find(client, resource, { namespace, name })) await client.update(resource, object);
  else await client.create(resource, object);
}
