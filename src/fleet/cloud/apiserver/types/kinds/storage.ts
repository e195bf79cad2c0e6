/** Volumes that outlive pods. */
import type { KindRow } from "../builtin.ts";

export const storageKinds: readonly KindRow[] = [
  { package: "core", kind: "PersistentVolume", shortNames: ["pv"], namespaced: false, status: true },
  { package: "core", kind: "PersistentVolumeClaim", shortNames: ["pvc"], status: true },
  {
    package: "storage",
    kind: "StorageClass",
    plural: "storageclasses",
    shortNames: ["sc"],
    namespaced: false,
  },
];
