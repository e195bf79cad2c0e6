/** What `sampan cloud` runs by: flags go before the settings file (TOML), the file before the presets. */
import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import { homedir } from "node:os";
import { isAbsolute, join, resolve } from "node:path";
import { invalid, SampanError } from "../../base/errors.ts";
import { Table } from "../../engine/settings-table.ts";
import { type LogLevel, logLevels } from "../../engine/settings.ts";
import { joinPolicies } from "../../fleet/cloud/hub/policy.ts";
import type { CloudFlags } from "./flags.ts";

export interface CloudSettings {
  readonly root: string;
  /** Of the cluster to work on; without it the API is our own. */
  readonly kubeconfig?: string;
  readonly bindAddress: string;
  readonly port: number;
  readonly advertiseAddress?: string;
  readonly names: readonly string[];
  readonly logLevel: LogLevel;
  /** undefined: no edges are served. */
  readonly hub: HubSettings | undefined;
}

export interface HubSettings {
  readonly port: number;
  readonly joinPort: number;
  readonly tunnelPort: number;
  /** Only on a cluster. */
  readonly kubeletsPort: number;
  readonly names: readonly string[];
  readonly nodeLimit: number;
  readonly joinExisting: (typeof joinPolicies)[number];
  readonly legacyCertificates: boolean;
  /** What a node may ask of the API by its MetaServer. */
  readonly metaserver: (typeof accessModes)[number];
  readonly router: { readonly host: string; readonly port: number };
}

export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Effective user id. */
  readonly uid: number;
}

type Given = Partial<Omit<CloudFlags, "help">>;

const accessModes = ["node", "all"] as const;

const keys = [
  "data_root",
  "kubeconfig",
  "bind_address",
  "secure_port",
  "advertise_address",
  "tls_san",
  "hub",
  "hub_port",
  "join_port",
  "tunnel_port",
  "kubelets_port",
  "hub_name",
  "node_limit",
  "metaserver",
  "router_address",
  "router_port",
  "join_existing",
  "legacy_certificates",
  "log_level",
] as const;

/** Errors: `invalid_argument` naming the flag, or the file and the key. */
export function readCloudSettings(flags: Given, around: Surroundings): CloudSettings {
  const folders = foldersOf(around);
  const named = flags.config ?? (around.env["SAMPAN_CLOUD_CONFIG"] || undefined);
  const path = named ?? folders.config;
  const document = {
    ...(fileAt(path, named !== undefined) as object),
    ...given({
      data_root: flags["data-root"] === undefined ? undefined : absolute("data-root", flags["data-root"]),
      kubeconfig: flags.kubeconfig === undefined ? undefined : absolute("kubeconfig", flags.kubeconfig),
      bind_address: flags["bind-address"],
      secure_port: flags["secure-port"],
      advertise_address: flags["advertise-address"],
      tls_san: (flags["tls-san"] ?? []).length > 0 ? flags["tls-san"] : undefined,
      hub: flags.hub === false ? false : undefined,
      hub_port: flags["hub-port"],
      join_port: flags["join-port"],
      tunnel_port: flags["tunnel-port"],
      kubelets_port: flags["kubelets-port"],
      hub_name: (flags["hub-name"] ?? []).length > 0 ? flags["hub-name"] : undefined,
      node_limit: flags["node-limit"],
      metaserver: flags.metaserver,
      router_address: flags["router-address"],
      router_port: flags["router-port"],
      join_existing: flags["join-existing"],
      legacy_certificates: flags["legacy-certificates"] || undefined,
      log_level: flags["log-level"],
    }),
  };
  const table = new Table({ file: path, flags: flagNames(flags) }, "", document, keys);
  const advertiseAddress = table.fitting("advertise_address", isAddress, "an IP address");
  return {
    root: table.path("data_root") ?? folders.root,
    bindAddress: table.fitting("bind_address", isAddress, "an IP address of this machine") ?? "0.0.0.0",
    port: table.count("secure_port", 0, 65_535) ?? 6443,
    ...(advertiseAddress === undefined ? {} : { advertiseAddress }),
    names: table.texts("tls_san", (text) => text !== "", "names and addresses") ?? [],
    logLevel: table.among("log_level", logLevels) ?? "info",
    ...clusterOf(table),
  };
}

function clusterOf(table: Table): Pick<CloudSettings, "hub" | "kubeconfig"> {
  const kubeconfig = table.path("kubeconfig");
  const hub = table.flag("hub") === false ? undefined : hubOf(table);
  if (kubeconfig === undefined) return { hub };
  if (!hub) table.refuse("hub", false, "true with --kubeconfig: without a hub nothing would be done");
  return { hub, kubeconfig };
}

function isAddress(text: string): boolean {
  return isIP(text) !== 0;
}

function hubOf(table: Table): HubSettings {
  return {
    port: table.count("hub_port", 0, 65_535) ?? 10_000,
    joinPort: table.count("join_port", 0, 65_535) ?? 10_002,
    tunnelPort: table.count("tunnel_port", 0, 65_535) ?? 10_004,
    kubeletsPort: table.count("kubelets_port", 0, 65_535) ?? 10_003,
    names: table.texts("hub_name", (text) => text !== "", "names and addresses") ?? [],
    nodeLimit: table.count("node_limit", 1, 1_000_000) ?? 5_000,
    joinExisting: table.among("join_existing", joinPolicies) ?? "offline",
    legacyCertificates: table.flag("legacy_certificates") ?? false,
    metaserver: table.among("metaserver", accessModes) ?? "node",
    router: {
      host: table.fitting("router_address", isAddress, "an IP address of this machine") ?? "127.0.0.1",
      port: table.count("router_port", 0, 65_535) ?? 9443,
    },
  };
}

function given(values: Readonly<Record<string, unknown>>): object {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}

/** Which values are a flag's: an error then names that. */
function flagNames(flags: Given): Record<string, string> {
  const all = keys.map((key) => [key, key.replaceAll("_", "-") as keyof Given] as const);
  // A flag that is one or the other is always there.
  const isGiven = (value: unknown) =>
    Array.isArray(value) ? value.length > 0 : value !== undefined && typeof value !== "boolean";
  const set = all.filter(([, flag]) => isGiven(flags[flag]));
  return Object.fromEntries(set.map(([key, flag]) => [key, `--${flag}`]));
}

function absolute(flag: string, path: string): string {
  if (path === "") throw invalid(`cannot use --${flag} "": it is empty, wanted a path`);
  return resolve(path);
}

/** For an ordinary user the XDG folders (XDG Base Directory Specification 0.8), for root the system's. */
function foldersOf({ env, uid }: Surroundings): { root: string; config: string } {
  if (uid === 0) return { root: "/var/lib/sampan/cloud", config: "/etc/sampan/cloud.toml" };
  const home = env["HOME"] || homedir();
  const xdg = (name: string, otherwise: string) => {
    const set = env[name];
    return set && isAbsolute(set) ? set : join(home, otherwise);
  };
  return {
    root: join(xdg("XDG_DATA_HOME", ".local/share"), "sampan/cloud"),
    config: join(xdg("XDG_CONFIG_HOME", ".config"), "sampan/cloud.toml"),
  };
}

/** Only the file that nobody named may be absent. */
function fileAt(path: string, named: boolean): unknown {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    const absent = ["ENOENT", "ENOTDIR"].includes(String((error as { code?: unknown }).code));
    if (absent && !named) return {};
    throw SampanError.wrap(`cannot read settings "${path}"`, error);
  }
  try {
    return Bun.TOML.parse(text);
  } catch (error) {
    throw invalid(`cannot read settings "${path}": ${SampanError.from(error).message}`);
  }
}
