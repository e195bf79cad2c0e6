/** The Node object of this machine and what is said of it later. Pure. https://kubernetes.io/docs/reference/node/node-status/ */
import { timestamp } from "../../../base/clock.ts";
import type { KubeObject } from "../../../spec/kubernetes/kube.ts";
import type { nodeInfo } from "./host.ts";

export interface NodeState {
  readonly name: string;
  readonly ips: readonly string[];
  readonly processors: number;
  /** Bytes. */
  readonly memory: number;
  readonly disk: number;
  readonly pods: number;
  /** Of memory, kept for the machine itself. */
  readonly reserved: number;
  readonly info: ReturnType<typeof nodeInfo>;
  readonly pressures: Readonly<Record<Pressure, boolean>>;
}

export const pressures = ["MemoryPressure", "DiskPressure", "PIDPressure"] as const;
export type Pressure = (typeof pressures)[number];

export interface NodeCondition {
  readonly type: string;
  readonly status: "True" | "False";
  readonly reason: string;
  readonly message: string;
  readonly lastHeartbeatTime: string;
  readonly lastTransitionTime: string;
}

export interface NodeOptions {
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly taints?: readonly { readonly key: string; readonly value?: string; readonly effect: string }[];
}

/** KubeEdge's port for the local kubelet API. */
const kubeletPort = 10350;
const words = {
  MemoryPressure: ["KubeletHasInsufficientMemory", "KubeletHasSufficientMemory", "memory"],
  DiskPressure: ["KubeletHasDiskPressure", "KubeletHasNoDiskPressure", "disk"],
  PIDPressure: ["KubeletHasInsufficientPID", "KubeletHasSufficientPID", "PID"],
} as const;

export function nodeLabels({ name, info }: NodeState, { labels = {} }: NodeOptions): Record<string, string> {
  return {
    "beta.kubernetes.io/arch": info.architecture,
    "beta.kubernetes.io/os": "linux",
    "kubernetes.io/arch": info.architecture,
    "kubernetes.io/hostname": name,
    "kubernetes.io/os": "linux",
    "node-role.kubernetes.io/agent": "",
    "node-role.kubernetes.io/edge": "",
    ...labels,
  };
}

/** Without kind and version, as edges send it. */
export function newNode(
  state: NodeState,
  options: NodeOptions,
  now: number,
): Omit<KubeObject, "apiVersion" | "kind"> {
  return {
    metadata: {
      name: state.name,
      labels: nodeLabels(state, options),
      annotations: {
        "volumes.kubernetes.io/controller-managed-attach-detach": "true",
        ...options.annotations,
      },
    },
    spec: options.taints && options.taints.length > 0 ? { taints: options.taints } : {},
    status: {
      ...amounts(state),
      ...addresses(state),
      conditions: nodeConditions(state, [], now),
      daemonEndpoints: { kubeletEndpoint: { Port: kubeletPort } },
      nodeInfo: state.info,
    },
  };
}

/** What may have changed of it. */
export function nodeStatus(state: NodeState, conditions: readonly NodeCondition[]): Record<string, unknown> {
  return {
    status: {
      ...amounts(state),
      ...addresses(state),
      conditions,
      nodeInfo: state.info,
    },
  };
}

function amounts({ processors, memory, disk, pods, reserved }: NodeState) {
  const capacity = {
    cpu: `${processors}`,
    memory: kibibytes(memory),
    pods: `${pods}`,
    "ephemeral-storage": kibibytes(disk),
  };
  return {
    capacity,
    allocatable: {
      ...capacity,
      memory: kibibytes(memory - reserved),
      // As kubelet has it: what is left when a tenth is kept free.
      "ephemeral-storage": `${Math.floor(disk * 0.9)}`,
    },
  };
}

const kibibytes = (bytes: number) => `${Math.floor(bytes / 1024)}Ki`;

function addresses({ name, ips }: NodeState) {
  const own = ips.map((address) => ({ type: "InternalIP", address }));
  return { addresses: [...own, { type: "Hostname", address: name }] };
}

/** The moment of what has not changed is kept. */
export function nodeConditions(
  state: NodeState,
  before: readonly NodeCondition[],
  now: number,
): NodeCondition[] {
  const condition = (
    type: string,
    isSo: boolean,
    [reason, message]: readonly [string, string],
  ): NodeCondition => {
    const status = isSo ? "True" : "False";
    const said = before.find((each) => each.type === type);
    return {
      type,
      status,
      reason,
      message,
      lastHeartbeatTime: timestamp(now),
      lastTransitionTime: said?.status === status ? said.lastTransitionTime : timestamp(now),
    };
  };
  return [
    ...pressures.map((type) => {
      const [bad, good, what] = words[type];
      const isSo = state.pressures[type];
      return condition(
        type,
        isSo,
        isSo ? [bad, `edge has insufficient ${what}`] : [good, `edge has sufficient ${what}`],
      );
    }),
    condition("Ready", true, ["EdgeReady", "edge is posting ready status"]),
  ];
}

/** What of a status is worth telling at once: all but the moments. */
export function fingerprint(state: NodeState): string {
  return JSON.stringify(state);
}
