/** `sampan network create`. */
import { invalid } from "../../base/errors.ts";
import type { IpamPool } from "../../spec/docker/networks.ts";
import { define } from "../command.ts";
import { pairs } from "../container/create/key-values.ts";
import { given } from "../flags/shared.ts";
import { printable } from "../text/identifier.ts";

interface PoolFlags {
  readonly subnet: readonly string[];
  readonly gateway: readonly string[];
  readonly "ip-range": readonly string[];
  readonly "aux-address": readonly string[];
}

const isSix = (text: string) => text.includes(":");

function bits(address: string): bigint {
  if (!isSix(address))
    return address.split(".").reduce((value, part) => value * 256n + BigInt(Number(part) || 0), 0n);
  const [left = "", right] = address.split("::");
  const words = (text: string) => (text === "" ? [] : text.split(":"));
  const zeros = right === undefined ? 0 : 8 - words(left).length - words(right).length;
  const all = [...words(left), ...Array<string>(Math.max(zeros, 0)).fill("0"), ...words(right ?? "")];
  return all.reduce((value, word) => value * 65536n + BigInt(parseInt(word, 16) || 0), 0n);
}

/** Whether an address, or a range's first one, lies in the subnet. */
function lies(address: string, subnet: string): boolean {
  const [net = "", length = ""] = subnet.split("/");
  const [host = ""] = address.split("/");
  if (isSix(net) !== isSix(host)) return false;
  const shift = BigInt((isSix(net) ? 128 : 32) - Number(length));
  return bits(net) >> shift === bits(host) >> shift;
}

/** Each gateway, range and other address belongs to the subnet that it lies in. Errors: `invalid_argument`. */
export function poolsOf(flags: PoolFlags): IpamPool[] {
  const wrong = flags.subnet.find((text) => !/^[0-9a-f.:]+\/\d{1,3}$/i.test(text));
  if (wrong !== undefined)
    throw invalid(`cannot use subnet "${wrong}": wanted ADDRESS/LENGTH, as 10.1.0.0/16`);
  const used = new Set<string>();
  const within = (given: readonly string[], subnet: string, address = (text: string) => text) =>
    given.filter((text) => lies(address(text), subnet) && used.add(text));
  const pools = flags.subnet.map((Subnet) => {
    const [Gateway] = within(flags.gateway, Subnet);
    const [IPRange] = within(flags["ip-range"], Subnet);
    const others = within(flags["aux-address"], Subnet, (text) => text.slice(text.indexOf("=") + 1));
    return {
      Subnet,
      ...given("Gateway", Gateway),
      ...given("IPRange", IPRange),
      ...(others.length > 0 ? { AuxiliaryAddresses: pairs(others, "address") } : {}),
    };
  });
  const lost = [...flags.gateway, ...flags["ip-range"], ...flags["aux-address"]].find(
    (text) => !used.has(text),
  );
  if (lost !== undefined) throw invalid(`cannot use address "${lost}": it lies in no --subnet`);
  return pools;
}

export const command = define({
  summary: "Make a network",
  usage: "[OPTIONS] NAME",
  flags: {
    attachable: { kind: "yes", help: "Containers may connect by themselves (of swarm networks)" },
    "aux-address": { kind: "list", value: "NAME=ADDRESS", help: "Addresses that others have" },
    "config-from": { kind: "text", value: "NETWORK", help: "Configuration of another network" },
    "config-only": { kind: "yes", help: "A configuration for others" },
    driver: { kind: "text", short: "d", value: "NAME", help: "bridge" },
    gateway: { kind: "list", value: "ADDRESS", help: "The gateway of a subnet" },
    ingress: { kind: "yes", help: "", absent: "it is for swarms" },
    internal: { kind: "yes", help: "No way out" },
    "ip-range": { kind: "list", value: "RANGE", help: "Addresses of a subnet that are given out" },
    "ipam-driver": { kind: "text", value: "NAME", help: "Who gives out addresses" },
    "ipam-opt": { kind: "list", value: "KEY=VALUE", help: "Options of it" },
    ipv4: { kind: "maybe", help: "With IPv4 (yes)" },
    ipv6: { kind: "maybe", help: "With IPv6" },
    label: { kind: "list", value: "KEY[=VALUE]", help: "Give it a label" },
    opt: { kind: "list", short: "o", value: "KEY=VALUE", help: "Options of the driver" },
    scope: { kind: "text", value: "SCOPE", help: "local" },
    subnet: { kind: "list", value: "SUBNET", help: "As 10.1.0.0/16" },
  },
  words: { least: 1, most: 1 },
  examples: [
    ["network create own", "A bridge with a subnet of its own choice"],
    ["network create --subnet 10.1.0.0/16 --gateway 10.1.0.1 --internal own", "Closed, with this subnet"],
    ["network create --ipv6 --subnet fd00:1::/64 own", "With IPv6"],
  ],
  run: async ({ flags, words: [name = ""], daemon, out, err }) => {
    const from = flags["config-from"];
    const { Id, Warning } = await (
      await daemon()
    ).createNetwork({
      Name: name,
      Driver: flags.driver ?? "bridge",
      Internal: flags.internal,
      Attachable: flags.attachable,
      ConfigOnly: flags["config-only"],
      IPAM: {
        Driver: flags["ipam-driver"] ?? "default",
        Config: poolsOf(flags),
        Options: pairs(flags["ipam-opt"], "option"),
      },
      Options: pairs(flags.opt, "option"),
      Labels: pairs(flags.label, "label"),
      ...given("Scope", flags.scope),
      ...given("EnableIPv4", flags.ipv4),
      ...given("EnableIPv6", flags.ipv6),
      ...(from === undefined ? {} : { ConfigFrom: { Network: from } }),
    });
    if (Warning) await err.write(`WARNING: ${printable(Warning)}\n`);
    await out.write(`${Id}\n`);
    return 0;
  },
});
