/** The image of a container: here, or pulled with the pod's secrets. Secrets are in memory alone, and in no message. */
import { SampanError } from "../../../base/errors.ts";
import type { Credentials } from "../../../engine/registry/docker-config.ts";
import { ensureUnpacked, type EnsureParts } from "../../../engine/images/ensure.ts";
import type { LocalImage, OnProgress } from "../../../engine/images/images.ts";
import { pull, type PullParts } from "../../../engine/images/pull.ts";
import { parseReference, repositoryName, type Reference } from "../../../spec/image/reference.ts";
import type { KubeObject } from "../../../spec/kubernetes/kube.ts";
import type { Container, Pod } from "../../../spec/kubernetes/pod.ts";
import type { Meta } from "../meta/meta.ts";
import { PodError, shown } from "./pod-error.ts";
import { credentialsFor } from "./pull-secrets.ts";

export type PullPolicy = "Always" | "IfNotPresent" | "Never";

export interface ImageWish {
  readonly container: Pick<Container, "name" | "image" | "imagePullPolicy">;
  /** Of pullSecrets. */
  readonly secrets: readonly KubeObject[];
  readonly signal: AbortSignal;
  readonly onProgress?: OnProgress;
  /** Is told what is passed over. */
  readonly warn?: (text: string) => void;
}

export interface EnsuredImage {
  /** For the create body. */
  readonly id: string;
  /** `docker.io/library/alpine@sha256:…` where the registry is known, otherwise the id: a status's imageID. */
  readonly imageID: string;
  /** USER of its configuration. */
  readonly user: string;
  readonly pulled: boolean;
}

/** Always for `latest`, which moves; a digest or another tag is taken as it is here. */
export function pullPolicy({ image, imagePullPolicy }: ImageWish["container"]): PullPolicy {
  if (imagePullPolicy === "Always" || imagePullPolicy === "IfNotPresent" || imagePullPolicy === "Never")
    return imagePullPolicy;
  const { tag, digest } = referenceOf(image);
  return digest === undefined && tag === "latest" ? "Always" : "IfNotPresent";
}

function referenceOf(image: string): Reference {
  try {
    return parseReference(image);
  } catch (error) {
    throw new PodError(
      "InvalidImageName",
      `Failed to apply default image tag ${shown(image)}: ${SampanError.from(error).message}`,
      {
        cause: error,
      },
    );
  }
}

/** Unpacked and ready for a container. Errors: PodError `InvalidImageName`, `ErrImageNeverPull`, `ErrImagePull`, `ImageInspectError`. */
export async function ensureImage(engine: PullParts & EnsureParts, wish: ImageWish): Promise<EnsuredImage> {
  const { container, signal } = wish;
  const reference = referenceOf(container.image);
  const policy = pullPolicy(container);
  const here = engine.images.find(container.image);
  if (!here && policy === "Never")
    throw new PodError(
      "ErrImageNeverPull",
      `Container image ${shown(container.image)} is not present with pull policy of Never`,
    );
  const pulled =
    !here || policy === "Always" ? await pulledImage(engine, { ...wish, reference, here }) : undefined;
  const image = pulled ?? here;
  if (!image)
    throw new PodError("ErrImagePull", `cannot pull image ${shown(container.image)}: it is gone again`);
  try {
    await ensureUnpacked(engine, image, { signal });
    const { config } = await engine.images.config(image);
    return {
      id: image.id,
      imageID: image.repoDigests.find((name) => name.startsWith(`${repositoryName(reference)}@`)) ?? image.id,
      user: config?.User ?? "",
      pulled: pulled !== undefined,
    };
  } catch (error) {
    throw PodError.of("ImageInspectError", error);
  }
}

interface Pulling extends ImageWish {
  readonly reference: Reference;
  readonly here: LocalImage | undefined;
}

/** What a registry that answers has refused is refused; while none can be reached, an image that is here serves on. */
const unreachable = ["unavailable", "deadline_exceeded"];

async function pulledImage(engine: PullParts, wish: Pulling): Promise<LocalImage | undefined> {
  const { container, reference, here, signal, onProgress, warn } = wish;
  const keys: (Credentials | undefined)[] = credentialsFor(reference, wish.secrets, warn);
  let last: unknown;
  for (const credentials of keys.length > 0 ? keys : [undefined]) {
    const registries = credentials
      ? engine.registries.as(reference.registry, credentials)
      : engine.registries;
    try {
      const options = { signal, ...(onProgress && { onProgress }) };
      return (await pull(withRegistries(engine, registries), container.image, options)).image;
    } catch (error) {
      last = error;
      const { code, message } = SampanError.from(error);
      if (here && unreachable.includes(code)) {
        warn?.(`image ${shown(container.image)} is taken as it is here: ${message}`);
        return undefined;
      }
      if (code !== "unauthenticated" && code !== "permission_denied" && code !== "not_found") break;
    }
  }
  throw PodError.of("ErrImagePull", last);
}

function withRegistries(engine: PullParts, registries: PullParts["registries"]): PullParts {
  const { settings, store, content, leases, gc, snapshots, unpacker, images, events } = engine;
  const parts = { settings, store, content, leases, gc, snapshots, unpacker, images, registries };
  return events ? { ...parts, events } : parts;
}

/** imagePullSecrets as far as they are to be had; another may do, or the image needs none. */
export async function pullSecrets(
  pod: Pod,
  { meta, signal, warn }: { meta: Pick<Meta, "fetch">; signal: AbortSignal; warn?: (text: string) => void },
): Promise<KubeObject[]> {
  const namespace = pod.metadata.namespace ?? "default";
  const names = new Set((pod.spec.imagePullSecrets ?? []).flatMap(({ name }) => name ?? []));
  const found = await Promise.all(
    [...names].slice(0, 100).map(async (name) => {
      try {
        return await meta.fetch({ namespace, type: "secret", name }, signal);
      } catch (error) {
        warn?.(`cannot use pull secret ${shown(name)}: ${SampanError.from(error).message}`);
        return undefined;
      }
    }),
  );
  return found.flatMap((secret) => secret ?? []);
}
