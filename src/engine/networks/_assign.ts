/** Giving an endpoint its addresses, hardware address and device, in one transaction with everything else that is given out. */
import { networkById } from "./_parts.ts";
import { SampanError, invalid } from "../../base/errors.ts";
import { bytesOf, formatAddress, parseAddress, tryAddress, type Address, type Family } from "./_addresses.ts";
import { hasNames, option, poolOf } from "./_config.ts";
import type { Joint } from "./_endpoint.ts";
import { checkAddress, macOf, nextAddress } from "./_ipam.ts";
import { egressRate, ingressRate, parseRate } from "./_rate.ts";
import type { SandboxOwner } from "./networks.ts";
import type { EndpointRow, NetworkRow, Rows } from "./_rows.ts";

/** All names under which others find the container in a network. */
export function namesOf(owner: SandboxOwner, aliases: readonly string[]): string[] {
  const all = [owner.name, owner.id.slice(0, 12), owner.hostname, ...aliases];
  return [...new Set(all.filter((name) => name !== ""))];
}

/** The row with what it is given; to be called in a transaction, which the row then goes into. Errors: those of IPAM, `not_found` for a network that went. */
export function assign(rows: Rows, row: EndpointRow, owner: SandboxOwner): Joint {
  const network = networkById(rows, row.network);
  if (!network)
    throw new SampanError(
      "not_found",
      `cannot connect container "${owner.name}": network ${row.network} not found`,
    );
  if (network.driver !== "bridge") return { network, endpoint: row };
  const ipv4 = addressIn(rows, { network, family: 4, asked: row.asked.IPAMConfig?.IPv4Address });
  const ipv6 = addressIn(rows, { network, family: 6, asked: row.asked.IPAMConfig?.IPv6Address });
  const endpoint: EndpointRow = {
    ...row,
    names: namesOf(owner, row.asked.Aliases ?? []),
    mac: row.asked.MacAddress ? checkMac(row.asked.MacAddress) : macOf(ipv4, row.id),
    ipv4: ipv4 ? formatAddress(ipv4) : null,
    ipv6: ipv6 ? formatAddress(ipv6) : null,
    device: freeDevice(rows, row.container, network),
  };
  rows.openEndpoint(endpoint);
  return { network, endpoint };
}

function addressIn(
  rows: Rows,
  { network, family, asked }: { network: NetworkRow; family: Family; asked: string | undefined },
): Address | undefined {
  const pool = poolOf(network, family);
  if (!pool) {
    if (asked) throw invalid(`cannot use address "${asked}": network "${network.name}" has no IPv${family}`);
    return undefined;
  }
  const others = rows.endpointsIn(network.id);
  const values = (texts: readonly (string | null | undefined)[]) =>
    texts.flatMap((text) => (text ? (tryAddress(text)?.value ?? []) : []));
  const given = new Set(values(others.map((each) => (family === 4 ? each.ipv4 : each.ipv6))));
  if (asked) {
    const address = parseAddress(asked);
    checkAddress(pool, address, given);
    return address;
  }
  // What somebody who stands has asked for is given to nobody by chance.
  const wanted = others.map(({ asked: each }) =>
    family === 4 ? each.IPAMConfig?.IPv4Address : each.IPAMConfig?.IPv6Address,
  );
  return nextAddress(pool, new Set([...given, ...values(wanted)]));
}

/** Errors: `invalid_argument`. */
export function checkMac(text: string): string {
  if (!/^[0-9a-f]{2}([:-][0-9a-f]{2}){5}$/i.test(text) || Number.parseInt(text.slice(0, 2), 16) & 1)
    throw invalid(`cannot use MAC address "${text}": wanted six bytes as 02:42:ac:11:00:02, not of a group`);
  return text.toLowerCase().replaceAll("-", ":");
}

function freeDevice(rows: Rows, container: string, network: NetworkRow): string {
  const used = new Set(rows.endpointsOf(container).map(({ device }) => device));
  const prefix = network.options[option.containerPrefix] ?? "";
  const stem = /^[a-z][a-z0-9]{0,9}$/.test(prefix) ? prefix : "eth";
  for (let number = 0; ; number++) if (!used.has(`${stem}${number}`)) return `${stem}${number}`;
}

/** What is asked of an endpoint, looked at before a row is made of it. Errors: `invalid_argument`. */
export function checkAsked(network: NetworkRow, asked: EndpointRow["asked"]): void {
  if (asked.MacAddress) checkMac(asked.MacAddress);
  if (network.driver === "bridge" && !hasNames(network)) refuseOnDefault(asked);
  for (const key of [egressRate, ingressRate]) {
    const rate = asked.DriverOpts?.[key];
    if (rate) parseRate(key, rate);
  }
  for (const [family, text] of [
    [4, asked.IPAMConfig?.IPv4Address],
    [6, asked.IPAMConfig?.IPv6Address],
  ] as const) {
    if (!text) continue;
    const address = parseAddress(text);
    const pool = poolOf(network, family);
    if (!pool || bytesOf(address).length !== (family === 4 ? 4 : 16))
      throw invalid(`cannot use address "${text}": network "${network.name}" has no IPv${family}`);
    checkAddress(pool, address, new Set());
  }
}

/** As Docker has it, and in its words. */
function refuseOnDefault({ Aliases, IPAMConfig }: EndpointRow["asked"]): void {
  if ((Aliases ?? []).length > 0)
    throw invalid(
      "cannot connect to the default bridge: network-scoped alias is supported only for containers in user defined networks",
    );
  if (IPAMConfig?.IPv4Address || IPAMConfig?.IPv6Address)
    throw invalid(
      "cannot connect to the default bridge: user specified IP address is supported on user defined networks only",
    );
}
