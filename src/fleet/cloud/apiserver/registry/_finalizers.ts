/** What keeps an object that is to be deleted. */
import type { KubeObject } from "../../../../spec/kubernetes/kube.ts";

export const orphanFinalizer = "orphan";
export const foregroundFinalizer = "foregroundDeletion";

/** Finalizers of any kind, and those of a namespace's own list. */
export function isHeld(object: KubeObject): boolean {
  if ((object.metadata.finalizers ?? []).length > 0) return true;
  if (object.kind !== "Namespace" || object.apiVersion !== "v1") return false;
  const spec = object["spec"] as { finalizers?: readonly string[] } | undefined;
  return (spec?.finalizers ?? []).length > 0;
}

/** The finalizers after a deletion with a policy: the garbage collector takes its own away when it is done. */
export function finalizersFor(
  finalizers: readonly string[],
  policy: "Orphan" | "Background" | "Foreground" | undefined,
): string[] {
  if (policy === undefined) return [...finalizers];
  const others = finalizers.filter((each) => each !== orphanFinalizer && each !== foregroundFinalizer);
  if (policy === "Orphan") return [...others, orphanFinalizer];
  return policy === "Foreground" ? [...others, foregroundFinalizer] : others;
}
