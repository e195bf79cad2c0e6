/** Which object each type on the wire is. Resyncs of clouds up to 1.15 leave out kind and apiVersion, which whoever reads them later needs. */
import type { ResourceId } from "../../../spec/kubernetes/kube.ts";
import { types } from "../../link/resources.ts";

export interface KnownType {
  readonly apiVersion: string;
  readonly kind: string;
  /** The name in paths of the API. */
  readonly resource: string;
}

const of = (apiVersion: string, kind: string, resource: string): KnownType => ({
  apiVersion,
  kind,
  resource,
});

export const known: Readonly<Record<string, KnownType>> = {
  pod: of("v1", "Pod", "pods"),
  node: of("v1", "Node", "nodes"),
  configmap: of("v1", "ConfigMap", "configmaps"),
  secret: of("v1", "Secret", "secrets"),
  persistentvolume: of("v1", "PersistentVolume", "persistentvolumes"),
  persistentvolumeclaim: of("v1", "PersistentVolumeClaim", "persistentvolumeclaims"),
  event: of("v1", "Event", "events"),
  service: of("v1", "Service", "services"),
  endpoints: of("v1", "Endpoints", "endpoints"),
  namespace: of("v1", "Namespace", "namespaces"),
  serviceaccount: of("v1", "ServiceAccount", "serviceaccounts"),
  endpointslice: of("discovery.k8s.io/v1", "EndpointSlice", "endpointslices"),
  lease: of("coordination.k8s.io/v1", "Lease", "leases"),
  volumeattachment: of("storage.k8s.io/v1", "VolumeAttachment", "volumeattachments"),
  certificatesigningrequest: of(
    "certificates.k8s.io/v1",
    "CertificateSigningRequest",
    "certificatesigningrequests",
  ),
  device: of("devices.kubeedge.io/v1beta1", "Device", "devices"),
  devicemodel: of("devices.kubeedge.io/v1beta1", "DeviceModel", "devicemodels"),
  rule: of("rules.kubeedge.io/v1", "Rule", "rules"),
  ruleendpoint: of("rules.kubeedge.io/v1", "RuleEndpoint", "ruleendpoints"),
  serviceaccountaccess: of("policy.kubeedge.io/v1alpha1", "ServiceAccountAccess", "serviceaccountaccesses"),
};

export function knownType(type: string): KnownType | undefined {
  return Object.hasOwn(known, type) ? known[type] : undefined;
}

/** Objects of the cluster; edges and clouds call their namespace `null` or `default`, as it comes. */
export function isOfCluster(type: string): boolean {
  const row: { readonly cluster?: true } = Object.hasOwn(types, type)
    ? types[type as keyof typeof types]
    : {};
  return row.cluster === true;
}

/** What no cloud sends by itself: it is watched by way of MetaServer, and read here as any other type. */
const mirrored = ["service", "endpoints", "endpointslice"] as const;

export function mirroredId(type: string): ResourceId | undefined {
  const row = mirrored.some((each) => each === type) ? knownType(type) : undefined;
  if (!row) return undefined;
  const [first = "", second] = row.apiVersion.split("/");
  return { group: second === undefined ? "" : first, version: second ?? first, resource: row.resource };
}

export function typeOfMirrored({ group, version, resource }: ResourceId): string | undefined {
  const apiVersion = group === "" ? version : `${group}/${version}`;
  return mirrored.find(
    (each) => known[each]?.apiVersion === apiVersion && known[each]?.resource === resource,
  );
}
