/** What is mounted into a container, in Docker's shape. */
import { join, posix } from "node:path";
import type { ContainerInfo } from "../../../engine/containers/containers.ts";
import type { VolumeMount } from "../../../engine/containers/volumes.ts";
import type { LiveEngine } from "../../../engine/engine.ts";

type Parts = Pick<LiveEngine, "store">;

export interface MountPoint {
  readonly Type: string;
  readonly Name?: string;
  readonly Source: string;
  readonly Destination: string;
  readonly Driver?: string;
  readonly Mode: string;
  readonly RW: boolean;
  readonly Propagation: string;
}

/** A tmpfs that was asked for by `--tmpfs` stands in HostConfig alone, as with dockerd. */
export function mountPoints(
  { store }: Parts,
  { volumes, body }: Pick<ContainerInfo, "volumes" | "body">,
): MountPoint[] {
  const bare = Object.keys(body.HostConfig?.Tmpfs ?? {}).map((path) => posix.join("/", path));
  return volumes
    .filter(({ kind, destination }) => kind !== "tmpfs" || !bare.includes(destination))
    .map((volume) => ({
      Type: volume.kind,
      ...(volume.kind === "volume" ? { Name: volume.source, Driver: "local" } : {}),
      Source: sourceOf(store.root, volume),
      Destination: volume.destination,
      Mode: volume.mode ?? (volume.readonly ? "ro" : volume.kind === "volume" ? "z" : ""),
      RW: !volume.readonly,
      Propagation: volume.kind === "bind" ? volume.propagation : "",
    }));
}

function sourceOf(root: string, { kind, source }: VolumeMount): string {
  return kind === "volume" ? join(root, "volumes", source, "_data") : source;
}
