/** Objects for this folder's tests, with what a test does not name filled in. */
import type { KubeObject } from "../../../../spec/kubernetes/kube.ts";
import type { DaemonSet, Deployment, Job, Node, Pod, PodSpec, ReplicaSet } from "./kinds.ts";
import { controllerReference } from "./references.ts";

export const start = Date.UTC(2026, 10, 21, 12);

export function at(seconds: number): string {
  return `${new Date(start + seconds * 1000).toISOString().slice(0, 19)}Z`;
}

export type Meta = KubeObject["metadata"];

export function pod(
  name: string,
  part: { metadata?: Meta; spec?: Partial<PodSpec>; status?: Pod["status"] } = {},
): Pod {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace: "default", uid: `uid-${name}`, creationTimestamp: at(0), ...part.metadata },
    spec: { containers: [{ name: "main", image: "a" }], ...part.spec },
    ...(part.status ? { status: part.status } : {}),
  };
}

/** A pod that asks for so much: `{ cpu: "1" }`. */
export function asking(name: string, requests: Record<string, string>, spec: Partial<PodSpec> = {}): Pod {
  return pod(name, { spec: { containers: [{ name: "main", resources: { requests } }], ...spec } });
}

export function ready(since = 0): NonNullable<Pod["status"]> {
  return {
    phase: "Running",
    conditions: [{ type: "Ready", status: "True", lastTransitionTime: at(since) }],
  };
}

export function node(
  name: string,
  part: { metadata?: Meta; spec?: Node["spec"]; status?: Node["status"] } = {},
): Node {
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: {
      name,
      uid: `uid-${name}`,
      ...part.metadata,
      labels: { "kubernetes.io/hostname": name, ...part.metadata?.labels },
    },
    spec: { ...part.spec },
    status: {
      allocatable: { cpu: "4", memory: "8Gi", pods: "110", "ephemeral-storage": "10Gi" },
      conditions: [{ type: "Ready", status: "True", lastTransitionTime: at(0), lastHeartbeatTime: at(0) }],
      ...part.status,
    },
  };
}

function metadataOf(name: string, more: Meta | undefined): Meta {
  const uid = `uid-${name}`;
  return { name, namespace: "default", uid, generation: 1, creationTimestamp: at(0), ...more };
}

/** The selector and the template of what keeps pods of a name. */
function podsOf(app: string): Pick<DaemonSet["spec"], "selector" | "template"> {
  const spec = { containers: [{ name: "main", image: "a" }] };
  return { selector: { matchLabels: { app } }, template: { metadata: { labels: { app } }, spec } };
}

export function replicaSet(
  name: string,
  part: { metadata?: Meta; spec?: Partial<ReplicaSet["spec"]>; status?: ReplicaSet["status"] } = {},
): ReplicaSet {
  return {
    apiVersion: "apps/v1",
    kind: "ReplicaSet",
    metadata: metadataOf(name, part.metadata),
    spec: {
      replicas: 1,
      ...podsOf("web"),
      ...part.spec,
    },
    ...(part.status ? { status: part.status } : {}),
  };
}

export function deployment(
  name: string,
  part: { metadata?: Meta; spec?: Partial<Deployment["spec"]>; status?: Deployment["status"] } = {},
): Deployment {
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: metadataOf(name, part.metadata),
    spec: {
      replicas: 1,
      progressDeadlineSeconds: 600,
      ...podsOf("web"),
      ...part.spec,
    },
    ...(part.status ? { status: part.status } : {}),
  };
}

export function ownedBy<Kind extends KubeObject>(owner: KubeObject, object: Kind): Kind {
  return { ...object, metadata: { ...object.metadata, ownerReferences: [controllerReference(owner)] } };
}

export function daemonSet(
  part: { metadata?: Meta; spec?: Partial<DaemonSet["spec"]>; status?: DaemonSet["status"] } = {},
): DaemonSet {
  return {
    apiVersion: "apps/v1",
    kind: "DaemonSet",
    metadata: metadataOf("agent", part.metadata),
    spec: {
      ...podsOf("agent"),
      ...part.spec,
    },
    ...(part.status ? { status: part.status } : {}),
  };
}

export function job(
  part: { metadata?: Meta; spec?: Partial<Job["spec"]>; status?: Job["status"] } = {},
): Job {
  return {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: { name: "work", namespace: "default", uid: "uid-work", generation: 1, ...part.metadata },
    spec: {
      parallelism: 1,
      completions: 1,
      backoffLimit: 6,
      selector: { matchLabels: { job: "work" } },
      template: {
        metadata: { labels: { job: "work" } },
        spec: { restartPolicy: "Never", containers: [{ name: "main", image: "a" }] },
      },
      ...part.spec,
    },
    ...(part.status ? { status: part.status } : {}),
  };
}
