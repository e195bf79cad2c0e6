/**
 * Devices by the Container Device Interface (CNCF, cdi.md 1.0): what a vendor's file says a device needs in a container. Only an administrator writes such files: one that another
 * user may change is refused, its devices must be what they say, and its hooks run with the environment that the file gives and nothing of the container's
 * (CVE-2024-0132, CVE-2025-23266). Images and their labels have no say here.
 */
import { SampanError, invalid } from "../../../base/errors.ts";
import type { DeviceRequest } from "../../../spec/docker/create.ts";
import type { OciDevice, OciDeviceRule, OciHook, OciHooks, OciMount } from "../../../spec/oci/config.ts";
import { hookKinds } from "../../../spec/oci/values.ts";
import { cdiFolders, type CdiSpec, type Edits } from "./cdi-file.ts";
import { ruleOf } from "./devices.ts";
import type { HostFacts } from "./host.ts";

export { parseCdi, readCdi } from "./cdi-file.ts";

export interface CdiEdits {
  readonly env: readonly string[];
  readonly devices: readonly OciDevice[];
  readonly rules: readonly OciDeviceRule[];
  readonly mounts: readonly OciMount[];
  readonly hooks: OciHooks;
  readonly groups: readonly number[];
}

/** Full names, `vendor.com/class=name`, of what is asked for. Errors: `invalid_argument`, `not_found`. */
export function requestedDevices(requests: readonly DeviceRequest[], specs: readonly CdiSpec[]): string[] {
  return requests.flatMap((request) => {
    const { Driver = "", DeviceIDs, Count = 0, Capabilities } = request;
    if (Driver === "cdi") return [...(DeviceIDs ?? [])];
    const wanted = (Capabilities ?? []).flat();
    if (!wanted.includes("gpu"))
      throw invalid(
        `cannot give devices of driver "${Driver}" with capabilities ${JSON.stringify(wanted)}: wanted "gpu", or driver cdi with names`,
      );
    return gpus({ driver: Driver, ids: DeviceIDs ?? [], count: Count }, specs);
  });
}

interface GpuWish {
  readonly driver: string;
  readonly ids: readonly string[];
  readonly count: number;
}

/** The vendor by the driver's name; without, the one that there is, nvidia.com first. */
function gpus({ driver, ids, count }: GpuWish, specs: readonly CdiSpec[]): string[] {
  const kinds = [...new Set(specs.map(({ kind }) => kind))].filter((kind) => kind.endsWith("/gpu"));
  const fitting = kinds.filter((kind) => driver === "" || kind.startsWith(driver));
  const kind = fitting.includes("nvidia.com/gpu") ? "nvidia.com/gpu" : fitting[0];
  if (kind === undefined)
    throw new SampanError(
      "not_found",
      `cannot give a GPU: no file of ${cdiFolders.join(" and ")} describes one (for NVIDIA: nvidia-ctk cdi generate)`,
    );
  if (ids.length > 0) return ids.map((id) => `${kind}=${id}`);
  const names = specs.filter((spec) => spec.kind === kind).flatMap(({ devices }) => [...devices.keys()]);
  if (count < 0) return names.includes("all") ? [`${kind}=all`] : names.map((name) => `${kind}=${name}`);
  const single = names.filter((name) => /^(?:gpu)?\d+$/.test(name));
  if (count > single.length)
    throw new SampanError("not_found", `cannot give ${count} GPUs: ${kind} has ${single.length}`);
  return single.slice(0, count).map((name) => `${kind}=${name}`);
}

/** What these devices change. Errors: `not_found` for one that no file has; `invalid_argument` for one that is not what it says. */
export function cdiEdits(
  names: readonly string[],
  specs: readonly CdiSpec[],
  host: Pick<HostFacts, "nodesAt">,
): CdiEdits {
  const used = new Set<Edits>();
  for (const name of new Set(names)) {
    const [, kind, device = ""] = /^([^=]+)=(.+)$/.exec(name) ?? [];
    const spec = specs.findLast((each) => each.kind === kind && each.devices.has(device));
    const edits = spec?.devices.get(device);
    if (!spec || !edits)
      throw new SampanError(
        "not_found",
        `cannot give device "${name.slice(0, 150)}": no file of ${cdiFolders.join(" and ")} has it`,
      );
    used.add(spec.edits);
    used.add(edits);
  }
  const all = [...used];
  const nodes = all.flatMap(({ deviceNodes }) => deviceNodes ?? []).map((node) => nodeOf(node, host));
  return {
    env: all.flatMap(({ env }) => env ?? []),
    devices: nodes.map(({ device }) => device),
    rules: nodes.map(({ device, access }) => ruleOf(device, access)),
    mounts: all.flatMap(({ mounts }) => mounts ?? []).map(mountOf),
    hooks: hooksOf(all),
    groups: all.flatMap(({ additionalGids }) => additionalGids ?? []),
  };
}

function nodeOf(node: NonNullable<Edits["deviceNodes"]>[number], { nodesAt }: Pick<HostFacts, "nodesAt">) {
  const source = node.hostPath ?? node.path;
  const refuse = (why: string) => invalid(`cannot give device "${source}" of CDI: ${why}`);
  let found: readonly OciDevice[];
  try {
    found = nodesAt(source);
  } catch (error) {
    throw refuse((error as Error).message);
  }
  const [device, ...more] = found;
  if (!device || more.length > 0) throw refuse("it is no node of a device");
  const { path, fileMode, uid, gid, permissions = "rwm" } = node;
  return {
    access: permissions,
    device: {
      ...device,
      path,
      ...(fileMode !== undefined && { fileMode: fileMode & 0o777 }),
      ...(uid !== undefined && { uid }),
      ...(gid !== undefined && { gid }),
    },
  };
}

function mountOf({ hostPath, containerPath, options = [] }: NonNullable<Edits["mounts"]>[number]): OciMount {
  const kind = options.some((option) => option === "bind" || option === "rbind") ? [] : ["rbind"];
  return {
    destination: containerPath,
    type: "bind",
    source: hostPath,
    options: [...kind, "nosuid", "nodev", ...options],
  };
}

const cleanPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

function hooksOf(all: readonly Edits[]): OciHooks {
  const hooks: OciHooks = {};
  for (const { hookName, path, args, env = [], timeout } of all.flatMap((each) => each.hooks ?? [])) {
    const hook: OciHook = {
      path,
      args: [...(args ?? [path])],
      env: env.some((line) => line.startsWith("PATH=")) ? [...env] : [cleanPath, ...env],
      timeout: timeout || 30,
    };
    const kind = hookKinds.find((each) => each === hookName) ?? "createRuntime";
    (hooks[kind] ??= []).push(hook);
  }
  return hooks;
}
