/** Rows as the contract shows them. Pure. */
import { gatewayOf, poolOf } from "./_config.ts";
import type { Endpoint, NetworkInfo } from "./networks.ts";
import type { EndpointRow, NetworkRow } from "./_rows.ts";

export function endpointInfo(network: NetworkRow, row: EndpointRow): Endpoint {
  const open = row.device !== null;
  const withLength = (text: string | null | undefined, family: 4 | 6) => {
    const pool = poolOf(network, family);
    return text && pool ? `${text}/${pool.subnet.length}` : undefined;
  };
  const ipv4 = withLength((open ? row.ipv4 : null) ?? row.asked.IPAMConfig?.IPv4Address, 4);
  const ipv6 = withLength((open ? row.ipv6 : null) ?? row.asked.IPAMConfig?.IPv6Address, 6);
  const gateway = network.internal ? undefined : gatewayOf(network, 4);
  const gateway6 = network.internal ? undefined : gatewayOf(network, 6);
  return {
    id: row.id,
    network: row.network,
    container: row.container,
    mac: (open ? row.mac : null) ?? row.asked.MacAddress ?? "",
    names: row.names,
    aliases: row.asked.Aliases ?? [],
    asked: row.asked,
    ...(ipv4 && { ipv4 }),
    ...(ipv6 && { ipv6 }),
    ...(open && row.ipv4 && gateway && { gateway }),
    ...(open && row.ipv6 && gateway6 && { gateway6 }),
    ...(row.device !== null && { device: row.device }),
  };
}

export function networkInfo(row: NetworkRow, endpoints: readonly EndpointRow[]): NetworkInfo {
  const { id, name, driver, internal, attachable, ipv4, ipv6, ipam, options, labels } = row;
  const own = endpoints.filter(({ network }) => network === id);
  return {
    id,
    name,
    driver,
    created: new Date(row.created),
    internal,
    attachable,
    ipv4,
    ipv6,
    ipam,
    options,
    labels,
    endpoints: Object.fromEntries(own.map((each) => [each.container, endpointInfo(row, each)])),
  };
}
