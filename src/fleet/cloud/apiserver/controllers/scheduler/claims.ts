/** What a pod's volume claims say of the nodes that it can go to. Source: https://kubernetes.io/docs/concepts/storage/persistent-volumes/ and storage-classes/#volume-binding-mode */
import type { Claim, Pod } from "../kinds.ts";
import { nodeSelectorMatches } from "../selectors.ts";
import { bestVolume, isWaiting, hasProvisioner } from "../volumes/match.ts";
import type { Cluster, NodeFilter, NodeInfo, VolumeView } from "./cluster.ts";

export function claimsOf(pod: Pod): readonly string[] {
  return (pod.spec.volumes ?? []).flatMap((volume) => {
    if (volume.persistentVolumeClaim) return [volume.persistentVolumeClaim.claimName];
    return volume.ephemeral === undefined ? [] : [`${pod.metadata.name ?? ""}-${volume.name}`];
  });
}

/** Why no node at all will do, for now. */
export function claimRefusal(pod: Pod, { volumes }: Cluster): string | undefined {
  for (const name of claimsOf(pod)) {
    const claim = volumes.claim(pod.metadata.namespace ?? "", name);
    if (!claim) return `persistentvolumeclaim "${name}" not found`;
    if (claim.metadata.deletionTimestamp !== undefined)
      return `persistentvolumeclaim "${name}" is being deleted`;
    if (claim.status?.phase === "Lost") {
      return `persistentvolumeclaim "${name}" bound to non-existent persistentvolume "${claim.spec.volumeName ?? ""}"`;
    }
    if (!isBound(claim) && !isWaiting(claim, volumes))
      return "pod has unbound immediate PersistentVolumeClaims";
  }
  return undefined;
}

export function volumeFilter(pod: Pod, { volumes }: Cluster): NodeFilter {
  const claims = claimsOf(pod).flatMap((name) => volumes.claim(pod.metadata.namespace ?? "", name) ?? []);
  return (at) => refusalFor(claims, at, volumes);
}

function refusalFor(claims: readonly Claim[], at: NodeInfo, volumes: VolumeView): string | undefined {
  const taken = new Set<string>();
  for (const claim of claims) {
    const refusal = isBound(claim)
      ? boundRefusal(claim, at, volumes)
      : waitingRefusal(claim, at, volumes, taken);
    if (refusal !== undefined) return refusal;
  }
  return undefined;
}

/** The claims that have to learn the node before the pod can be bound to it. */
export function claimsToTell(pod: Pod, { volumes }: Cluster): readonly Claim[] {
  return claimsOf(pod)
    .map((name) => volumes.claim(pod.metadata.namespace ?? "", name))
    .filter((claim) => claim !== undefined)
    .filter((claim) => !isBound(claim));
}

function isBound(claim: Claim): boolean {
  return (
    claim.status?.phase === "Bound" && claim.spec.volumeName !== undefined && claim.spec.volumeName !== ""
  );
}

function boundRefusal(claim: Claim, at: NodeInfo, volumes: VolumeView): string | undefined {
  const volume = volumes.volume(claim.spec.volumeName ?? "");
  if (!volume) return "node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)";
  const required = volume.spec.nodeAffinity?.required;
  if (!required || nodeSelectorMatches(required, at.node)) return undefined;
  return "node(s) had volume node affinity conflict";
}

function waitingRefusal(
  claim: Claim,
  at: NodeInfo,
  volumes: VolumeView,
  taken: Set<string>,
): string | undefined {
  const free = volumes.volumes().filter((volume) => !taken.has(volume.metadata.name ?? ""));
  const volume = bestVolume(claim, free, at.node);
  if (volume) {
    taken.add(volume.metadata.name ?? "");
    return undefined;
  }
  if (hasProvisioner(claim, volumes)) return undefined;
  return "node(s) didn't find available persistent volumes to bind";
}
