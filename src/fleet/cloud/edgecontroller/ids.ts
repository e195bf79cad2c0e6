/** The kinds that an edge has to do with. */
import type { KubeObject, ResourceId } from "../../../spec/kubernetes/kube.ts";

function id(group: string, resource: string): ResourceId {
  return { group, version: "v1", resource };
}

export const ids = {
  pods: id("", "pods"),
  nodes: id("", "nodes"),
  configMaps: id("", "configmaps"),
  secrets: id("", "secrets"),
  claims: id("", "persistentvolumeclaims"),
  volumes: id("", "persistentvolumes"),
  serviceAccounts: id("", "serviceaccounts"),
  events: id("", "events"),
  leases: id("coordination.k8s.io", "leases"),
  attachments: id("storage.k8s.io", "volumeattachments"),
  certificateRequests: id("certificates.k8s.io", "certificatesigningrequests"),
} as const satisfies Readonly<Record<string, ResourceId>>;

/** How refusals call a kind. */
export function named({ group, resource }: ResourceId): { readonly group: string; readonly plural: string } {
  return { group, plural: resource };
}

/** With its kind: lists of a real cluster leave it out of their items, and edges keep objects by it. */
export function typed(object: KubeObject, kind: string, apiVersion = "v1"): KubeObject {
  return object.kind && object.apiVersion ? object : { ...object, apiVersion, kind };
}
