/**
 * Jobs on their way through a fleet. All that is known of one stands in its status; here is only since when a node is waited for, and in which session it was told.
 */
import { SampanError } from "../../../base/errors.ts";
import { KubeError, type KubeObject } from "../../../spec/kubernetes/kube.ts";
import { forAll } from "../apiserver/controllers/controller.ts";
import { isDeleting } from "../apiserver/controllers/references.ts";
import { selects } from "../apiserver/controllers/selectors.ts";
import { Queue } from "../informer/queue.ts";
import type { CloudContext } from "../part.ts";
import { seldom } from "../status/seldom.ts";
import { cordon, uncordon } from "./cordon.ts";
import { batchOf, jobKinds, nodes, resources, type Batch, type JobKind } from "./kinds.ts";
import { Patience } from "./patience.ts";
import {
  beginning,
  ended,
  judged,
  startable,
  withNode,
  withReport,
  type JobStatus,
  type NodeStatus,
} from "./progress.ts";
import type { JobReport } from "./reports.ts";
import { Teller } from "./teller.ts";

/** Reports of one job that wait for their turn. */
const mostWaiting = 20_000;

const finalizerOf = (kind: JobKind) => `kubeedge.io/${kind}-controller`;
const statusOf = (job: KubeObject) => job["status"] as JobStatus | undefined;

export class Jobs {
  private readonly context: CloudContext;
  private readonly queue: Queue;
  private readonly reports = new Map<string, JobReport[]>();
  private readonly patience: Patience;
  private readonly teller: Teller;
  private readonly complain: (peer: string, text: string) => void;

  constructor(context: CloudContext, signal: AbortSignal) {
    this.context = context;
    const { clock, log, hub } = context;
    this.patience = new Patience(clock);
    this.teller = new Teller(hub);
    this.complain = seldom(clock, log);
    this.queue = new Queue({
      clock,
      signal,
      work: (key, limit) => this.look(key, limit),
      onError: (key, error) => {
        if (error instanceof KubeError && error.reason === "Conflict") return;
        log(`cannot go on with job "${key}": ${SampanError.from(error).message}`);
      },
    });
  }

  async run(): Promise<void> {
    const { informers, hub } = this.context;
    for (const kind of jobKinds) {
      const informer = informers.of(resources[kind]);
      for (const job of informer.store.all()) this.queue.add(keyOf(kind, job));
      informer.onChange((now, before) => {
        if (now) this.queue.add(keyOf(kind, now));
        else if (before) this.forget(before);
      });
    }
    hub.onConnect(({ node }) => {
      this.connected(node);
    });
    await this.queue.run(4);
  }

  /** The sender is checked by who calls. */
  take(report: JobReport): void {
    const key = `${report.kind}/${report.job}`;
    const { informers } = this.context;
    const job = informers.of(resources[report.kind]).store.get(undefined, report.job);
    const isMeant = job && statusOf(job)?.nodeStatus.some(({ nodeName }) => nodeName === report.node);
    if (!isMeant)
      return this.complain(
        report.node,
        `node "${report.node}" reports of job "${key.slice(0, 300)}", which does not mean it`,
      );
    const waiting = this.reports.get(key) ?? [];
    if (waiting.length >= mostWaiting)
      return this.complain(report.node, `job "${key}": a report of node "${report.node}" is too much`);
    waiting.push(report);
    this.reports.set(key, waiting);
    this.queue.add(key);
  }

  private connected(node: string): void {
    for (const kind of jobKinds)
      for (const job of this.context.informers.of(resources[kind]).store.all()) {
        const status = statusOf(job);
        const own =
          status?.phase === "InProgress"
            ? status.nodeStatus.find(({ nodeName }) => nodeName === node)
            : undefined;
        if (own && !ended(own)) this.queue.add(keyOf(kind, job));
      }
  }

  private forget(job: KubeObject): void {
    this.patience.forget(job);
    this.teller.forget(job);
  }

  private async look(key: string, signal: AbortSignal): Promise<number | undefined> {
    const slash = key.indexOf("/");
    const kind = key.slice(0, slash) as JobKind;
    const job = this.context.informers.of(resources[kind]).store.get(undefined, key.slice(slash + 1));
    if (!job || isDeleting(job)) {
      this.reports.delete(key);
      if (job) await this.release(kind, job, signal);
      return undefined;
    }
    const status = statusOf(job);
    if (!status || !isBegun(status)) {
      await this.begin(kind, job, signal);
      return undefined;
    }
    if (status.phase !== "InProgress") {
      this.forget(job);
      await this.close(kind, job, { status, signal });
      return undefined;
    }
    return await this.goOn(kind, job, { status, signal });
  }

  private async begin(kind: JobKind, job: KubeObject, signal: AbortSignal): Promise<void> {
    const held = await this.hold(kind, job, signal);
    await this.write(kind, held, { status: this.beginningOf(kind, job), signal });
  }

  private beginningOf(kind: JobKind, job: KubeObject): JobStatus {
    try {
      const { nodeNames, labelSelector } = batchOf(kind, job);
      const { store } = this.context.informers.of(nodes);
      const chosen = labelSelector
        ? store
            .all()
            .filter(({ metadata }) => selects(labelSelector, metadata.labels))
            .map(({ metadata }) => metadata.name ?? "")
        : [];
      const names = [...new Set([...nodeNames, ...chosen])];
      return beginning(names, new Set(names.filter((name) => !store.get(undefined, name))));
    } catch (error) {
      return { phase: "Failure", reason: SampanError.from(error).message, nodeStatus: [] };
    }
  }

  /** With the finalizer it is not gone before its nodes are back in service. */
  private async hold(kind: JobKind, job: KubeObject, signal: AbortSignal): Promise<KubeObject> {
    const { finalizers = [], resourceVersion, name = "" } = job.metadata;
    if (finalizers.includes(finalizerOf(kind))) return job;
    const metadata = { resourceVersion, finalizers: [...finalizers, finalizerOf(kind)] };
    return await this.context.client.patch(
      resources[kind],
      { name },
      { metadata },
      { type: "application/merge-patch+json", signal },
    );
  }

  private async release(kind: JobKind, job: KubeObject, signal: AbortSignal): Promise<void> {
    const { finalizers = [], resourceVersion, name = "" } = job.metadata;
    if (!finalizers.includes(finalizerOf(kind))) return;
    await this.returnNodes(kind, { nodeStatus: statusOf(job)?.nodeStatus ?? [], signal });
    const metadata = { resourceVersion, finalizers: finalizers.filter((each) => each !== finalizerOf(kind)) };
    await this.context.client.patch(
      resources[kind],
      { name },
      { metadata },
      { type: "application/merge-patch+json", signal },
    );
  }

  /** What comes after the job's end is still told: that a node went back to what it was. */
  private async close(kind: JobKind, job: KubeObject, { status, signal }: Writing): Promise<void> {
    const next = withReports(kind, status, this.taken(keyOf(kind, job)));
    if (next !== status) await this.write(kind, job, { status: next, signal });
  }

  private taken(key: string): readonly JobReport[] {
    const reports = this.reports.get(key) ?? [];
    this.reports.delete(key);
    return reports;
  }

  private async goOn(
    kind: JobKind,
    job: KubeObject,
    { status, signal }: Writing,
  ): Promise<number | undefined> {
    const key = keyOf(kind, job);
    const batch = batchOr(kind, job);
    if (typeof batch === "string") {
      await this.write(kind, job, { status: { ...status, phase: "Failure", reason: batch }, signal });
      return undefined;
    }
    const reports = this.taken(key);
    let next = withReports(kind, status, reports);
    next = this.patience.applied(job, next, { batch, isAway: (node) => this.isAway(node) });
    for (const name of startable(next, batch, (node) => this.context.hub.edge(node) !== undefined))
      next = withNode(next, name, (each) => ({ ...each, phase: "InProgress" }));
    next = this.teller.withRefusals(kind, job, next);
    next = judged(next, batch);
    try {
      if (next !== status) await this.write(kind, job, { status: next, signal });
    } catch (error) {
      this.reports.set(key, [...reports, ...(this.reports.get(key) ?? [])]);
      throw error;
    }
    await this.settle(kind, { before: status, after: next, signal });
    this.teller.tell(kind, job, next);
    return next.phase === "InProgress" ? this.patience.nextLook(job, next, batch) : undefined;
  }

  /** Neither here nor, as far as the API knows, at another cloud. */
  private isAway(name: string): boolean {
    if (this.context.hub.edge(name)) return false;
    const { conditions = [] } = (this.context.informers.of(nodes).store.get(undefined, name)?.["status"] ??
      {}) as {
      readonly conditions?: readonly { readonly type?: string; readonly status?: string }[];
    };
    return !conditions.some(({ type, status }) => type === "Ready" && status === "True");
  }

  private async settle(
    kind: JobKind,
    {
      before,
      after,
      signal,
    }: { readonly before: JobStatus; readonly after: JobStatus; readonly signal: AbortSignal },
  ): Promise<void> {
    if (kind !== "nodeupgradejob") return;
    const old = new Map(before.nodeStatus.map((node) => [node.nodeName, node]));
    const changed = after.nodeStatus.filter((node) => node.phase !== old.get(node.nodeName)?.phase);
    const { client, informers } = this.context;
    await forAll(
      changed.filter(({ phase }) => phase === "InProgress"),
      async ({ nodeName }) => {
        const node = informers.of(nodes).store.get(undefined, nodeName);
        if (node) await cordon(client, node, signal);
      },
    );
    const over = after.phase === "InProgress" ? changed.filter(ended) : after.nodeStatus;
    await this.returnNodes(kind, { nodeStatus: over, signal });
  }

  private async returnNodes(
    kind: JobKind,
    { nodeStatus, signal }: { readonly nodeStatus: readonly NodeStatus[]; readonly signal: AbortSignal },
  ): Promise<void> {
    if (kind !== "nodeupgradejob") return;
    const { client } = this.context;
    await forAll(nodeStatus, async ({ nodeName, phase, historicVersion: from, currentVersion: to }) => {
      const node = await nodeNow(this.context, nodeName, signal);
      const upgraded = phase === "Successful" && from && to ? { upgraded: { from, to } } : {};
      if (node) await uncordon(client, node, { ...upgraded, signal });
    });
  }

  private async write(kind: JobKind, job: KubeObject, { status, signal }: Writing): Promise<void> {
    const { client, informers } = this.context;
    const { name = "", resourceVersion } = job.metadata;
    const patch = { metadata: { resourceVersion }, status };
    const key = { name, subresource: "status" };
    const written = await client.patch(resources[kind], key, patch, {
      type: "application/merge-patch+json",
      signal,
    });
    informers.of(resources[kind]).wrote(written);
  }
}

/** KubeEdge's clouds write `Init` first. */
function isBegun({ phase }: JobStatus): boolean {
  return ["InProgress", "Completed", "Failure"].includes(phase);
}

function batchOr(kind: JobKind, job: KubeObject): Batch | string {
  try {
    return batchOf(kind, job);
  } catch (error) {
    return SampanError.from(error).message;
  }
}

function withReports(kind: JobKind, status: JobStatus, reports: readonly JobReport[]): JobStatus {
  return reports.reduce(
    (next, { node, report }) => withNode(next, node, (each) => withReport(kind, each, report)),
    status,
  );
}

interface Writing {
  readonly status: JobStatus;
  readonly signal: AbortSignal;
}

function keyOf(kind: JobKind, job: KubeObject): string {
  return `${kind}/${job.metadata.name ?? ""}`;
}

/** Not the informer's: whether it was cordoned by us counts. */
async function nodeNow(
  { client }: CloudContext,
  name: string,
  signal: AbortSignal,
): Promise<KubeObject | undefined> {
  try {
    return await client.get(nodes, { name }, signal);
  } catch (error) {
    if (error instanceof KubeError && error.reason === "NotFound") return undefined;
    throw error;
  }
}
