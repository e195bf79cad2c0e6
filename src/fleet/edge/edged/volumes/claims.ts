/** persistentVolumeClaim: the claim, the volume that it is bound to, and that volume's place on this node: `local` or `hostPath`. */
import { SampanError } from "../../../../base/errors.ts";
import type { KubeObject } from "../../../../spec/kubernetes/kube.ts";
import type { NodeSelector, Pod, Volume } from "../../../../spec/kubernetes/pod.ts";
import { shown } from "../pod-error.ts";
import type { ContentSources } from "./contents.ts";
import { hostPath } from "./host-path.ts";
import { isOnNode } from "./node-selector.ts";

interface ClaimSpec {
  readonly volumeName?: string;
}

interface VolumeSpec {
  readonly claimRef?: { readonly namespace?: string; readonly name?: string; readonly uid?: string };
  readonly accessModes?: readonly string[];
  readonly volumeMode?: string;
  readonly nodeAffinity?: { readonly required?: NodeSelector };
  readonly local?: { readonly path: string };
  readonly hostPath?: { readonly path: string; readonly type?: string };
  readonly [source: string]: unknown;
}

export interface Claimed {
  readonly path: string;
  readonly readOnly: boolean;
  /** The path is a device's node, for volumeDevices. */
  readonly isBlock: boolean;
  /** A hostPath's owners are the host's. */
  readonly ownsFiles: boolean;
}

const refused = (text: string) => new SampanError("failed_precondition", text);

/** Errors: `not_found`, `unavailable`, `failed_precondition` where it is not bound, not to this pod's claim, or not on this node. */
export async function claimed(
  pod: Pod,
  { claimName, readOnly = false }: NonNullable<Volume["persistentVolumeClaim"]>,
  sources: Pick<ContentSources, "meta" | "node" | "signal">,
): Promise<Claimed> {
  const { meta, node, signal } = sources;
  const namespace = pod.metadata.namespace ?? "default";
  const claim = await meta.fetch({ namespace, type: "persistentvolumeclaim", name: claimName }, signal);
  const { volumeName } = (claim["spec"] ?? {}) as ClaimSpec;
  const phase = (claim["status"] as { phase?: string } | undefined)?.phase;
  if (!volumeName || (phase !== undefined && phase !== "Bound"))
    throw refused(`claim ${shown(claimName)} is not bound to a volume`);
  const volume = await meta.fetch({ type: "persistentvolume", name: volumeName }, signal);
  const spec = (volume["spec"] ?? {}) as VolumeSpec;
  checkBound(claim, volumeName, spec);
  const required = spec.nodeAffinity?.required;
  if (required && !isOnNode(required, node.name, node.node()))
    throw refused(`volume ${shown(volumeName)} is not for this node, by its nodeAffinity`);
  const isBlock = spec.volumeMode === "Block";
  const modes = spec.accessModes ?? [];
  return {
    path: await placeOf(volumeName, spec, { isBlock, signal }),
    readOnly: readOnly || (modes.length > 0 && modes.every((mode) => mode === "ReadOnlyMany")),
    isBlock,
    ownsFiles: spec.local !== undefined && !isBlock,
  };
}

/** Both must say so: a claim alone could name any volume. */
function checkBound({ metadata }: KubeObject, volume: string, { claimRef }: VolumeSpec): void {
  const isSame =
    claimRef?.name === metadata.name &&
    claimRef?.namespace === (metadata.namespace ?? "default") &&
    (!claimRef?.uid || claimRef.uid === metadata.uid);
  if (!isSame) throw refused(`volume ${shown(volume)} is not bound to claim ${shown(metadata.name)}`);
}

const others =
  /^(?:capacity|accessModes|claimRef|persistentVolumeReclaimPolicy|storageClassName|mountOptions|volumeMode|nodeAffinity|volumeAttributesClassName)$/;

async function placeOf(
  name: string,
  spec: VolumeSpec,
  { isBlock, signal }: { readonly isBlock: boolean; readonly signal: AbortSignal },
): Promise<string> {
  const { local } = spec;
  const asked = local ? { path: local.path, type: isBlock ? "BlockDevice" : "Directory" } : spec.hostPath;
  if (!asked) {
    const source = Object.keys(spec).find((key) => !others.test(key)) ?? "none";
    throw new SampanError(
      "unimplemented",
      `volume ${shown(name)} has source ${shown(source)}, which is not supported on this node: wanted local or hostPath`,
    );
  }
  return await hostPath(isBlock ? { ...asked, type: "BlockDevice" } : asked, signal);
}
