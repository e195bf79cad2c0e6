/** How one of our kinds is defined, and the CustomResourceDefinition that says so. */
import type { KubeObject } from "../../../spec/kubernetes/kube.ts";
import type { Schema } from "./schema.ts";

export interface VersionTable {
  readonly name: string;
  readonly schema: Schema;
  /** True: it has the subresource `status`. */
  readonly status: boolean;
}

export interface KindTable {
  readonly group: string;
  readonly kind: string;
  readonly plural: string;
  readonly shortNames?: readonly string[];
  readonly scope: "Namespaced" | "Cluster";
  /** All are served; the last is the one that is stored. */
  readonly versions: readonly VersionTable[];
}

export function definitionOf({ group, kind, plural, shortNames, scope, versions }: KindTable): KubeObject {
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      names: {
        kind,
        listKind: `${kind}List`,
        plural,
        singular: kind.toLowerCase(),
        ...(shortNames ? { shortNames } : {}),
      },
      scope,
      versions: versions.map(({ name, schema, status }, index) => ({
        name,
        served: true,
        storage: index === versions.length - 1,
        schema: { openAPIV3Schema: schema },
        ...(status ? { subresources: { status: {} } } : {}),
      })),
    },
  };
}
