/** Which groups, versions and resources are served. https://kubernetes.io/docs/reference/using-api/api-concepts/#discovery-api */
import type { Resource, Subresource } from "../resource.ts";

export interface ServedVersion {
  readonly version: string;
  readonly resources: readonly Resource[];
}

export interface ServedGroup {
  readonly name: string;
  /** The preferred one first. */
  readonly versions: readonly ServedVersion[];
}

/** The groups in the order in which the resources name them, "" among them. */
export function servedGroups(resources: readonly Resource[]): ServedGroup[] {
  const groups = Map.groupBy(resources, ({ group }) => group);
  return [...groups].map(([name, own]) => ({
    name,
    versions: [...Map.groupBy(own, ({ version }) => version)]
      .map(([version, each]) => ({ version, resources: each }))
      .toSorted((a, b) => compareVersions(a.version, b.version)),
  }));
}

/**
 * v2, v1, v1beta2, v1beta1, v1alpha1, others by name.
 * https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definition-versioning/#version-priority
 */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [rankOf(a), rankOf(b)];
  if (!left || !right) return left ? -1 : right ? 1 : a < b ? -1 : Number(a > b);
  const differing = left.findIndex((value, index) => value !== right[index]);
  return differing < 0 ? 0 : (right[differing] ?? 0) - (left[differing] ?? 0);
}

function rankOf(version: string): number[] | undefined {
  const match = /^v(\d+)(?:(alpha|beta)(\d+))?$/.exec(version);
  if (!match) return undefined;
  const [, major, stage, minor] = match;
  return [stage === undefined ? 2 : Number(stage === "beta"), Number(major), Number(minor ?? 0)];
}

const full = (group: string, version: string) => (group === "" ? version : `${group}/${version}`);

/** /api */
export function apiVersions(serverAddress: string): object {
  return {
    kind: "APIVersions",
    versions: ["v1"],
    serverAddressByClientCIDRs: [{ clientCIDR: "0.0.0.0/0", serverAddress }],
  };
}

/** /apis */
export function groupList(groups: readonly ServedGroup[]): object {
  return { kind: "APIGroupList", apiVersion: "v1", groups: groups.filter(isNamed).map(groupBody) };
}

/** /apis/apps */
export function groupOf(group: ServedGroup): object {
  return { kind: "APIGroup", apiVersion: "v1", ...groupBody(group) };
}

const isNamed = ({ name }: ServedGroup) => name !== "";

function groupBody({ name, versions }: ServedGroup) {
  const all = versions.map(({ version }) => ({ groupVersion: full(name, version), version }));
  return { name, versions: all, preferredVersion: all[0] };
}

/** /api/v1, /apis/apps/v1 */
export function resourceList(group: string, { version, resources }: ServedVersion): object {
  return {
    kind: "APIResourceList",
    apiVersion: "v1",
    groupVersion: full(group, version),
    resources: resources.flatMap((resource) => [
      {
        name: resource.plural,
        singularName: resource.singular,
        namespaced: resource.namespaced,
        kind: resource.kind,
        verbs: resource.verbs,
        ...listed("shortNames", resource.shortNames),
        ...listed("categories", resource.categories),
      },
      ...subresourcesOf(resource).map((sub) => ({
        name: `${resource.plural}/${sub.name}`,
        singularName: "",
        namespaced: resource.namespaced,
        ...(sub.group === group && sub.version === version ? {} : { group: sub.group, version: sub.version }),
        kind: sub.kind,
        verbs: sub.verbs,
      })),
    ]),
  };
}

function listed(name: string, values: readonly string[]): object {
  return values.length === 0 ? {} : { [name]: values };
}

/** All of them: status and scale too. */
export function subresourcesOf(resource: Resource): Subresource[] {
  const { group, version, kind } = resource;
  const verbs = ["get", "patch", "update"];
  const known: Subresource[] = [
    ...(resource.scale ? [{ name: "scale", kind: "Scale", group: "autoscaling", version: "v1", verbs }] : []),
    ...(resource.status ? [{ name: "status", kind, group, version, verbs }] : []),
  ];
  const others = resource.subresources.filter(({ name }) => !known.some((each) => each.name === name));
  return [...others, ...known].toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

/** `version` of apidiscovery.k8s.io: v2, v2beta1. `core`: of /api, else of /apis. */
export function aggregated(
  groups: readonly ServedGroup[],
  { core, version }: { readonly core: boolean; readonly version: string },
): object {
  return {
    kind: "APIGroupDiscoveryList",
    apiVersion: `apidiscovery.k8s.io/${version}`,
    metadata: {},
    items: groups
      .filter((group) => isNamed(group) !== core)
      .map((group) => ({
        metadata: core ? { creationTimestamp: null } : { name: group.name, creationTimestamp: null },
        versions: group.versions.map((each) => ({
          version: each.version,
          resources: each.resources.map(discovered),
          freshness: "Current",
        })),
      })),
  };
}

function discovered(resource: Resource): object {
  const { group, version, kind } = resource;
  const subresources = subresourcesOf(resource).map((sub) => ({
    subresource: sub.name,
    responseKind: { group: sub.group, version: sub.version, kind: sub.kind },
    verbs: sub.verbs,
  }));
  return {
    resource: resource.plural,
    responseKind: { group, version, kind },
    scope: resource.namespaced ? "Namespaced" : "Cluster",
    singularResource: resource.singular,
    verbs: resource.verbs,
    ...listed("shortNames", resource.shortNames),
    ...listed("categories", resource.categories),
    ...(subresources.length === 0 ? {} : { subresources }),
  };
}
