/** Settings, secrets and who pods are. */
import type { KindRow } from "../builtin.ts";

export const configKinds: readonly KindRow[] = [
  { package: "core", kind: "ConfigMap", shortNames: ["cm"] },
  { package: "core", kind: "Secret" },
  {
    package: "core",
    kind: "ServiceAccount",
    shortNames: ["sa"],
    subresources: [
      {
        name: "token",
        kind: "TokenRequest",
        group: "authentication.k8s.io",
        version: "v1",
        verbs: ["create"],
      },
    ],
  },
];
