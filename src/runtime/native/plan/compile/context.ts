/** What compile is given and what its chapters share. Everything here is plain data: compile reads no file and makes no system call. */
import type { OciConfig } from "../../../../spec/oci/config.ts";
import type { NamespaceType } from "../../../../spec/oci/values.ts";
import type { CgroupHost } from "../../cgroups/host.ts";
import type { CompiledSeccomp } from "../../seccomp/compile.ts";
import type { CgroupPlan } from "../../cgroups/plan.ts";
import {
  slot,
  type IntsOf,
  type Operation,
  type OperationName,
  type TextsOf,
  type Tolerance,
} from "../operations.ts";

/** Facts of the host that a plan depends on. */
export interface Host {
  readonly arch: "x64" | "arm64";
  readonly euid: number;
  readonly egid: number;
  /** Whether the caller is in a user namespace that does not map all ids. */
  readonly inUserNamespace: boolean;
  readonly cgroups: CgroupHost;
  /** The highest capability that the kernel knows (/proc/sys/kernel/cap_last_cap). */
  readonly lastCapability: number;
  readonly appArmor: boolean;
  readonly seLinux: boolean;
  /** newuidmap and newgidmap, absolute, where they are installed. */
  readonly newuidmap?: string;
  readonly newgidmap?: string;
  /** What a network device that is moved had: linux.netDevices. */
  readonly netDevices?: Readonly<Record<string, NetDeviceFacts>>;
}

export interface NetDeviceFacts {
  readonly index: number;
  /** RTM_NEWADDR messages for its global addresses, with the index at byte 20 (ifaddrmsg.ifa_index). */
  readonly addresses: readonly Uint8Array[];
}

/** Lines for the file schemata, in one write. */
export interface RdtLines {
  readonly lines: readonly string[];
  readonly why: string;
}

/** A container's folders in resctrl (rdt.ts). */
export interface RdtGroup {
  /** The class of service. */
  readonly dir: string;
  readonly make: boolean;
  /** Named by closID, not by the container's id. */
  readonly named: boolean;
  readonly schemata: readonly RdtLines[];
  /** The container's own monitoring group, which is to be made. */
  readonly monitor?: { readonly dir: string; readonly why: string };
}

/** The unix socket that the terminal's master is sent to: its path, the descriptor of one that is connected, or the one that the monitor has made. */
export type Console = { readonly path: string } | { readonly fd: number } | { readonly carried: true };

export interface CreateOptions {
  readonly id: string;
  readonly config: OciConfig;
  /** Absolute. */
  readonly bundle: string;
  /** Absolute, without links. */
  readonly rootfs: string;
  readonly host: Host;
  readonly cgroup: CgroupPlan;
  readonly rdt?: RdtGroup;
  /** With the systemd driver: the descriptor at which the launcher waits until systemd has moved it into the container's scope. */
  readonly scopeGate?: number;
  /** Folder of the container's state; exec.fifo is in it. */
  readonly stateDir: string;
  readonly rootless: boolean;
  readonly console?: Console;
  /** Descriptor of the memory file that takes the hooks' output. */
  readonly hookOutput?: number;
  readonly noPivot?: boolean;
  readonly noNewKeyring?: boolean;
  readonly preserveFds: number;
  /** Environment that the runtime adds (LISTEN_FDS, NOTIFY_SOCKET). */
  readonly environment?: readonly string[];
  /** linux.seccomp, compiled. */
  readonly filter?: CompiledSeccomp;
  /** The mount point that the root file system lies on. */
  readonly rootfsMount: string;
  /** Lowering oom_score_adj is passed over where the caller has no right to it (a setting of the runtime's own, off by default). */
  readonly oomScoreAdjClamp?: boolean;
}

/** The byte that lets the launcher go on when it is in the container's scope. */
export const scopeGo = 0x73;

export const stage = { parent: 0, middle: 1, init: 2, monitor: 3 } as const;

/** A list of operations that grows, with slots to hand out. */
export class Builder {
  readonly parent: Operation[] = [];
  readonly middle: Operation[] = [];
  readonly init: Operation[] = [];
  #next = slot.firstFree as number;

  /** A slot that nothing else uses. Slots that are closed at once come back by `release`. */
  slot(): number {
    return this.#next++;
  }

  add<N extends OperationName>(
    list: Operation[],
    name: N,
    args: IntsOf<N> & TextsOf<N>,
    why: string,
    tolerate?: Tolerance,
  ): void {
    // Not by op(): both would be called so often that both are compiled.
    list.push(
      tolerate === undefined
        ? { name, args: args as Operation["args"], why }
        : { name, args: args as Operation["args"], why, tolerate },
    );
  }
}

/** Which namespaces are new, which are joined and by which path, and which stay the caller's. */
export interface Namespaces {
  readonly fresh: ReadonlySet<NamespaceType>;
  readonly joined: ReadonlyMap<NamespaceType, string>;
}

export function namespacesOf(config: OciConfig): Namespaces {
  const fresh = new Set<NamespaceType>();
  const joined = new Map<NamespaceType, string>();
  for (const { type, path } of config.linux?.namespaces ?? []) {
    if (path) joined.set(type, path);
    else fresh.add(type);
  }
  return { fresh, joined };
}

/** The text of the state that a hook reads, with 0x01 where the process id goes (operations.ts). */
export function hookState(options: CreateOptions, status: string): string {
  const { id, bundle, config } = options;
  const head = JSON.stringify({ ociVersion: config.ociVersion, id, status }).slice(0, -1);
  const tail = JSON.stringify({
    bundle,
    ...(config.annotations && { annotations: config.annotations }),
  }).slice(1);
  return `${head},"pid":\x01,${tail}`;
}
