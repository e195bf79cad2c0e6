/** Jobs of a fleet, operations.kubeedge.io/v1alpha2: which nodes, how many at once, and which actions a node goes through. */
import type { KubeObject, ResourceId } from "../../../spec/kubernetes/kube.ts";
import { SampanError } from "../../../base/errors.ts";
import { configJob, jobKinds, prePullJob, upgradeJob } from "../../link/kinds/jobs.ts";
import type { LabelSelector } from "../apiserver/controllers/kinds.ts";

export type JobKind = (typeof jobKinds)[number];
export { jobKinds };

const resource = (plural: string): ResourceId => ({
  group: "operations.kubeedge.io",
  version: "v1alpha2",
  resource: plural,
});

export const resources: Readonly<Record<JobKind, ResourceId>> = {
  nodeupgradejob: resource("nodeupgradejobs"),
  imageprepulljob: resource("imageprepulljobs"),
  configupdatejob: resource("configupdatejobs"),
};

export const nodes: ResourceId = { group: "", version: "v1", resource: "nodes" };

interface Flow {
  readonly actions: readonly string[];
  /** With its success the node is done. */
  readonly last: string;
}

export const flows: Readonly<Record<JobKind, Flow>> = {
  nodeupgradejob: {
    actions: ["Init", "Check", "WaitingConfirmation", "BackUp", "Upgrade", "RollBack"],
    last: "Upgrade",
  },
  imageprepulljob: { actions: ["Init", "Check", "Pull"], last: "Pull" },
  configupdatejob: { actions: ["Init", "Check", "BackUp", "Update", "RollBack"], last: "Update" },
};

/** What all kinds of jobs have. */
export interface Batch {
  readonly nodeNames: readonly string[];
  readonly labelSelector: LabelSelector | undefined;
  readonly concurrency: number;
  /** From 0 to 1. */
  readonly tolerated: number;
  /** Milliseconds. */
  readonly timeout: number;
}

const usual = { concurrency: 1, tolerated: 0.1, timeout: 300 } as const;

const parsers = {
  nodeupgradejob: (spec: unknown) => upgradeJob.parse(spec, "spec"),
  imageprepulljob: (spec: unknown) => prePullJob.parse(spec, "spec").imagePrePullTemplate,
  configupdatejob: (spec: unknown) => configJob.parse(spec, "spec"),
};

/**
 * What the job says of its nodes. All of its spec is checked: what reaches a node is names, images and versions, and nothing that a shell could take for something else.
 * @throws SampanError invalid_argument that names the field.
 */
export function batchOf(kind: JobKind, job: KubeObject): Batch {
  const spec = parsers[kind](job["spec"]) as {
    readonly nodeNames?: readonly string[];
    readonly labelSelector?: unknown;
    readonly concurrency?: number;
    readonly failureTolerate?: string;
    readonly timeoutSeconds?: number;
  };
  return {
    nodeNames: spec.nodeNames ?? [],
    labelSelector: (spec.labelSelector ?? undefined) as LabelSelector | undefined,
    concurrency: spec.concurrency || usual.concurrency,
    tolerated: toleratedOf(spec.failureTolerate),
    timeout: (spec.timeoutSeconds || usual.timeout) * 1000,
  };
}

/** `0.1`, or `10%`. */
function toleratedOf(text: string | undefined): number {
  if (text === undefined || text === "") return usual.tolerated;
  const share = text.endsWith("%") ? Number(text.slice(0, -1)) / 100 : Number(text);
  if (!(share >= 0 && share <= 1))
    throw new SampanError(
      "invalid_argument",
      `cannot run the job: failureTolerate is ${JSON.stringify(text)}, wanted a share from 0 to 1`,
    );
  return share;
}
