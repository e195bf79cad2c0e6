/**
 * The rules of services as one nftables table, made from plain values: an address and port of a service lead to a chain of its own, which picks one of its targets. Every packet passes two look-ups,
 * however many services there are; the kernel remembers the choice for a connection. Pure.
 */
import { createHash } from "node:crypto";
import { isIP } from "node:net";
import type { ServiceRule } from "./services.ts";

interface Way {
  readonly chain: string;
  readonly family: 4 | 6;
  readonly rule: ServiceRule;
  readonly targets: ServiceRule["targets"];
}

const families = [4, 6] as const;
const familyOf = (address: string): 4 | 6 => (isIP(address) === 6 ? 6 : 4);

/** Of the same rule always the same, so that a list of the table can be read. */
function chainOf(rule: ServiceRule, family: 4 | 6): string {
  const text = JSON.stringify([rule.addresses, rule.protocol, rule.port, rule.nodePort]);
  return `service-${family}-${createHash("sha256").update(text).digest("hex").slice(0, 16)}`;
}

function waysOf(rules: readonly ServiceRule[]): Way[] {
  return rules.flatMap((rule) =>
    families.map((family) => ({
      chain: chainOf(rule, family),
      family,
      rule,
      targets: rule.targets.filter(({ address }) => familyOf(address) === family),
    })),
  );
}

function pick({ family, rule, targets }: Way): string {
  const ip = family === 4 ? "ip" : "ip6";
  const elements = targets.map(({ address, port }, index) => `${index} : ${address} . ${port}`);
  // One who comes again from the same address comes to the same target.
  const choice = rule.sticky
    ? `jhash ${ip} saddr mod ${targets.length}`
    : `numgen random mod ${targets.length}`;
  return `meta l4proto ${rule.protocol} dnat ${ip} to ${choice} map { ${elements.join(", ")} }`;
}

function elementsOf(
  ways: readonly Way[],
  family: 4 | 6,
  form: (way: Way, address: string) => string,
): string[] {
  return ways
    .filter((way) => way.family === family)
    .flatMap((way) =>
      way.rule.addresses
        .filter((address) => familyOf(address) === family)
        .map((address) => form(way, address)),
    );
}

const place = ({ rule }: Way, address: string) => `${address} . ${rule.protocol} . ${rule.port}`;

/** What nft executes as one transaction: the table that was there is replaced. */
export function servicesText(table: string, rules: readonly ServiceRule[]): string {
  const name = `inet ${table}`;
  const ways = waysOf(rules);
  const [led, empty] = [
    ways.filter(({ targets }) => targets.length > 0),
    ways.filter(({ targets }) => targets.length === 0),
  ];
  const lines = [`add table ${name}`, `delete table ${name}`, `add table ${name}`];
  const add = (what: string, elements: readonly string[]) => {
    if (elements.length > 0)
      lines.push(`add element ${name} ${what} { ${[...new Set(elements)].join(", ")} }`);
  };
  for (const way of led) {
    lines.push(`add chain ${name} ${way.chain}`, `add rule ${name} ${way.chain} ${pick(way)}`);
  }
  for (const family of families) {
    const type = `ipv${family}_addr . inet_proto . inet_service`;
    lines.push(
      `add map ${name} services${family} { type ${type} : verdict; }`,
      `add set ${name} refused${family} { type ${type}; }`,
    );
    add(
      `services${family}`,
      elementsOf(led, family, (way, address) => `${place(way, address)} : goto ${way.chain}`),
    );
    add(`refused${family}`, elementsOf(empty, family, place));
    lines.push(`add map ${name} ports${family} { type inet_proto . inet_service : verdict; }`);
    const ports = led.filter((way) => way.family === family && way.rule.nodePort !== undefined);
    add(
      `ports${family}`,
      ports.map(({ chain, rule }) => `${rule.protocol} . ${rule.nodePort} : goto ${chain}`),
    );
  }
  const ahead = [
    "ip daddr . meta l4proto . th dport vmap @services4",
    "ip6 daddr . meta l4proto . th dport vmap @services6",
    "ip daddr != 127.0.0.0/8 fib daddr type local meta nfproto ipv4 meta l4proto . th dport vmap @ports4",
    "fib daddr type local meta nfproto ipv6 meta l4proto . th dport vmap @ports6",
  ];
  const behind = [
    "ip daddr . meta l4proto . th dport @refused4 reject",
    "ip6 daddr . meta l4proto . th dport @refused6 reject",
  ];
  const only = "meta l4proto { tcp, udp, sctp }";
  const chains: readonly [chain: string, hook: string, rules: readonly string[]][] = [
    // Before those of networks: a service's address is no port of the host.
    ["prerouting", "type nat hook prerouting priority -101; policy accept", ahead],
    ["output", "type nat hook output priority -101; policy accept", ahead],
    ["refuse-forward", "type filter hook forward priority -1; policy accept", behind],
    ["refuse-output", "type filter hook output priority -1; policy accept", behind],
  ];
  for (const [chain, hook, rules] of chains) {
    lines.push(`add chain ${name} ${chain} { ${hook}; }`);
    for (const rule of rules) lines.push(`add rule ${name} ${chain} ${only} ${rule}`);
  }
  return `${lines.join("\n")}\n`;
}
