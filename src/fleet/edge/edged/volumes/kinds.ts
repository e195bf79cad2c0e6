/** Which volumes of a pod are to be made, and of what kind each is. Pure. */
import { invalid, SampanError } from "../../../../base/errors.ts";
import type { Pod, Volume } from "../../../../spec/kubernetes/pod.ts";
import { shown } from "../pod-error.ts";
import { contentKind, type ContentKind } from "./contents.ts";
import { checkedLabel } from "./places.ts";

export type VolumeKind = ContentKind | "emptyDir" | "hostPath" | "persistentVolumeClaim";

const mostVolumes = 500;

/** Only those that a container mounts: what nobody uses need not be there. Errors: `invalid_argument`. */
export function usedVolumes({ spec }: Pod): Volume[] {
  const containers = [
    ...(spec.initContainers ?? []),
    ...spec.containers,
    ...(spec.ephemeralContainers ?? []),
  ];
  const used = new Set(
    containers.flatMap(({ volumeMounts = [], volumeDevices = [] }) =>
      [...volumeMounts, ...volumeDevices].map(({ name }) => name),
    ),
  );
  const volumes = spec.volumes ?? [];
  const names = volumes.map(({ name }) => checkedLabel("volume", name));
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw invalid(`cannot use volume ${shown(twice)}: there are two of that name`);
  if (volumes.length > mostVolumes)
    throw invalid(`cannot use ${volumes.length} volumes: wanted at most ${mostVolumes}`);
  const missing = [...used].find((name) => !names.includes(name));
  if (missing !== undefined)
    throw invalid(`cannot mount volume ${shown(missing)}: the pod has none of that name`);
  return volumes.filter(({ name }) => used.has(name));
}

/** Errors: `unimplemented`, naming what this node has no driver for; `invalid_argument` for none or several sources. */
export function volumeKind(volume: Volume): VolumeKind {
  const sources = Object.keys(volume).filter(
    (key) => key !== "name" && volume[key] !== undefined && volume[key] !== null,
  );
  const [source] = sources;
  if (source === undefined || sources.length > 1)
    throw invalid(`it has ${sources.length} sources, wanted one`);
  const kind = contentKind(volume);
  if (kind) return kind;
  if (source === "emptyDir" || source === "hostPath" || source === "persistentVolumeClaim") return source;
  throw new SampanError("unimplemented", `source ${shown(source)} is not supported on this node`);
}
