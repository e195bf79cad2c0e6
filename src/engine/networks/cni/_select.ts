/** Which version is spoken with a network that says it is made for several: the newest that all of its plug-ins know. */
import { statSync } from "node:fs";
import { callPlugin, type ChainOptions } from "./_chain.ts";
import { record, type NetworkConfig } from "./_configuration.ts";
import { findPlugin } from "./_plugin.ts";
import { PluginError } from "./_result.ts";
import { isVersion, latest, type CniVersion } from "./_versions.ts";

/** undefined for one that does not say. */
export type VersionsOf = (type: string, options: ChainOptions) => Promise<readonly CniVersion[] | undefined>;

/** Each program is asked once (VERSION), and again when it was replaced. */
export function pluginVersions(): VersionsOf {
  const known = new Map<string, readonly CniVersion[]>();
  return async (type, options) => {
    const path = findPlugin(type, options.folders);
    const { ino, size, mtimeMs } = statSync(path);
    const key = [path, ino, size, mtimeMs].join(" ");
    const there = known.get(key);
    if (there) return there;
    const versions = await supportedBy(type, options);
    if (versions) known.set(key, versions);
    return versions;
  };
}

async function supportedBy(type: string, options: ChainOptions): Promise<readonly CniVersion[] | undefined> {
  const config = { cniVersion: latest };
  try {
    const answer = JSON.parse(await callPlugin(type, { command: "VERSION", config }, options)) as unknown;
    const list = record(answer)?.["supportedVersions"];
    return Array.isArray(list) ? list.filter(isVersion) : undefined;
  } catch (error) {
    if (options.signal?.aborted) throw error;
    if (error instanceof SyntaxError || error instanceof PluginError) return undefined;
    throw error;
  }
}

/** With one candidate nobody is asked, and who does not say has no say. Where they have no version in common it is the newest, and the plug-in says why not. */
export async function selectVersion(
  network: NetworkConfig,
  ask: VersionsOf,
  options: ChainOptions,
): Promise<NetworkConfig> {
  if (network.candidates.length < 2) return network;
  const lists = await Promise.all(network.plugins.map(({ type }) => ask(type, options)));
  const version = network.candidates.find((each) => lists.every((list) => list?.includes(each) ?? true));
  return { ...network, version: version ?? network.version };
}
