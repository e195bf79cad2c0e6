/** Which kinds there are, for the controllers that look after all of them. */
import type { ResourceId } from "../../../../spec/kubernetes/kube.ts";
import type { Resource, Resources } from "../resource.ts";
import { kinds } from "./kinds.ts";

export interface Served {
  readonly id: ResourceId;
  readonly kind: string;
  readonly namespaced: boolean;
}

export interface ServedKinds {
  all(): readonly Served[];
  /** Counts the changes. */
  readonly generation: number;
}

const wantedVerbs = ["list", "watch", "delete"] as const;

/** One entry for each kind that can be listed, watched and deleted; of several versions the one that is stored. */
export function servedKinds(resources: Pick<Resources, "all" | "generation">): ServedKinds {
  return {
    get generation() {
      return resources.generation;
    },
    all() {
      const found = new Map<string, Resource>();
      for (const resource of resources.all()) {
        if (!wantedVerbs.every((verb) => resource.verbs.includes(verb))) continue;
        const name = `${resource.group}/${resource.plural}`;
        if (!found.has(name) || resource.version === resource.storageVersion) found.set(name, resource);
      }
      return [...found.values()].map(({ group, version, plural, kind, namespaced }) => {
        return { id: { group, version, resource: plural }, kind, namespaced };
      });
    },
  };
}

const clusterKinds: readonly ResourceId[] = [
  kinds.nodes,
  kinds.namespaces,
  kinds.volumes,
  kinds.storageClasses,
  kinds.customResourceDefinitions,
];

const builtInKinds: Readonly<Record<keyof typeof kinds, string>> = {
  pods: "Pod",
  nodes: "Node",
  namespaces: "Namespace",
  services: "Service",
  endpoints: "Endpoints",
  events: "Event",
  configMaps: "ConfigMap",
  serviceAccounts: "ServiceAccount",
  volumes: "PersistentVolume",
  claims: "PersistentVolumeClaim",
  deployments: "Deployment",
  replicaSets: "ReplicaSet",
  daemonSets: "DaemonSet",
  controllerRevisions: "ControllerRevision",
  jobs: "Job",
  leases: "Lease",
  endpointSlices: "EndpointSlice",
  storageClasses: "StorageClass",
  customResourceDefinitions: "CustomResourceDefinition",
};

/** Where nobody says what is served: the kinds that the controllers know themselves. */
export function knownKinds(): ServedKinds {
  const all = Object.entries(kinds).map(([name, id]) => {
    return { id, kind: builtInKinds[name as keyof typeof kinds], namespaced: !clusterKinds.includes(id) };
  });
  return { all: () => all, generation: 0 };
}
