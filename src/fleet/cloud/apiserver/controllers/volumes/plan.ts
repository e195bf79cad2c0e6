/** Which claim and which volume belong together. Source: https://kubernetes.io/docs/concepts/storage/persistent-volumes/#lifecycle-of-a-volume-and-claim */
import type { Claim, Node, PersistentVolume, StorageClass } from "../kinds.ts";
import { isDeleting } from "../references.ts";
import { bestVolume, hasProvisioner, isBoundTo, isSuitable, isWaiting, selectedNode } from "./match.ts";

export interface ClaimState {
  readonly claim: Claim;
  readonly volumes: readonly PersistentVolume[];
  readonly storageClass: (name: string) => StorageClass | undefined;
  readonly node: (name: string) => Node | undefined;
}

export type ClaimStep =
  /** The volume's claimRef names the claim, with its uid. */
  | { readonly do: "reserve"; readonly volume: PersistentVolume }
  /** The claim names the volume, and both say that they are bound. */
  | { readonly do: "bind"; readonly volume: PersistentVolume }
  | { readonly do: "phase"; readonly phase: "Pending" | "Lost" }
  | { readonly do: "say"; readonly reason: string; readonly message: string };

export function planClaim(state: ClaimState): readonly ClaimStep[] {
  const { claim, volumes } = state;
  if (isDeleting(claim)) return [];
  const { volumeName = "" } = claim.spec;
  const isBound = claim.metadata.annotations?.[boundAnnotation] !== undefined;
  if (volumeName !== "" && isBound) return planBound(claim, volumes);
  const chosen = choose(state);
  if (!("volume" in chosen)) return [...chosen.steps, ...inPhase(claim, "Pending")];
  return planBinding(claim, chosen.volume);
}

/** Says that the claim and the volume found each other, and not only that one was asked for by name. */
export const boundAnnotation = "pv.kubernetes.io/bind-completed";

function planBinding(claim: Claim, volume: PersistentVolume): readonly ClaimStep[] {
  const isReserved = isBoundTo(volume, claim) && volume.spec.claimRef?.uid === claim.metadata.uid;
  return [...(isReserved ? [] : [{ do: "reserve", volume } as const]), { do: "bind", volume }];
}

function planBound(claim: Claim, volumes: readonly PersistentVolume[]): readonly ClaimStep[] {
  const volume = volumes.find(({ metadata }) => metadata.name === claim.spec.volumeName);
  if (!volume || (volume.spec.claimRef && !isBoundTo(volume, claim))) {
    const steps = inPhase(claim, "Lost");
    if (steps.length === 0) return [];
    const message = volume
      ? "Bound claim has its PersistentVolume bound to another claim. Data on the volume is lost!"
      : "Bound claim has lost its PersistentVolume. Data on the volume is lost!";
    return [...steps, { do: "say", reason: "ClaimLost", message }];
  }
  const isDone = claim.status?.phase === "Bound" && volume.spec.claimRef?.uid === claim.metadata.uid;
  return isDone && volume.status?.phase === "Bound" ? [] : planBinding(claim, volume);
}

function inPhase(claim: Claim, phase: "Pending" | "Lost"): readonly ClaimStep[] {
  return claim.status?.phase === phase ? [] : [{ do: "phase", phase }];
}

function choose(state: ClaimState): { volume: PersistentVolume } | { steps: readonly ClaimStep[] } {
  const { claim, volumes, node } = state;
  const { volumeName = "" } = claim.spec;
  if (volumeName !== "") {
    const wanted = volumes.find(({ metadata }) => metadata.name === volumeName);
    if (!wanted) return { steps: [] };
    if (isBoundTo(wanted, claim)) return { volume: wanted };
    if (wanted.spec.claimRef) {
      const message = `volume "${volumeName}" already bound to a different claim.`;
      return { steps: [{ do: "say", reason: "FailedBinding", message }] };
    }
    if (isSuitable(wanted, claim)) return { volume: wanted };
    const message = `Cannot bind to requested volume "${volumeName}": it does not fit the claim`;
    return { steps: [{ do: "say", reason: "VolumeMismatch", message }] };
  }
  const selected = claim.metadata.annotations?.[selectedNode];
  const consumer = selected === undefined ? undefined : node(selected);
  if (isWaiting(claim, state) && !consumer) {
    const reserved = volumes.find((volume) => isBoundTo(volume, claim));
    if (reserved) return { volume: reserved };
    const message = "waiting for first consumer to be created before binding";
    return { steps: [{ do: "say", reason: "WaitForFirstConsumer", message }] };
  }
  const volume = bestVolume(claim, volumes, consumer);
  if (volume) return { volume };
  const message = "no persistent volumes available for this claim and no storage class is set";
  const provisioner = state.storageClass(claim.spec.storageClassName ?? "")?.provisioner ?? "";
  if (!hasProvisioner(claim, state)) return { steps: [{ do: "say", reason: "FailedBinding", message }] };
  const waiting = `Waiting for a volume to be created either by the external provisioner '${provisioner}' or manually by the system administrator.`;
  return { steps: [{ do: "say", reason: "ExternalProvisioning", message: waiting }] };
}

export type VolumeStep =
  | {
      readonly do: "phase";
      readonly phase: "Available" | "Bound" | "Released" | "Failed";
      readonly message?: string;
    }
  /** The claim was reserved by name alone or is gone for good, and the volume is to be used again. */
  | { readonly do: "free" };

/** What the volume itself says. `claim` is the one that its claimRef names, if that is there. */
export function planVolume(volume: PersistentVolume, claim: Claim | undefined): readonly VolumeStep[] {
  const { claimRef, persistentVolumeReclaimPolicy = "Retain" } = volume.spec;
  const inPhaseOf = (phase: "Available" | "Bound" | "Released"): readonly VolumeStep[] =>
    volume.status?.phase === phase ? [] : [{ do: "phase", phase }];
  if (!claimRef) return inPhaseOf("Available");
  const isReservation = claimRef.uid === undefined || claimRef.uid === "";
  if (claim && isBoundTo(volume, claim)) {
    return isReservation ? inPhaseOf("Available") : boundPhase(volume, claim);
  }
  if (isReservation) return inPhaseOf("Available");
  if (persistentVolumeReclaimPolicy === "Retain") return inPhaseOf("Released");
  if (volume.status?.phase === "Failed") return [];
  const message = `${persistentVolumeReclaimPolicy} is not done for volumes that nobody provisioned`;
  return [...inPhaseOf("Released"), { do: "phase", phase: "Failed", message }];
}

function boundPhase(volume: PersistentVolume, claim: Claim): readonly VolumeStep[] {
  const { volumeName = "" } = claim.spec;
  // The claim went to another volume: this one was reserved for nothing.
  if (volumeName !== "" && volumeName !== volume.metadata.name) return [{ do: "free" }];
  return volumeName === "" || volume.status?.phase === "Bound" ? [] : [{ do: "phase", phase: "Bound" }];
}
