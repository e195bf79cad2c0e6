/** Reports of actions to the cloud. They are said until the link takes them, in order, also after a restart. */
import { message, type Envelope } from "../../link/envelope.ts";
import { actionReport, type ActionReport } from "../../link/kinds/jobs.ts";
import { taskReport } from "../../link/kinds/tasks.ts";
import type { EdgeContext } from "../part.ts";
import type { TaskStore } from "./store.ts";

/** `style`: since 1.21 by action, before that as the answer to a state. */
export type Report = ActionReport & { readonly resource: string } & (
    | { readonly style: "action" }
    | { readonly style: "state"; readonly operation: "upgrade" | "prepull"; readonly state: string }
  );

export type Said = Pick<ActionReport, "action" | "succ"> & {
  readonly reason?: string;
  readonly extend?: string;
};

const mostReason = 1024;

export class Reporter {
  private readonly context: Pick<EdgeContext, "link" | "clock" | "node">;
  private readonly store: TaskStore;
  private readonly following: Disposable;

  constructor(context: Pick<EdgeContext, "link" | "clock" | "node">, store: TaskStore) {
    this.context = context;
    this.store = store;
    this.following = context.link.onChange((connected) => {
      if (connected) this.flush();
    });
  }

  report(to: Task, { action, succ, reason = "", extend = "" }: Said): void {
    const finishTime = new Date(this.context.clock.now()).toISOString().replace(/\.\d+Z$/, "Z");
    const said = { action, succ, finishTime, reason: reason.slice(0, mostReason), extend };
    this.store.setReports([...this.store.reports, { ...to, ...said }]);
    this.flush();
  }

  waitsFor(resource: string): boolean {
    return this.store.reports.some((each) => each.resource === resource);
  }

  flush(): void {
    const { link, node } = this.context;
    let reports = this.store.reports;
    while (reports[0] && link.connected && link.send(messageOf(reports[0], node))) reports = reports.slice(1);
    if (reports !== this.store.reports) this.store.setReports(reports);
  }

  [Symbol.dispose](): void {
    this.following[Symbol.dispose]();
  }
}

/** To whom it is said. */
export type Task = { readonly resource: string } & (
  | { readonly style: "action" }
  | { readonly style: "state"; readonly operation: "upgrade" | "prepull"; readonly state: string }
);

function messageOf(report: Report, node: string): Envelope {
  const { resource, action, succ, finishTime, reason, extend } = report;
  const route = { source: "websocket", group: "hub", resource };
  if (report.style === "action") {
    const content = actionReport.build({ action, succ, finishTime, reason, extend });
    return message({ ...route, operation: "UpdateNodeActionStatus" }, content);
  }
  const content = taskReport.build({
    NodeName: node,
    State: report.state,
    Event: action === "BackUp" ? "Backup" : action,
    Action: succ ? "Success" : "Failure",
    Reason: reason,
    Time: finishTime,
    ExternalMessage: extend,
  });
  return message({ ...route, operation: report.operation }, content);
}
