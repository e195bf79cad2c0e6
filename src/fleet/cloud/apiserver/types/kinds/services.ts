/** How pods are found and reached. */
import type { KindRow } from "../builtin.ts";
import { label1035 } from "../fields/names.ts";

export const serviceKinds: readonly KindRow[] = [
  {
    package: "core",
    kind: "Service",
    shortNames: ["svc"],
    inAll: true,
    status: true,
    name: label1035,
  },
  { package: "core", kind: "Endpoints", plural: "endpoints", shortNames: ["ep"] },
  { package: "discovery", kind: "EndpointSlice", generation: true },
  {
    package: "networking",
    kind: "NetworkPolicy",
    plural: "networkpolicies",
    shortNames: ["netpol"],
    generation: true,
  },
];
