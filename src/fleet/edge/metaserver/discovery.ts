/** What the API has, for when the cloud does not say: the kinds that this node may have something of. */
import { known } from "../meta/types.ts";
import { isOfCluster } from "../meta/types.ts";

const verbs = ["create", "delete", "get", "list", "patch", "update", "watch"];

interface Group {
  readonly name: string;
  readonly versions: ReadonlySet<string>;
}

function groups(): Group[] {
  const all = new Map<string, Set<string>>();
  for (const { apiVersion } of Object.values(known)) {
    const [name = "", version] = apiVersion.split("/");
    if (version !== undefined) all.set(name, (all.get(name) ?? new Set()).add(version));
  }
  return [...all]
    .map(([name, versions]) => ({ name, versions }))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

/** The document of a path, or undefined for one that only the cloud can answer. */
export function discovery(path: string): object | undefined {
  if (path === "/api") return { kind: "APIVersions", versions: ["v1"], serverAddressByClientCIDRs: [] };
  if (path === "/apis") return { kind: "APIGroupList", apiVersion: "v1", groups: groups().map(groupOf) };
  const [, root, first, second] = path.split("/");
  if (root === "api" && first !== undefined && second === undefined) return resources(first);
  if (root !== "apis" || first === undefined) return undefined;
  if (second !== undefined) return resources(`${first}/${second}`);
  const group = groups().find(({ name }) => name === first);
  return group && { kind: "APIGroup", apiVersion: "v1", ...groupOf(group) };
}

function groupOf({ name, versions }: Group) {
  const all = [...versions].map((version) => ({ groupVersion: `${name}/${version}`, version }));
  return { name, versions: all, preferredVersion: all[0] };
}

function resources(groupVersion: string): object | undefined {
  const found = Object.entries(known).filter(([, { apiVersion }]) => apiVersion === groupVersion);
  if (found.length === 0) return undefined;
  return {
    kind: "APIResourceList",
    apiVersion: "v1",
    groupVersion,
    resources: found.map(([type, { kind, resource }]) => ({
      name: resource,
      singularName: type,
      namespaced: !isOfCluster(type) && type !== "namespace",
      kind,
      verbs,
      ...(Object.hasOwn(short, resource) ? { shortNames: short[resource] } : {}),
    })),
  };
}

const short: Readonly<Record<string, readonly string[]>> = {
  pods: ["po"],
  nodes: ["no"],
  configmaps: ["cm"],
  services: ["svc"],
  endpoints: ["ep"],
  events: ["ev"],
  namespaces: ["ns"],
  serviceaccounts: ["sa"],
  persistentvolumes: ["pv"],
  persistentvolumeclaims: ["pvc"],
};

/** What this edge's API is, when the cloud does not say of itself: the version whose objects it knows. */
export const ownVersion = {
  major: "1",
  minor: "32",
  gitVersion: "v1.32.0-sampan",
  gitCommit: "",
  gitTreeState: "clean",
  buildDate: "1970-01-01T00:00:00Z",
  goVersion: "",
  compiler: "",
  platform: "linux",
} as const;
