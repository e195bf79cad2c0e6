/** What is mounted into a container, as the engine takes it. Pure. */
import { posix } from "node:path";
import { invalid } from "../../../base/errors.ts";
import type { ContainerExtras } from "../../../engine/containers/extras.ts";
import type { Mount as EngineMount } from "../../../spec/docker/create.ts";
import { type Mount, MountPropagation } from "../../../wire/cri/cri_pb.ts";
import { rangesOf } from "../remap.ts";

/** Thousands would each cost the kernel a mount. */
const most = 1000;

const propagations: Readonly<Record<number, string>> = {
  [MountPropagation.PROPAGATION_PRIVATE]: "rprivate",
  [MountPropagation.PROPAGATION_HOST_TO_CONTAINER]: "rslave",
  [MountPropagation.PROPAGATION_BIDIRECTIONAL]: "rshared",
};

/** Of several at one place the last is taken, as it would lie on top. Errors: `invalid_argument`. */
export function mountsOf(mounts: readonly Mount[]): EngineMount[] {
  if (mounts.length > most) throw invalid(`cannot mount ${mounts.length} volumes: wanted at most ${most}`);
  const byPlace = new Map(mounts.map((mount) => [placeOf(mount), mount]));
  return [...byPlace].map(([place, mount]) =>
    mount.image?.image ? imageMount(mount, place) : bindMount(mount, place),
  );
}

/** Those whose owners are mapped, by their place. */
export function idmapsOf(mounts: readonly Mount[]): NonNullable<ContainerExtras["idmaps"]> {
  return Object.fromEntries(
    mounts.flatMap((mount) => {
      const { uidMappings, gidMappings } = mount;
      if (uidMappings.length + gidMappings.length === 0) return [];
      if (uidMappings.length === 0 || gidMappings.length === 0)
        throw invalid(
          `cannot mount at "${mount.containerPath}": it has mappings only of users, or only of groups`,
        );
      return [[placeOf(mount), { uids: rangesOf(uidMappings), gids: rangesOf(gidMappings) }]];
    }),
  );
}

function placeOf({ containerPath }: Mount): string {
  if (containerPath === "" || containerPath.includes("\0") || containerPath.length > 4095)
    throw invalid(`cannot mount at "${containerPath.slice(0, 150)}": wanted a place in the container`);
  return posix.join("/", containerPath).replace(/(?<=.)\/$/, "");
}

function imageMount({ image, imageSubPath, hostPath }: Mount, place: string): EngineMount {
  if (hostPath !== "") throw invalid(`cannot mount at "${place}": it is of an image and of the host`);
  return {
    Type: "image",
    Source: image?.image ?? "",
    Target: place,
    ReadOnly: true,
    ...(imageSubPath !== "" && { ImageOptions: { Subpath: imageSubPath } }),
  };
}

/** What is mounted below it stays writable, as Kubernetes has it, unless that is asked for. A folder that is not there is made. */
function bindMount(
  { hostPath, readonly, recursiveReadOnly, propagation }: Mount,
  place: string,
): EngineMount {
  const refuse = (why: string) => invalid(`cannot mount "${hostPath.slice(0, 150)}" at "${place}": ${why}`);
  const Propagation = propagations[propagation];
  if (!hostPath.startsWith("/")) throw refuse("wanted an absolute path of the host");
  if (Propagation === undefined) throw refuse(`there is no propagation ${String(propagation)}`);
  if (recursiveReadOnly && !readonly) throw refuse("recursive_read_only goes with readonly");
  if (recursiveReadOnly && propagation !== MountPropagation.PROPAGATION_PRIVATE)
    throw refuse("recursive_read_only goes with private propagation");
  return {
    Type: "bind",
    Source: hostPath,
    Target: place,
    ReadOnly: readonly,
    BindOptions: {
      Propagation,
      CreateMountpoint: true,
      ...(readonly &&
        (recursiveReadOnly ? { ReadOnlyForceRecursive: true } : { ReadOnlyNonRecursive: true })),
    },
  };
}
