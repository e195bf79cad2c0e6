/** How pods are found and reached. */
import type { KindRow } from "../builtin.ts";
import { label1035 } from "../fields/names.ts";
import { endpointsStrategy, endpointsTable, sliceStrategy, sliceTable } from "../network/endpoints.ts";
import { serviceTable } from "../network/columns.ts";
import { serviceStrategy } from "../network/services.ts";

export const serviceKinds: readonly KindRow[] = [
  {
    package: "core",
    kind: "Service",
    shortNames: ["svc"],
    inAll: true,
    status: true,
    name: label1035,
    strategy: serviceStrategy,
    table: serviceTable,
  },
  {
    package: "core",
    kind: "Endpoints",
    plural: "endpoints",
    shortNames: ["ep"],
    strategy: endpointsStrategy,
    table: endpointsTable,
  },
  {
    package: "discovery",
    kind: "EndpointSlice",
    generation: true,
    strategy: sliceStrategy,
    table: sliceTable,
  },
];
