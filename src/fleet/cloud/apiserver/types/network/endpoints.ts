/** Endpoints and endpoint slices. */
import { isIPv4, isIPv6 } from "node:net";
import type { StatusCause } from "../../../../../spec/kubernetes/kube.ts";
import type { Strategy } from "../../resource.ts";
import { namedTable } from "../fields/columns.ts";
import { invalid, required } from "../fields/complaints.ts";
import { address, isPort, portRule } from "../fields/names.ts";
import { entries, give, number, text, texts } from "../fields/read.ts";
import { immutableCauses } from "../workloads/counts.ts";

const none = "<none>";
/** Of addresses in a cell; the rest is counted. */
const shownAddresses = 3;

function shown(all: readonly string[], most = shownAddresses): string {
  if (all.length === 0) return none;
  const rest = all.length - most;
  return rest <= 0 ? all.join(",") : `${all.slice(0, most).join(",")} + ${rest} more...`;
}

export const endpointsStrategy: Strategy = {
  validate({ subsets }) {
    return entries(subsets).flatMap((subset, index) => {
      const here = `subsets[${index}]`;
      const count = entries(subset.addresses).length + entries(subset.notReadyAddresses).length;
      return [
        ...(count === 0 ? [required(here, "must specify `addresses` or `notReadyAddresses`")] : []),
        ...["addresses", "notReadyAddresses"].flatMap((list) =>
          entries(subset[list]).flatMap(({ ip }, at) =>
            address(text(ip)).map((detail) => invalid(`${here}.${list}[${at}].ip`, ip, detail)),
          ),
        ),
        ...portsCauses(subset.ports, `${here}.ports`),
      ];
    });
  },
};

function portsCauses(ports: unknown, field: string): StatusCause[] {
  return entries(ports).flatMap(({ port }, index) =>
    port === undefined || isPort(port) ? [] : [invalid(`${field}[${index}].port`, port, portRule)],
  );
}

export const endpointsTable = namedTable([
  {
    name: "Endpoints",
    description: "Addresses that are ready.",
    cell: ({ subsets }) =>
      shown(
        entries(subsets).flatMap((subset) => {
          const ips = entries(subset.addresses).map(({ ip }) => text(ip));
          const ports = entries(subset.ports).map(({ port }) => number(port));
          if (ports.length === 0) return ips;
          return ports.flatMap((port) =>
            ips.map((ip) => (ip.includes(":") ? `[${ip}]:${port}` : `${ip}:${port}`)),
          );
        }),
      ),
  },
]);

export const sliceStrategy: Strategy = {
  default(slice) {
    // Those who read it count on a list.
    give(slice, "endpoints", []);
    for (const port of entries(slice.ports)) {
      give(port, "name", "");
      give(port, "protocol", "TCP");
    }
  },
  validate({ addressType, endpoints, ports }) {
    return [
      ...entries(endpoints).flatMap((endpoint, index) => {
        const here = `endpoints[${index}].addresses`;
        const own = texts(endpoint.addresses);
        return [
          ...(own.length === 0 ? [required(here, "must contain at least 1 address")] : []),
          ...own.flatMap((each, at) => addressCauses(addressType, each, `${here}[${at}]`)),
        ];
      }),
      ...portsCauses(ports, "ports"),
    ];
  },
  validateUpdate: (slice, old) => immutableCauses(slice, old, ["addressType"]),
};

function addressCauses(type: unknown, value: string, field: string): StatusCause[] {
  if (type === "IPv4" && !isIPv4(value)) return [invalid(field, value, "must be a valid IPv4 address")];
  if (type === "IPv6" && !isIPv6(value)) return [invalid(field, value, "must be a valid IPv6 address")];
  return [];
}

export const sliceTable = namedTable([
  { name: "AddressType", description: "IPv4, IPv6 or FQDN.", cell: ({ addressType }) => text(addressType) },
  {
    name: "Ports",
    description: "The ports of all its addresses.",
    cell: ({ ports }) => {
      const own = entries(ports).map(({ port }) => (port === undefined ? "*" : String(number(port))));
      return own.length === 0 ? "<unset>" : shown(own);
    },
  },
  {
    name: "Endpoints",
    description: "The addresses.",
    cell: ({ endpoints }) => {
      const own = entries(endpoints).flatMap(({ addresses }) => texts(addresses));
      return own.length === 0 ? "<unset>" : shown(own);
    },
  },
]);
