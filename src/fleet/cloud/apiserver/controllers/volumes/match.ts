/** Which volume is a claim's best. Source: https://kubernetes.io/docs/concepts/storage/persistent-volumes/#binding */
import type { Claim, Node, PersistentVolume, StorageClass } from "../kinds.ts";
import { nanoOf, unitsOf } from "../../../../../spec/kubernetes/quantity.ts";
import { compare, isDeleting } from "../references.ts";
import { nodeSelectorMatches, selects } from "../selectors.ts";

/** The annotation by which the scheduler tells a claim the node of its first consumer. */
export const selectedNode = "volume.kubernetes.io/selected-node";

interface Classes {
  readonly storageClass: (name: string) => StorageClass | undefined;
}

function classOf(claim: Claim, { storageClass }: Classes): StorageClass | undefined {
  const name = claim.spec.storageClassName ?? "";
  return name === "" ? undefined : storageClass(name);
}

/** The claim is bound only when a pod that uses it has a node. */
export function isWaiting(claim: Claim, classes: Classes): boolean {
  return classOf(claim, classes)?.volumeBindingMode === "WaitForFirstConsumer";
}

/** Somebody makes volumes for this claim. */
export function hasProvisioner(claim: Claim, classes: Classes): boolean {
  const provisioner = classOf(claim, classes)?.provisioner;
  return provisioner !== undefined && provisioner !== "kubernetes.io/no-provisioner";
}

export function isBoundTo(volume: PersistentVolume, claim: Claim): boolean {
  const { claimRef } = volume.spec;
  if (!claimRef || claimRef.name !== claim.metadata.name) return false;
  if (claimRef.namespace !== claim.metadata.namespace) return false;
  return claimRef.uid === undefined || claimRef.uid === "" || claimRef.uid === claim.metadata.uid;
}

/** Large enough, of the class, with the modes, and chosen by the selector. */
export function isSuitable(volume: PersistentVolume, claim: Claim): boolean {
  const { spec } = volume;
  const wanted = nanoOf(claim.spec.resources?.requests?.["storage"]);
  const modes = spec.accessModes ?? [];
  return (
    !isDeleting(volume) &&
    (spec.storageClassName ?? "") === (claim.spec.storageClassName ?? "") &&
    (spec.volumeMode ?? "Filesystem") === (claim.spec.volumeMode ?? "Filesystem") &&
    nanoOf(spec.capacity?.["storage"]) >= wanted &&
    (claim.spec.accessModes ?? []).every((mode) => modes.includes(mode)) &&
    (claim.spec.selector === undefined || selects(claim.spec.selector, volume.metadata.labels))
  );
}

/** The volume that was reserved for the claim, else the smallest free one that is suitable. With a node only what that node can reach. */
export function bestVolume(
  claim: Claim,
  volumes: readonly PersistentVolume[],
  node?: Node,
): PersistentVolume | undefined {
  const wanted = claim.spec.volumeName ?? "";
  const candidates = volumes.filter((volume) => {
    if (wanted !== "" && volume.metadata.name !== wanted) return false;
    const required = volume.spec.nodeAffinity?.required;
    if (node && required && !nodeSelectorMatches(required, node)) return false;
    return isBoundTo(volume, claim) || (!volume.spec.claimRef && isSuitable(volume, claim) && isFree(volume));
  });
  const size = (volume: PersistentVolume): number => unitsOf(volume.spec.capacity?.["storage"]);
  return candidates.toSorted(
    (a, b) =>
      Number(isBoundTo(b, claim)) - Number(isBoundTo(a, claim)) ||
      size(a) - size(b) ||
      compare(a.metadata.name, b.metadata.name),
  )[0];
}

function isFree(volume: PersistentVolume): boolean {
  const phase = volume.status?.phase ?? "Pending";
  return phase === "Available" || phase === "Pending";
}
