/** What a node is told of a job, in the form that its release understands. */
import { createHash } from "node:crypto";
import { message, type Envelope } from "../../link/envelope.ts";
import {
  configJob,
  formatTaskResource,
  prePullJob,
  upgradeJob,
  type PrePullTemplate,
  type UpgradeJob,
} from "../../link/kinds/jobs.ts";
import { taskRequest, type TaskRequest } from "../../link/kinds/tasks.ts";
import { upgradeRequest } from "../../link/kinds/upgrade.ts";
import { SampanError } from "../../../base/errors.ts";
import type { KubeObject } from "../../../spec/kubernetes/kube.ts";
import type { Edge } from "../hub/hub.ts";
import type { JobKind } from "./kinds.ts";
import type { NodeStatus } from "./progress.ts";

const package_ = "kubeedge/installation-package";

/** Since 1.21: the job, once. Before that: one upgrade, or one state after the other. @throws SampanError unimplemented when the release cannot do such a job. */
export function messageFor(
  kind: JobKind,
  job: KubeObject,
  { edge, status }: { readonly edge: Edge; readonly status: NodeStatus },
): Envelope {
  switch (edge.traits.tasks) {
    case "actions":
      return wholeJob(kind, job, edge.node);
    case "states":
      return oneState(kind, job, { node: edge.node, state: stateAfter(kind, status) ?? "Init" });
    case "upgrade":
      return oneUpgrade(kind, job, edge);
  }
}

function wholeJob(kind: JobKind, job: KubeObject, node: string): Envelope {
  const { spec } = job;
  const content = {
    nodeupgradejob: () => upgradeJob.build(upgradeJob.parse(spec)),
    imageprepulljob: () => prePullJob.build(prePullJob.parse(spec)),
    configupdatejob: () => configJob.build(configJob.parse(spec)),
  }[kind]();
  const resource = formatTaskResource({ kind, job: job.metadata.name ?? "", node });
  return message({ source: "taskmanager", group: "taskmanager", operation: "Check", resource }, content);
}

/** 1.16 to 1.20: after which action the cloud says which state. */
const states: Readonly<Record<"nodeupgradejob" | "imageprepulljob", Readonly<Record<string, string>>>> = {
  nodeupgradejob: { "": "Init", Init: "Checking", Check: "BackingUp", BackUp: "Upgrading" },
  imageprepulljob: { "": "Init", Init: "Checking", Check: "Pulling" },
};

/** The state that follows what the node did, or undefined when none does. */
export function stateAfter(kind: JobKind, { actionFlow = [] }: NodeStatus): string | undefined {
  const last = actionFlow.at(-1);
  if (kind === "configupdatejob") return undefined;
  if (last?.status === "False") return last.action === "Upgrade" ? "RollingBack" : undefined;
  const table = states[kind];
  return Object.hasOwn(table, last?.action ?? "") ? table[last?.action ?? ""] : undefined;
}

function oneState(
  kind: JobKind,
  job: KubeObject,
  { node, state }: { readonly node: string; readonly state: string },
): Envelope {
  const { name = "" } = job.metadata;
  if (kind === "configupdatejob") throw tooOld("change its configuration");
  const type = kind === "nodeupgradejob" ? "upgrade" : "prepull";
  const task = {
    TaskID: name,
    Type: type,
    State: state,
    Item: type === "upgrade" ? upgradeOf(job, node) : prePullOf(job, node),
  } as TaskRequest;
  const resource = `${type}/${name}/node/${node}`;
  return message(
    { source: "taskmanager", group: "taskmanager", operation: type, resource },
    taskRequest.build(task),
  );
}

function oneUpgrade(kind: JobKind, job: KubeObject, { node }: Edge): Envelope {
  if (kind !== "nodeupgradejob") throw tooOld("do such jobs");
  const { RequireConfirmation: _, ...request } = upgradeOf(job, node);
  const resource = formatTaskResource({ kind: "upgrade", job: job.metadata.name ?? "", node });
  const source = "nodeupgradejobcontroller";
  return message({ source, group: source, operation: "upgrade", resource }, upgradeRequest.build(request));
}

function tooOld(what: string): SampanError {
  return new SampanError("unimplemented", `its release cannot ${what}`);
}

function upgradeOf(job: KubeObject, node: string) {
  const spec: UpgradeJob = upgradeJob.parse(job["spec"]);
  const image = spec.image || package_;
  return {
    UpgradeID: job.metadata.name ?? "",
    HistoryID: historyOf(job, node),
    Version: spec.version,
    UpgradeTool: spec.upgradeTool ?? "",
    Image: /:[^/]*$/.test(image) ? image : `${image}:${spec.version}`,
    ...(spec.requireConfirmation === true ? { RequireConfirmation: true } : {}),
  };
}

/** Of a job and a node always the same: it is told apart from an earlier job's without being kept. */
export function historyOf({ metadata: { uid = "" } }: KubeObject, node: string): string {
  const hash = createHash("sha256").update(`${uid}/${node}`).digest("hex");
  return [
    hash.slice(0, 8),
    hash.slice(8, 12),
    hash.slice(12, 16),
    hash.slice(16, 20),
    hash.slice(20, 32),
  ].join("-");
}

function prePullOf(job: KubeObject, node: string) {
  const template: PrePullTemplate = prePullJob.parse(job["spec"]).imagePrePullTemplate;
  return {
    Images: template.images,
    NodeName: node,
    Secret: template.imageSecrets ?? "",
    RetryTimes: template.retryTimes ?? 0,
    CheckItems: template.checkItems ?? null,
  };
}
