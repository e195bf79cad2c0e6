/** A new network as its row: what was asked for, checked, and the rest chosen. Pure but for what is random. */
import { randomBytes } from "node:crypto";
import { invalid, SampanError } from "../../base/errors.ts";
import {
  bytesOf,
  contains,
  formatAddress,
  formatPrefix,
  overlap,
  parseAddress,
  parsePrefix,
  type Prefix,
} from "./_addresses.ts";
import { listOf, mtuOf, option, truth } from "./_config.ts";
import { choosePool, uniqueLocal, type SubnetPool } from "./_ipam.ts";
import type { CreateNetwork, NetworkInfo } from "./networks.ts";
import type { NetworkRow } from "./_rows.ts";

type Ipam = NetworkInfo["ipam"][number];

export interface Taken {
  readonly networks: readonly NetworkRow[];
  /** Prefixes that the host has routes to. */
  readonly routes: readonly Prefix[];
  readonly pools?: readonly SubnetPool[];
}

const refuse = (name: string, why: string) => invalid(`cannot create network "${name}": ${why}`);

/** Errors: `invalid_argument`, `already_exists`, `failed_precondition` (an overlap), `resource_exhausted`. */
export function newNetwork(request: CreateNetwork, taken: Taken): NetworkRow {
  const { name, driver = "bridge", options = {} } = request;
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,254}$/.test(name))
    throw refuse(name, "a name begins with a letter or a digit and has letters, digits, _, . and - only");
  if (driver !== "bridge")
    throw refuse(name, `there is no driver "${driver}", wanted bridge (host and none are there already)`);
  if (taken.networks.some((each) => each.name === name))
    throw new SampanError(
      "already_exists",
      `cannot create network "${name}": network with name ${name} already exists`,
    );
  const id = randomBytes(32).toString("hex");
  const ipam = ipamOf(request, taken);
  const row: NetworkRow = {
    id,
    name,
    driver: "bridge",
    device: deviceOf(options[option.name], { id, name, taken }),
    created: Date.now(),
    internal: request.internal ?? false,
    attachable: request.attachable ?? false,
    ipv4: request.ipv4 ?? true,
    ipv6: request.ipv6 ?? false,
    ipam,
    options,
    labels: request.labels ?? {},
  };
  checkOptions(row);
  return row;
}

function deviceOf(
  asked: string | undefined,
  { id, name, taken }: { id: string; name: string; taken: Taken },
): string {
  if (asked === undefined || asked === "") return `br-${id.slice(0, 12)}`;
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,14}$/.test(asked))
    throw refuse(
      name,
      `"${asked}" is no name of a network device, wanted up to 15 letters, digits, _, . and -`,
    );
  if (taken.networks.some(({ device }) => device === asked))
    throw refuse(name, `device "${asked}" belongs to another network`);
  return asked;
}

/** Reads everything once, so that a wrong option is refused here and not later. */
function checkOptions(row: NetworkRow): void {
  mtuOf(row);
  for (const name of [option.icc, option.masquerade]) truth(row, name, true);
  for (const word of listOf(row, option.deny))
    if (word.includes("/")) parsePrefix(word, `option ${option.deny}`);
  const address = row.options[option.hostAddress];
  if (address) parseAddress(address, `option ${option.hostAddress}`);
  const mode = row.options["com.docker.network.bridge.gateway_mode_ipv4"];
  if (mode !== undefined && mode !== "" && mode !== "nat")
    throw refuse(row.name, `gateway mode "${mode}" is not there, wanted nat`);
}

function ipamOf({ name, ipv4 = true, ipv6 = false, ipam = [] }: CreateNetwork, taken: Taken): Ipam[] {
  if (!ipv4 && !ipv6) throw refuse(name, "IPv4 or IPv6 must be enabled");
  const asked = ipam.map((each) => ({ each, prefix: parsePrefix(each.subnet) }));
  for (const { prefix } of asked) {
    if (asked.filter((other) => other.prefix.family === prefix.family).length > 1)
      throw refuse(name, "a bridge has one subnet of a family");
    if (prefix.family === 6 && !ipv6)
      throw refuse(name, `"${formatPrefix(prefix)}" needs IPv6, which is not enabled`);
    if (prefix.length > (prefix.family === 4 ? 30 : 126))
      throw refuse(name, `"${formatPrefix(prefix)}" has no room for a gateway and a container`);
    if (bytesOf(prefix)[0] === 127) throw refuse(name, `"${formatPrefix(prefix)}" is the loopback's`);
  }
  const used = taken.networks.flatMap((row) => row.ipam.map(({ subnet }) => parsePrefix(subnet)));
  const clash = asked.find(({ prefix }) => used.some((each) => overlap(each, prefix)));
  if (clash)
    throw new SampanError(
      "failed_precondition",
      `cannot create network "${name}": invalid pool request: Pool overlaps with other one on this address space (${formatPrefix(clash.prefix)})`,
    );
  const chosen: Ipam[] = asked.map(({ each, prefix }) => fill(name, each, prefix));
  const has = (family: 4 | 6) => asked.some(({ prefix }) => prefix.family === family);
  if (ipv4 && !has(4)) chosen.unshift(withGateway(choosePool([...used, ...taken.routes], taken.pools)));
  if (ipv6 && !has(6)) chosen.push(withGateway(uniqueLocal()));
  return chosen;
}

const withGateway = (prefix: Prefix): Ipam => ({
  subnet: formatPrefix(prefix),
  gateway: formatAddress({ family: prefix.family, value: prefix.value + 1n }),
});

function fill(network: string, asked: Ipam, prefix: Prefix): Ipam {
  const inside = (text: string, what: string): string => {
    const address = parseAddress(text, what);
    if (!contains(prefix, address)) throw refuse(network, `no matching subnet for ${what} ${text}`);
    return formatAddress(address);
  };
  const range = asked.range === undefined ? undefined : parsePrefix(asked.range, "range");
  if (range && !contains(prefix, range))
    throw refuse(network, `no matching subnet for range ${formatPrefix(range)}`);
  const first = { family: prefix.family, value: (range ?? prefix).value };
  const gateway = asked.gateway
    ? inside(asked.gateway, "gateway")
    : formatAddress({ ...first, value: first.value === prefix.value ? first.value + 1n : first.value });
  const reserved = Object.entries(asked.reserved ?? {}).map(
    ([name, text]) => [name, inside(text, "auxiliary address")] as const,
  );
  return {
    subnet: formatPrefix(prefix),
    gateway,
    ...(range && { range: formatPrefix(range) }),
    ...(reserved.length > 0 && { reserved: Object.fromEntries(reserved) }),
  };
}
