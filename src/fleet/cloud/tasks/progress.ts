/** How far a job is, and how reports and time move it on. Pure: a status in, a status out. */
import type { ActionReport } from "../../link/kinds/jobs.ts";
import { flows, type Batch, type JobKind } from "./kinds.ts";

export const phases = ["Pending", "InProgress", "Successful", "Failure", "Unknown"] as const;
export type NodePhase = (typeof phases)[number];

export interface ActionStatus {
  readonly action: string;
  readonly status: "True" | "False";
  readonly reason?: string;
  /** RFC 3339. */
  readonly time?: string;
}

export interface ImageStatus {
  readonly image: string;
  readonly status: string;
  readonly reason?: string;
}

export interface NodeStatus {
  readonly nodeName: string;
  readonly phase: NodePhase;
  readonly reason?: string;
  readonly actionFlow?: readonly ActionStatus[];
  readonly imageStatus?: readonly ImageStatus[];
  readonly historicVersion?: string;
  readonly currentVersion?: string;
}

export interface JobStatus {
  readonly phase: "InProgress" | "Completed" | "Failure";
  readonly reason?: string;
  readonly nodeStatus: readonly NodeStatus[];
}

/** Of what a node says. */
const bounds = { actions: 20, text: 1024, images: 1000 } as const;
export const mostNodes = 10_000;

export function beginning(names: readonly string[], missing: ReadonlySet<string>): JobStatus {
  if (names.length === 0) return { phase: "Failure", reason: "no node is meant by it", nodeStatus: [] };
  if (names.length > mostNodes)
    return {
      phase: "Failure",
      reason: `it means ${names.length} nodes, wanted at most ${mostNodes}`,
      nodeStatus: [],
    };
  return {
    phase: "InProgress",
    nodeStatus: names.map((nodeName) =>
      missing.has(nodeName)
        ? { nodeName, phase: "Failure", reason: "there is no such node" }
        : { nodeName, phase: "Pending" },
    ),
  };
}

export function ended(node: NodeStatus): boolean {
  return node.phase !== "Pending" && node.phase !== "InProgress";
}

/** Waits for a person at the node: nobody says how long. */
export function isHeld(node: NodeStatus): boolean {
  return node.phase === "InProgress" && node.actionFlow?.at(-1)?.action === "WaitingConfirmation";
}

const cut = (text: string) => text.slice(0, bounds.text);

/** The same when the report says nothing new, or nothing that this job has. */
export function withReport(kind: JobKind, node: NodeStatus, report: ActionReport): NodeStatus {
  const { actions, last } = flows[kind];
  const flow = node.actionFlow ?? [];
  const isKnown = flow.some(
    ({ action, status }) => action === report.action && (status === "True") === report.succ,
  );
  if (
    node.phase === "Pending" ||
    !actions.includes(report.action) ||
    isKnown ||
    flow.length >= bounds.actions
  )
    return node;
  const said: ActionStatus = {
    action: report.action,
    status: report.succ ? "True" : "False",
    ...(report.reason === "" ? {} : { reason: cut(report.reason) }),
    ...(report.finishTime === "" ? {} : { time: report.finishTime }),
  };
  const isFailing = !report.succ || report.action === "RollBack";
  const phase = isFailing ? "Failure" : report.action === last ? "Successful" : node.phase;
  const reason = report.succ ? node.reason : `${report.action}: ${cut(report.reason)}`;
  return {
    ...node,
    phase: node.phase === "Failure" ? "Failure" : phase,
    ...(phase === "Successful"
      ? {}
      : reason === undefined
        ? {}
        : { reason: node.phase === "Failure" ? (node.reason ?? reason) : reason }),
    actionFlow: [...flow, said],
    ...extended(kind, report),
  };
}

/** What stands in `extend`: of an upgrade the versions, of images how each did. What cannot be read is left out. */
function extended(kind: JobKind, { extend }: ActionReport): Partial<NodeStatus> {
  if (extend === "") return {};
  if (kind === "nodeupgradejob") {
    const [historicVersion = "", currentVersion = "", ...more] = extend.split(",");
    const isVersion = (text: string) => /^[\w.+-]{0,64}$/.test(text);
    if (more.length > 0 || !isVersion(historicVersion) || !isVersion(currentVersion)) return {};
    return { historicVersion, currentVersion };
  }
  return kind === "imageprepulljob" ? imagesOf(extend) : {};
}

/** Edges before 1.21 say it as a state of their tasks, v1alpha1's. */
const stateOfImage: Readonly<Record<string, string>> = { Successful: "True", Failed: "False" };

function statusOfImage({ status, state }: Readonly<Record<string, unknown>>): unknown {
  return typeof state === "string" && Object.hasOwn(stateOfImage, state) ? stateOfImage[state] : status;
}

function imagesOf(text: string): Partial<NodeStatus> {
  let list: unknown;
  try {
    list = JSON.parse(text);
  } catch {
    return {};
  }
  if (!Array.isArray(list)) return {};
  const imageStatus = (list as unknown[]).slice(0, bounds.images).flatMap((each) => {
    const { image, reason, ...said } = (each ?? {}) as Readonly<Record<string, unknown>>;
    const status = statusOfImage(said);
    if (typeof image !== "string" || typeof status !== "string") return [];
    const why = typeof reason === "string" && reason !== "" ? { reason: cut(reason) } : {};
    return [{ image: cut(image), status: cut(status), ...why }];
  });
  return { imageStatus };
}

const share = (status: JobStatus) =>
  status.nodeStatus.filter(({ phase }) => phase === "Failure" || phase === "Unknown").length /
  status.nodeStatus.length;

/** The pending nodes that begin now. None when more failed already than the job bears. */
export function startable(
  status: JobStatus,
  { concurrency, tolerated }: Batch,
  isConnected: (node: string) => boolean,
): readonly string[] {
  if (share(status) > tolerated) return [];
  const free =
    concurrency - status.nodeStatus.filter((node) => node.phase === "InProgress" && !isHeld(node)).length;
  return status.nodeStatus
    .filter(({ phase, nodeName }) => phase === "Pending" && isConnected(nodeName))
    .slice(0, Math.max(0, free))
    .map(({ nodeName }) => nodeName);
}

/** The job's own phase, from its nodes'. */
export function judged(status: JobStatus, { tolerated }: Batch): JobStatus {
  const failed = share(status);
  const isOver = status.nodeStatus.every(ended);
  if (failed > tolerated) {
    // Those that began come to their end first.
    if (status.nodeStatus.some(({ phase }) => phase === "InProgress")) return status;
    const reason = `${Math.round(failed * 100)} % of its nodes failed, wanted at most ${Math.round(tolerated * 100)} %`;
    return { ...status, phase: "Failure", reason };
  }
  return isOver ? { ...status, phase: "Completed" } : status;
}

export function withNode(
  status: JobStatus,
  name: string,
  change: (node: NodeStatus) => NodeStatus,
): JobStatus {
  const at = status.nodeStatus.findIndex(({ nodeName }) => nodeName === name);
  const before = status.nodeStatus[at];
  const after = before && change(before);
  if (!after || after === before) return status;
  return { ...status, nodeStatus: status.nodeStatus.with(at, after) };
}
