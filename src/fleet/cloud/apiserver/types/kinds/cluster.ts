/** What a cluster is made of: namespaces, nodes, leases, kinds that others add. */
import type { KindRow } from "../builtin.ts";
import { label } from "../fields/names.ts";

export const clusterKinds: readonly KindRow[] = [
  {
    package: "core",
    kind: "Namespace",
    shortNames: ["ns"],
    namespaced: false,
    verbs: ["create", "delete", "get", "list", "patch", "update", "watch"],
    status: true,
    name: label,
    subresources: [{ name: "finalize", kind: "Namespace", group: "", version: "v1", verbs: ["update"] }],
  },
  {
    package: "core",
    kind: "Node",
    shortNames: ["no"],
    namespaced: false,
    status: true,
    statusAtCreate: true,
    labelsWithStatus: true,
  },
  { package: "coordination", kind: "Lease" },
  {
    package: "apiextensions",
    kind: "CustomResourceDefinition",
    shortNames: ["crd", "crds"],
    namespaced: false,
    status: true,
    generation: true,
  },
];
