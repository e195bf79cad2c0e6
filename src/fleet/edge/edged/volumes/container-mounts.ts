/** The mounts and devices of one container, from the volumes of its pod. */
import { SampanError } from "../../../../base/errors.ts";
import type { Container, Pod, VolumeMount } from "../../../../spec/kubernetes/pod.ts";
import { expand, variablesOf } from "../environment.ts";
import { PodError, shown } from "../pod-error.ts";
import type { ContainerInput, MountedVolumes, PodVolumes } from "../translate.ts";
import { statsOf } from "./host-path.ts";
import { checkedSubPath } from "./sub-path.ts";

export interface ContainerMounts {
  readonly pod: Pod;
  readonly container: Container;
  readonly volumes: Pick<PodVolumes, "subPath">;
  readonly mounted: MountedVolumes;
  /** subPathExpr takes its variables from it. */
  readonly environment: readonly string[];
}

const most = 1000;

const refused = (text: string) => new PodError("CreateContainerConfigError", text);

/** Sub-paths are pinned. Errors: PodError `CreateContainerConfigError`, and those of PodVolumes.subPath. */
export async function containerMounts(
  asked: ContainerMounts,
): Promise<Pick<ContainerInput, "mounts" | "devices">> {
  const { container } = asked;
  const wanted = container.volumeMounts ?? [];
  if (wanted.length > most)
    throw refused(
      `cannot mount ${wanted.length} volumes in container ${shown(container.name)}: wanted at most ${most}`,
    );
  const mounts: ContainerInput["mounts"][number][] = [];
  for (const [index, mount] of wanted.entries()) mounts.push(await mountOf(asked, mount, index));
  const devices: ContainerInput["devices"][number][] = [];
  for (const { name, devicePath } of container.volumeDevices ?? [])
    devices.push({ source: await deviceOf(asked, name), target: devicePath });
  return { mounts, devices };
}

function placeOf({ mounted, container }: ContainerMounts, name: string): string {
  const place = mounted.paths.get(name);
  if (place === undefined)
    throw refused(
      `cannot mount volume ${shown(name)} in container ${shown(container.name)}: the pod has none of that name`,
    );
  return place;
}

async function mountOf(
  asked: ContainerMounts,
  mount: VolumeMount,
  index: number,
): Promise<ContainerInput["mounts"][number]> {
  const { pod, container, volumes, mounted } = asked;
  const whole = placeOf(asked, mount.name);
  const path = subPathOf(asked, mount);
  const source =
    path === undefined
      ? whole
      : await volumes.subPath(pod, { container: container.name, volume: mount.name, path, index });
  return {
    source,
    target: mount.mountPath,
    readOnly: mount.readOnly === true || mounted.readOnly.has(mount.name),
    ...(mount.mountPropagation !== undefined && { propagation: mount.mountPropagation }),
  };
}

function subPathOf(
  { environment, container }: ContainerMounts,
  { subPath, subPathExpr }: VolumeMount,
): string | undefined {
  if (!subPathExpr) return subPath || undefined;
  const values = variablesOf(environment);
  const missing: string[] = [];
  const path = expand(subPathExpr, (name) => {
    const value = values.get(name);
    if (value === undefined) missing.push(name);
    return value;
  });
  if (missing.length > 0 || path === "")
    throw refused(
      `cannot use subPathExpr ${shown(subPathExpr)} of container ${shown(container.name)}: ${missing.length > 0 ? `there is no variable ${shown(missing[0])}` : "it is empty"}`,
    );
  try {
    checkedSubPath(path);
  } catch (error) {
    throw PodError.of("CreateContainerConfigError", error);
  }
  return path;
}

async function deviceOf(asked: ContainerMounts, name: string): Promise<string> {
  const place = placeOf(asked, name);
  const found = await statsOf(place).catch((error: unknown) => {
    throw SampanError.wrap(`cannot look at the device of volume ${shown(name)}`, error);
  });
  if (found?.isBlockDevice()) return place;
  throw refused(
    `cannot give volume ${shown(name)} as a device: it is none, wanted a volume whose volumeMode is Block`,
  );
}
