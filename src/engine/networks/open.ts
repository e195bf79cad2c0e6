/** Networks over a host: the rows of a store, a door to namespaces, and the resolver's program. */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { invalid, SampanError } from "../../base/errors.ts";
import { links, routes } from "../../kernel/netlink-dump.ts";
import type { BridgeSettings, EngineSettings, NetworkSettings } from "../settings.ts";
import type { Store } from "../store/store.ts";
import {
  addressFromBytes,
  formatAddress,
  formatPrefix,
  parseAddress,
  parsePrefix,
  prefixOf,
  type Prefix,
} from "./_addresses.ts";
import { openCni } from "./cni/open.ts";
import { hasNames, option, rulesOf } from "./_config.ts";
import { connectTo, disconnectFrom, renamed } from "./_connect.ts";
import { newNetwork } from "./_create.ts";
import type { NamespaceDoor } from "./door.ts";
import { vethName } from "./_endpoint.ts";
import { openHost } from "./_host.ts";
import { networkInfo } from "./_info.ts";
import { choosePool, dockerPools } from "./_ipam.ts";
import { openNames, resolverFolder } from "./_names.ts";
import type { NetworkInfo, Networks, Traffic } from "./networks.ts";
import { queue, working, type Parts } from "./_parts.ts";
import { auditNetworks, restoreNetworks } from "./_restore.ts";
import { isHeld, rowsOf, type NetworkRow, type Rows } from "./_rows.ts";
import { closeSandbox, isNamespace, jointsOf, openSandbox, sandboxOf } from "./_sandbox.ts";

export interface NetworksOptions {
  readonly store: Store;
  /** What of `network` is absent is as Docker has it. */
  readonly settings: Pick<EngineSettings, "state"> & { readonly network?: Partial<NetworkSettings> };
  readonly door: NamespaceDoor;
  /** The program and its first words: `["/usr/bin/sampan", "resolver"]`. */
  readonly resolver: readonly string[];
  /** The bridge of the default network, in the place of the settings'; `sampan0`. */
  readonly device?: string;
  /** Its subnet, likewise; the first piece of the pools that the host has no route into. */
  readonly subnet?: string;
  /** The table of nftables; `sampan`. Two engines in one network namespace need two. */
  readonly table?: string;
  /** Where the host's servers for names stand; /etc/resolv.conf. */
  readonly resolvConf?: string;
  /** What is not as asked for and no error: to whoever keeps the log. */
  readonly warn?: (text: string) => void;
}

/** Disposing waits for what is still being taken away, and ends the watch over the rules that the first restore began; networks stay. */
export type OpenNetworks = Networks & AsyncDisposable;

export function openNetworks(options: NetworksOptions): OpenNetworks {
  const rows = rowsOf(options.store);
  const { door } = options;
  const { network = {} } = options.settings;
  const { warn = () => {} } = options;
  const publish = network.publishAddress ?? "";
  const table = options.table ?? "sampan";
  if (!/^[a-z][a-z0-9_-]{0,30}$/.test(table))
    throw invalid(`cannot use table "${table}": wanted letters and digits`);
  addPredefined(rows, options);
  followSettings(rows, options);
  const parts: Parts = {
    rows,
    door,
    host: openHost({ rows, door, table, firewall: network.firewall ?? true }),
    names: openNames({
      rows,
      folder: resolverFolder(options.settings.state),
      command: options.resolver,
      resolvConf: options.resolvConf ?? "/etc/resolv.conf",
    }),
    cni: openCni({ store: options.store, settings: network.cni ?? noCni, warn }),
    warn,
    publishAddress: anyAddress.includes(publish) ? undefined : publish,
    dns: network.dns ?? [],
    folder: join(options.settings.state, "netns"),
    closing: new Map(),
    fresh: new Map(),
    busy: new Set(),
  };
  const inTurn = queue();
  return {
    cni: parts.cni,
    list: () => {
      const endpoints = rows.endpoints();
      return rows.networks().map((row) => networkInfo(row, endpoints));
    },
    get: (reference) => infoOf(rows, find(rows, reference)),
    create: (request) =>
      inTurn(async () => {
        const taken = {
          networks: rows.networks(),
          routes: hostRoutes(),
          pools: network.pools ?? dockerPools,
        };
        const row = newNetwork(request, taken);
        if (links().some(({ name }) => name === row.device))
          throw new SampanError(
            "already_exists",
            `cannot create network "${row.name}": the host has a device "${row.device}" already`,
          );
        rows.transaction(() => rows.addNetwork(row));
        try {
          await parts.host.bridge(row);
          await parts.host.applyRules();
        } catch (error) {
          rows.transaction(() => rows.removeNetwork(row.id));
          await parts.host.removeBridge(String(row.device));
          throw SampanError.wrap(`cannot create network "${row.name}"`, error);
        }
        return infoOf(rows, row);
      }),
    remove: (reference) => inTurn(() => remove(parts, find(rows, reference))),
    connect: async (network, owner, asked) => {
      const row = find(rows, network);
      return working(parts, owner.id, () => connectTo(parts, { network: row, owner, asked }));
    },
    disconnect: async (network, container, { force = false, durable = true } = {}) => {
      const row = find(rows, network);
      return working(parts, container, () =>
        disconnectFrom(parts, { network: row, container, force, durable }),
      );
    },
    async open(owner, ports, signal) {
      parts.fresh.set(owner.id, performance.now());
      try {
        return await working(parts, owner.id, () => openSandbox(parts, owner, ports, signal));
      } catch (error) {
        parts.fresh.delete(owner.id);
        throw error;
      }
    },
    renamed: (owner) => renamed(parts, owner),
    async mountSysfs(container, target) {
      const row = rows.sandbox(container);
      if (!row)
        throw new SampanError("not_found", `cannot mount sysfs: container ${container} has no network`);
      await parts.door.run(row.path, [{ sysfs: target }]);
    },
    async close(container) {
      parts.fresh.delete(container);
      if (parts.closing.has(container)) return;
      const first = closeSandbox(parts, container);
      const all = first.then(({ gone }) => gone).finally(() => parts.closing.delete(container));
      parts.closing.set(container, all);
      // Whoever needs it waits for it; what fails is found by the next restore.
      all.catch(() => {});
      await first;
    },
    sandbox(container) {
      if (parts.closing.has(container)) return undefined;
      const row = rows.sandbox(container);
      return row && sandboxOf(parts, row);
    },
    ports: () =>
      new Map(
        rows
          .sandboxes()
          .flatMap(({ container, ports }) => (parts.closing.has(container) ? [] : [[container, ports]])),
      ),
    restore: (running) =>
      inTurn(async () => {
        parts.host.watch();
        return restoreNetworks(parts, running);
      }),
    audit: (running) => inTurn(() => auditNetworks(parts, running)),
    traffic: async (container) => trafficOf(parts, container),
    async [Symbol.asyncDispose]() {
      parts.host[Symbol.dispose]();
      await Promise.allSettled(parts.closing.values());
    },
  };
}

const noCni = { configs: "/etc/cni/net.d", plugins: ["/opt/cni/bin", "/usr/lib/cni"] } as const;
const anyAddress: readonly string[] = ["", "0.0.0.0", "::"];

const infoOf = (rows: Rows, row: NetworkRow): NetworkInfo => networkInfo(row, rows.endpointsIn(row.id));

/** Errors: `not_found`, `invalid_argument` for the beginning of several. */
function find(rows: Rows, reference: string): NetworkRow {
  const all = rows.networks();
  const exact = all.find(({ id, name }) => id === reference || name === reference);
  if (exact) return exact;
  const begun = reference === "" ? [] : all.filter(({ id }) => id.startsWith(reference));
  if (begun.length === 1) return begun[0] as NetworkRow;
  if (begun.length > 1)
    throw invalid(`cannot find network "${reference}": it is ambiguous, ${begun.length} ids begin so`);
  throw new SampanError("not_found", `cannot find network "${reference}": network ${reference} not found`);
}

/** Prefixes that the host reaches by a route of its own: a subnet of ours in there would hide them. */
function hostRoutes(): Prefix[] {
  return routes()
    .filter(({ prefix, destination }) => prefix > 0 && destination.length === 4)
    .map(({ destination, prefix }) => prefixOf(addressFromBytes(destination), prefix));
}

const onlyHost: readonly string[] = ["host", "none"];
const plain = { internal: false, attachable: false, ipv4: true, ipv6: false, labels: {} } as const;

/** `host` and `none` are always there, `bridge` unless the settings want none; their ids follow from the data root. */
function addPredefined(rows: Rows, options: NetworksOptions): void {
  const there = new Set(rows.networks().map(({ name }) => name));
  const wanted = options.settings.network?.bridge === false ? onlyHost : [...onlyHost, "bridge"];
  if (wanted.every((name) => there.has(name))) return;
  const created = Date.now();
  const idOf = (name: string) => createHash("sha256").update(`${options.store.root}\0${name}`).digest("hex");
  rows.transaction(() => {
    const now = new Set(rows.networks().map(({ name }) => name));
    for (const name of wanted.filter((each) => !now.has(each))) {
      if (name === "bridge") rows.addNetwork({ id: idOf(name), name, created, ...defaultBridge(options) });
      else {
        const driver = name === "host" ? "host" : "null";
        rows.addNetwork({
          ...plain,
          id: idOf(name),
          name,
          driver,
          device: null,
          created,
          ipam: [],
          options: {},
        });
      }
    }
  });
}

/** The default bridge as the settings say now, unless containers are in it: then from the next time on. */
function followSettings(rows: Rows, options: NetworksOptions): void {
  const row = rows.networks().find(({ name }) => name === "bridge");
  if (!row || rows.endpointsIn(row.id).some(isHeld)) return;
  const none = options.settings.network?.bridge === false;
  const wanted = none ? undefined : { ...row, ...defaultBridge(options, row) };
  if (JSON.stringify(wanted) === JSON.stringify(row)) return;
  rows.transaction(() => {
    rows.removeNetwork(row.id);
    if (wanted) rows.addNetwork(wanted);
  });
}

/** `before`: the row that there is; it keeps a subnet that was chosen. */
function defaultBridge(
  { device, subnet, settings }: NetworksOptions,
  before?: NetworkRow,
): Omit<NetworkRow, "id" | "name" | "created"> {
  const bridge: Partial<BridgeSettings> = settings.network?.bridge || {};
  const name = device ?? bridge.name ?? "sampan0";
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,14}$/.test(name))
    throw invalid(`cannot use bridge "${name}": wanted up to 15 letters, digits, _, . and -`);
  const asked = subnet ?? bridge.address;
  const chosen = () => formatPrefix(choosePool(hostRoutes(), settings.network?.pools));
  const pools = [poolOf(asked ?? before?.ipam[0]?.subnet ?? chosen())];
  if (bridge.address6 !== undefined) pools.push(poolOf(bridge.address6));
  return {
    ...plain,
    driver: "bridge",
    device: name,
    ipv6: bridge.address6 !== undefined,
    ipam: pools,
    options: {
      [option.defaultBridge]: "true",
      [option.icc]: String(bridge.icc ?? true),
      [option.masquerade]: "true",
      [option.hostAddress]: settings.network?.publishAddress || "0.0.0.0",
      [option.name]: name,
      [option.mtu]: String(bridge.mtu || 1500),
    },
  };
}

/** `172.26.0.5/16` is the bridge's own address and its subnet; of a subnet alone the first address is the bridge's. */
function poolOf(text: string): NetworkRow["ipam"][number] {
  const subnet = parsePrefix(text, "bridge address");
  const own = parseAddress(text.split("/")[0] ?? "");
  const value = own.value === subnet.value ? subnet.value + 1n : own.value;
  return { subnet: formatPrefix(subnet), gateway: formatAddress({ family: subnet.family, value }) };
}

async function remove(parts: Parts, row: NetworkRow): Promise<void> {
  const { rows } = parts;
  const doing = `cannot remove network "${row.name}"`;
  if (row.driver !== "bridge" || !hasNames(row))
    throw new SampanError(
      "failed_precondition",
      `${doing}: ${row.name} is a pre-defined network and cannot be removed`,
    );
  const open = rows.endpointsIn(row.id).filter(({ device }) => device !== null);
  if (open.length > 0)
    throw new SampanError(
      "failed_precondition",
      `${doing}: network ${row.name} id ${row.id} has active endpoints (${open.map(({ names }) => names[0]).join(", ")})`,
    );
  // The device first: a bridge whose row is gone would be nobody's.
  if (rulesOf(row, [row])) await parts.host.removeBridge(String(row.device));
  rows.transaction(() => rows.removeNetwork(row.id));
  await parts.host.applyRules();
}

/** Where the devices are not ours nobody knows what their other ends are. */
function trafficInside(path: string): Record<string, Traffic> {
  return Object.fromEntries(
    links(path).flatMap(({ name, counters }) =>
      name === "lo" || tunnels.includes(name) ? [] : [[name, counters]],
    ),
  );
}

/** Devices that the kernel puts into every namespace once their modules are there. */
const tunnels: readonly string[] = [
  "tunl0",
  "gre0",
  "gretap0",
  "erspan0",
  "sit0",
  "ip6tnl0",
  "ip6gre0",
  "ip_vti0",
  "ip6_vti0",
];

/** Seen from the container: what its end of the pair sends is what the end here gets. */
function trafficOf(parts: Parts, container: string): Record<string, Traffic> {
  const row = parts.cni.attachment(container) && parts.rows.sandbox(container);
  if (row && isNamespace(row.path)) return trafficInside(row.path);
  const byName = new Map(links().map((link) => [link.name, link.counters]));
  return Object.fromEntries(
    jointsOf(parts, container).flatMap(({ endpoint }) => {
      const here = byName.get(vethName(endpoint.id));
      if (!here || endpoint.device === null) return [];
      const traffic: Traffic = {
        rxBytes: here.txBytes,
        rxPackets: here.txPackets,
        rxErrors: here.txErrors,
        rxDropped: here.txDropped,
        txBytes: here.rxBytes,
        txPackets: here.rxPackets,
        txErrors: here.rxErrors,
        txDropped: here.rxDropped,
      };
      return [[endpoint.device, traffic]];
    }),
  );
}
