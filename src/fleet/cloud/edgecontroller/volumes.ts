/** Claims and the volumes that they are bound to. https://kubernetes.io/docs/concepts/storage/persistent-volumes/#binding */
import type { KubeObject } from "../../../spec/kubernetes/kube.ts";
import type { Store } from "../informer/store.ts";
import type { Reference } from "./inventory.ts";

interface ClaimRef {
  readonly namespace?: unknown;
  readonly name?: unknown;
  readonly uid?: unknown;
}

function claimRefOf(volume: KubeObject | undefined): ClaimRef | undefined {
  return (volume?.["spec"] as { readonly claimRef?: ClaimRef } | undefined)?.claimRef;
}

/** The claim that a volume says it is for. */
export function claimOf(volume: KubeObject | undefined): Reference | undefined {
  const { namespace, name } = claimRefOf(volume) ?? {};
  return typeof namespace === "string" && typeof name === "string"
    ? { resource: "persistentvolumeclaims", namespace, name }
    : undefined;
}

/** Whether both say so: a volume that a claim of the same name had before is another's. */
export function areBound(volume: KubeObject, claim: KubeObject): boolean {
  const { namespace, name, uid } = claimRefOf(volume) ?? {};
  const { volumeName } = (claim["spec"] ?? {}) as { readonly volumeName?: unknown };
  const { metadata } = claim;
  const isFor = namespace === metadata.namespace && name === metadata.name;
  return isFor && (!uid || uid === metadata.uid) && volumeName === volume.metadata.name;
}

/** The volume of a claim, if it is bound to one. */
export function volumeOf(volumes: Store, claim: KubeObject): KubeObject | undefined {
  const { volumeName } = (claim["spec"] ?? {}) as { readonly volumeName?: unknown };
  const volume = typeof volumeName === "string" ? volumes.get(undefined, volumeName) : undefined;
  return volume && areBound(volume, claim) ? volume : undefined;
}
