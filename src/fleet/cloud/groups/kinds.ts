/** NodeGroup and EdgeApplication of apps.kubeedge.io/v1alpha1, and what is rendered of them. */
import type { KubeObject, ResourceId } from "../../../spec/kubernetes/kube.ts";
import type { LabelSelector } from "../apiserver/controllers/kinds.ts";

const group = "apps.kubeedge.io";
export const apiVersion = `${group}/v1alpha1`;
export const nodeGroups: ResourceId = { group, version: "v1alpha1", resource: "nodegroups" };
export const applications: ResourceId = { group, version: "v1alpha1", resource: "edgeapplications" };
export const nodes: ResourceId = { group: "", version: "v1", resource: "nodes" };
export const deployments: ResourceId = { group: "apps", version: "v1", resource: "deployments" };

/** On a node: the one group that it belongs to. */
export const belongingTo = "apps.kubeedge.io/belonging-to";
/** On a service: its endpoints are those of the asking node's group. */
export const topology = { key: "apps.kubeedge.io/service-topology", value: "range-nodegroup" } as const;
/** On what is rendered: the application that it is of. */
export const ofApplication = "apps.kubeedge.io/edge-application";

export interface NodeGroupSpec {
  readonly nodes?: readonly string[];
  readonly matchLabels?: Readonly<Record<string, string>>;
}

export interface NodeStatus {
  readonly nodeName: string;
  readonly readyStatus: "Ready" | "NotReady" | "Unknown";
  readonly selectionStatus: "Succeeded" | "Failed";
  readonly selectionStatusReason?: string;
}

export interface ImageOverrider {
  readonly component: "Registry" | "Repository" | "Tag";
  readonly operator: "add" | "remove" | "replace";
  readonly value?: string;
  readonly predicate?: { readonly path: string };
}

export interface EnvVariable {
  readonly name: string;
  readonly [field: string]: unknown;
}

export interface EnvOverrider {
  readonly containerName: string;
  readonly operator: "add" | "remove" | "replace";
  readonly value?: readonly EnvVariable[];
}

export interface WordsOverrider {
  readonly containerName: string;
  readonly operator: "add" | "remove";
  readonly value?: readonly string[];
}

export interface Overriders {
  readonly replicas?: number;
  readonly imageOverriders?: readonly ImageOverrider[];
  readonly envOverriders?: readonly EnvOverrider[];
  readonly commandOverriders?: readonly WordsOverrider[];
  readonly argsOverriders?: readonly WordsOverrider[];
  readonly resourcesOverriders?: readonly { readonly containerName: string; readonly value: object }[];
}

export interface ApplicationSpec {
  readonly workloadTemplate?: { readonly manifests?: readonly unknown[] };
  readonly workloadScope?: {
    readonly targetNodeGroups?: readonly { readonly name: string; readonly overriders?: Overriders }[];
    readonly targetNodeLabels?: readonly {
      readonly labelSelector?: LabelSelector;
      readonly overriders?: Overriders;
    }[];
  };
}

/**
 * What an application may hold: objects of its own namespace that give nobody rights. Whoever may write applications could otherwise write anything, with the rights of the cloud.
 * The first is copied for each group, the others are made once.
 */
export const renderable: Readonly<Record<string, ResourceId>> = {
  "apps/v1 Deployment": deployments,
  "apps/v1 StatefulSet": { group: "apps", version: "v1", resource: "statefulsets" },
  "apps/v1 DaemonSet": { group: "apps", version: "v1", resource: "daemonsets" },
  "batch/v1 Job": { group: "batch", version: "v1", resource: "jobs" },
  "batch/v1 CronJob": { group: "batch", version: "v1", resource: "cronjobs" },
  "v1 Service": { group: "", version: "v1", resource: "services" },
  "v1 ConfigMap": { group: "", version: "v1", resource: "configmaps" },
  "v1 Secret": { group: "", version: "v1", resource: "secrets" },
  "v1 PersistentVolumeClaim": { group: "", version: "v1", resource: "persistentvolumeclaims" },
  "v1 Pod": { group: "", version: "v1", resource: "pods" },
};

export function resourceOfKind({ apiVersion: version, kind }: Pick<KubeObject, "apiVersion" | "kind">) {
  const name = `${version} ${kind}`;
  return Object.hasOwn(renderable, name) ? renderable[name] : undefined;
}
