/** The engine's images in the shapes of Docker's API. */
import type { LocalImage } from "../../engine/images/images.ts";
import type { ImageInspect, ImageSummary } from "../../spec/docker/images.ts";
import { familiarName } from "../../spec/image/reference.ts";
import type { ImageConfig } from "../../spec/image/types.ts";

function unixSeconds(time: Date | undefined): number {
  return time ? Math.floor(time.getTime() / 1000) : 0;
}

/** As unpacked; before that as stored. */
function sizeOf(image: LocalImage): number {
  return image.unpackedSize || image.contentSize;
}

/** `containers`: how many there are by image id. */
export function imageSummary(image: LocalImage, containers: ReadonlyMap<string, number>): ImageSummary {
  return {
    Id: image.id,
    ParentId: "",
    RepoTags: image.names.map(familiarName),
    RepoDigests: image.repoDigests.map(familiarName),
    Created: unixSeconds(image.created),
    Size: sizeOf(image),
    SharedSize: -1,
    Labels: Object.keys(image.labels).length > 0 ? image.labels : null,
    Containers: containers.get(image.id) ?? 0,
  };
}

export function imageInspect(image: LocalImage, config: ImageConfig, driver: string): ImageInspect {
  return {
    Id: image.id,
    RepoTags: image.names.map(familiarName),
    RepoDigests: image.repoDigests.map(familiarName),
    Parent: "",
    Comment: config.history?.at(-1)?.comment ?? "",
    Created: config.created ?? "",
    Author: config.author ?? "",
    Config: { ...config.config },
    Architecture: image.platform.architecture,
    ...(image.platform.variant ? { Variant: image.platform.variant } : {}),
    Os: image.platform.os,
    Size: sizeOf(image),
    GraphDriver: { Name: driver, Data: {} },
    RootFS: { Type: "layers", Layers: image.layers.map(({ diffId }) => diffId) },
    Metadata: { LastTagTime: image.stored.toISOString() },
    Descriptor: {
      mediaType: image.target.mediaType,
      digest: image.target.digest,
      size: image.target.size,
    },
  };
}
