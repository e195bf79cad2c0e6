/**
 * The settings file: /etc/sampan/config.toml, an ordinary user's ~/.config/sampan/config.toml, or the file that SAMPAN_CONFIG names. [engine], [images] and
 * [registries."host:port"] are read here, what only a live engine needs in settings-daemon.ts. [runtime] is the runtime's (runtime/native/settings.ts) and is left to it.
 */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";
import { SampanError } from "../base/errors.ts";
import { errno, errnoOf } from "../kernel/errno.ts";
import { criOf, daemonOf, logsOf, networkOf, runtimesOf, sections } from "./settings-daemon.ts";
import { Table } from "./settings-table.ts";
import { fileError } from "./store/errors.ts";
import type { EngineSettings, RegistrySettings } from "./settings.ts";

export interface SettingsOverrides {
  /** --root */
  readonly root?: string;
  readonly state?: string;
  readonly snapshotter?: string;
  readonly config?: string;
  /** A document of the file's shape whose keys go before the file's, and the flag that each came from: `daemon.hosts` → `--host`. */
  readonly document?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly flags?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Effective user id. */
  readonly uid?: number;
}

const GiB = 2 ** 30;
const imageKeys = ["max_layer_size", "max_layer_entries", "parallel_downloads", "hosts_dirs"] as const;
/** containerd's own folder too: a machine that moves keeps its mirrors. */
const hostsDirs = ["/etc/sampan/certs.d", "/etc/containerd/certs.d"] as const;
const drivers = ["auto", "overlayfs", "copy"] as const;

/** Each part of Sampan that has settings has its table here. */
const tables = ["engine", "images", "registries", "runtime", ...sections] as const;

/** Errors: `invalid_argument` naming the file and the key; `not_found` for a file that was named and is not there. */
export function readEngineSettings(overrides: SettingsOverrides = {}): EngineSettings {
  const env = overrides.env ?? process.env;
  const folders = defaultFolders(env, overrides.uid ?? process.geteuid?.() ?? 0);
  for (const flag of ["root", "config"] as const)
    if (overrides[flag] === "")
      throw new SampanError("invalid_argument", `cannot use --${flag} "": it is empty, wanted a path`);
  // An empty variable is as none.
  const named = overrides.config ?? (env["SAMPAN_CONFIG"] || undefined);
  const path = named ?? folders.config;
  const origin = { file: path, flags: overrides.flags ?? {} };
  const document = new Table(origin, "", laidOver(parse(path, named !== undefined), overrides), tables);
  const engine = document.table("engine", [
    "root",
    "state",
    "snapshotter",
    "budget",
    "default_runtime",
    "runtimes",
  ]);
  const images = document.table("images", imageKeys);
  const driver = overrides.snapshotter ?? engine.text("snapshotter") ?? "auto";
  const root = absolute(overrides.root ?? env["SAMPAN_ROOT"]) ?? engine.path("root") ?? folders.root;
  // What is made for one data root is not another's: two of them live side by side on one host.
  const own = root === folders.root ? undefined : createHash("sha256").update(root).digest("hex");
  return {
    root,
    state:
      absolute(overrides.state) ??
      engine.path("state") ??
      (own === undefined ? folders.state : join(folders.state, "at", own.slice(0, 12))),
    snapshotter:
      drivers.find((name) => name === driver) ?? engine.refuse("snapshotter", driver, drivers.join(", ")),
    budget: engine.size("budget") ?? 0,
    maxLayerSize: images.size("max_layer_size") ?? 64 * GiB,
    maxLayerEntries: images.count("max_layer_entries", 1) ?? 4_000_000,
    parallelDownloads: images.count("parallel_downloads", 1, 64) ?? 4,
    hostsDirs: images.texts("hosts_dirs", isAbsolute, "absolute paths") ?? hostsDirs,
    registries: registriesOf(document),
    ...runtimesOf(engine),
    logs: logsOf(document),
    network: networkOf(document, own === undefined ? "sampan0" : `sampan-${own.slice(0, 6)}`),
    daemon: daemonOf(document),
    cri: criOf(document),
  };
}

/** For an ordinary user the XDG folders (XDG Base Directory Specification 0.8), for root the system's. */
function defaultFolders(env: Readonly<Record<string, string | undefined>>, uid: number) {
  if (uid === 0) return { root: "/var/lib/sampan", state: "/run/sampan", config: "/etc/sampan/config.toml" };
  const home = env["HOME"] || homedir();
  const xdg = (name: string, otherwise: string) => {
    const set = env[name];
    return set && isAbsolute(set) ? set : otherwise;
  };
  return {
    root: join(xdg("XDG_DATA_HOME", join(home, ".local/share")), "sampan"),
    state: join(xdg("XDG_RUNTIME_DIR", `/tmp/sampan-${uid}`), "sampan"),
    config: join(xdg("XDG_CONFIG_HOME", join(home, ".config")), "sampan/config.toml"),
  };
}

function absolute(path: string | undefined): string | undefined {
  if (path === undefined || path === "") return undefined;
  return isAbsolute(path) ? path : join(process.cwd(), path);
}

/** Only the file that nobody named may be absent. */
function readText(path: string, named: boolean): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const why = errnoOf(error);
    if (!named && (why === errno.ENOENT || why === errno.ENOTDIR)) return undefined;
    throw fileError(`read settings "${path}"`, error);
  }
}

function parse(path: string, named: boolean): unknown {
  const text = readText(path, named);
  if (text === undefined) return {};
  try {
    return Bun.TOML.parse(text);
  } catch (error) {
    throw new SampanError(
      "invalid_argument",
      `cannot read settings "${path}": ${SampanError.from(error).message}`,
      {
        cause: error,
      },
    );
  }
}

/** Flags go before the file, key by key. */
function laidOver(file: unknown, { document = {} }: SettingsOverrides): unknown {
  return isTable(file) ? merged(file, document) : file;
}

type Keys = Readonly<Record<string, unknown>>;

function merged(below: Keys, above: Keys): Keys {
  const both = Object.entries(above).map(([key, value]) => {
    const under = below[key];
    // What is no table is refused by whoever reads it.
    if (!isTable(value)) return [key, value];
    return [key, under === undefined ? value : isTable(under) ? merged(under, value) : under];
  });
  return { ...below, ...(Object.fromEntries(both) as Keys) };
}

function isTable(value: unknown): value is Keys {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const registryKeys = ["mirrors", "http", "ca", "client_certificate", "client_key", "skip_verify"] as const;

const addresses = 'addresses as "https://mirror.example:5000"';

function isAddress(text: string): boolean {
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol);
}

function registriesOf(document: Table): Record<string, RegistrySettings> {
  const tables = document.table("registries");
  return Object.fromEntries(
    tables.keys().map((host) => {
      const table = tables.table(host, registryKeys);
      const [certificate, key] = [table.path("client_certificate"), table.path("client_key")];
      // One without the other would be passed over.
      if (key !== undefined && certificate === undefined)
        table.refuse("client_certificate", undefined, "the certificate of client_key");
      if (certificate !== undefined && key === undefined)
        table.refuse("client_key", undefined, "the key of client_certificate");
      if (!/^[A-Za-z0-9.\-[\]:]+$/.test(host)) tables.refuse(host, host, "a registry's host, or host:port");
      return [
        host,
        {
          mirrors: table.texts("mirrors", isAddress, addresses) ?? [],
          http: table.flag("http") ?? false,
          ca: table.path("ca"),
          clientCertificate: certificate,
          clientKey: key,
          skipVerify: table.flag("skip_verify") ?? false,
        } satisfies RegistrySettings,
      ];
    }),
  );
}
