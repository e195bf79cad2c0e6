/** Network configurations as administrators write them: found, read and checked. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { extname, join } from "node:path";
import { SampanError } from "../../../base/errors.ts";
import { latest, versions, type CniVersion } from "./_versions.ts";

/** A plug-in with its own part of the configuration, as it stands there. */
export interface PluginConfig {
  readonly type: string;
  readonly config: Readonly<Record<string, unknown>>;
}

/** Kept as JSON with each attachment, so that DEL and CHECK have it as ADD had it. */
export interface NetworkConfig {
  readonly name: string;
  /** The protocol that is spoken with all of its plug-ins. */
  readonly version: CniVersion;
  /** Those that it says it is made for and that we speak, the newest first. */
  readonly candidates: readonly CniVersion[];
  readonly disableCheck: boolean;
  readonly disableGC: boolean;
  /** In the order of ADD; at least one. */
  readonly plugins: readonly PluginConfig[];
}

const extensions = [".conf", ".conflist", ".json"];
/** Bytes of a file. */
const longest = 1 << 20;
const mostPlugins = 64;
const namePattern = /^[A-Za-z0-9][\w.-]{0,255}$/;

type Fields = Readonly<Record<string, unknown>>;

/** The paths of configurations, in the order in which they count: the first is the network of pods. */
export function configurationFiles(folder: string, wanted: readonly string[] = extensions): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => !entry.isDirectory() && wanted.includes(extname(entry.name)))
      .map(({ name }) => join(folder, name))
      .toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return [];
    throw new SampanError("failed_precondition", `cannot read folder "${folder}": ${code}`, { cause: error });
  }
}

/**
 * The network of pods as the folder says now. A broken first file is an error and not passed over: pods would come to another network than the one that was meant for them.
 * Errors: `failed_precondition`.
 */
export function readConfiguration(folder: string): NetworkConfig {
  const [path] = configurationFiles(folder);
  if (path === undefined)
    throw new SampanError("failed_precondition", `there is no network configuration in "${folder}"`);
  const network = parseConfiguration(readJson(path), path);
  if (network.inlineOnly) return network;
  const beside = configurationFiles(join(folder, network.name), [".conf"]);
  const plugins = [
    ...network.plugins,
    ...beside.map((each) => pluginOf(readJson(each), `cannot use "${each}"`)),
  ];
  return checked({ ...network, plugins }, path);
}

function readJson(path: string): unknown {
  try {
    const { size } = statSync(path);
    if (size > longest) throw broken(path, `it has ${size} bytes, wanted up to ${longest}`);
    return JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    if (error instanceof SampanError) throw error;
    throw broken(path, error instanceof SyntaxError ? "it is no JSON" : SampanError.from(error).message);
  }
}

const broken = (path: string, why: string) =>
  new SampanError("failed_precondition", `cannot use network configuration "${path}": ${why}`);

/** A list of plug-ins, or a single one, which is a list of one. Plug-ins that stand in files of their own are not looked for. Errors: `failed_precondition`. */
export function parseConfiguration(value: unknown, path: string): NetworkConfig & { inlineOnly: boolean } {
  const fields = record(value);
  if (!fields) throw broken(path, "wanted an object");
  const { name, plugins } = fields;
  if (typeof name !== "string" || !namePattern.test(name))
    throw broken(path, `${shown(name)} is no name of a network`);
  const single = "type" in fields && plugins === undefined;
  const list = single ? [fields] : (plugins ?? []);
  if (!Array.isArray(list)) throw broken(path, "plugins is no list");
  const flag = (key: string): boolean =>
    truth(fields[key], () => broken(path, `${key} is neither true nor false`));
  const inlineOnly = single || flag("loadOnlyInlinedPlugins");
  const candidates = candidatesOf(fields, path);
  const network = {
    name,
    version: candidates[0] ?? latest,
    candidates,
    disableCheck: flag("disableCheck"),
    disableGC: flag("disableGC"),
    plugins: list.map((each) => pluginOf(each, `cannot use network configuration "${path}"`)),
    inlineOnly,
  };
  return inlineOnly ? checked(network, path) : network;
}

function checked<Network extends NetworkConfig>(network: Network, path: string): Network {
  const { length } = network.plugins;
  if (length > 0 && length <= mostPlugins) return network;
  throw broken(path, length === 0 ? "it names no plug-in" : `it names more than ${mostPlugins} plug-ins`);
}

function candidatesOf({ cniVersion, cniVersions = [] }: Fields, path: string): CniVersion[] {
  const listed = Array.isArray(cniVersions) ? cniVersions : [cniVersions];
  const all = new Set<unknown>(cniVersion === undefined ? listed : [...listed, cniVersion]);
  const known = versions.filter((each) => all.has(each)).toReversed();
  if (known.length > 0) return known;
  const said = [...all].map(shown).join(", ") || "none";
  throw broken(path, `its cniVersion is ${said}, wanted one of ${versions.join(", ")}`);
}

function pluginOf(value: unknown, doing: string): PluginConfig {
  const config = record(value);
  const type = config?.["type"];
  // It becomes the name of a file that root executes.
  for (const each of [type, record(config?.["ipam"])?.["type"] ?? type])
    if (typeof each !== "string" || !namePattern.test(each))
      throw new SampanError("failed_precondition", `${doing}: ${shown(each)} is no type of a plug-in`);
  return { type: type as string, config: config as Fields };
}

/** Some write them as text. */
function truth(value: unknown, fault: () => SampanError): boolean {
  const text = typeof value === "string" ? value.toLowerCase() : value;
  if (text === undefined || text === false || text === "false") return false;
  if (text === true || text === "true") return true;
  throw fault();
}

export function record(value: unknown): Fields | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Fields) : undefined;
}

export const shown = (value: unknown): string => (JSON.stringify(value) ?? "nothing").slice(0, 100);

/** What the plug-in declares that it takes of the runtime. */
export function capabilitiesOf({ config }: PluginConfig): string[] {
  return Object.entries(record(config["capabilities"]) ?? {}).flatMap(([name, on]) =>
    on === true ? [name] : [],
  );
}
