/** Reports of actions to the cloud. They are said until the link takes them, in order, also after a restart. */
import { message, type Envelope } from "../../link/envelope.ts";
import { actionReport, type ActionReport } from "../../link/kinds/jobs.ts";
import { taskReport } from "../../link/kinds/tasks.ts";
import { upgradeReport } from "../../link/kinds/upgrade.ts";
import type { EdgeContext } from "../part.ts";
import type { ImageResult } from "./prepull.ts";
import type { TaskStore } from "./store.ts";

export type Report = ActionReport & Task;

export type Said = Pick<ActionReport, "action" | "succ"> & {
  readonly reason?: string;
  readonly extend?: string;
};

const mostReason = 1024;

type Parts = Pick<EdgeContext, "link" | "clock" | "node">;

/** POST /nodeupgrade with this node's certificate. Errors: any; it is said again when the link next stands. */
export type PostReport = (body: unknown) => Promise<void>;

export class Reporter {
  private readonly context: Parts;
  private readonly store: TaskStore;
  private readonly following: Disposable;
  private readonly post: PostReport | undefined;
  private posting = false;

  constructor(context: Parts, store: TaskStore, post?: PostReport) {
    this.context = context;
    this.store = store;
    this.post = post;
    this.following = context.link.onChange((connected) => {
      if (connected) this.flush();
    });
  }

  report(to: Task, { action, succ, reason = "", extend = "" }: Said): void {
    // To 1.15 a cloud hears once how all of it ended.
    if (to.style === "post" && action !== "Upgrade" && succ) return;
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
    for (let [next] = reports; next && next.style !== "post"; [next] = reports) {
      if (!link.connected || !link.send(messageOf(next, node))) break;
      reports = reports.slice(1);
    }
    if (reports !== this.store.reports) this.store.setReports(reports);
    const [next] = reports;
    if (next?.style === "post" && link.connected) void this.deliver(next);
  }

  private async deliver(report: Posted): Promise<void> {
    if (this.posting || !this.post) return;
    this.posting = true;
    try {
      await this.post(bodyOf(report, this.context.node));
      this.store.setReports(this.store.reports.filter((each) => each !== report));
    } catch {
      // Until the link stands anew.
      return;
    } finally {
      this.posting = false;
    }
    this.flush();
  }

  [Symbol.dispose](): void {
    this.following[Symbol.dispose]();
  }
}

/** To whom it is said, and how: since 1.21 by action, from 1.16 as the answer to a state, before that once, by HTTPS. */
export type Task = { readonly resource: string } & (
  | { readonly style: "action" }
  | { readonly style: "state"; readonly operation: "upgrade" | "prepull"; readonly state: string }
  | { readonly style: "post"; readonly upgrade: string; readonly history: string }
);

type Posted = Extract<Report, { readonly style: "post" }>;
type Sent = Exclude<Report, { readonly style: "post" }>;

function bodyOf({ upgrade, history, succ, reason, extend }: Posted, node: string): unknown {
  const [FromVersion = "", ToVersion = ""] = extend.split(",");
  // Whatever failed, the program from before is the one that runs.
  const Status = succ ? "upgrade_success" : "upgrade_failed_rollback_success";
  const named = { UpgradeID: upgrade, HistoryID: history, NodeName: node };
  return upgradeReport.build({ ...named, FromVersion, ToVersion, Status, Reason: reason });
}

/** Before 1.21 a cloud reads of each image its state, a word of v1alpha1's tasks. */
function imageStates(extend: string): string {
  const results = JSON.parse(extend) as readonly ImageResult[];
  return JSON.stringify(
    results.map(({ status, ...rest }) => ({ ...rest, state: status === "True" ? "Successful" : "Failed" })),
  );
}

function messageOf(report: Sent, node: string): Envelope {
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
    ExternalMessage: report.operation === "prepull" && extend !== "" ? imageStates(extend) : extend,
  });
  return message({ ...route, operation: report.operation }, content);
}
