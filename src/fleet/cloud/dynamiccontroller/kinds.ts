/** The kind of a resource, where no object says it: of an empty list. */
import type { KubeClient, KubeObject, ResourceId } from "../../../spec/kubernetes/kube.ts";

const builtIn: Readonly<Record<string, string>> = {
  pods: "Pod",
  nodes: "Node",
  services: "Service",
  endpoints: "Endpoints",
  configmaps: "ConfigMap",
  secrets: "Secret",
  namespaces: "Namespace",
  events: "Event",
  serviceaccounts: "ServiceAccount",
  persistentvolumes: "PersistentVolume",
  persistentvolumeclaims: "PersistentVolumeClaim",
  replicationcontrollers: "ReplicationController",
  limitranges: "LimitRange",
  resourcequotas: "ResourceQuota",
  podtemplates: "PodTemplate",
  "apps/deployments": "Deployment",
  "apps/replicasets": "ReplicaSet",
  "apps/daemonsets": "DaemonSet",
  "apps/statefulsets": "StatefulSet",
  "apps/controllerrevisions": "ControllerRevision",
  "batch/jobs": "Job",
  "batch/cronjobs": "CronJob",
  "coordination.k8s.io/leases": "Lease",
  "discovery.k8s.io/endpointslices": "EndpointSlice",
  "events.k8s.io/events": "Event",
  "networking.k8s.io/ingresses": "Ingress",
  "networking.k8s.io/ingressclasses": "IngressClass",
  "networking.k8s.io/networkpolicies": "NetworkPolicy",
  "node.k8s.io/runtimeclasses": "RuntimeClass",
  "policy/poddisruptionbudgets": "PodDisruptionBudget",
  "rbac.authorization.k8s.io/roles": "Role",
  "rbac.authorization.k8s.io/rolebindings": "RoleBinding",
  "rbac.authorization.k8s.io/clusterroles": "ClusterRole",
  "rbac.authorization.k8s.io/clusterrolebindings": "ClusterRoleBinding",
  "scheduling.k8s.io/priorityclasses": "PriorityClass",
  "storage.k8s.io/storageclasses": "StorageClass",
  "storage.k8s.io/csidrivers": "CSIDriver",
  "storage.k8s.io/csinodes": "CSINode",
  "storage.k8s.io/volumeattachments": "VolumeAttachment",
  "certificates.k8s.io/certificatesigningrequests": "CertificateSigningRequest",
  "apiextensions.k8s.io/customresourcedefinitions": "CustomResourceDefinition",
};

const definitions: ResourceId = {
  group: "apiextensions.k8s.io",
  version: "v1",
  resource: "customresourcedefinitions",
};

/** `ConfigMap`; undefined for a custom resource, whose objects always say their kind. */
function knownKind({ group, resource }: ResourceId): string | undefined {
  const key = group === "" ? resource : `${group}/${resource}`;
  return Object.hasOwn(builtIn, key) ? builtIn[key] : undefined;
}

/** The kind of a resource, of a custom one as its definition says. Rejects as `get` does. */
export async function kindOf(client: KubeClient, id: ResourceId, signal: AbortSignal): Promise<string> {
  const known = knownKind(id);
  if (known !== undefined) return known;
  const definition = await client.get(definitions, { name: `${id.resource}.${id.group}` }, signal);
  const { names } = definition["spec"] as { readonly names: { readonly kind: string } };
  return names.kind;
}

/** With its kind, which a real cluster leaves out of a list's items. */
export function withKind(object: KubeObject, id: ResourceId): KubeObject {
  const kind = object.kind ? undefined : knownKind(id);
  return kind === undefined ? object : { ...object, kind, apiVersion: apiVersionOf(id) };
}

export function apiVersionOf({ group, version }: ResourceId): string {
  return group === "" ? version : `${group}/${version}`;
}
