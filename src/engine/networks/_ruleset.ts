/**
 * The rules of all networks as one nftables table, made from plain values. A bridge, a port or a pair of networks is an element of a set or a map, so that a packet passes
 * the same few rules whatever there is. The chain `sampan-user` is the administrator's: it is made, jumped to first, and never emptied. An accept of ours ends only our own
 * chain: what another table drops stays dropped.
 */
import type { PortRow } from "./_rows.ts";

export interface BridgeRules {
  readonly device: string;
  readonly subnets4: readonly string[];
  readonly subnets6: readonly string[];
  readonly internal: boolean;
  /** Whether its containers may talk to each other. */
  readonly icc: boolean;
  readonly masquerade: boolean;
  /** Devices of networks that its containers may open connections to. */
  readonly allow: readonly string[];
  /** Prefixes that its containers may not send to. */
  readonly deny4: readonly string[];
  readonly deny6: readonly string[];
}

export interface SetShape {
  readonly map: boolean;
  readonly type: string;
  readonly interval: boolean;
  readonly elements: readonly string[];
}

interface ChainShape {
  /** `type filter hook forward priority 0`; absent: it is jumped to. */
  readonly hook?: string;
  readonly rules: readonly string[];
  readonly theirs?: boolean;
}

export interface Ruleset {
  readonly table: string;
  readonly sets: Readonly<Record<string, SetShape>>;
  readonly chains: Readonly<Record<string, ChainShape>>;
}

export const userChain = "sampan-user";
const anyAddress: Readonly<Record<string, string>> = { "0.0.0.0": "any4", "::": "any6" };
const quoted = (device: string): string => `"${device}"`;

/** The map that a published port lies in, and its element there. */
export function portElement(port: PortRow): { map: string; key: string; element: string } {
  const any = anyAddress[port.address];
  const map = any ?? (port.address.includes(":") ? "ports6" : "ports4");
  const key = `${any ? "" : `${port.address} . `}${port.protocol} . ${port.port}`;
  return { map, key, element: `${key} : ${port.target} . ${port.target_port}` };
}

function setsOf(bridges: readonly BridgeRules[], ports: readonly PortRow[]): Record<string, SetShape> {
  const set = (type: string, elements: readonly string[], interval = false): SetShape => ({
    map: false,
    type,
    elements,
    interval,
  });
  const map = (name: string, type: string): SetShape => ({
    map: true,
    type,
    interval: false,
    elements: ports.map(portElement).flatMap((port) => (port.map === name ? [port.element] : [])),
  });
  const devices = (which: (bridge: BridgeRules) => boolean) =>
    bridges.filter(which).map(({ device }) => quoted(device));
  const pairs = bridges.flatMap(({ device, icc, allow }) =>
    [...(icc ? [device] : []), ...allow].map((to) => `${quoted(device)} . ${quoted(to)}`),
  );
  const masked = bridges.filter(({ masquerade, internal }) => masquerade && !internal);
  const denied = (key: "deny4" | "deny6") =>
    bridges.flatMap((bridge) => bridge[key].map((prefix) => `${quoted(bridge.device)} . ${prefix}`));
  return {
    bridges: set(
      "ifname",
      devices(() => true),
    ),
    internal: set(
      "ifname",
      devices(({ internal }) => internal),
    ),
    allowed: set("ifname . ifname", [...new Set(pairs)]),
    denied4: set("ifname . ipv4_addr", denied("deny4"), true),
    denied6: set("ifname . ipv6_addr", denied("deny6"), true),
    subnets4: set(
      "ipv4_addr",
      bridges.flatMap(({ subnets4 }) => subnets4),
      true,
    ),
    subnets6: set(
      "ipv6_addr",
      bridges.flatMap(({ subnets6 }) => subnets6),
      true,
    ),
    masked4: set(
      "ipv4_addr",
      masked.flatMap(({ subnets4 }) => subnets4),
      true,
    ),
    masked6: set(
      "ipv6_addr",
      masked.flatMap(({ subnets6 }) => subnets6),
      true,
    ),
    any4: map("any4", "inet_proto . inet_service : ipv4_addr . inet_service"),
    any6: map("any6", "inet_proto . inet_service : ipv6_addr . inet_service"),
    ports4: map("ports4", "ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service"),
    ports6: map("ports6", "ipv6_addr . inet_proto . inet_service : ipv6_addr . inet_service"),
  };
}

const published = "meta l4proto { tcp, udp, sctp } fib daddr type local jump publish";

const chains: Readonly<Record<string, ChainShape>> = {
  [userChain]: { rules: [], theirs: true },
  publish: {
    rules: [
      "dnat ip to ip daddr . meta l4proto . th dport map @ports4",
      "dnat ip to meta l4proto . th dport map @any4",
      "dnat ip6 to ip6 daddr . meta l4proto . th dport map @ports6",
      "dnat ip6 to meta l4proto . th dport map @any6",
    ],
  },
  // A bridge with route_localnet takes what goes to the host's loopback; nothing of a container's own making may come that way (CVE-2020-8558).
  guard: {
    hook: "type filter hook prerouting priority -300; policy accept",
    rules: ["iifname @bridges ip daddr 127.0.0.0/8 drop", "iifname @bridges ip saddr 127.0.0.0/8 drop"],
  },
  prerouting: {
    hook: "type nat hook prerouting priority -100; policy accept",
    // From outside, 127.0.0.1 is no address of ours: left alone, the kernel drops it.
    rules: ["ip daddr 127.0.0.0/8 return", published],
  },
  output: {
    hook: "type nat hook output priority -100; policy accept",
    rules: [published],
  },
  postrouting: {
    hook: "type nat hook postrouting priority 100; policy accept",
    rules: [
      "oifname != @bridges ip saddr @masked4 masquerade",
      "oifname != @bridges ip6 saddr @masked6 masquerade",
      // The host's own 127.0.0.1, and a container that comes back to its own network over a published port: the answer must pass here again.
      "oifname @bridges ct status dnat ip saddr 127.0.0.0/8 masquerade",
      "oifname @bridges ct status dnat ip saddr @subnets4 masquerade",
      "oifname @bridges ct status dnat ip6 saddr @subnets6 masquerade",
    ],
  },
  forward: {
    hook: "type filter hook forward priority 0; policy accept",
    rules: [
      "iifname != @bridges oifname != @bridges return",
      `jump ${userChain}`,
      "iifname . ip daddr @denied4 drop",
      "iifname . ip6 daddr @denied6 drop",
      "ct state established,related accept",
      "iifname . oifname @allowed accept",
      "iifname @internal drop",
      "oifname @internal drop",
      "oifname @bridges ct status dnat accept",
      "iifname @bridges oifname != @bridges accept",
      "oifname @bridges drop",
    ],
  },
};

export const rulesetOf = (
  table: string,
  bridges: readonly BridgeRules[],
  ports: readonly PortRow[],
): Ruleset => ({ table, sets: setsOf(bridges, ports), chains });

/** What nft executes as one transaction: everything of ours is put in the place of what was there. */
export function rulesetText({ table, sets, chains }: Ruleset): string {
  const name = `inet ${table}`;
  const setLines = Object.entries(sets).flatMap(([set, { map, type, interval, elements }]) => {
    const kind = map ? "map" : "set";
    return [
      `add ${kind} ${name} ${set} { type ${type}; ${interval ? "flags interval; " : ""}}`,
      `flush ${kind} ${name} ${set}`,
      ...(elements.length > 0 ? [`add element ${name} ${set} { ${elements.join(", ")} }`] : []),
    ];
  });
  const chainLines = Object.entries(chains).flatMap(([chain, { hook, theirs }]) => [
    `add chain ${name} ${chain}${hook ? ` { ${hook}; }` : ""}`,
    ...(theirs ? [] : [`flush chain ${name} ${chain}`]),
  ]);
  const ruleLines = Object.entries(chains).flatMap(([chain, { rules }]) =>
    rules.map((rule) => `add rule ${name} ${chain} ${rule}`),
  );
  return `${[`add table ${name}`, ...chainLines, ...setLines, ...ruleLines].join("\n")}\n`;
}

/** What nft lists of the table, as `nft -j` says it. */
export interface Listed {
  readonly nftables: readonly Readonly<
    Record<string, { name?: string; chain?: string; elem?: readonly unknown[] }>
  >[];
}

/** A line for each set, map and chain that is not there or does not hold as much as it should. */
export function rulesetFaults({ table, sets, chains }: Ruleset, listed: Listed): string[] {
  const count = (kind: string, name: string): number | undefined =>
    listed.nftables.find((each) => each[kind]?.name === name)?.[kind]?.elem?.length;
  const there = (kind: string, name: string) => listed.nftables.some((each) => each[kind]?.name === name);
  const wrongSets = Object.entries(sets).flatMap(([name, { map, elements }]) => {
    const kind = map ? "map" : "set";
    if (!there(kind, name)) return [`rules: table ${table} has no ${kind} ${name}`];
    const found = count(kind, name) ?? 0;
    return found === elements.length
      ? []
      : [`rules: ${kind} ${name} of table ${table} has ${found} elements, wanted ${elements.length}`];
  });
  const wrongChains = Object.entries(chains).flatMap(([name, { rules, theirs }]) => {
    if (!there("chain", name)) return [`rules: table ${table} has no chain ${name}`];
    const found = listed.nftables.filter((each) => each["rule"]?.chain === name).length;
    return theirs || found === rules.length
      ? []
      : [`rules: chain ${name} of table ${table} has ${found} rules, wanted ${rules.length}`];
  });
  return [...wrongSets, ...wrongChains];
}
