/** What `sampan edge` runs by: flags go before the settings file (TOML), the file before what joining found out, that before the presets. */
import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import { join, resolve } from "node:path";
import { invalid, SampanError } from "../../base/errors.ts";
import type { SettingsOverrides } from "../../engine/settings-file.ts";
import { Table } from "../../engine/settings-table.ts";
import { type LogLevel, logLevels } from "../../engine/settings.ts";
import { parseAddress } from "../../fleet/edge/hub/address.ts";
import { readJoined } from "../../fleet/edge/join/joined.ts";
import { isNodeName } from "../../fleet/link/resources.ts";
import type { EdgeFlags } from "./flags.ts";
import { mqttOf, type MqttSettings } from "./mqtt-settings.ts";

export interface EdgeSettings {
  readonly root: string;
  readonly file: string;
  /** Undefined: it has not joined, and nobody said. */
  readonly node: string | undefined;
  /** `<host>:<port>` of 10000. */
  readonly clouds: readonly string[];
  readonly certificatePort: number;
  readonly tunnelPort: number;
  readonly tokenFile: string;
  readonly logLevel: LogLevel;
  /** 0: none. */
  readonly metaserver: MetaServerSettings;
  readonly kubelet: { readonly port: number };
  readonly mqtt: MqttSettings;
  readonly servicebus: { readonly port: number };
  readonly dmi: { readonly socket: string };
  readonly pods: PodSettings;
  readonly engine: SettingsOverrides;
}

export interface MetaServerSettings {
  readonly host: string;
  readonly port: number;
  /** Where pods reach it by TLS; 0 is none. */
  readonly podsPort: number;
  /** False: whoever reaches it may do all. */
  readonly authorization: boolean;
  /** Files in PEM: with both it speaks TLS. */
  readonly certificate: string | undefined;
  readonly key: string | undefined;
}

export interface PodSettings {
  readonly staticFolder: string;
  readonly address: string | undefined;
  readonly most: number;
  readonly labels: Readonly<Record<string, string>>;
  /** `key=value:Effect` */
  readonly taints: readonly string[];
  readonly clusterDns: string;
  readonly clusterDomain: string;
}

export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
}

type Given = Partial<Omit<EdgeFlags, "help">>;

const tops = [
  "data_root",
  "node_name",
  "clouds",
  "cert_port",
  "tunnel_port",
  "token_file",
  "log_level",
  "metaserver",
  "kubelet",
  "mqtt",
  "servicebus",
  "dmi",
  "pods",
  "engine",
] as const;

const presets = { root: "/var/lib/sampan/edge", config: "/etc/sampan/edge.toml" } as const;

/** Errors: `invalid_argument` naming the flag, or the file and the key; those of the file that joining left. */
export function readEdgeSettings(flags: Given, { env }: Surroundings): EdgeSettings {
  const named = flags.config ?? (env["SAMPAN_EDGE_CONFIG"] || undefined);
  const file = named ?? presets.config;
  const { document, origin } = laidOver(file, named !== undefined, flags);
  const table = new Table(origin, "", document, tops);
  const root = table.path("data_root") ?? presets.root;
  const joined = readJoined(root);
  const clouds = table.texts("clouds", isAddress, "addresses, as cloud.example.com:10000");
  return {
    root,
    file,
    node: table.fitting("node_name", isNodeName, "a DNS name in lower case") ?? joined?.node,
    clouds: clouds ?? joined?.clouds ?? [],
    certificatePort: port(table, "cert_port") ?? joined?.certificatePort ?? 10_002,
    tunnelPort: port(table, "tunnel_port") ?? 10_004,
    tokenFile: table.path("token_file") ?? join(root, "token"),
    logLevel: table.among("log_level", logLevels) ?? "info",
    ...partsOf(table),
    engine: engineOf(table),
  };
}

function partsOf(table: Table) {
  const metaserver = table.table("metaserver", [
    "host",
    "port",
    "pods_port",
    "authorization",
    "certificate",
    "key",
  ]);
  const kubelet = table.table("kubelet", ["port"]);
  const servicebus = table.table("servicebus", ["port"]);
  const dmi = table.table("dmi", ["socket"]);
  return {
    metaserver: {
      host: metaserver.fitting("host", isLocal, "an address of this machine") ?? "127.0.0.1",
      port: port(metaserver, "port") ?? 10_550,
      podsPort: port(metaserver, "pods_port") ?? 10_551,
      authorization: metaserver.flag("authorization") ?? true,
      certificate: metaserver.path("certificate"),
      key: metaserver.path("key"),
    },
    kubelet: { port: port(kubelet, "port") ?? 10_350 },
    servicebus: { port: port(servicebus, "port") ?? 9060 },
    dmi: { socket: dmi.path("socket") ?? "/run/sampan/dmi.sock" },
    mqtt: mqttOf(table, { isAddress: isLocal, port }),
    pods: podsOf(table),
  };
}

function podsOf(top: Table): PodSettings {
  const keys = ["static", "address", "most", "labels", "taints", "cluster_dns", "cluster_domain"];
  const table = top.table("pods", keys);
  const labels = table.table("labels");
  const isTaint = (text: string) =>
    /^[^\s=:]{1,317}(?:=[^\s=:]{0,63})?:(?:NoSchedule|PreferNoSchedule|NoExecute)$/.test(text);
  return {
    staticFolder: table.path("static") ?? "/etc/sampan/manifests",
    address: table.fitting("address", isLocal, "an IP address"),
    most: table.count("most", 1, 1000) ?? 110,
    labels: Object.fromEntries(labels.keys().map((key) => [key, labels.text(key) ?? ""])),
    taints: table.texts("taints", isTaint, "taints, as key=value:NoSchedule") ?? [],
    clusterDns: table.fitting("cluster_dns", isLocal, "an IP address") ?? "169.254.96.16",
    clusterDomain: table.fitting("cluster_domain", isNodeName, "a DNS name") ?? "cluster.local",
  };
}

function engineOf(top: Table): SettingsOverrides {
  const table = top.table("engine", ["root", "state", "config"]);
  const [root, state, config] = [table.path("root"), table.path("state"), table.path("config")];
  return {
    ...(root === undefined ? {} : { root }),
    ...(state === undefined ? {} : { state }),
    ...(config === undefined ? {} : { config }),
  };
}

function port(table: Table, key: string): number | undefined {
  return table.count(key, 0, 65_535);
}

const isLocal = (text: string) => isIP(text) !== 0;

function isAddress(text: string): boolean {
  try {
    parseAddress(text, 10_000);
    return true;
  } catch {
    return false;
  }
}

/** Where each flag stands in the file. */
const places: Readonly<Partial<Record<keyof Given, readonly [string] | readonly [string, string]>>> = {
  "data-root": ["data_root"],
  "node-name": ["node_name"],
  cloud: ["clouds"],
  "cert-port": ["cert_port"],
  "tunnel-port": ["tunnel_port"],
  "metaserver-port": ["metaserver", "port"],
  "mqtt-port": ["mqtt", "port"],
  "servicebus-port": ["servicebus", "port"],
  "kubelet-port": ["kubelet", "port"],
  "dmi-socket": ["dmi", "socket"],
  "static-pods": ["pods", "static"],
  "engine-root": ["engine", "root"],
  "engine-state": ["engine", "state"],
  "engine-config": ["engine", "config"],
  "log-level": ["log_level"],
};
const paths = new Set<string>([
  "data-root",
  "dmi-socket",
  "static-pods",
  "engine-root",
  "engine-state",
  "engine-config",
]);

function laidOver(file: string, named: boolean, flags: Given) {
  const document = structuredClone(fileAt(file, named)) as Record<string, unknown>;
  const names: Record<string, string> = {};
  for (const [flag, place] of Object.entries(places)) {
    const value = flags[flag as keyof Given];
    if (value === undefined || (Array.isArray(value) && value.length === 0)) continue;
    if (value === "") throw invalid(`cannot use --${flag} "": it is empty`);
    const given = paths.has(flag) && typeof value === "string" ? resolve(value) : value;
    const [first, second] = place;
    if (second === undefined) document[first] = given;
    else document[first] = { ...(document[first] as object | undefined), [second]: given };
    names[place.join(".")] = `--${flag}`;
  }
  return { document, origin: { file, flags: names } };
}

/** Only the file that nobody named may be absent. */
function fileAt(path: string, named: boolean): unknown {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if (!named && ["ENOENT", "ENOTDIR"].includes(String((error as { code?: unknown }).code))) return {};
    throw SampanError.wrap(`cannot read settings "${path}"`, error);
  }
  try {
    return Bun.TOML.parse(text);
  } catch (error) {
    throw invalid(`cannot read settings "${path}": ${SampanError.from(error).message}`);
  }
}
