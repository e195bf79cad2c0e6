/**
 * The engine's tables of the settings file: [engine], [images] and [registries."host:port"] of /etc/sampan/config.toml, of an ordinary user's
 * ~/.config/sampan/config.toml, or of the file that SAMPAN_CONFIG names. [runtime] is the runtime's (runtime/native/settings.ts) and is left to it.
 */
import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";
import { SampanError } from "../base/errors.ts";
import { errno, errnoOf } from "../kernel/errno.ts";
import { nearest } from "./_nearest.ts";
import { fileError } from "./store/errors.ts";
import type { EngineSettings, RegistrySettings } from "./settings.ts";

export interface SettingsOverrides {
  /** --root */
  readonly root?: string;
  readonly state?: string;
  readonly snapshotter?: string;
  readonly config?: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Effective user id. */
  readonly uid?: number;
}

const GiB = 2 ** 30;
const drivers = ["auto", "overlayfs", "copy"] as const;

/** Each part of Sampan that has settings has its table here. */
const tables = ["engine", "images", "registries", "runtime"] as const;

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
  const document = new Table(path, "", parse(path, named !== undefined), tables);
  const engine = document.table("engine", ["root", "state", "snapshotter", "budget"]);
  const images = document.table("images", ["max_layer_size", "max_layer_entries", "parallel_downloads"]);
  const driver = overrides.snapshotter ?? engine.text("snapshotter") ?? "auto";
  return {
    root: absolute(overrides.root ?? env["SAMPAN_ROOT"]) ?? engine.path("root") ?? folders.root,
    state: absolute(overrides.state) ?? engine.path("state") ?? folders.state,
    snapshotter:
      drivers.find((name) => name === driver) ?? engine.refuse("snapshotter", driver, drivers.join(", ")),
    budget: engine.size("budget") ?? 0,
    maxLayerSize: images.size("max_layer_size") ?? 64 * GiB,
    maxLayerEntries: images.count("max_layer_entries", 1) ?? 4_000_000,
    parallelDownloads: images.count("parallel_downloads", 1, 64) ?? 4,
    registries: registriesOf(document),
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

const registryKeys = ["mirrors", "http", "ca", "client_certificate", "client_key", "skip_verify"] as const;

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
          mirrors: table.addresses("mirrors"),
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

const units: Readonly<Record<string, number>> = {
  "": 1,
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KIB: 2 ** 10,
  MIB: 2 ** 20,
  GIB: GiB,
  TIB: 2 ** 40,
  K: 2 ** 10,
  M: 2 ** 20,
  G: GiB,
  T: 2 ** 40,
};

/** One table of the file; reads its values and says where a wrong one stands. */
class Table {
  readonly #file: string;
  readonly #name: string;
  readonly #values: Readonly<Record<string, unknown>>;

  constructor(file: string, name: string, value: unknown, known?: readonly string[]) {
    this.#file = file;
    this.#name = name;
    if (value !== undefined && (typeof value !== "object" || value === null || Array.isArray(value)))
      throw this.#error(`${name} is ${JSON.stringify(value)}, wanted a table`);
    this.#values = (value ?? {}) as Record<string, unknown>;
    const stranger = known && Object.keys(this.#values).find((key) => !known.includes(key));
    if (stranger !== undefined)
      throw this.#error(
        `${name === "" ? `there is no table "${stranger}"` : `${name} has no key "${stranger}"`}; the nearest is "${nearest(stranger, known ?? [])}"`,
      );
  }

  #error(text: string): SampanError {
    return new SampanError("invalid_argument", `cannot use settings "${this.#file}": ${text}`);
  }

  refuse(key: string, value: unknown, wanted: string): never {
    const name = this.#name ? `${this.#name}.${key}` : key;
    throw this.#error(`${name} is ${JSON.stringify(value) ?? "missing"}, wanted ${wanted}`);
  }

  keys(): string[] {
    return Object.keys(this.#values);
  }

  #value(key: string): unknown {
    return Object.hasOwn(this.#values, key) ? this.#values[key] : undefined;
  }

  table(key: string, known?: readonly string[]): Table {
    return new Table(this.#file, this.#name ? `${this.#name}."${key}"` : key, this.#value(key), known);
  }

  text(key: string): string | undefined {
    const value = this.#value(key);
    return value === undefined || typeof value === "string" ? value : this.refuse(key, value, "a string");
  }

  path(key: string): string | undefined {
    const value = this.text(key);
    return value === undefined || isAbsolute(value) ? value : this.refuse(key, value, "an absolute path");
  }

  flag(key: string): boolean | undefined {
    const value = this.#value(key);
    return value === undefined || typeof value === "boolean"
      ? value
      : this.refuse(key, value, "true or false");
  }

  count(key: string, least: number, most = Number.MAX_SAFE_INTEGER): number | undefined {
    const value = this.#value(key);
    if (value === undefined) return undefined;
    const fits = typeof value === "number" && Number.isSafeInteger(value) && value >= least && value <= most;
    const wanted = most === Number.MAX_SAFE_INTEGER ? `of at least ${least}` : `from ${least} to ${most}`;
    return fits ? value : this.refuse(key, value, `a whole number ${wanted}`);
  }

  /** Bytes: a number, or as `10GiB`. */
  size(key: string): number | undefined {
    const value = this.#value(key);
    if (value === undefined || typeof value === "number") return this.count(key, 0);
    const parts = typeof value === "string" ? /^(\d+(?:\.\d+)?)\s*([A-Za-z]*)$/.exec(value) : null;
    const unit = units[(parts?.[2] ?? "").toUpperCase()];
    const bytes = Math.round(Number(parts?.[1]) * (unit ?? Number.NaN));
    return Number.isSafeInteger(bytes) ? bytes : this.refuse(key, value, `bytes, as 1073741824 or "10GiB"`);
  }

  addresses(key: string): readonly string[] {
    const value = this.#value(key);
    if (value === undefined) return [];
    const fits = (item: unknown): item is string =>
      typeof item === "string" && URL.canParse(item) && /^https?:$/.test(new URL(item).protocol);
    if (!Array.isArray(value) || !value.every(fits))
      this.refuse(key, value, `a list of addresses as "https://mirror.example:5000"`);
    return value;
  }
}
