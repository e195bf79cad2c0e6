/** Volumes that outlive pods. */
import type { KindRow } from "../builtin.ts";
import { claimStrategy, claimTable } from "../storage/claims.ts";
import { classStrategy, classTable } from "../storage/classes.ts";
import { volumeStrategy, volumeTable } from "../storage/volumes.ts";

export const storageKinds: readonly KindRow[] = [
  {
    package: "core",
    kind: "PersistentVolume",
    shortNames: ["pv"],
    namespaced: false,
    status: true,
    strategy: volumeStrategy,
    table: volumeTable,
  },
  {
    package: "core",
    kind: "PersistentVolumeClaim",
    shortNames: ["pvc"],
    status: true,
    strategy: claimStrategy,
    table: claimTable,
  },
  {
    package: "storage",
    kind: "StorageClass",
    plural: "storageclasses",
    shortNames: ["sc"],
    namespaced: false,
    strategy: classStrategy,
    table: classTable,
  },
];
