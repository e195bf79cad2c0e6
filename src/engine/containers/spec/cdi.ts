/**
 * Devices by the Container Device Interface (CNCF, cdi.md 1.0): what a vendor's file says a device needs in a container. Only an administrator writes such files: one that another
 * user may change is refused, its devices must be what they say, and its hooks run with the environment that the file gives and nothing of the container's
 * (CVE-2024-0132, CVE-2025-23266). Images and their labels have no say here.
 */
import { lstatSync, readFileSync, readdirSync } from "node:fs";
import { join, posix } from "node:path";
import { SampanError, invalid } from "../../../base/errors.ts";
import type { DeviceRequest } from "../../../spec/docker/create.ts";
import type { OciDevice, OciDeviceRule, OciHook, OciHooks, OciMount } from "../../../spec/oci/config.ts";
import { hookKinds } from "../../../spec/oci/values.ts";
import { ruleOf } from "./devices.ts";
import type { HostFacts } from "./host.ts";

/** Later ones go over earlier ones. */
export const cdiFolders = ["/etc/cdi", "/var/run/cdi"] as const;

export interface CdiEdits {
  readonly env: readonly string[];
  readonly devices: readonly OciDevice[];
  readonly rules: readonly OciDeviceRule[];
  readonly mounts: readonly OciMount[];
  readonly hooks: OciHooks;
  readonly groups: readonly number[];
}

interface Edits {
  readonly env?: readonly string[];
  readonly deviceNodes?: readonly {
    readonly path: string;
    readonly hostPath?: string;
    readonly permissions?: string;
    readonly fileMode?: number;
    readonly uid?: number;
    readonly gid?: number;
  }[];
  readonly mounts?: readonly {
    readonly hostPath: string;
    readonly containerPath: string;
    readonly options?: readonly string[];
  }[];
  readonly hooks?: readonly {
    readonly hookName: string;
    readonly path: string;
    readonly args?: readonly string[];
    readonly env?: readonly string[];
    readonly timeout?: number;
  }[];
  readonly additionalGids?: readonly number[];
}

export interface CdiSpec {
  readonly path: string;
  /** `vendor.com/class`. */
  readonly kind: string;
  readonly edits: Edits;
  readonly devices: ReadonlyMap<string, Edits>;
}

const most = 16 << 20;

/** All files that can be read; one that is broken is passed over unless one of its devices is asked for, which nobody can know. `warn` is told. */
export function readCdi(
  folders: readonly string[] = cdiFolders,
  warn: (text: string) => void = () => undefined,
): CdiSpec[] {
  return folders.flatMap((folder) =>
    namesIn(folder).flatMap((name): CdiSpec[] => {
      const path = join(folder, name);
      try {
        return [parseCdi(path, readSafely(path))];
      } catch (error) {
        warn(SampanError.from(error).message);
        return [];
      }
    }),
  );
}

function namesIn(folder: string): string[] {
  if (!lstatSync(folder, { throwIfNoEntry: false })?.isDirectory()) return [];
  return readdirSync(folder)
    .filter((name) => /\.(?:json|ya?ml)$/.test(name))
    .toSorted();
}

function readSafely(path: string): string {
  const refuse = (why: string) => invalid(`cannot use CDI file "${path}": ${why}`);
  const stat = lstatSync(path);
  if (!stat.isFile()) throw refuse("it is not a file");
  if (stat.uid !== 0 || (stat.mode & 0o022) !== 0)
    throw refuse(
      "others than root may change it, wanted owner root and no write permission for group and others",
    );
  if (stat.size > most) throw refuse(`it has ${stat.size} bytes, wanted at most ${most}`);
  return readFileSync(path, "utf8");
}

/** JSON, or YAML by the ending. Errors: `invalid_argument` naming the field. */
export function parseCdi(path: string, text: string): CdiSpec {
  const refuse = (why: string) => invalid(`cannot use CDI file "${path}": ${why}`);
  const spec = objectOf(read(path, text, refuse), "the document", refuse);
  const { kind } = spec;
  if (typeof kind !== "string" || !/^[A-Za-z][A-Za-z0-9_.-]*\/[A-Za-z][A-Za-z0-9_-]*$/.test(kind))
    throw refuse("its kind is no vendor.com/class");
  const devices = listOf(spec["devices"], "devices", refuse).map((each, index) => {
    const { name, containerEdits } = objectOf(each, `devices[${index}]`, refuse);
    if (typeof name !== "string" || !/^[A-Za-z0-9][A-Za-z0-9_.:-]*$/.test(name))
      throw refuse(`devices[${index}].name is no name`);
    return [name, editsOf(containerEdits, `devices[${index}].containerEdits`, refuse)] as const;
  });
  return {
    path,
    kind,
    edits: editsOf(spec["containerEdits"], "containerEdits", refuse),
    devices: new Map(devices),
  };
}

type Refuse = (why: string) => Error;

function read(path: string, text: string, refuse: Refuse): unknown {
  try {
    return path.endsWith(".json") ? JSON.parse(text) : Bun.YAML.parse(text);
  } catch (error) {
    throw refuse((error as Error).message);
  }
}

function objectOf(value: unknown, at: string, refuse: Refuse): Readonly<Record<string, unknown>> {
  if (typeof value === "object" && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>;
  throw refuse(`${at} is no object`);
}

function listOf(value: unknown, at: string, refuse: Refuse): readonly unknown[] {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value) && value.length <= 10_000) return value as unknown[];
  throw refuse(`${at} is no list`);
}

function editsOf(value: unknown, at: string, refuse: Refuse): Edits {
  if (value === undefined || value === null) return {};
  const edits = objectOf(value, at, refuse);
  const items = (name: string) =>
    listOf(edits[name], `${at}.${name}`, refuse).map((each, index) =>
      objectOf(each, `${at}.${name}[${index}]`, refuse),
    );
  const isText = (each: unknown) => typeof each === "string" && !/[\0\n]/.test(each);
  const texts = (list: unknown, name: string) => {
    const found = listOf(list, name, refuse);
    if (!found.every(isText)) throw refuse(`${name} has an item that is no text of one line`);
    return found as readonly string[];
  };
  const place = (each: unknown, name: string) => {
    if (isText(each) && posix.isAbsolute(each as string) && !(each as string).split("/").includes(".."))
      return each as string;
    throw refuse(`${name} is no absolute path without ".."`);
  };
  const number = (each: unknown, name: string) => {
    if (each === undefined || (Number.isInteger(each) && (each as number) >= 0 && (each as number) < 2 ** 32))
      return each as number | undefined;
    throw refuse(`${name} is no number`);
  };
  const given = <T>(name: string, each: T | undefined) => (each === undefined ? {} : { [name]: each });
  return {
    env: texts(edits["env"], `${at}.env`).map((line) => {
      if (/^[^=]+=/.test(line)) return line;
      throw refuse(`${at}.env has "${line.slice(0, 100)}", wanted NAME=value`);
    }),
    deviceNodes: items("deviceNodes").map((node, index) => {
      const name = `${at}.deviceNodes[${index}]`;
      const permissions = node["permissions"] ?? "rwm";
      if (typeof permissions !== "string" || !/^[rwm]{0,3}$/.test(permissions))
        throw refuse(`${name}.permissions are no letters of rwm`);
      return {
        path: place(node["path"], `${name}.path`),
        permissions: permissions || "rwm",
        ...(node["hostPath"] !== undefined && { hostPath: place(node["hostPath"], `${name}.hostPath`) }),
        ...given("fileMode", number(node["fileMode"], `${name}.fileMode`)),
        ...given("uid", number(node["uid"], `${name}.uid`)),
        ...given("gid", number(node["gid"], `${name}.gid`)),
      };
    }),
    mounts: items("mounts").map((mount, index) => ({
      hostPath: place(mount["hostPath"], `${at}.mounts[${index}].hostPath`),
      containerPath: place(mount["containerPath"], `${at}.mounts[${index}].containerPath`),
      options: texts(mount["options"], `${at}.mounts[${index}].options`),
    })),
    hooks: items("hooks").map((hook, index) => {
      const name = `${at}.hooks[${index}]`;
      const { hookName } = hook;
      // startContainer is a program of the container's own files.
      if (!hookKinds.some((kind) => kind === hookName && kind !== "startContainer"))
        throw refuse(`${name}.hookName is none that runs outside of the container`);
      return {
        hookName: hookName as string,
        path: place(hook["path"], `${name}.path`),
        args: texts(hook["args"], `${name}.args`),
        env: texts(hook["env"], `${name}.env`),
        ...given("timeout", number(hook["timeout"], `${name}.timeout`)),
      };
    }),
    additionalGids: listOf(edits["additionalGids"], `${at}.additionalGids`, refuse).map(
      (gid) => number(gid, `${at}.additionalGids`) ?? 0,
    ),
  };
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
