/**
 * The control groups' part of a container's plan: the directories, the limits and the device rules, as operations of the launcher's
 * first stage; and which files the container's first process joins by. Pure: `files` is asked for what is there already.
 */
import { SampanError } from "../../../base/errors.ts";
import { O } from "../../../kernel/linux.ts";
import type { OciDevice, OciResources } from "../../../spec/oci/config.ts";
import { op, type Operation, slot } from "../plan/operations.ts";
import { createV1 } from "./_create_v1.ts";
import { createV2 } from "./_create_v2.ts";
import { bpf, deviceProgram } from "./devices_bpf.ts";
import { deviceSet, parseDeviceList } from "./devices.ts";
import { deviceTransition } from "./devices_v1.ts";
import { type CgroupFiles, hostFiles } from "./host.ts";
import { v1Limits } from "./limits_v1.ts";
import { needsControllers, v2Limits } from "./limits_v2.ts";
import type { CgroupPaths } from "./paths.ts";

export interface CgroupPlanOptions {
  readonly resources?: OciResources | undefined;
  /** linux.devices: a default device that is listed there gets no default rule. */
  readonly devices?: readonly Pick<OciDevice, "path">[] | undefined;
  readonly paths: CgroupPaths;
  /** What may fail for an ordinary user is left out: cgroups that may not be made, when no path was asked for, and device rules. */
  readonly rootless?: boolean | undefined;
  /** Whether the runtime itself is in a user namespace: device rules are left out there, since nothing below can make devices. */
  readonly inUserNamespace?: boolean | undefined;
  /** v2: the host user that shall own the cgroup, for a container that has a writable cgroup file system in its own namespace. */
  readonly ownerUid?: number | undefined;
  /** The slot for the device program, in the first stage; it is closed again. */
  readonly programSlot?: number;
  readonly files?: CgroupFiles;
}

export interface CgroupPlan {
  /** Directories, limits, device rules of v1, and on v2 the open directory in `slot.cgroup`, in order. For the first stage, before clone. */
  readonly create: readonly Operation[];
  /** Files that the first process's pid is written to (write_pid), after clone. */
  readonly join: readonly string[];
  /** v2: the directory; clone with `cgroup: slot.cgroup` starts the first process in it. */
  readonly unified?: string;
  /** v2: loads and attaches the device rules; after `create`. */
  readonly bpf?: readonly Operation[];
  /** v2: what has to be given to `ownerUid` after `create`. A file that is not there is passed over. */
  readonly chown: readonly string[];
  readonly ownerUid?: number | undefined;
  /** `paths.dirs` without those that an ordinary user cannot have: what the container's state keeps. */
  readonly dirs: Readonly<Record<string, string>>;
  /** Sentences for the log: fields that no kernel of this host can follow, and that runc passes over too. */
  readonly warnings: readonly string[];
}

/** Errors: `invalid_argument` or `failed_precondition`, naming the field. */
export function planCgroups(options: CgroupPlanOptions): CgroupPlan {
  const { paths, resources = {}, files = hostFiles } = options;
  const warnings = warningsOf(resources);
  const dirs = usableDirs(options, files);
  if (paths.version === 2) return { ...planV2(options, dirs[""], files), dirs, warnings };
  const create = [
    ...createV1({ dirs, bases: paths.bases, cpu: resources.cpu, files }),
    ...v1Limits(resources, dirs, files),
    ...v1Devices(options, dirs["devices"], files),
  ];
  return { create, join: procsFiles(dirs), chown: [], dirs, warnings };
}

type V2Plan = Omit<CgroupPlan, "dirs" | "warnings">;

function planV2(options: CgroupPlanOptions, dir: string | undefined, files: CgroupFiles): V2Plan {
  const { paths, resources = {}, ownerUid, programSlot = slot.fs } = options;
  if (dir === undefined) return { create: [], join: [], chown: [] };
  const { operations, controllers, threaded } = createV2({
    dir,
    mount: paths.mount ?? dir,
    resources,
    files,
  });
  const create = [...operations, ...v2Limits(resources, { dir, controllers }, files)];
  const why = "linux.cgroupsPath";
  create.push(op("open", { path: dir, flags: O.DIRECTORY | O.CLOEXEC, out: slot.cgroup }, why));
  const chown = ownerUid === undefined ? [] : delegated(dir, files);
  const bpf = skipsDevices(options) ? [] : deviceOperations(options, programSlot);
  // The kernel refuses to clone into a threaded cgroup.
  if (threaded) return { create, join: procsFiles({ "": dir }), chown, ownerUid, bpf };
  return { create, join: [], unified: dir, chown, ownerUid, bpf };
}

function deviceOperations({ resources, devices }: CgroupPlanOptions, program: number): Operation[] {
  const code = deviceProgram(deviceSet(resources?.devices ?? [], devices ?? []));
  const why = "linux.resources.devices";
  return [
    op("bpf_load", { type: bpf.progTypeCgroupDevice, code, out: program }, why),
    op(
      "bpf_attach",
      { target: slot.cgroup, program, type: bpf.attachCgroupDevice, flags: bpf.allowMulti },
      why,
    ),
    op("close", { slot: program }, why),
  ];
}

function v1Devices(options: CgroupPlanOptions, dir: string | undefined, files: CgroupFiles): Operation[] {
  if (dir === undefined || skipsDevices(options)) return [];
  const wanted = deviceSet(options.resources?.devices ?? [], options.devices ?? []);
  const list = files.read(`${dir}/devices.list`);
  const present = list === undefined ? undefined : parseDeviceList(list);
  return deviceTransition(present, wanted).map(({ file, data }) =>
    op("write", { path: `${dir}/${file}`, data }, "linux.resources.devices"),
  );
}

function skipsDevices({ rootless, inUserNamespace }: CgroupPlanOptions): boolean {
  return rootless === true || inUserNamespace === true;
}

/**
 * All of them, but for an ordinary user who has not asked for a path: only those whose parent he may write. Without any limit a
 * container can then do without; one whose limit needs such a cgroup is refused where the limit is planned.
 */
function usableDirs(
  { rootless, paths, resources = {} }: CgroupPlanOptions,
  files: CgroupFiles,
): Record<string, string> {
  if (rootless !== true || paths.explicit) return { ...paths.dirs };
  const usable = Object.entries(paths.dirs).filter(([name]) => files.writable(paths.bases[name] ?? ""));
  const dirs = Object.fromEntries(usable);
  if (paths.version === 2 && dirs[""] === undefined && needsControllers(resources)) {
    throw new SampanError(
      "permission_denied",
      `cannot set linux.resources: "${paths.bases[""]}" may not be written, an ordinary user's container has limits only in a cgroup that was given to the user`,
    );
  }
  return dirs;
}

/** Once for each directory: controllers that are mounted together share it. */
function procsFiles(dirs: Readonly<Record<string, string>>): string[] {
  return [...new Set(Object.values(dirs))].map((dir) => `${dir}/cgroup.procs`);
}

/** Linux 4.15 lists what to give away in a file; cgroups(7), "Cgroups delegation", says what it was before. */
function delegated(dir: string, files: CgroupFiles): string[] {
  const list =
    files.read("/sys/kernel/cgroup/delegate") ?? "cgroup.procs\ncgroup.subtree_control\ncgroup.threads\n";
  const names = list.split("\n").filter((name) => name !== "");
  return [dir, ...names.map((name) => `${dir}/${name}`)];
}

function warningsOf({ memory }: OciResources): string[] {
  const warnings: string[] = [];
  if (memory?.kernel !== undefined || memory?.kernelTCP !== undefined) {
    warnings.push(
      "linux.resources.memory.kernel and kernelTCP have no effect: kernels have no own limit for kernel memory any more",
    );
  }
  if (memory?.useHierarchy === false) {
    warnings.push(
      "linux.resources.memory.useHierarchy false has no effect: memory is counted through the hierarchy",
    );
  }
  return warnings;
}
