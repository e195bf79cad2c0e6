/** The controller of a fleet's jobs: upgrades of nodes, images fetched ahead, changes of the configuration. */
import { SampanError } from "../../../base/errors.ts";
import type { CloudContext } from "../part.ts";
import { known } from "../status/known.ts";
import { Jobs } from "./jobs.ts";
import { jobKinds, nodes, resources } from "./kinds.ts";
import { reportOfMessage, reportOfPost, type PostedReport } from "./reports.ts";

export interface Tasks extends AsyncDisposable {
  /**
   * A report that came by HTTPS; its sender is who showed the certificate. For the hub's option `onReport`.
   * @throws SampanError invalid_argument
   */
  report(posted: PostedReport): void;
}

/** Resolves when it knows all jobs. Ends when it is disposed of or its signal aborts. */
export async function startTasks(context: CloudContext): Promise<Tasks> {
  const stop = new AbortController();
  const signal = AbortSignal.any([context.signal, stop.signal]);
  await known(context, [nodes, ...jobKinds.map((kind) => resources[kind])]);
  const jobs = new Jobs(context, signal);
  context.hub.on("tasks", ({ node }, received) => {
    const report = reportOfMessage(received);
    if (!report) return;
    if (report.node !== node)
      throw new SampanError(
        "permission_denied",
        `cannot take the report of node "${node}": it speaks for "${report.node}"`,
      );
    jobs.take(report);
  });
  const running = jobs.run();
  return {
    report(posted) {
      const report = reportOfPost(posted);
      if (report) jobs.take(report);
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
    },
  };
}
