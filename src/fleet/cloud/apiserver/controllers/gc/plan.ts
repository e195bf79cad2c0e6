/** What becomes of an object whose owners go. Source: https://kubernetes.io/docs/concepts/architecture/garbage-collection/ */
import type { KubeObject, OwnerReference } from "../../../../../spec/kubernetes/kube.ts";
import { isDeleting } from "../references.ts";

export const orphanFinalizer = "orphan";
export const foregroundFinalizer = "foregroundDeletion";

/** `unknown`: of a kind that is not served, so that nobody can tell whether it is there. */
export type OwnerState = "present" | "absent" | "waiting" | "unknown";

export interface GarbageState {
  readonly object: KubeObject;
  readonly owners: readonly { readonly reference: OwnerReference; readonly state: OwnerState }[];
  /** All objects that name this one as an owner. */
  readonly dependents: readonly KubeObject[];
}

export type GarbageStep =
  | { readonly do: "delete"; readonly object: KubeObject; readonly propagation: Propagation }
  | { readonly do: "remove owners"; readonly object: KubeObject; readonly uids: readonly string[] }
  | { readonly do: "remove finalizer"; readonly finalizer: string };

export type Propagation = "Background" | "Foreground" | "Orphan";

export function planGarbage({ object, owners, dependents }: GarbageState): readonly GarbageStep[] {
  const { finalizers = [], uid = "" } = object.metadata;
  if (isDeleting(object)) {
    if (finalizers.includes(orphanFinalizer)) return orphan(uid, dependents);
    if (finalizers.includes(foregroundFinalizer)) return foreground(object, dependents);
    return [];
  }
  if (owners.length === 0) return [];
  const withState = (state: OwnerState): readonly OwnerReference[] =>
    owners.filter((owner) => owner.state === state).map(({ reference }) => reference);
  const gone = [...withState("absent"), ...withState("waiting")];
  if (gone.length === 0) return [];
  if (gone.length < owners.length) {
    return [{ do: "remove owners", object, uids: gone.map((reference) => reference.uid) }];
  }
  // In a circle somebody has to go first: who waits already cannot be waited for.
  const isAwaited =
    withState("waiting").length > 0 && dependents.length > 0 && !dependents.some(waitsForDependents);
  return [{ do: "delete", object, propagation: isAwaited ? "Foreground" : propagationOf(object) }];
}

/** As the object's own finalizers say. */
function propagationOf({ metadata }: KubeObject): Propagation {
  if (metadata.finalizers?.includes(orphanFinalizer)) return "Orphan";
  return metadata.finalizers?.includes(foregroundFinalizer) ? "Foreground" : "Background";
}

function orphan(uid: string, dependents: readonly KubeObject[]): readonly GarbageStep[] {
  const freed = dependents.map((object) => ({ do: "remove owners", object, uids: [uid] }) as const);
  return [...freed, { do: "remove finalizer", finalizer: orphanFinalizer }];
}

function waitsForDependents(object: KubeObject): boolean {
  return isDeleting(object) && object.metadata.finalizers?.includes(foregroundFinalizer) === true;
}

/** The dependents go first; those that say so hold the owner until they are gone. Neither itself nor an owner of its own can hold it: they would wait for each other. */
function foreground(
  { metadata: { uid = "", ownerReferences = [] } }: KubeObject,
  dependents: readonly KubeObject[],
): readonly GarbageStep[] {
  const before = new Set([uid, ...ownerReferences.map((owner) => owner.uid)]);
  const isBlocking = ({ metadata }: KubeObject): boolean =>
    !before.has(metadata.uid ?? "") &&
    (metadata.ownerReferences ?? []).some((owner) => owner.uid === uid && owner.blockOwnerDeletion === true);
  if (!dependents.some(isBlocking)) return [{ do: "remove finalizer", finalizer: foregroundFinalizer }];
  // Each dependent has a look of its own, in which it sees that its owner waits.
  return [];
}
