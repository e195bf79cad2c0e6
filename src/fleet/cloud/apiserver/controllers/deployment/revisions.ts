/** Which replica set stands for the deployment's template, how revisions are counted, and what is copied between the two. */
import type { Deployment, PodTemplate, ReplicaSet } from "../kinds.ts";
import { created, oldestFirst, same } from "../references.ts";
import { desiredAnnotation, replicasOf } from "./rollout.ts";

export const hashLabel = "pod-template-hash";
export const revisionAnnotation = "deployment.kubernetes.io/revision";
export const historyAnnotation = "deployment.kubernetes.io/revision-history";
export const maxAnnotation = "deployment.kubernetes.io/max-replicas";

/** What belongs to one of the two alone. */
const notCopied: readonly string[] = [
  "kubectl.kubernetes.io/last-applied-configuration",
  revisionAnnotation,
  historyAnnotation,
  desiredAnnotation,
  maxAnnotation,
  "deprecated.deployment.rollback.to",
];

function withoutHash(template: PodTemplate): PodTemplate {
  const { [hashLabel]: _, ...labels } = template.metadata?.labels ?? {};
  return { ...template, metadata: { ...template.metadata, labels } };
}

export function sameTemplate(a: PodTemplate, b: PodTemplate): boolean {
  return same(withoutHash(a), withoutHash(b));
}

/** The oldest one with the deployment's template. */
export function currentSet(deployment: Deployment, sets: readonly ReplicaSet[]): ReplicaSet | undefined {
  return sets.toSorted(oldestFirst).find((set) => sameTemplate(set.spec.template, deployment.spec.template));
}

export function revisionOf(set: ReplicaSet): number {
  const revision = Number(set.metadata.annotations?.[revisionAnnotation] ?? 0);
  return Number.isSafeInteger(revision) ? revision : 0;
}

export function nextRevision(old: readonly ReplicaSet[]): number {
  return Math.max(0, ...old.map(revisionOf)) + 1;
}

/** The annotations of the deployment that its replica set has as well. */
export function copiedAnnotations(deployment: Deployment): Record<string, string> {
  const entries = Object.entries(deployment.metadata.annotations ?? {});
  return Object.fromEntries(entries.filter(([name]) => !notCopied.includes(name)));
}

/** What the current replica set's annotations have to become; a set that comes back into use gets the newest revision and remembers the ones it had. */
export function annotationsOf(
  deployment: Deployment,
  set: ReplicaSet,
  revision: number,
): Record<string, string> {
  const present = set.metadata.annotations ?? {};
  const before = revisionOf(set);
  const annotations = { ...present, ...copiedAnnotations(deployment) };
  if (before >= revision) return annotations;
  annotations[revisionAnnotation] = String(revision);
  if (before === 0) return annotations;
  const history = present[historyAnnotation];
  const known = history ? history.split(",") : [];
  annotations[historyAnnotation] = [...known, String(before)].slice(-100).join(",");
  return annotations;
}

/** Old replica sets beyond the history's limit that have nothing left. */
export function beyondHistory(deployment: Deployment, old: readonly ReplicaSet[]): readonly ReplicaSet[] {
  const limit = deployment.spec.revisionHistoryLimit ?? 10;
  const kept = old.filter((set) => set.metadata.deletionTimestamp === undefined);
  const superfluous = Math.max(0, kept.length - limit);
  return kept
    .toSorted((a, b) => revisionOf(a) - revisionOf(b) || created(a) - created(b))
    .slice(0, superfluous)
    .filter((set) => {
      const { replicas = 0, observedGeneration = 0 } = set.status ?? {};
      return replicas === 0 && replicasOf(set) === 0 && (set.metadata.generation ?? 0) <= observedGeneration;
    });
}
