/**
 * The templates that a daemon set had, one object for each. kubectl reads them for `rollout history`, and patches the set with the data of one for `rollout undo`.
 * Source: https://kubernetes.io/docs/tasks/manage-daemon/rollback-daemon-set/#understanding-daemonset-revisions
 */
import type { ControllerRevision, DaemonSet, Pod } from "../kinds.ts";
import { compare, controllerReference, isDeleting, same, templateHash } from "../references.ts";

export const hashLabel = "controller-revision-hash";
/** As large as the set's template itself, and of no use in its history. */
const lastApplied = "kubectl.kubernetes.io/last-applied-configuration";

export interface RevisionsState {
  readonly set: DaemonSet;
  /** All revisions of the set. */
  readonly revisions: readonly ControllerRevision[];
  /** All pods of the set. */
  readonly pods: readonly Pod[];
}

export type RevisionStep =
  | { readonly do: "create"; readonly revision: ControllerRevision }
  /** A template that comes back is the newest one again. */
  | { readonly do: "renumber"; readonly revision: ControllerRevision; readonly number: number }
  | { readonly do: "delete"; readonly revision: ControllerRevision };

export interface RevisionsPlan {
  /** What pods of the present template have in the label. */
  readonly hash: string;
  readonly steps: readonly RevisionStep[];
}

export function hashOf({ spec, status }: DaemonSet): string {
  return templateHash(spec.template, Number(status?.["collisionCount"] ?? 0));
}

export function planRevisions(state: RevisionsState): RevisionsPlan {
  const { set } = state;
  const sorted = state.revisions.toSorted(oldestFirst);
  const current = sorted.findLast((one) => isOf(set, one));
  const old = sorted.filter((one) => one !== current);
  const hash = current?.metadata.labels?.[hashLabel] ?? hashOf(set);
  if (isDeleting(set)) return { hash, steps: [] };
  const number = (old.at(-1)?.revision ?? 0) + 1;
  const steps: RevisionStep[] = [];
  if (!current) steps.push({ do: "create", revision: revisionOf(set, hash, number) });
  else if (current.revision < number) steps.push({ do: "renumber", revision: current, number });
  const superfluous = beyondHistory(state, old).map((revision) => ({ do: "delete", revision }) as const);
  return { hash, steps: [...steps, ...superfluous] };
}

/** Whether the revision holds the set's template. */
export function isOf(set: DaemonSet, { data }: ControllerRevision): boolean {
  return same(data, dataOf(set));
}

/** Revisions beyond the history's limit. Those that pods are still of stay until these are gone. */
function beyondHistory(
  { set, pods }: RevisionsState,
  old: readonly ControllerRevision[],
): readonly ControllerRevision[] {
  const used = new Set(pods.map(({ metadata }) => metadata.labels?.[hashLabel]));
  const kept = old.filter((one) => !isDeleting(one));
  const superfluous = Math.max(0, kept.length - (set.spec.revisionHistoryLimit ?? 10));
  return kept.filter(({ metadata }) => !used.has(metadata.labels?.[hashLabel])).slice(0, superfluous);
}

function oldestFirst(a: ControllerRevision, b: ControllerRevision): number {
  return a.revision - b.revision || compare(a.metadata.name, b.metadata.name);
}

function revisionOf(set: DaemonSet, hash: string, revision: number): ControllerRevision {
  const { namespace = "", name = "", annotations } = set.metadata;
  const { [lastApplied]: _, ...kept } = annotations ?? {};
  return {
    apiVersion: "apps/v1",
    kind: "ControllerRevision",
    metadata: {
      namespace,
      name: `${name}-${hash}`,
      labels: { ...set.spec.template.metadata?.labels, [hashLabel]: hash },
      annotations: kept,
      ownerReferences: [controllerReference(set)],
    },
    revision,
    data: dataOf(set),
  };
}

/**
 * A strategic merge patch that gives the set this template. kubectl compares it byte by byte with what it makes of the set's own template, to see that there is nothing to undo: so
 * names are sorted, and the fields are there that its encoder never leaves out.
 */
function dataOf({ spec: { template } }: DaemonSet): Readonly<Record<string, unknown>> {
  const { containers, initContainers } = template.spec;
  const withResources = (all: readonly object[]): object[] => all.map((one) => ({ resources: {}, ...one }));
  const written = {
    ...template,
    $patch: "replace",
    metadata: { creationTimestamp: null, ...template.metadata },
    spec: {
      ...template.spec,
      containers: withResources(containers),
      ...(initContainers ? { initContainers: withResources(initContainers) } : {}),
    },
  };
  return { spec: { template: sorted(written) } };
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).toSorted(([a], [b]) => compare(a, b));
  return Object.fromEntries(entries.map(([name, field]) => [name, sorted(field)]));
}
