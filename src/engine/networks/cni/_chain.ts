/** The plug-ins of a network, one after the other: what each is given, and what becomes of its answer. */
import { SampanError } from "../../../base/errors.ts";
import { capabilitiesOf, type NetworkConfig, type PluginConfig } from "./_configuration.ts";
import { findPlugin, runPlugin } from "./_plugin.ts";
import { errorOf, PluginError, readResult, unknownContainer, type CniResult } from "./_result.ts";

/** Milliseconds for one plug-in. Some wait for a daemon of theirs to come up; who asks for a pod waits some minutes. */
export const deadlines = {
  ADD: 60_000,
  DEL: 60_000,
  CHECK: 20_000,
  GC: 20_000,
  STATUS: 10_000,
  VERSION: 10_000,
} as const;
export type Command = keyof typeof deadlines;

/** What of an attachment is the same in ADD, CHECK and DEL. */
export interface Attachment {
  readonly id: string;
  /** Of the network namespace; empty where it is gone. */
  readonly path: string;
  readonly device: string;
  /** `K8S_POD_NAME=web;…` */
  readonly args: string;
  /** By capability; each plug-in gets those that it declares. */
  readonly capabilities: Readonly<Record<string, unknown>>;
}

export interface ChainOptions {
  /** Where plug-ins lie. */
  readonly folders: readonly string[];
  readonly signal?: AbortSignal | undefined;
}

function parametersOf({ id, path, device, args }: Attachment): Record<string, string> {
  return { CNI_CONTAINERID: id, CNI_NETNS: path, CNI_IFNAME: device, CNI_ARGS: args };
}

const generated = /^(?:capabilities|runtimeConfig|prevResult|cni\.dev\/.*)$/;

/** The configuration that a plug-in gets. Pure. */
export function requestConfig(
  network: NetworkConfig,
  plugin: PluginConfig,
  more: {
    readonly capabilities?: Attachment["capabilities"];
    readonly prevResult?: CniResult | undefined;
  } = {},
): Record<string, unknown> {
  const declared = capabilitiesOf(plugin).filter((name) => Object.hasOwn(more.capabilities ?? {}, name));
  const runtimeConfig = Object.fromEntries(declared.map((name) => [name, more.capabilities?.[name]]));
  return {
    ...Object.fromEntries(Object.entries(plugin.config).filter(([name]) => !generated.test(name))),
    cniVersion: network.version,
    name: network.name,
    ...(declared.length > 0 && { runtimeConfig }),
    ...(more.prevResult && { prevResult: more.prevResult }),
  };
}

/** Errors: the plug-in's own with its name, `failed_precondition` when there is no such program, `deadline_exceeded`, `cancelled`. */
export async function callPlugin(
  type: string,
  call: {
    readonly command: Command;
    readonly parameters?: Readonly<Record<string, string>>;
    readonly config: Readonly<Record<string, unknown>>;
  },
  { folders, signal }: ChainOptions,
): Promise<string> {
  const path = findPlugin(type, folders);
  try {
    const answer = await runPlugin({
      path,
      parameters: { CNI_COMMAND: call.command, CNI_PATH: folders.join(":"), ...call.parameters },
      input: JSON.stringify(call.config),
      deadline: deadlines[call.command],
      signal,
    });
    if (answer.status !== 0) throw errorOf(answer);
    return answer.output;
  } catch (error) {
    const { code, message } = SampanError.from(error);
    const number = error instanceof PluginError ? error.number : undefined;
    throw new PluginError(code, `plug-in "${type}" says to ${call.command}: ${message}`, number);
  }
}

/** The result of the last plug-in. What a failed one has made is the caller's to take away. */
export async function addChain(
  network: NetworkConfig,
  attachment: Attachment,
  options: ChainOptions,
): Promise<CniResult> {
  const parameters = parametersOf(attachment);
  const { capabilities } = attachment;
  let prevResult: CniResult | undefined;
  for (const plugin of network.plugins) {
    const config = requestConfig(network, plugin, { capabilities, prevResult });
    const output = await callPlugin(plugin.type, { command: "ADD", parameters, config }, options);
    prevResult = resultOf(plugin.type, output, network);
  }
  return prevResult ?? {};
}

function resultOf(type: string, output: string, { version }: NetworkConfig): CniResult {
  try {
    return readResult(output, version);
  } catch (error) {
    throw SampanError.wrap(`cannot use what plug-in "${type}" says`, error);
  }
}

/** In reverse. Errors: of the first that fails; the rest is not called then, as the specification says. */
export async function deleteChain(
  network: NetworkConfig,
  attachment: Attachment,
  { prevResult, ...options }: ChainOptions & { readonly prevResult: CniResult | undefined },
): Promise<void> {
  const parameters = parametersOf(attachment);
  const { capabilities } = attachment;
  for (const plugin of network.plugins.toReversed()) {
    const config = requestConfig(network, plugin, { capabilities, prevResult });
    try {
      await callPlugin(plugin.type, { command: "DEL", parameters, config }, options);
    } catch (error) {
      // Nothing is left to take away of what it does not know.
      if (!(error instanceof PluginError && error.number === unknownContainer)) throw error;
    }
  }
}

export async function checkChain(
  network: NetworkConfig,
  attachment: Attachment,
  { prevResult, ...options }: ChainOptions & { readonly prevResult: CniResult },
): Promise<void> {
  const parameters = parametersOf(attachment);
  const { capabilities } = attachment;
  for (const plugin of network.plugins) {
    const config = requestConfig(network, plugin, { capabilities, prevResult });
    await callPlugin(plugin.type, { command: "CHECK", parameters, config }, options);
  }
}
