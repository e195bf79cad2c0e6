/** Namespaces and cgroups that several containers share, for the engine's pods: engine/pods/door.ts is the contract, bin joins the two. */
import { existsSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { SampanError } from "../../base/errors.ts";
import { errno, errnoOf } from "../../kernel/errno.ts";
import { CLONE, MS, O } from "../../kernel/linux.ts";
import { unmount } from "../../kernel/mounts.ts";
import type { OciResources } from "../../spec/oci/config.ts";
import { sysctlPath } from "../../spec/oci/sysctl.ts";
import type { RuntimeStats } from "../runtime.ts";
import { launchBeside } from "./beside.ts";
import { applySteps } from "./cgroups/apply.ts";
import { cgroupHost, type CgroupHost } from "./cgroups/host.ts";
import { cgroupPaths, type CgroupPaths } from "./cgroups/paths.ts";
import { planCgroups } from "./cgroups/plan.ts";
import { cgroupsExist } from "./cgroups/procs.ts";
import { removeCgroups } from "./cgroups/remove.ts";
import { updateSteps } from "./cgroups/update.ts";
import { op, type Operation, type Plan } from "./plan/operations.ts";
import { runtimeStats } from "./stats.ts";
import { madeInside, makeUserNamespace, pinned } from "./user-namespace.ts";

/** As engine/pods/door.ts has it; the runtime may not import the engine. */
interface NewNamespaces {
  readonly ipc?: string;
  readonly uts?: { readonly path: string; readonly hostname: string };
  readonly network?: string;
  readonly user?: string;
  readonly sysctls: Readonly<Record<string, string>>;
}

/** Milliseconds that processes which were just killed may take to leave a cgroup. */
const patience = { timeoutMs: 5000 } as const;

/** The engine's PodDoor. */
export function podDoor() {
  return {
    makeUserNamespace,
    async makeNamespaces(wanted: NewNamespaces): Promise<void> {
      const paths = [wanted.ipc, wanted.uts?.path].filter((each) => each !== undefined);
      for (const path of paths) writeFileSync(path, "", { flag: "a", mode: 0o444 });
      try {
        await launchBeside(wanted.user === undefined ? hostPlan(wanted) : userPlan(wanted, wanted.user));
      } catch (error) {
        for (const path of paths) {
          unmount(path);
          rmSync(path, { force: true });
        }
        throw error;
      }
    },
    makeCgroup(path: string, resources: OciResources): void {
      // Without rules for devices: those are each container's own, and none could have more than this one.
      const { create } = planCgroups({ resources, paths: pathsOf(path), inUserNamespace: true });
      const steps = create.filter(({ name }) => name === "mkdir" || name === "write");
      for (let tries = 0; ; tries++) {
        try {
          return applySteps(steps);
        } catch (error) {
          // The last pod of its class has just gone, and taken the folder with it.
          const { cause } = SampanError.from(error);
          if (tries === 10 || errnoOf(cause ?? error) !== errno.ENOENT) throw error;
        }
      }
    },
    updateCgroup(path: string, { now, before }: { now: OciResources; before: OciResources }): void {
      const paths = pathsOf(path);
      if (!Object.values(paths.dirs).some((folder) => existsSync(folder))) return;
      try {
        applySteps(updateSteps(now, paths));
      } catch (error) {
        try {
          applySteps(updateSteps(before, paths));
        } catch {
          // The first error says what is wrong.
        }
        throw error;
      }
    },
    async removeCgroup(path: string, above: readonly string[]): Promise<void> {
      await removeCgroups(pathsOf(path), patience);
      for (const each of above)
        for (const folder of new Set(Object.values(pathsOf(each).dirs))) removeEmpty(folder);
    },
  };
}

/** One with others in it stays. */
function removeEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch (error) {
    if (![errno.ENOENT, errno.EBUSY, notEmpty].includes(errnoOf(error))) throw error;
  }
}

/** ENOTEMPTY, which old kernels say. */
const notEmpty = 39;

/** `groupStats` of the runtime's contract. Where the host has its hierarchies is read once, and again when nothing is found. */
export function groupCounters(): (cgroup: string) => RuntimeStats | undefined {
  let host: CgroupHost | undefined;
  return (cgroup) => {
    const known = host && pathsOf(cgroup, host);
    if (known && cgroupsExist(known)) return runtimeStats(known);
    host = cgroupHost();
    const paths = pathsOf(cgroup, host);
    return cgroupsExist(paths) ? runtimeStats(paths) : undefined;
  };
}

function pathsOf(path: string, host: CgroupHost = cgroupHost()): CgroupPaths {
  return cgroupPaths({ cgroupsPath: path, id: "pod", host, driver: "cgroupfs" });
}

/** Slot of these plans. */
const network = 0;

const why = "the pod's namespaces";

function hostPlan(wanted: NewNamespaces): Plan {
  const { ipc, uts, sysctls } = wanted;
  const flags = flagsOf(wanted);
  const pin = (type: string, target: string) =>
    op("mount", { source: `/proc/self/ns/${type}`, target, flags: MS.BIND }, `${type} namespace "${target}"`);
  const parent = [
    ...enterNetwork(wanted),
    ...(flags === 0 ? [] : [op("unshare", { flags }, why)]),
    ...named(wanted),
    ...Object.entries(sysctls).map(setSysctl),
    ...(ipc === undefined ? [] : [pin("ipc", ipc)]),
    ...(uts === undefined ? [] : [pin("uts", uts.path)]),
  ];
  return { parent, middle: [], init: [] };
}

/** The network's parameters are set with the rights of the host's root, which that namespace's owner may have less of; those of IPC by the child, whose namespace it is. */
function userPlan(wanted: NewNamespaces, user: string): Plan {
  const { ipc, uts, sysctls } = wanted;
  const flags = flagsOf(wanted);
  const [ofNetwork, ofIpc] = [true, false].map((isNet) =>
    Object.entries(sysctls)
      .filter(([name]) => /^net[./]/.test(name) === isNet)
      .map(setSysctl),
  );
  const inside =
    flags === 0
      ? { parent: [], init: [] }
      : madeInside({
          user,
          flags,
          steps: [...named(wanted), ...(ofIpc ?? [])],
          meanwhile: [
            ...(ipc === undefined ? [] : pinned("ipc", ipc, why)),
            ...(uts === undefined ? [] : pinned("uts", uts.path, why)),
          ],
          why,
        });
  const parent = [...inside.parent, ...enterNetwork(wanted), ...(ofNetwork ?? [])];
  return { parent, middle: [], init: inside.init };
}

function flagsOf({ ipc, uts }: NewNamespaces): number {
  return (ipc === undefined ? 0 : CLONE.NEWIPC) | (uts === undefined ? 0 : CLONE.NEWUTS);
}

function enterNetwork({ network: path }: NewNamespaces): Operation[] {
  if (path === undefined) return [];
  return [
    op("open", { path, flags: O.RDONLY | O.CLOEXEC, out: network }, why),
    op("setns", { slot: network, type: CLONE.NEWNET }, why),
  ];
}

function named({ uts }: NewNamespaces): Operation[] {
  return uts === undefined ? [] : [op("sethostname", { name: uts.hostname }, `hostname "${uts.hostname}"`)];
}

function setSysctl([name, value]: [string, string]): Operation {
  return op("write", { path: `/proc/sys/${sysctlPath(name) ?? name}`, data: value }, `sysctl ${name}`);
}
