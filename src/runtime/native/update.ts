/** update: new limits for a container, written to its control groups and kept in its state. */
import { mkdirSync, writeFileSync } from "node:fs";
import { SampanError } from "../../base/errors.ts";
import { errno, errnoOf } from "../../kernel/errno.ts";
import type { OciConfig, OciResources } from "../../spec/oci/config.ts";
import { applySteps } from "./cgroups/apply.ts";
import { updateSteps } from "./cgroups/update.ts";
import { checkStatus } from "../runtime.ts";
import type { RuntimeContext } from "./create.ts";
import {
  cgroupDirs,
  containerDir,
  isAlive,
  loadState,
  lockContainer,
  saveState,
  type ContainerState,
} from "./state.ts";

/** Lines for the class of service in resctrl (--l3-cache-schema, --mem-bw-schema). */
export interface RdtSchemas {
  readonly l3CacheSchema?: string;
  readonly memBwSchema?: string;
}

export interface UpdateRequest {
  /** What is left out stays; device rules stay always, as with runc. */
  readonly resources: OciResources;
  readonly rdt?: RdtSchemas;
}

/**
 * Errors: `failed_precondition` for a stopped container, and those of updateSteps and of the kernel, which name the field. After a failure
 * what could be set is set back.
 */
export async function update(context: RuntimeContext, id: string, request: UpdateRequest): Promise<void> {
  using _lock = await lockContainer(context, id);
  const state = loadState(context.root, id);
  if (!isAlive(state)) checkStatus("update", id, "stopped");
  const { devices: _devices, ...given } = request.resources;
  const resources = withSwap(given);
  const before = state.spec.linux?.resources ?? {};
  await tellSystemd(context, state, resources);
  limit(state, resources, before);
  const rdt = request.rdt && (await setSchemas(state, request.rdt));
  const { spec, ...head } = state;
  const saved = { ...head, ...rdt };
  saveState(containerDir(context.root, id), saved, updatedSpec(spec, resources, request.rdt));
}

/** No limit for memory alone would leave a swap limit below it: as runc, both are lifted. */
function withSwap(resources: OciResources): OciResources {
  const { memory } = resources;
  if (memory === undefined || Number(memory.limit) !== -1 || memory.swap !== undefined) return resources;
  return { ...resources, memory: { ...memory, swap: -1 } };
}

function limit(state: ContainerState, resources: OciResources, before: OciResources): void {
  const dirs = cgroupDirs(state);
  try {
    applySteps(updateSteps(resources, dirs));
  } catch (error) {
    try {
      applySteps(updateSteps(before, dirs));
    } catch {
      // The first error says what is wrong.
    }
    throw error;
  }
}

/** With the systemd driver, systemd has to know too, or its next reload sets the old limits. */
async function tellSystemd(
  context: RuntimeContext,
  state: ContainerState,
  resources: OciResources,
): Promise<void> {
  if (!state.systemd_scope) return;
  const { updateScope } = await import("./cgroups/systemd/scope.ts");
  const { connectSystemd } = await import("./cgroups/systemd/bus.ts");
  const { parseSystemdPath } = await import("./cgroups/systemd/unit.ts");
  const slice = context.rootless ? "user.slice" : "system.slice";
  const unit = parseSystemdPath(state.spec.linux?.cgroupsPath, state.id, slice);
  using systemd = await connectSystemd({
    user: context.rootless,
    environment: process.env,
    timeoutMs: 10_000,
  });
  await updateScope(systemd, { unit, version: state.cgroup_version, resources });
}

/** Section by section: the fields that are given replace those of before. */
export function mergeResources(before: OciResources, given: OciResources): OciResources {
  return {
    ...before,
    ...given,
    ...(given.memory && { memory: { ...before.memory, ...given.memory } }),
    ...(given.cpu && { cpu: { ...before.cpu, ...given.cpu } }),
    ...(given.blockIO && { blockIO: { ...before.blockIO, ...given.blockIO } }),
    ...(given.network && { network: { ...before.network, ...given.network } }),
    ...(given.unified && { unified: { ...before.unified, ...given.unified } }),
  };
}

function updatedSpec(spec: OciConfig, resources: OciResources, rdt: RdtSchemas | undefined): OciConfig {
  const linux = spec.linux ?? {};
  return {
    ...spec,
    linux: {
      ...linux,
      resources: mergeResources(linux.resources ?? {}, resources),
      ...(rdt && { intelRdt: { ...linux.intelRdt, ...rdt } }),
    },
  };
}

/** The container's class of service in resctrl; one that has none yet gets one of its id. Gives what its state keeps of it. */
async function setSchemas(
  state: ContainerState,
  { l3CacheSchema, memBwSchema }: RdtSchemas,
): Promise<Pick<ContainerState, "intel_rdt_path" | "intel_rdt_made">> {
  const { resctrlMount } = await import("./rdt.ts");
  const dir = state.intel_rdt_path || `${resctrl(resctrlMount())}/${state.id}`;
  if (!state.intel_rdt_path) {
    makeFolder(dir);
    writeFileSync(`${dir}/tasks`, String(state.init_process_pid));
  }
  const lines = [l3CacheSchema, memBwSchema].filter((line) => line !== undefined);
  try {
    writeFileSync(`${dir}/schemata`, `${lines.join("\n")}\n`);
  } catch (error) {
    throw SampanError.wrap(`cannot set the schemata of "${dir}"`, error);
  }
  return state.intel_rdt_path ? {} : { intel_rdt_path: dir, intel_rdt_made: [dir] };
}

function makeFolder(dir: string): void {
  try {
    mkdirSync(dir);
  } catch (error) {
    if (errnoOf(error) !== errno.EEXIST) throw error;
  }
}

function resctrl(path: string | undefined): string {
  if (path !== undefined) return path;
  throw new SampanError(
    "failed_precondition",
    "cannot use --l3-cache-schema or --mem-bw-schema: resctrl is not mounted, or the processor has no resource control",
  );
}
