/** What nodes say of their jobs, in all the forms of their releases, as the report of one action. */
import { invalid } from "../../../base/errors.ts";
import { parseJson } from "../../link/json.ts";
import type { Envelope } from "../../link/envelope.ts";
import { actionReport, parseTaskResource, type ActionReport } from "../../link/kinds/jobs.ts";
import { isName, isNodeName } from "../../link/resources.ts";
import { taskReport, type TaskReport } from "../../link/kinds/tasks.ts";
import { upgradeReport } from "../../link/kinds/upgrade.ts";
import type { JobKind } from "./kinds.ts";

export interface JobReport {
  readonly kind: JobKind;
  readonly job: string;
  readonly node: string;
  readonly report: ActionReport;
}

/** By message. @throws SampanError invalid_argument */
export function reportOfMessage(received: Envelope): JobReport | undefined {
  const { operation, resource } = received.route;
  if (operation === "UpdateNodeActionStatus") {
    const { kind, job, node } = parseTaskResource(resource);
    const report = actionReport.parse(received.content);
    return kind === "upgrade" ? undefined : { kind, job, node, report };
  }
  const [, job = "", node = ""] = /^[\w-]{1,32}\/([^/]+)\/node\/([^/]+)$/.exec(resource) ?? [];
  return taskOf(operation, { job, node }, taskReport.parse(received.content));
}

/** By HTTPS, of edges to 1.20: the body of POST /nodeupgrade, or of /task/<type>/name/<id>/node/<node>/status. */
export type PostedReport = { readonly node: string; readonly body: Uint8Array } & (
  { readonly kind: "upgrade" } | { readonly kind: "task"; readonly type: string; readonly id: string }
);

const depth = 32;
/** A report names some images at most. */
const values = 50_000;

/** @throws SampanError invalid_argument */
export function reportOfPost(posted: PostedReport): JobReport | undefined {
  const body = parseJson(Buffer.from(posted.body).toString("utf8"), "the body", depth, values);
  if (posted.kind === "task") {
    const report = taskReport.parse(body, "the body");
    requireSender(report.NodeName, posted.node);
    return taskOf(posted.type, { job: posted.id, node: posted.node }, report);
  }
  const {
    UpgradeID: job,
    NodeName,
    FromVersion,
    ToVersion,
    Status,
    Reason,
  } = upgradeReport.parse(body, "the body");
  requireSender(NodeName, posted.node);
  const succ = Status === "upgrade_success";
  const report = {
    action: "Upgrade",
    succ,
    finishTime: "",
    reason: succ ? "" : `${Status}: ${Reason}`,
    extend: `${FromVersion},${ToVersion}`,
  };
  return { kind: "nodeupgradejob", job, node: posted.node, report };
}

function requireSender(named: string, node: string): void {
  if (named !== node)
    throw invalid(`cannot take the report: it names node "${named}", its sender is "${node}"`);
}

const jobOfType: Readonly<Record<string, JobKind>> = {
  upgrade: "nodeupgradejob",
  prepull: "imageprepulljob",
};
const actionOfEvent: Readonly<Record<string, string>> = {
  init: "Init",
  check: "Check",
  backup: "BackUp",
  upgrade: "Upgrade",
  rollback: "RollBack",
  pull: "Pull",
  confirm: "WaitingConfirmation",
};

function taskOf(
  type: string,
  { job, node }: { readonly job: string; readonly node: string },
  { Event, Action, Reason, Time, ExternalMessage }: TaskReport,
): JobReport | undefined {
  const kind = Object.hasOwn(jobOfType, type) ? jobOfType[type] : undefined;
  const event = Event.toLowerCase();
  const action = Object.hasOwn(actionOfEvent, event) ? actionOfEvent[event] : undefined;
  if (!isName(job) || !isNodeName(node)) throw invalid("cannot take the report: it is of no task");
  if (kind === undefined || action === undefined) return undefined;
  const report = {
    action,
    succ: Action === "Success",
    finishTime: Time,
    reason: Reason,
    extend: ExternalMessage,
  };
  return { kind, job, node, report };
}
