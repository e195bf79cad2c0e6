/** The engine's images in the shapes of Docker's API. */
import type { Images, LocalImage } from "../../../engine/images/images.ts";
import type { ImageInspect, ImageSummary } from "../../../spec/docker/images.ts";
import { familiarName } from "../../../spec/image/reference.ts";
import type { ImageConfig } from "../../../spec/image/types.ts";

export interface SummaryOptions {
  /** How many there are by image id. */
  readonly containers: ReadonlyMap<string, number>;
  readonly version: number;
  /** What each platform's manifest is, when asked for. */
  readonly manifests?: (image: LocalImage) => readonly ManifestSummary[];
  readonly shared?: (image: LocalImage) => number;
}

/** As unpacked; before that as stored. */
function sizeOf(image: LocalImage): number {
  return image.unpackedSize || image.contentSize;
}

export function imageSummary(image: LocalImage, options: SummaryOptions): ImageSummary {
  const size = sizeOf(image);
  return {
    Id: image.id,
    ParentId: "",
    ...namesOf(image, options.version),
    Created: image.created ? Math.floor(image.created.getTime() / 1000) : 0,
    Size: size,
    SharedSize: options.shared?.(image) ?? -1,
    ...virtualSize(size, options.version),
    Labels: Object.keys(image.labels).length > 0 ? image.labels : null,
    Containers: options.containers.get(image.id) ?? 0,
    ...(options.version >= 48 ? { Descriptor: descriptorOf(image) } : {}),
    ...(options.manifests ? { Manifests: options.manifests(image) } : {}),
  };
}

/** Before 1.43 an image without a name had one that says so. */
function namesOf({ names, repoDigests }: LocalImage, version: number) {
  const none = version < 43 && names.length === 0;
  return {
    RepoTags: none ? ["<none>:<none>"] : names.map(familiarName),
    RepoDigests: none && repoDigests.length === 0 ? ["<none>@<none>"] : repoDigests.map(familiarName),
  };
}

function virtualSize(size: number, version: number): { VirtualSize?: number } {
  return version < 44 ? { VirtualSize: size } : {};
}

function descriptorOf({ target: { mediaType, digest, size } }: LocalImage) {
  return { mediaType, digest, size };
}

export interface InspectOptions {
  readonly config: ImageConfig;
  readonly driver: string;
  readonly version: number;
  readonly manifests?: readonly ManifestSummary[];
}

export function imageInspect(image: LocalImage, options: InspectOptions): ImageInspect & OlderFields {
  const { config, driver, version, manifests } = options;
  const size = sizeOf(image);
  return {
    Id: image.id,
    RepoTags: image.names.map(familiarName),
    RepoDigests: image.repoDigests.map(familiarName),
    Parent: "",
    Comment: config.history?.at(-1)?.comment ?? "",
    ...(config.created ? { Created: config.created } : { Created: "" }),
    // Gone from 1.45 on, but docker-compose 1.29, which asks for the newest version, ends without it when it makes a container again.
    ContainerConfig: { ...emptyConfig },
    ...(version < 45 ? { Container: "" } : {}),
    DockerVersion: "",
    Author: config.author ?? "",
    Config: version < 50 ? { ...emptyConfig, ...config.config } : { ...config.config },
    Architecture: image.platform.architecture,
    ...(image.platform.variant ? { Variant: image.platform.variant } : {}),
    Os: image.platform.os,
    Size: size,
    ...virtualSize(size, version),
    GraphDriver: { Data: {}, Name: driver },
    RootFS: { Type: "layers", Layers: image.layers.map(({ diffId }) => diffId) },
    Metadata: { LastTagTime: image.stored.toISOString() },
    ...(version >= 48 ? { Descriptor: descriptorOf(image) } : {}),
    ...(manifests ? { Manifests: manifests } : {}),
  };
}

/** Fields that clients of their time look for. */
export interface OlderFields {
  readonly DockerVersion: string;
  readonly VirtualSize?: number;
  readonly Container?: string;
  readonly ContainerConfig?: Readonly<Record<string, unknown>>;
  readonly Manifests?: readonly ManifestSummary[];
}

/** What dockerd says for fields of a container that an image does not have; until 1.50. */
const emptyConfig = {
  Hostname: "",
  Domainname: "",
  User: "",
  AttachStdin: false,
  AttachStdout: false,
  AttachStderr: false,
  Tty: false,
  OpenStdin: false,
  StdinOnce: false,
  Env: null,
  Cmd: null,
  Image: "",
  Volumes: null,
  WorkingDir: "",
  Entrypoint: null,
  OnBuild: null,
  Labels: null,
} as const;

/** One platform of a record, as `manifests` of list and inspect has it. */
export type ManifestSummary = Readonly<Record<string, unknown>>;

/** Of each platform that is here. `containers`: ids by image id. */
export function manifestsOf(
  images: Pick<Images, "platforms">,
  image: LocalImage,
  containers: ReadonlyMap<string, readonly string[]>,
): ManifestSummary[] {
  return images
    .platforms(image.target.digest)
    .map(({ id, manifest, platform, contentSize, unpackedSize }) => ({
      ID: manifest.digest,
      Descriptor: { mediaType: manifest.mediaType, digest: manifest.digest, size: manifest.size, platform },
      Available: true,
      Size: { Content: contentSize, Total: contentSize + unpackedSize },
      Kind: "image",
      ImageData: {
        Platform: platform,
        Containers: containers.get(id) ?? [],
        Size: { Unpacked: unpackedSize },
      },
    }));
}
