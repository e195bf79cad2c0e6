/** What a network's configuration means: options, addresses and rules, from its row. Pure. */
import { invalid } from "../../base/errors.ts";
import {
  contains,
  formatAddress,
  formatPrefix,
  parseAddress,
  parsePrefix,
  type Family,
} from "./_addresses.ts";
import type { Pool } from "./_ipam.ts";
import type { NetworkRow } from "./_rows.ts";
import type { BridgeRules } from "./_ruleset.ts";

export const option = {
  mtu: "com.docker.network.driver.mtu",
  name: "com.docker.network.bridge.name",
  icc: "com.docker.network.bridge.enable_icc",
  masquerade: "com.docker.network.bridge.enable_ip_masquerade",
  hostAddress: "com.docker.network.bridge.host_binding_ipv4",
  containerPrefix: "com.docker.network.container_iface_prefix",
  defaultBridge: "com.docker.network.bridge.default_bridge",
  allow: "org.sampan.allow",
  deny: "org.sampan.deny",
} as const;

type Config = Pick<NetworkRow, "options">;

const truths: Readonly<Record<string, boolean>> = { true: true, "1": true, false: false, "0": false };

/** Errors: `invalid_argument`. */
export function truth({ options }: Config, name: string, otherwise: boolean): boolean {
  const value = options[name];
  if (value === undefined) return otherwise;
  const found = truths[value.toLowerCase()];
  if (found === undefined) throw invalid(`cannot use option ${name}=${value}: wanted true or false`);
  return found;
}

/** Errors: `invalid_argument`. */
export function mtuOf({ options }: Config): number {
  const value = options[option.mtu];
  if (value === undefined || value === "" || value === "0") return 1500;
  const mtu = Number(value);
  if (!/^\d{1,5}$/.test(value) || mtu < 68 || mtu > 65_535)
    throw invalid(`cannot use option ${option.mtu}=${value}: wanted 68 to 65535`);
  return mtu;
}

export function listOf({ options }: Config, name: string): readonly string[] {
  return (options[name] ?? "")
    .split(",")
    .map((word) => word.trim())
    .filter((word) => word !== "");
}

/** The host address of published ports that name none, as the network has it; undefined: all of both families. */
export function hostAddressOf(row: NetworkRow | undefined): string | undefined {
  const address = row?.options[option.hostAddress];
  return address && address !== "0.0.0.0" ? address : undefined;
}

/** The first pool of a family. */
export function poolOf(row: NetworkRow, family: Family): Pool | undefined {
  if (!(family === 4 ? row.ipv4 : row.ipv6)) return undefined;
  const found = row.ipam.find(({ subnet }) => parsePrefix(subnet).family === family);
  if (!found) return undefined;
  return {
    subnet: parsePrefix(found.subnet),
    range: found.range === undefined ? undefined : parsePrefix(found.range),
    gateway: found.gateway === undefined ? undefined : parseAddress(found.gateway).value,
    reserved: Object.values(found.reserved ?? {}).map((text) => parseAddress(text).value),
  };
}

export function gatewayOf(row: NetworkRow, family: Family): string | undefined {
  const gateway = poolOf(row, family)?.gateway;
  return gateway === undefined ? undefined : formatAddress({ family, value: gateway });
}

/** Whether names are answered in it by our own resolver. */
export const hasNames = (row: NetworkRow): boolean =>
  row.driver === "bridge" && !truth(row, option.defaultBridge, false);

/** Prefixes that lie in no other of the list: an interval set takes none that overlap. */
function outermost(prefixes: readonly string[]): string[] {
  const all = [
    ...new Map(prefixes.map((text) => [formatPrefix(parsePrefix(text)), parsePrefix(text)])).values(),
  ];
  return all
    .filter(
      (each) => !all.some((other) => other !== each && other.length < each.length && contains(other, each)),
    )
    .map(formatPrefix);
}

/** Names in `allow` and `deny` that mean no network yet mean nothing: they count from the moment it is there. */
export function rulesOf(row: NetworkRow, all: readonly NetworkRow[]): BridgeRules | undefined {
  if (row.device === null) return undefined;
  const named = (name: string) => all.filter((each) => each.name === name || each.id === name);
  const subnets = (rows: readonly NetworkRow[], family: Family) =>
    rows.flatMap((each) => {
      const pool = poolOf(each, family);
      return pool ? [formatPrefix(pool.subnet)] : [];
    });
  const denied = listOf(row, option.deny).flatMap((word) =>
    word.includes("/") ? [word] : [...subnets(named(word), 4), ...subnets(named(word), 6)],
  );
  return {
    device: row.device,
    subnets4: subnets([row], 4),
    subnets6: subnets([row], 6),
    internal: row.internal,
    icc: truth(row, option.icc, true),
    masquerade: truth(row, option.masquerade, true),
    allow: listOf(row, option.allow).flatMap((word) => named(word).flatMap(({ device }) => device ?? [])),
    deny4: outermost(denied.filter((text) => !text.includes(":"))),
    deny6: outermost(denied.filter((text) => text.includes(":"))),
  };
}
