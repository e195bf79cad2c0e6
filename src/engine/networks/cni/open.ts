/** Networks by CNI over the folders of the settings: cni.ts is the contract. */
import { randomBytes } from "node:crypto";
import { SampanError } from "../../../base/errors.ts";
import type { CniSettings } from "../../settings.ts";
import type { Store } from "../../store/store.ts";
import { argumentsOf, capabilityArguments } from "./capabilities.ts";
import { addChain, callPlugin, checkChain, deleteChain, requestConfig, type Attachment } from "./_chain.ts";
import type { CniAttachment, CniAttachments, CniOwner, CniStatus } from "./cni.ts";
import {
  capabilitiesOf,
  configurationFiles,
  readConfiguration,
  type NetworkConfig,
} from "./_configuration.ts";
import { gate } from "./_gate.ts";
import { endLeft } from "./_left.ts";
import { findPlugin } from "./_plugin.ts";
import { attachmentOf, isUnknownCommand } from "./_result.ts";
import { attachmentRows, type AttachmentRow, type AttachmentRows } from "./_rows.ts";
import { pluginVersions, selectVersion } from "./_select.ts";
import { atLeast } from "./_versions.ts";

export interface CniOptions {
  readonly store: Store;
  readonly settings: CniSettings;
  readonly warn: (text: string) => void;
}

/** The device inside: pods have one. */
const device = "eth0";

interface Parts {
  readonly rows: AttachmentRows;
  readonly folders: readonly string[];
  readonly warn: (text: string) => void;
  /** The network of pods at this moment. Errors: `failed_precondition`. */
  network(signal?: AbortSignal): Promise<NetworkConfig>;
}

export function openCni({ store, settings, warn }: CniOptions): CniAttachments {
  const rows = attachmentRows(store);
  const folders = settings.plugins;
  const ask = pluginVersions();
  const turns = gate();
  const parts: Parts = {
    rows,
    folders,
    warn,
    network: (signal) => selectVersion(readConfiguration(settings.configs), ask, { folders, signal }),
  };
  // Where there was nothing of ours nothing of ours can be left, and what there is may be another runtime's.
  const ours = new Set(rows.networks());
  // Of an engine before this one: if it was killed its plug-ins may be at work still.
  const inherited = new Set(rows.ids());
  return {
    configured: () => isConfigured(settings.configs),
    status: (signal) => statusOf(parts, signal),
    attachment(sandbox) {
      const row = rows.find(sandbox);
      return row && madeOf(row);
    },
    async check(sandbox, signal) {
      const row = rows.find(sandbox);
      if (row) await checkOne(parts, row, signal);
    },
    attached: () => rows.ids(),
    attach: (owner, signal) =>
      turns.beside(async () => {
        const network = await parts.network(signal);
        ours.add(network.name);
        return await attach(parts, { network, owner, signal });
      }),
    detach: (sandbox, path) =>
      turns.beside(async () => {
        const row = rows.find(sandbox);
        if (!row) return;
        if (inherited.has(sandbox)) await endLeft(row.request.id);
        inherited.delete(sandbox);
        await detach(parts, row, path ?? "");
      }),
    collect: async () => (ours.size === 0 ? [] : await turns.alone(() => collect(parts, ours))),
  };
}

/** A folder that cannot be read is as a broken configuration: whoever takes it for none would put pods elsewhere. */
function isConfigured(folder: string): boolean {
  try {
    return configurationFiles(folder).length > 0;
  } catch {
    return true;
  }
}

interface Attach {
  readonly network: NetworkConfig;
  readonly owner: CniOwner;
  readonly signal: AbortSignal | undefined;
}

async function attach(parts: Parts, { network, owner, signal }: Attach): Promise<CniAttachment> {
  const { rows, folders, warn } = parts;
  const { id, path, request: pod, ports, again = false } = owner;
  const request: Attachment = {
    id: again ? `${id}-${randomBytes(4).toString("hex")}` : id,
    path,
    device,
    args: argumentsOf(owner),
    capabilities: capabilityArguments(owner),
  };
  const row = { sandbox: id, network: network.name, config: network, request };
  rows.begin(row);
  try {
    const result = await addChain(network, request, { folders, signal });
    rows.end(id, result);
    const made = madeOf({ ...row, result });
    if (ports.length > 0 && !made?.mapsPorts)
      warn(
        `ports of pod "${pod.namespace}/${pod.name}" are not mapped: no plug-in of network "${network.name}" has the capability portMappings`,
      );
    return made as CniAttachment;
  } catch (error) {
    await detach(parts, { ...row, result: undefined }, path).catch((fault: unknown) =>
      // What is left is taken away by the next stop, or the next restore.
      warn(SampanError.from(fault).message),
    );
    throw SampanError.wrap(
      `cannot add pod "${pod.namespace}/${pod.name}" to network "${network.name}"`,
      error,
    );
  }
}

async function detach({ rows, folders }: Parts, row: AttachmentRow, path: string): Promise<void> {
  const { sandbox, config, request, result } = row;
  try {
    await deleteChain(config, { ...request, path }, { folders, prevResult: result });
  } catch (error) {
    throw SampanError.wrap(`cannot take sandbox ${sandbox.slice(0, 12)} off network "${config.name}"`, error);
  }
  rows.remove(sandbox);
}

/** undefined while ADD has not ended well. */
function madeOf({ network, config, request, result }: AttachmentRow): CniAttachment | undefined {
  const asks = Object.hasOwn(request.capabilities, "portMappings");
  const maps = config.plugins.some((plugin) => capabilitiesOf(plugin).includes("portMappings"));
  return result && attachmentOf(result, { network, device: request.device, mapsPorts: asks && maps });
}

async function checkOne(
  { folders }: Parts,
  row: AttachmentRow,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { config, request, result, sandbox } = row;
  if (!result || config.disableCheck || !atLeast(config.version, "0.4.0")) return;
  try {
    await checkChain(config, request, { folders, signal, prevResult: result });
  } catch (error) {
    throw SampanError.wrap(
      `cannot find sandbox ${sandbox.slice(0, 12)} on network "${config.name}" as it was made`,
      error,
    );
  }
}

const notReady = (message: string): CniStatus => ({ ready: false, reason: "NetworkPluginNotReady", message });

async function statusOf(parts: Parts, signal: AbortSignal | undefined): Promise<CniStatus> {
  const { folders } = parts;
  try {
    const network = await parts.network(signal);
    for (const { type } of network.plugins) findPlugin(type, folders);
    if (atLeast(network.version, "1.1.0"))
      for (const plugin of network.plugins)
        await passingOver(
          callPlugin(
            plugin.type,
            { command: "STATUS", config: requestConfig(network, plugin) },
            { folders, signal },
          ),
        );
    return { ready: true, reason: "", message: "" };
  } catch (error) {
    return notReady(SampanError.from(error).message);
  }
}

/** Those that do not know the command have nothing to say to it. */
async function passingOver(call: Promise<unknown>): Promise<void> {
  try {
    await call;
  } catch (error) {
    if (!isUnknownCommand(error)) throw error;
  }
}

async function collect(parts: Parts, ours: ReadonlySet<string>): Promise<string[]> {
  const { rows, folders } = parts;
  try {
    const network = await parts.network();
    if (!ours.has(network.name) || network.disableGC || !atLeast(network.version, "1.1.0")) return [];
    const valid = rows
      .in(network.name)
      .map(({ request }) => ({ containerID: request.id, ifname: request.device }));
    const failures: string[] = [];
    for (const plugin of network.plugins) {
      // The second name stood in the specification by mistake; there are plug-ins that read it.
      const config = {
        ...requestConfig(network, plugin),
        "cni.dev/valid-attachments": valid,
        "cni.dev/attachments": valid,
      };
      await passingOver(callPlugin(plugin.type, { command: "GC", config }, { folders })).catch(
        (error: unknown) => failures.push(`network "${network.name}": ${SampanError.from(error).message}`),
      );
    }
    return failures;
  } catch (error) {
    return [`cannot collect what is left in the network of pods: ${SampanError.from(error).message}`];
  }
}
