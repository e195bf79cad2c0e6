/** create: config.json → plan → an init that waits for `start`, and its state. What a failure leaves is taken away again. */
import { SampanError } from "../../base/errors.ts";
import { readTextIfThere, rename, writeFile } from "../../kernel/files.ts";
import { closeFd, killProcess, makeFifo, resolvePath, waitFor } from "../../kernel/libc.ts";
import type { OciConfig } from "../../spec/oci/config.ts";
import { loadConfig } from "../../spec/oci/validate.ts";
import { cgroupPaths } from "./cgroups/paths.ts";
import { cgroupOwner } from "./cgroups/owner.ts";
import { planCgroups, type CgroupPlan } from "./cgroups/plan.ts";
import { filterOf } from "./filter.ts";
import { mountOf, readHost } from "./host.ts";
import { readSettings } from "./settings.ts";
import { launch, outputFile, type Launched, type LaunchOptions } from "./launch.ts";
import type { PreparedDevices } from "./network.ts";
import type { Console, CreateOptions, Host, RdtGroup } from "./plan/compile/context.ts";
import { compileCreate } from "./plan/compile/create.ts";
import type { Carrying } from "./plan/compile/monitor.ts";
import { unknownCapabilities } from "./plan/compile/process.ts";
import type { Plan } from "./plan/operations.ts";
import {
  checkId,
  claimContainer,
  processStat,
  removeContainerDir,
  saveState,
  type ContainerState,
} from "./state.ts";
import type { ContainerScope, ScopePlace } from "./systemd.ts";

/** What every verb of the command line is given. */
export interface RuntimeContext {
  /** Absolute: where the containers' folders are. */
  readonly root: string;
  readonly rootless: boolean;
  readonly systemdCgroup: boolean;
  /** A sentence for the log that is no error. */
  readonly warn: (text: string) => void;
  /** The caller's process lives on and does other things at the same time: nothing may block it, and nothing of it (folder, mask, descriptors) changes. */
  readonly shared?: boolean;
}

export interface CreateRequest {
  readonly id: string;
  readonly bundle: string;
  readonly console?: Console;
  /** The monitor that carries the container. */
  readonly carrying?: Omit<Carrying, "folder">;
  readonly signal?: AbortSignal;
  readonly pidFile?: string;
  readonly pidfdSocket?: string;
  readonly noPivot?: boolean;
  readonly noNewKeyring?: boolean;
  readonly preserveFds: number;
  readonly environment?: readonly string[];
  /** NOTIFY_SOCKET of the caller: the container gets a socket to say there that it is ready. */
  readonly notifySocket?: string;
  /** What readBundle gave, where the caller had to look at it before. */
  readonly read?: { readonly config: OciConfig; readonly text: string };
}

export interface Created {
  readonly state: ContainerState;
  readonly dir: string;
  readonly config: OciConfig;
}

/** config.json of a bundle, checked. Errors name the field. */
export function readBundle(bundle: string): { config: OciConfig; text: string } {
  const text = readTextIfThere(`${bundle}/config.json`);
  if (text === undefined) {
    throw new SampanError(
      "not_found",
      `cannot read bundle "${bundle}": JSON specification file config.json not found`,
    );
  }
  return { config: loadConfig(text), text };
}

/** root.path, absolute and without links. */
export function rootfsOf(config: OciConfig, bundle: string): string {
  const path = config.root.path.startsWith("/") ? config.root.path : `${bundle}/${config.root.path}`;
  const real = resolvePath(path);
  if (real !== undefined) return real;
  throw new SampanError(
    "not_found",
    `cannot use root.path "${config.root.path}": invalid rootfs: stat ${path}: no such file or directory`,
  );
}

export interface Compiled {
  readonly plan: Plan;
  readonly cgroup: CgroupPlan;
  readonly version: 1 | 2;
  readonly rdt?: RdtGroup;
}

export interface Surroundings {
  readonly config: OciConfig;
  /** The container's folder. */
  readonly dir: string;
  readonly hookOutput?: number;
  readonly host: Host;
  /** With the systemd driver. */
  readonly scope?: ScopePlace;
}

/** What `create` would do: the pure part, with the facts of this host. */
export async function compileBundle(
  context: RuntimeContext,
  request: CreateRequest,
  { config, dir, hookOutput, host, scope }: Surroundings,
): Promise<Compiled> {
  const rootfs = rootfsOf(config, request.bundle);
  const paths = cgroupPaths({
    cgroupsPath: config.linux?.cgroupsPath,
    id: request.id,
    host: host.cgroups,
    driver: context.systemdCgroup ? "systemd" : "cgroupfs",
    rootless: context.rootless,
    userManager: scope?.userManager,
  });
  const cgroup = planCgroups({
    resources: config.linux?.resources,
    devices: config.linux?.devices,
    paths,
    rootless: context.rootless,
    inUserNamespace: host.inUserNamespace,
    ownerUid: context.rootless ? undefined : cgroupOwner(config),
  });
  const rdt =
    config.linux?.intelRdt && (await import("./rdt.ts")).rdtGroup(config.linux.intelRdt, request.id);
  const devices = await netDevicesOf(config);
  const notify = request.notifySocket
    ? (await import("./notify.ts")).notifyMount(config, dir)
    : { config, environment: [] };
  const filter = await filterOf(config.linux?.seccomp, host.arch);
  const options: CreateOptions = {
    id: request.id,
    config: devices
      ? { ...notify.config, linux: { ...config.linux, netDevices: devices.devices } }
      : notify.config,
    bundle: request.bundle,
    rootfs,
    rootfsMount: config.linux?.rootfsPropagation?.includes("shared") ? mountOf(rootfs) : "/",
    host: devices ? { ...host, netDevices: devices.facts } : host,
    cgroup,
    ...(rdt && { rdt }),
    stateDir: dir,
    rootless: context.rootless,
    preserveFds: request.preserveFds,
    ...(filter && { filter }),
    ...(config.process.oomScoreAdj !== undefined && { oomScoreAdjClamp: readSettings().clampOomScoreAdj }),
    ...(request.console && { console: request.console }),
    ...(hookOutput !== undefined && { hookOutput }),
    ...(scope && { scopeGate: scope.gate }),
    ...(request.noPivot && { noPivot: true }),
    ...(request.noNewKeyring && { noNewKeyring: true }),
    environment: [...(request.environment ?? []), ...notify.environment],
  };
  return { plan: compileCreate(options), cgroup, version: paths.version, ...(rdt && { rdt }) };
}

async function netDevicesOf({ linux }: OciConfig): Promise<PreparedDevices | undefined> {
  const devices = linux?.netDevices ?? {};
  if (Object.keys(devices).length === 0) return undefined;
  const { prepareNetDevices } = await import("./network.ts");
  const joined = linux?.namespaces?.find(({ type }) => type === "network")?.path;
  return prepareNetDevices(devices, joined || undefined);
}

function needsOutput(config: OciConfig, rootless: boolean): boolean {
  const hooks = config.hooks ?? {};
  return (
    rootless ||
    [hooks.prestart, hooks.createRuntime, hooks.createContainer, hooks.startContainer].some(
      (list) => list?.length,
    )
  );
}

/** Creates the container up to the point where its init waits. Errors name the field; nothing is left of a failed create. */
export async function create(context: RuntimeContext, request: CreateRequest): Promise<Created> {
  checkId(request.id);
  const { config, text } = request.read ?? readBundle(request.bundle);
  // Hooks begin in the bundle's folder, as runc's do. All paths of the request are absolute.
  if (config.hooks && !context.shared) process.chdir(request.bundle);
  if (config.process.terminal && request.console === undefined) {
    throw new SampanError(
      "invalid_argument",
      "cannot use process.terminal: cannot allocate tty if runc will detach without setting console socket",
    );
  }
  if (!config.process.terminal && request.console !== undefined && "path" in request.console) {
    throw new SampanError(
      "invalid_argument",
      "cannot use console socket if runc will not detach or allocate tty",
    );
  }
  const host = readHost(config);
  checkMaps(config, context);
  for (const name of unknownCapabilities(config.process.capabilities, host.lastCapability)) {
    context.warn(`ignoring unknown or unavailable capability: ${name}`);
  }
  using scope = context.systemdCgroup
    ? await (await import("./systemd.ts")).openScope(context, request.id, config)
    : undefined;
  const hookOutput = needsOutput(config, context.rootless) ? outputFile(context.shared) : undefined;
  const dir = claimContainer(context.root, request.id);
  let compiled: Compiled | undefined;
  let begun = false;
  try {
    // Where the hooks of the host begin, as with runc.
    if (!context.shared) process.chdir(request.bundle);
    compiled = await compileBundle(context, request, {
      config,
      dir,
      host,
      ...(hookOutput !== undefined && { hookOutput }),
      ...(scope && { scope: scope.place }),
    });
    const { cgroup, version } = compiled;
    for (const warning of cgroup.warnings) context.warn(warning);
    refuseForeignCgroups(cgroup, config);
    makeFifo(`${dir}/exec.fifo`, 0o600);
    if (request.notifySocket) (await import("./notify.ts")).makeNotifyFolder(dir);
    begun = true;
    const { inUserNamespace } = host;
    const options = {
      ...(hookOutput !== undefined && { hookOutput }),
      keep: (bytes: Uint8Array) => writeFile(`${dir}/plan`, bytes, 0o600),
    };
    const launched = request.carrying
      ? await launchCarried(compiled.plan, request, options)
      : await launch(compiled.plan, {
          ...options,
          preserveFds: request.preserveFds,
          ...(scope && { onSpawn: (launcher) => scope.start({ pid: launcher, version, inUserNamespace }) }),
        });
    const unit = scope?.unit;
    const created = await record(context, request, {
      config,
      text,
      dir,
      launched,
      compiled,
      ...(unit && { unit }),
    });
    launched.keep?.();
    return created;
  } catch (error) {
    await undo(dir, compiled, scope);
    if (begun) await poststop(context, request, config);
    throw error;
  } finally {
    if (hookOutput !== undefined) closeFd(hookOutput);
  }
}

async function launchCarried(
  plan: Plan,
  { carrying, bundle, signal }: CreateRequest,
  options: Pick<LaunchOptions, "hookOutput" | "keep">,
): Promise<Launched> {
  if (!carrying) throw new SampanError("internal", "cannot carry the container: it has no monitor");
  const { launchBeside } = await import("./beside.ts");
  const { carried } = await import("./plan/compile/monitor.ts");
  return await launchBeside(carried(plan, { ...carrying, folder: bundle }), {
    ...options,
    fds: [carrying.socketFd],
    ...(signal && { signal }),
  });
}

function checkMaps(config: OciConfig, { rootless }: RuntimeContext): void {
  if (!rootless) return;
  const user = (config.linux?.namespaces ?? []).some(({ type }) => type === "user");
  if (!user)
    throw new SampanError(
      "permission_denied",
      "cannot create the container: rootless container requires user namespaces (linux.namespaces has no user)",
    );
}

/** runc refuses to share a cgroup with processes that are not the container's: limits and removal would hit them. */
function refuseForeignCgroups({ dirs }: CgroupPlan, config: OciConfig): void {
  if (!config.linux?.cgroupsPath) return;
  const dir = dirs["devices"] ?? dirs[""] ?? Object.values(dirs)[0];
  const pids = dir === undefined ? "" : (readTextIfThere(`${dir}/cgroup.procs`) ?? "").trim();
  if (pids !== "")
    throw new SampanError(
      "failed_precondition",
      `cannot use linux.cgroupsPath "${config.linux.cgroupsPath}": container's cgroup is not empty: ${pids.split("\n").length} process(es) found`,
    );
}

interface Made {
  readonly config: OciConfig;
  readonly text: string;
  readonly dir: string;
  readonly launched: Launched;
  readonly compiled: Compiled;
  /** systemd's unit. */
  readonly unit?: string;
}

async function record(context: RuntimeContext, request: CreateRequest, made: Made): Promise<Created> {
  const { config, text, dir, launched, compiled, unit } = made;
  const { pid } = launched;
  try {
    const head: Omit<ContainerState, "spec"> = {
      id: request.id,
      init_process_pid: pid,
      init_process_start: processStat(pid)?.start ?? 0,
      created: new Date().toISOString(),
      rootless: context.rootless,
      cgroup_paths: compiled.cgroup.dirs,
      cgroup_version: compiled.version,
      ...(unit && { systemd_scope: unit }),
      no_new_keyring: request.noNewKeyring ?? false,
      bundle: request.bundle,
      rootfs: rootfsOf(config, request.bundle),
      ...(compiled.rdt && (await rdtState(compiled.rdt))),
    };
    saveState(dir, head, text);
    if (request.pidFile !== undefined) writePidFile(request.pidFile, pid);
    if (request.pidfdSocket !== undefined)
      await (await import("./pidfd-socket.ts")).sendPidFd(request.pidfdSocket, pid);
    return { state: { ...head, spec: config }, dir, config };
  } catch (error) {
    if (launched.abandon) await launched.abandon();
    else {
      killProcess(pid, 9);
      waitFor(pid);
    }
    throw error;
  }
}

async function rdtState(rdt: RdtGroup): Promise<Pick<ContainerState, "intel_rdt_path" | "intel_rdt_made">> {
  return { intel_rdt_path: rdt.dir, intel_rdt_made: (await import("./rdt.ts")).madeFolders(rdt) };
}

/** Written beside and renamed, so that whoever waits for it never reads half a number. */
export function writePidFile(path: string, pid: number): void {
  const slash = path.lastIndexOf("/");
  const temporary = `${path.slice(0, slash + 1)}.${path.slice(slash + 1)}`;
  writeFile(temporary, String(pid), 0o666);
  rename(temporary, path);
}

/** runtime.md, "Lifecycle": a container whose creation fails goes on with its deletion, of which these hooks are the end. */
async function poststop(
  context: RuntimeContext,
  { id, bundle }: CreateRequest,
  { ociVersion, hooks, annotations }: OciConfig,
): Promise<void> {
  if (!hooks?.poststop?.length) return;
  const state = { ociVersion, id, status: "stopped", bundle, ...(annotations && { annotations }) };
  await (await import("./hooks.ts")).runPoststop(context, hooks.poststop, state);
}

async function undo(
  dir: string,
  compiled: Compiled | undefined,
  scope: ContainerScope | undefined,
): Promise<void> {
  await scope?.stop().catch(() => undefined);
  if (compiled) {
    const { removeCgroups } = await import("./cgroups/remove.ts");
    await removeCgroups({ dirs: compiled.cgroup.dirs }, { timeoutMs: 5000 }).catch(() => undefined);
  }
  if (compiled?.rdt) {
    const { madeFolders, removeRdt } = await import("./rdt.ts");
    removeRdt(madeFolders(compiled.rdt), compiled.rdt.named);
  }
  removeContainerDir(dir);
}
