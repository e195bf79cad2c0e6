/** The daemon's flags: dockerd's names where they mean the same. What each sets stands in the settings file too; a flag goes before it. */
import { invalid } from "../../base/errors.ts";
import { parseFlags, type FlagTable, type Flags } from "../../cli/flags/flags.ts";
import type { SettingsOverrides } from "../../engine/settings-file.ts";

const flagTable = {
  "data-root": { kind: "text", value: "DIR", help: "Folder of all data" },
  "run-root": {
    kind: "text",
    value: "DIR",
    help: "Folder of sockets, monitors and what else ends with the machine",
  },
  "exec-root": { kind: "text", value: "DIR", help: "As --run-root (dockerd's name)" },
  host: {
    kind: "list",
    short: "H",
    value: "ADDRESS",
    help: "Listen there: unix:///path or tcp://host:port; may be given several times",
  },
  cri: { kind: "text", value: "SOCKET", help: "Serve Kubernetes' container runtime interface (CRI) there" },
  config: { kind: "text", value: "FILE", help: "Settings file (SAMPAN_CONFIG)" },
  "config-file": { kind: "text", value: "FILE", help: "As --config (dockerd's name)" },
  group: { kind: "text", short: "G", value: "GROUP", help: "Its members may use the unix sockets" },
  pidfile: { kind: "text", short: "p", value: "FILE", help: "Write the process id there" },
  "log-level": {
    kind: "text",
    short: "l",
    help: "How much is told",
    among: ["debug", "info", "warn", "error"],
  },
  debug: { kind: "yes", short: "D", help: "As --log-level debug" },
  tls: {
    kind: "yes",
    help: "",
    absent: "Sampan knows mutual TLS only, which is --tlsverify with --tlscacert, --tlscert and --tlskey",
  },
  tlsverify: { kind: "yes", help: "Mutual TLS on tcp hosts" },
  tlscacert: { kind: "text", value: "FILE", help: "Who signs the clients' certificates" },
  tlscert: { kind: "text", value: "FILE", help: "The daemon's certificate" },
  tlskey: { kind: "text", value: "FILE", help: "Its key" },
  "insecure-loopback": {
    kind: "yes",
    help: "Allow tcp on a loopback address without TLS: every user of this machine is then as good as root",
  },
  "storage-driver": {
    kind: "text",
    short: "s",
    help: "Snapshots",
    among: ["auto", "overlayfs", "overlay2", "copy"],
  },
  "default-runtime": { kind: "text", value: "NAME", help: "For containers that name none" },
  "add-runtime": {
    kind: "list",
    value: "NAME=PATH",
    help: "A program with runc's command line; may be given several times",
  },
  "default-address-pool": {
    kind: "list",
    value: "base=SUBNET,size=BITS",
    help: "Where subnets of new networks are taken from; may be given several times",
  },
  bridge: {
    kind: "text",
    short: "b",
    value: "NAME",
    help: "Device of the default bridge; none: there is none",
  },
  bip: { kind: "text", value: "ADDRESS/BITS", help: "Its address" },
  "fixed-cidr-v6": { kind: "text", value: "ADDRESS/BITS", help: "Its IPv6 address" },
  mtu: { kind: "number", help: "Its MTU" },
  icc: { kind: "yes", preset: true, help: "Containers in it reach each other" },
  ip: { kind: "text", value: "ADDRESS", help: "Host address of published ports that name none" },
  iptables: {
    kind: "yes",
    preset: true,
    help: "Publish ports and masquerade by an nftables table of our own",
  },
  dns: { kind: "list", value: "ADDRESS", help: "Name servers of containers that name none" },
  "dns-search": { kind: "list", value: "DOMAIN", help: "Search domains of containers that name none" },
  "dns-opt": { kind: "list", value: "OPTION", help: "Options of resolv.conf for containers that name none" },
  "log-opt": { kind: "list", value: "KEY=VALUE", help: "max-size and max-file of containers' logs" },
  "live-restore": { kind: "yes", preset: true, help: "Containers outlive the daemon; they always do" },
  help: { kind: "yes", short: "h", help: "Print help" },
} as const satisfies FlagTable;

export const daemonFlags: FlagTable = flagTable;

type Values = Flags<typeof flagTable>;
type Keys = Record<string, Record<string, unknown>>;

/** The overrides for readEngineSettings; undefined: help was asked for. */
export function parseDaemonFlags(args: readonly string[]): SettingsOverrides | undefined {
  const { flags, words } = parseFlags(flagTable, args);
  if (flags.help) return undefined;
  if (words[0] !== undefined)
    throw invalid(`cannot use daemon argument "${words[0]}": it is not a flag, wanted flags alone`);
  if (!flags["live-restore"])
    throw invalid("cannot use --live-restore=false: containers always outlive the daemon");
  const document: Keys = {};
  const names: Record<string, string> = {};
  for (const [flag, path, value] of rows(flags)) {
    if (value === undefined) continue;
    const [section = "", key = ""] = path.split(/\.(?=[^.]+$)/);
    (document[section] ??= {})[key] = value;
    names[path] = `--${flag}`;
  }
  const bridge = document["network.bridge"];
  if (bridge) {
    delete document["network.bridge"];
    (document["network"] ??= {})["bridge"] = bridge;
  }
  return {
    ...named("root", flags["data-root"]),
    ...named("state", flags["run-root"] ?? flags["exec-root"]),
    ...named("config", flags.config ?? flags["config-file"]),
    ...named("snapshotter", flags["storage-driver"] === "overlay2" ? "overlayfs" : flags["storage-driver"]),
    document,
    flags: names,
  };
}

/** The flag, the key that it sets, and the value; undefined: not given. */
function rows(flags: Values): readonly (readonly [string, string, unknown])[] {
  const bridge = flags.bridge === "none" ? undefined : flags.bridge;
  const logs = pairs("log-opt", flags["log-opt"], ["max-size", "max-file"]);
  return [
    ["host", "daemon.hosts", some(flags.host)],
    ["cri", "cri.socket", flags.cri?.replace(/^unix:\/\//, "")],
    ["group", "daemon.group", flags.group],
    ["pidfile", "daemon.pid_file", flags.pidfile],
    ["log-level", "daemon.log_level", flags.debug ? "debug" : flags["log-level"]],
    ...tls(flags),
    ["insecure-loopback", "daemon.insecure_loopback", flags["insecure-loopback"] || undefined],
    ["default-runtime", "engine.default_runtime", flags["default-runtime"]],
    ["add-runtime", "engine.runtimes", runtimes(flags["add-runtime"])],
    ["default-address-pool", "network.pools", some(flags["default-address-pool"].map(pool))],
    ["bridge", "network.bridge.enabled", flags.bridge === "none" ? false : undefined],
    ["bridge", "network.bridge.name", bridge],
    ["bip", "network.bridge.address", flags.bip],
    ["fixed-cidr-v6", "network.bridge.address6", flags["fixed-cidr-v6"]],
    ["mtu", "network.bridge.mtu", flags.mtu],
    ["icc", "network.bridge.icc", flags.icc ? undefined : false],
    ["ip", "network.publish_address", flags.ip],
    ["iptables", "network.firewall", flags.iptables ? undefined : false],
    ["dns", "network.dns", some(flags.dns)],
    ["dns-search", "network.dns_search", some(flags["dns-search"])],
    ["dns-opt", "network.dns_options", some(flags["dns-opt"])],
    ["log-opt", "logs.max_size", size(logs["max-size"])],
    ["log-opt", "logs.max_files", logs["max-file"] === undefined ? undefined : Number(logs["max-file"])],
  ];
}

/** --tlsverify alone says nothing that the files do not: without them it is refused where they are read. */
function tls(flags: Values): readonly (readonly [string, string, unknown])[] {
  const files = [
    ["tlscacert", "daemon.tls_ca", flags.tlscacert],
    ["tlscert", "daemon.tls_certificate", flags.tlscert],
    ["tlskey", "daemon.tls_key", flags.tlskey],
  ] as const;
  const given = files.some(([, , value]) => value !== undefined);
  const missing = files.find(([, , value]) => value === undefined);
  if (given && missing) throw invalid(`cannot use mutual TLS: --${missing[0]} is missing`);
  if (given && !flags.tlsverify)
    throw invalid("cannot use TLS without --tlsverify: Sampan knows mutual TLS only");
  return files;
}

/** docker writes `10m` for MiB. */
function size(text: string | undefined): string | number | undefined {
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : text;
}

function some<T>(list: readonly T[]): readonly T[] | undefined {
  return list.length > 0 ? list : undefined;
}

function runtimes(list: readonly string[]): Readonly<Record<string, string>> | undefined {
  return list.length > 0 ? pairs("add-runtime", list) : undefined;
}

function pool(text: string): { base: string | undefined; size: number } {
  const { base, size: bits } = pairs("default-address-pool", text.split(","), ["base", "size"]);
  return { base, size: Number(bits) };
}

function pairs(
  flag: string,
  list: readonly string[],
  known?: readonly string[],
): Readonly<Record<string, string>> {
  return Object.fromEntries(
    list.map((text) => {
      const [, key = "", value] = /^([^=]+)=(.*)$/.exec(text) ?? [];
      if (value === undefined || (known && !known.includes(key)))
        throw invalid(`cannot use --${flag} "${text}": wanted ${known?.join("=… or ") ?? "NAME"}=…`);
      return [key, value];
    }),
  );
}

function named<K extends string>(key: K, value: string | undefined): { [Key in K]?: string } {
  return value === undefined ? {} : ({ [key]: value } as { [Key in K]: string });
}
