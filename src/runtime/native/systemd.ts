/**
 * A container whose control groups systemd makes (`--systemd-cgroup`): a transient scope that begins with the launcher's own process, held at its
 * first operation until systemd has moved it in. What it clones belongs to the scope then. Loaded only for such a container.
 */
import { closeFd, setCloseOnExec, socketPair, writeAll } from "../../kernel/libc.ts";
import type { OciConfig } from "../../spec/oci/config.ts";
import { connectSystemd, type Systemd } from "./cgroups/systemd/bus.ts";
import { startScope, stopScope } from "./cgroups/systemd/scope.ts";
import { parseSystemdPath } from "./cgroups/systemd/unit.ts";
import type { RuntimeContext } from "./create.ts";
import { scopeGo } from "./plan/compile/context.ts";

/** What compile has to know of a container in a scope. */
export interface ScopePlace {
  /** Descriptor at which the launcher waits until it is in the scope; -1 when the plan is only to be shown. */
  readonly gate: number;
  /** For an ordinary user: the cgroup of the user's systemd, below which the scope is. */
  readonly userManager?: string;
}

export interface ScopeStart {
  /** The launcher's. */
  readonly pid: number;
  readonly version: 1 | 2;
  readonly inUserNamespace: boolean;
}

export interface ContainerScope extends Disposable {
  readonly place: ScopePlace;
  /** The unit's name. */
  readonly unit: string;
  /** Makes the scope with the launcher in it, and lets the launcher go on. Errors: startScope's. */
  start(options: ScopeStart): Promise<void>;
  /** Stops what `start` made. Errors: systemd's. */
  stop(): Promise<void>;
}

/** How long systemd may take for one job. */
const timeoutMs = 30_000;

function connect(rootless: boolean): Promise<Systemd> {
  return connectSystemd({ user: rootless, environment: process.env, timeoutMs });
}

/** Errors: `invalid_argument` for another cgroupsPath than slice:prefix:name; `unavailable` naming the bus that was tried. */
export async function openScope(
  { rootless }: RuntimeContext,
  id: string,
  { linux, annotations }: OciConfig,
): Promise<ContainerScope> {
  const unit = parseSystemdPath(linux?.cgroupsPath, id, rootless ? "user.slice" : "system.slice");
  const systemd = await connect(rootless);
  const userManager = rootless ? String(await systemd.property("ControlGroup")) : undefined;
  const [mine, theirs] = socketPair(1);
  const open = new Set([mine, theirs]);
  const close = (fd: number): void => void (open.delete(fd) && closeFd(fd));
  setCloseOnExec(theirs, false);
  let started = false;
  return {
    place: { gate: theirs, ...(userManager !== undefined && { userManager }) },
    unit: unit.unit,
    start: async ({ pid, version, inUserNamespace }) => {
      // The launcher has its copy: when this process ends, it reads the end.
      close(theirs);
      started = true;
      const devices = rootless || inUserNamespace ? undefined : (linux?.devices ?? []);
      await startScope(systemd, { unit, version, pid, resources: linux?.resources, devices, annotations });
      writeAll(mine, Uint8Array.of(scopeGo));
    },
    stop: async () => {
      if (started) await stopScope(systemd, unit);
    },
    [Symbol.dispose]: () => {
      for (const fd of open) close(fd);
      systemd[Symbol.dispose]();
    },
  };
}

/** Where a container's scope would be, for a plan that is only shown. Errors: `unavailable`, for an ordinary user. */
export async function shownPlace({ rootless }: RuntimeContext): Promise<ScopePlace> {
  if (!rootless) return { gate: -1 };
  using systemd = await connect(true);
  return { gate: -1, userManager: String(await systemd.property("ControlGroup")) };
}

/** Stops a container's unit by the name that its state keeps. One that is gone is fine. Errors: `unavailable` naming the bus that was tried. */
export async function stopUnit(unit: string, rootless: boolean): Promise<void> {
  using systemd = await connect(rootless);
  await stopScope(systemd, { unit });
}
