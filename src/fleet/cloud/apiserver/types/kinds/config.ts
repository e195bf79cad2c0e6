/** Settings, secrets and who pods are. */
import type { KindRow } from "../builtin.ts";
import { configMapStrategy, configMapTable, secretStrategy, secretTable } from "../config/config.ts";
import { namedTable } from "../fields/columns.ts";
import { entries } from "../fields/read.ts";

export const configKinds: readonly KindRow[] = [
  {
    package: "core",
    kind: "ConfigMap",
    shortNames: ["cm"],
    strategy: configMapStrategy,
    table: configMapTable,
  },
  { package: "core", kind: "Secret", strategy: secretStrategy, table: secretTable },
  {
    package: "core",
    kind: "ServiceAccount",
    shortNames: ["sa"],
    table: namedTable([
      {
        name: "Secrets",
        type: "string",
        description: "How many secrets are its own.",
        cell: ({ secrets }) => entries(secrets).length,
      },
    ]),
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
