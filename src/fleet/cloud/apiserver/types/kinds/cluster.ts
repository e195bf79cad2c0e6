/** What a cluster is made of: namespaces, nodes, leases, and definitions of more kinds, whose strategy is with what is made of them. */
import type { KindRow } from "../builtin.ts";
import { createdTable } from "../access/roles.ts";
import { leaseStrategy, leaseTable, namespaceStrategy, namespaceTable } from "../cluster/namespaces.ts";
import { nodeStrategy, nodeTable } from "../cluster/nodes.ts";
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
    strategy: namespaceStrategy,
    table: namespaceTable,
    subresources: [{ name: "finalize", kind: "Namespace", group: "", version: "v1", verbs: ["update"] }],
  },
  {
    package: "core",
    kind: "Node",
    shortNames: ["no"],
    namespaced: false,
    status: true,
    strategy: nodeStrategy,
    table: nodeTable,
  },
  { package: "coordination", kind: "Lease", strategy: leaseStrategy, table: leaseTable },
  {
    package: "apiextensions",
    kind: "CustomResourceDefinition",
    shortNames: ["crd", "crds"],
    namespaced: false,
    status: true,
    generation: true,
    table: createdTable,
  },
];
