/** What only an engine with live containers needs of the settings file: [engine.runtimes], [logs], [network], [daemon], [cri]. */
import { isIP, isIPv4, isIPv6 } from "node:net";
import { isAbsolute } from "node:path";
import {
  type BridgeSettings,
  type CniSettings,
  type CriSettings,
  type DaemonSettings,
  type EngineSettings,
  type LogSettings,
  logLevels,
  type NetworkSettings,
} from "./settings.ts";
import { abilities, type RuntimeProgram } from "../runtime/runtime.ts";
import { parseReference } from "../spec/image/reference.ts";
import type { Table } from "./settings-table.ts";

export const sections = ["logs", "network", "daemon", "cri"] as const;

const MiB = 2 ** 20;
/** The runtime that is always there. */
const ownRuntime = "native";

export function runtimesOf(engine: Table): Pick<EngineSettings, "runtimes" | "defaultRuntime"> {
  const table = engine.table("runtimes");
  const runtimes = Object.fromEntries(
    table.keys().map((name) => {
      if (!/^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/.test(name) || name === ownRuntime)
        table.refuse(name, name, `a name of letters, digits, "_", "." and "-" other than ${ownRuntime}`);
      return [name, programOf(table, name)] as const;
    }),
  );
  const names = [ownRuntime, ...Object.keys(runtimes)];
  return { runtimes, defaultRuntime: engine.among("default_runtime", names) ?? ownRuntime };
}

function programOf(runtimes: Table, name: string): RuntimeProgram {
  if (typeof runtimes.value(name) === "string")
    return { path: runtimes.path(name) ?? "", args: [], cannot: [] };
  const table = runtimes.table(name, ["path", "args", "cannot"]);
  const isAbility = (word: string) => abilities.some((ability) => ability === word);
  const cannot = table.texts("cannot", isAbility, abilities.join(", ")) ?? [];
  return {
    path: table.path("path") ?? table.refuse("path", undefined, "the absolute path of a program"),
    args: table.texts("args", () => true, "texts") ?? [],
    cannot: abilities.filter((ability) => cannot.includes(ability)),
  };
}

export function logsOf(document: Table): LogSettings {
  const logs = document.table("logs", ["max_size", "max_files"]);
  const maxSize = logs.size("max_size") ?? 20 * MiB;
  if (maxSize < 4096) logs.refuse("max_size", logs.value("max_size"), "at least 4096 bytes");
  return { maxSize, maxFiles: logs.count("max_files", 1, 1000) ?? 5 };
}

const networkKeys = [
  "pools",
  "bridge",
  "dns",
  "dns_search",
  "dns_options",
  "publish_address",
  "firewall",
  "cni",
] as const;

/** Docker's, so that what was planned around docker's addresses fits. */
const defaultPools = [
  { base: "172.17.0.0/16", size: 16 },
  { base: "172.18.0.0/16", size: 16 },
  { base: "172.19.0.0/16", size: 16 },
  { base: "172.20.0.0/14", size: 16 },
  { base: "172.24.0.0/14", size: 16 },
  { base: "172.28.0.0/14", size: 16 },
  { base: "192.168.0.0/16", size: 20 },
] as const;

/** `bridge`: the name of the default bridge where none is given. */
export function networkOf(document: Table, bridge: string): NetworkSettings {
  const network = document.table("network", networkKeys);
  const pools = network.tables("pools", ["base", "size"]).map(poolOf);
  return {
    pools: pools.length > 0 ? pools : defaultPools,
    bridge: bridgeOf(network, bridge),
    dns: network.texts("dns", (text) => isIP(text) !== 0, "IP addresses") ?? [],
    dnsSearch: network.texts("dns_search", isWord, "domains") ?? [],
    dnsOptions: network.texts("dns_options", isWord, "options of resolv.conf(5)") ?? [],
    publishAddress:
      network.fitting("publish_address", (text) => isIP(text) !== 0, "an IP address") ?? "0.0.0.0",
    firewall: network.flag("firewall") ?? true,
    cni: cniOf(network),
  };
}

function cniOf(network: Table): CniSettings {
  const cni = network.table("cni", ["config_dir", "plugin_dirs"]);
  return {
    configs: cni.path("config_dir") ?? "/etc/cni/net.d",
    plugins: cni.texts("plugin_dirs", isAbsolute, "absolute paths") ?? ["/opt/cni/bin", "/usr/lib/cni"],
  };
}

function poolOf(table: Table): { base: string; size: number } {
  const base = table.fitting("base", (text) => prefixOf(text) !== undefined, `a subnet, as "10.0.0.0/8"`);
  if (base === undefined) return table.refuse("base", undefined, `a subnet, as "10.0.0.0/8"`);
  const least = prefixOf(base) ?? 0;
  const size = table.count("size", least, isIPv4(addressOf(base)) ? 30 : 126);
  return { base, size: size ?? table.refuse("size", undefined, "the bits of a network, as 24") };
}

const bridgeKeys = ["enabled", "name", "address", "address6", "mtu", "icc"] as const;

function bridgeOf(network: Table, name: string): BridgeSettings | false {
  const bridge = network.table("bridge", bridgeKeys);
  if (bridge.flag("enabled") === false) return false;
  // IFNAMSIZ: 15 bytes and a zero.
  const isDevice = (text: string) => /^[A-Za-z0-9_.-]{1,15}$/.test(text) && !/^\.{1,2}$/.test(text);
  const within = (check: (text: string) => boolean) => (text: string) =>
    prefixOf(text) !== undefined && check(addressOf(text));
  return {
    name: bridge.fitting("name", isDevice, "the name of a network device") ?? name,
    address: bridge.fitting("address", within(isIPv4), `an address with its prefix, as "172.17.0.1/16"`),
    address6: bridge.fitting("address6", within(isIPv6), `an address with its prefix, as "fd00:17::1/64"`),
    mtu: bridge.count("mtu", 0, 65_535) ?? 0,
    icc: bridge.flag("icc") ?? true,
  };
}

const daemonKeys = [
  "hosts",
  "group",
  "tls_ca",
  "tls_certificate",
  "tls_key",
  "insecure_loopback",
  "pid_file",
  "log_level",
] as const;

export function daemonOf(document: Table): DaemonSettings {
  const daemon = document.table("daemon", daemonKeys);
  const hosts =
    daemon.texts("hosts", isHost, `addresses as "unix:///run/sampan.sock" or "tcp://127.0.0.1:2376"`) ?? [];
  return {
    hosts,
    group: daemon.fitting("group", isWord, "the name or number of a group"),
    tls: tlsOf(daemon),
    insecureLoopback: daemon.flag("insecure_loopback") ?? false,
    pidFile: daemon.path("pid_file"),
    logLevel: daemon.among("log_level", logLevels) ?? "info",
  };
}

export function criOf(document: Table): CriSettings {
  const cri = document.table("cri", ["socket", "stream_address", "pull_progress_timeout", "pinned"]);
  return {
    socket: cri.path("socket"),
    streamAddress: cri.fitting("stream_address", isEndpoint, "an IP address and a port") ?? "127.0.0.1:0",
    pullProgressTimeout: cri.count("pull_progress_timeout", 0) ?? 300_000,
    pinned: cri.texts("pinned", isImageName, `names of images, as "registry.example/app:1"`) ?? [],
  };
}

function isImageName(text: string): boolean {
  try {
    return parseReference(text).repository !== "";
  } catch {
    return false;
  }
}

function isEndpoint(text: string): boolean {
  const [, address = "", port = ""] = /^\[?([^\]]+)\]?:(\d{1,5})$/.exec(text) ?? [];
  return isIP(address) !== 0 && Number(port) <= 65_535;
}

/** All three or none: a daemon that does not ask who calls is nobody's wish. */
function tlsOf(daemon: Table): DaemonSettings["tls"] {
  const [ca, certificate, key] = (["tls_ca", "tls_certificate", "tls_key"] as const).map((name) =>
    daemon.path(name),
  );
  if (ca !== undefined && certificate !== undefined && key !== undefined) return { ca, certificate, key };
  if (ca === undefined && certificate === undefined && key === undefined) return undefined;
  const missing = ca === undefined ? "tls_ca" : certificate === undefined ? "tls_certificate" : "tls_key";
  return daemon.refuse(missing, undefined, "a path: mutual TLS needs tls_ca, tls_certificate and tls_key");
}

export function isHost(text: string): boolean {
  if (text.startsWith("unix://")) return isAbsolute(text.slice("unix://".length));
  if (!text.startsWith("tcp://") || !URL.canParse(text)) return false;
  const { hostname, port, pathname, search, hash, username } = new URL(text);
  return hostname !== "" && port !== "" && ["", "/"].includes(pathname) && !search && !hash && !username;
}

function isWord(text: string): boolean {
  return /^[^\s,]{1,255}$/.test(text);
}

function addressOf(subnet: string): string {
  return subnet.slice(0, subnet.lastIndexOf("/"));
}

function prefixOf(subnet: string): number | undefined {
  const [, address = "", bits = ""] = /^([^/]+)\/(\d{1,3})$/.exec(subnet) ?? [];
  const version = isIP(address);
  return version !== 0 && Number(bits) <= (version === 4 ? 32 : 128) ? Number(bits) : undefined;
}
