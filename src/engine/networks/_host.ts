/** The host's side of networks: bridges, kernel settings and the table of rules, made from the rows. Everything here may be called again and changes what is wrong only. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { SampanError } from "../../base/errors.ts";
import { errno } from "../../kernel/errno.ts";
import { addressIndexOffset, newAddress } from "../../kernel/netlink-address.ts";
import { forgetFlows } from "../../kernel/netlink-conntrack.ts";
import { addresses, links, type Link } from "../../kernel/netlink-dump.ts";
import { deleteLink, linkIndexOffset, newBridge, setLinkUp } from "../../kernel/netlink-link.ts";
import { watchTables, type TableWatch } from "../../kernel/netlink-watch.ts";
import { addressFromBytes, bytesOf, formatAddress, parseAddress } from "./_addresses.ts";
import { gatewayOf, mtuOf, poolOf, rulesOf } from "./_config.ts";
import type { NamespaceDoor, Step } from "./door.ts";
import { macOf } from "./_ipam.ts";
import { listTable, nft } from "./_nft.ts";
import { queue } from "./_parts.ts";
import type { NetworkRow, PortRow, Rows } from "./_rows.ts";
import { portElement, rulesetFaults, rulesetOf, rulesetText, type Ruleset } from "./_ruleset.ts";

const families = [4, 6] as const;
const UDP = 17;
/** Milliseconds between two looks at what was deleted: a call that does not wait, some microseconds. */
const glance = 500;

export interface Host {
  /** False: the settings want no rules of ours. */
  readonly firewall: boolean;
  /** Makes the bridge where it is not there; gives its index. */
  bridge(row: NetworkRow): Promise<number>;
  /** Forgets what is known of a bridge that turned out not to be there. */
  forget(device: string): void;
  removeBridge(device: string): Promise<void>;
  /** Puts the whole table in the place of what is there. */
  applyRules(): Promise<void>;
  /** Applies the rules unless this process has done so. */
  ensureRules(): Promise<void>;
  addPorts(ports: readonly PortRow[]): Promise<void>;
  removePorts(ports: readonly PortRow[]): Promise<void>;
  /** From now on puts the rules back soon after somebody has deleted the table, as a reload of the host's firewall does. Again is no second watch. */
  watch(): void;
  /** Ends the watch. */
  [Symbol.dispose](): void;
  /** A line for each thing of bridges and rules that is not as it should be. */
  faults(): Promise<readonly string[]>;
}

export interface HostOptions {
  readonly rows: Rows;
  readonly door: NamespaceDoor;
  /** Of nftables. */
  readonly table: string;
  readonly firewall: boolean;
}

export function openHost({ rows, door, table, firewall }: HostOptions): Host {
  const known = new Map<string, Promise<number>>();
  const inTurn = queue();
  let applied: Promise<void> | undefined;
  const apply = async () => {
    if (firewall) await inTurn(() => nft(rulesetText(wanted(rows, table))));
  };
  const applyRules = () => {
    const now = apply();
    applied = now;
    now.catch(() => {
      if (applied === now) applied = undefined;
    });
    return now;
  };
  let watched: { readonly tables: TableWatch; readonly timer: NodeJS.Timeout } | undefined;
  let waiting: string[] = [];
  let next: Promise<void> | undefined;
  /** Those who come while nft is at work go together in the next transaction. */
  const change = (verb: "add" | "delete", ports: readonly PortRow[]): Promise<void> => {
    const now = ports.filter(leads);
    if (now.length === 0) return Promise.resolve();
    waiting.push(
      ...now.map((port) => {
        const { map, key, element } = portElement(port);
        return `${verb} element inet ${table} ${map} { ${verb === "add" ? element : key} }`;
      }),
    );
    return (next ??= inTurn(async () => {
      const commands = waiting.join("\n");
      waiting = [];
      next = undefined;
      // Somebody may have emptied the whole ruleset (CVE-2025-54388): then all of it comes back, as the rows say.
      await nft(commands).catch(() => nft(rulesetText(wanted(rows, table))));
    }));
  };
  return {
    firewall,
    bridge(row) {
      const device = String(row.device);
      const there = known.get(device);
      if (there) return there;
      const made = ensureBridge(door, row);
      known.set(device, made);
      made.catch(() => known.delete(device));
      return made;
    },
    forget: (device) => void known.delete(device),
    async removeBridge(device) {
      known.delete(device);
      const gone = { device, indexAt: linkIndexOffset, tolerate: [errno.ENODEV], why: `bridge "${device}"` };
      await door.host([{ host: { message: deleteLink(0), ...gone } }]);
    },
    applyRules,
    ensureRules: () => applied ?? applyRules(),
    watch() {
      if (watched || !firewall) return;
      const tables = watchTables();
      const timer = setInterval(() => {
        if (!tables.lost(table)) return;
        // What fails now is found by the next audit, and tried again with the next change.
        applyRules().catch(() => {});
      }, glance);
      timer.unref();
      watched = { tables, timer };
    },
    [Symbol.dispose]() {
      clearInterval(watched?.timer);
      watched?.tables[Symbol.dispose]();
      watched = undefined;
    },
    async addPorts(ports) {
      await change("add", ports);
      // Who sent there before is remembered as somebody who talks to the host, and would be so as long as it goes on sending.
      const datagrams = ports.filter(({ protocol }) => protocol === "udp");
      for (const { port, address } of datagrams)
        forgetFlows({ family: address.includes(":") ? 6 : 4, protocol: UDP, port });
    },
    async removePorts(ports) {
      await change("delete", ports);
      // And whoever sent to the container would go on reaching the next one that has its address.
      for (const target of new Set(ports.filter(leads).map((each) => each.target)))
        forgetFlows({ answeredBy: bytesOf(parseAddress(target)) });
    },
    async faults() {
      const bridges = rows.networks().filter(({ device }) => device !== null);
      const all = links();
      const missing = bridges.flatMap((row) => bridgeFaults(row, all));
      const used = rows.endpoints().some((each) => each.device !== null);
      if (!used || !firewall) return missing;
      const listed = await listTable(table);
      return [
        ...missing,
        ...(listed ? rulesetFaults(wanted(rows, table), listed) : [`rules: there is no table inet ${table}`]),
      ];
    },
  };
}

/** One whose container has left the network that it led into leads nowhere. */
const leads = ({ target }: PortRow): boolean => target !== "";

function wanted(rows: Rows, table: string): Ruleset {
  const networks = rows.networks();
  return rulesetOf(
    table,
    networks.flatMap((row) => rulesOf(row, networks) ?? []),
    rows.ports().filter(leads),
  );
}

/** A bridge that no container needs at the moment may be missing: it is made when one comes. */
function bridgeFaults({ name, device }: NetworkRow, all: readonly Link[]): string[] {
  const link = all.find((each) => each.name === device);
  if (!link) return [];
  if (link.kind !== "bridge") return [`network ${name}: device ${device} is no bridge`];
  return link.up ? [] : [`network ${name}: bridge ${device} is down`];
}

async function ensureBridge(door: NamespaceDoor, row: NetworkRow): Promise<number> {
  const device = String(row.device);
  const link = links().find(({ name }) => name === device);
  if (link && link.kind !== "bridge")
    throw new SampanError(
      "already_exists",
      `cannot make the bridge of network "${row.name}": the host has a device "${device}" already, which is no bridge`,
    );
  const steps = [...(link ? reviveSteps(link) : makeSteps(row)), ...addressSteps(row, link)];
  if (!link) setForwarding(row);
  if (steps.length > 0) await door.host(steps);
  setBridge(row);
  const index = link?.index ?? links().find(({ name }) => name === device)?.index;
  if (index === undefined)
    throw new SampanError("unavailable", `cannot make the bridge of network "${row.name}": it went again`);
  return index;
}

function makeSteps(row: NetworkRow): Step[] {
  const name = String(row.device);
  const message = newBridge({ name, mac: macOf(undefined, row.id), mtu: mtuOf(row) });
  return [{ host: { message, why: `bridge "${name}"` } }];
}

const reviveSteps = ({ up, index, name }: Link): Step[] =>
  up ? [] : [{ host: { message: setLinkUp(index), why: `bridge "${name}"` } }];

function addressSteps(row: NetworkRow, link: Link | undefined): Step[] {
  const device = String(row.device);
  const there = link
    ? addresses().flatMap((each) =>
        each.index === link.index ? formatAddress(addressFromBytes(each.address)) : [],
      )
    : [];
  return families.flatMap((family) => {
    const gateway = gatewayOf(row, family);
    const pool = poolOf(row, family);
    if (gateway === undefined || !pool || there.includes(gateway)) return [];
    const message = newAddress(0, bytesOf(parseAddress(gateway)), pool.subnet.length);
    return [
      {
        host: {
          message,
          device,
          indexAt: addressIndexOffset,
          why: `address ${gateway} of bridge "${device}"`,
        },
      },
    ];
  });
}

/** Writes a kernel setting when it differs; one that the kernel does not have is passed over. */
export function setSysctl(name: string, value: string): void {
  const path = `/proc/sys/${name}`;
  if (!existsSync(path) || readFileSync(path, "utf8").trim() === value) return;
  writeFileSync(path, value);
}

function setBridge(row: NetworkRow): void {
  const device = String(row.device);
  setSysctl(`net/ipv4/conf/${device}/route_localnet`, row.internal ? "0" : "1");
  setSysctl(`net/ipv6/conf/${device}/disable_ipv6`, row.ipv6 ? "0" : "1");
  setSysctl(`net/ipv6/conf/${device}/accept_ra`, "0");
  // Until its own address is known to be nobody else's, the bridge could not look for containers: seconds without IPv6.
  setSysctl(`net/ipv6/conf/${device}/accept_dad`, "0");
}

/** The host becomes a router. One that gets its own IPv6 route by advertisements would lose it then, unless told otherwise (ip-sysctl: accept_ra). */
function setForwarding(row: NetworkRow): void {
  if (row.internal) return;
  if (row.ipv4) setSysctl("net/ipv4/ip_forward", "1");
  const all = "/proc/sys/net/ipv6/conf";
  if (!row.ipv6 || !existsSync(all)) return;
  for (const device of readdirSync(all)) {
    const setting = `net/ipv6/conf/${device}/accept_ra`;
    if (existsSync(`/proc/sys/${setting}`) && readFileSync(`/proc/sys/${setting}`, "utf8").trim() === "1")
      setSysctl(setting, "2");
  }
  setSysctl("net/ipv6/conf/all/forwarding", "1");
}
