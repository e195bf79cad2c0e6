/** Commit: what a container has changed becomes a layer, and a new image on top of its image. The container stays as it is. */
import { SampanError } from "../../base/errors.ts";
import type { Digest } from "../../spec/image/digest.ts";
import { layerFormat } from "../../spec/image/layers.ts";
import { mediaTypes, type Descriptor } from "../../spec/image/types.ts";
import { archiveDifference } from "../archive/difference.ts";
import { placeholders } from "../archive/placeholders.ts";
import { archiveUpper } from "../archive/tree.ts";
import type { Owners, Pieces } from "../archive/writer.ts";
import type { ContainerInfo } from "../containers/containers.ts";
import { storedContainer } from "../containers/open.ts";
import { mountTargets } from "../containers/spec.ts";
import type { Engine } from "../engine.ts";
import type { IdRange, Remap } from "../snapshots/snapshotter.ts";
import { applyChanges, type RunConfig } from "./_changes.ts";
import { layerFolders } from "./diff.ts";
import type { LocalImage, OnProgress } from "./images.ts";
import { imageId, newImage, newName } from "./import.ts";
import { packLayer } from "./_pack-layer.ts";
import { storeImage, type StoreParts } from "./_store-image.ts";

export type CommitParts = StoreParts & Pick<Engine, "containers">;

export interface CommitOptions {
  readonly reference?: string | undefined;
  readonly author?: string | undefined;
  readonly message?: string | undefined;
  readonly changes?: readonly string[];
  readonly onProgress?: OnProgress | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly now?: Date;
}

/** The new image's id. Errors: `aborted` when a running container changes a file while it is read. */
export async function commit(
  engine: CommitParts,
  reference: string,
  options: CommitOptions = {},
): Promise<Digest> {
  const container = engine.containers.get(reference);
  const names = newName(options.reference);
  const signal = options.signal ?? new AbortController().signal;
  try {
    await using lease = engine.leases.acquire(`commit ${container.name}`);
    lease.add("snapshot", container.snapshot);
    const base = baseOf(engine, container);
    // Read first: what --change says may be refused, and then nothing was packed.
    const raw = await rawConfig(engine, base);
    const run = applyChanges(runOf(engine, container, raw), options.changes ?? []);
    const below = diffIdsOf(raw);
    await using layer = await packLayer(engine, changesOf(engine, container), { lease, signal, below });
    const config = newConfig(raw, { run, container, options, diffId: layer.diffId });
    const image = newImage(config, [...base.layers.map(ociLayer), layer.descriptor], names);
    const { ready } = layer;
    await storeImage(engine, image, { lease, signal, ready, onProgress: options.onProgress });
    return imageId(image);
  } catch (error) {
    if (signal.aborted)
      throw new SampanError("cancelled", `cannot commit container "${container.name}": it was cancelled`, {
        cause: error,
      });
    throw SampanError.wrap(`cannot commit container "${container.name}"`, error);
  }
}

function baseOf(engine: CommitParts, container: ContainerInfo): LocalImage {
  const found = engine.images
    .platforms(container.imageId)
    .find(({ manifest }) => manifest.digest === container.manifest);
  return found ?? engine.images.get(container.imageId);
}

/** The container's own changes, as a layer. */
function changesOf(engine: CommitParts, container: ContainerInfo): Pieces {
  const { snapshots } = engine;
  const owners = ownersInside(storedContainer(engine.store, container.id).remap);
  const active = snapshots.directory(container.snapshot);
  const key = snapshots.stat(container.snapshot)?.parent;
  const below = key === undefined ? [] : layerFolders(snapshots, key);
  const targets = mountTargets(storedContainer(engine.store, container.id));
  const without = placeholders({ active, below, targets });
  if (snapshots.name === "overlayfs") return archiveUpper(active, owners, without);
  return archiveDifference({ parent: below[0], active, without }, owners);
}

/** From the host's ids back to those of a user namespace; one that no range has stays as it is. */
export function ownersInside(remap: Remap | undefined): Owners | undefined {
  if (!remap) return undefined;
  const inside = (ranges: readonly IdRange[]) => (id: number) => {
    const range = ranges.find(({ hostID, size }) => id >= hostID && id < hostID + size);
    return range ? id - range.hostID + range.containerID : id;
  };
  return { uid: inside(remap.uids), gid: inside(remap.gids) };
}

type RawConfig = Readonly<Record<string, unknown>>;

/** With the fields that types.ts does not know: they are passed on. */
async function rawConfig(engine: CommitParts, base: LocalImage): Promise<RawConfig> {
  await engine.images.config(base);
  return JSON.parse(new TextDecoder().decode(await engine.content.read(base.id))) as RawConfig;
}

/** As the container was started: what its creator said goes over what the image says. */
function runOf(engine: CommitParts, container: ContainerInfo, raw: RawConfig): RunConfig {
  const image = (raw["config"] ?? {}) as RunConfig;
  const { body } = storedContainer(engine.store, container.id);
  const env = new Map(
    [...(image.Env ?? []), ...(body.Env ?? []).filter((line) => line.includes("="))].map((line) => [
      line.split("=", 1)[0],
      line,
    ]),
  );
  return {
    ...image,
    ...(env.size > 0 ? { Env: [...env.values()] } : {}),
    // An entrypoint of its own takes the image's command away.
    ...(body.Entrypoint ? { Entrypoint: body.Entrypoint, Cmd: null } : {}),
    ...(body.Cmd?.length ? { Cmd: body.Cmd } : {}),
    ...(body.User ? { User: body.User } : {}),
    ...(body.WorkingDir ? { WorkingDir: body.WorkingDir } : {}),
    ...(body.StopSignal ? { StopSignal: body.StopSignal } : {}),
    ...(body.Healthcheck ? { Healthcheck: body.Healthcheck } : {}),
    ...(body.Shell?.length ? { Shell: body.Shell } : {}),
    ...together("Labels", image.Labels, body.Labels),
    ...together("ExposedPorts", image.ExposedPorts, body.ExposedPorts),
    ...together("Volumes", image.Volumes, body.Volumes),
  };
}

type Named = Readonly<Record<string, unknown>> | null | undefined;

/** Nothing where neither says anything. */
function together(field: string, image: Named, own: Named): Record<string, Named> {
  return own && Object.keys(own).length > 0 ? { [field]: { ...image, ...own } } : {};
}

function diffIdsOf(raw: RawConfig): readonly Digest[] {
  return (raw["rootfs"] as { diff_ids?: readonly Digest[] | null }).diff_ids ?? [];
}

interface NewConfig {
  readonly run: RunConfig;
  readonly container: ContainerInfo;
  readonly options: CommitOptions;
  readonly diffId: Digest;
}

/** Docker's fields that told of the container that made the image before: they would be wrong. */
const stale = ["container", "container_config", "id", "parent", "parent_id", "docker_version", "throwaway"];

function newConfig(raw: RawConfig, { run, container, options, diffId }: NewConfig): RawConfig {
  const created = (options.now ?? new Date()).toISOString();
  const { author, message } = options;
  const history = (raw["history"] ?? []) as readonly unknown[];
  const kept = Object.fromEntries(Object.entries(raw).filter(([name]) => !stale.includes(name)));
  const entry = {
    created,
    created_by: container.command.join(" "),
    ...(author === undefined ? {} : { author }),
    ...(message === undefined ? {} : { comment: message }),
  };
  return {
    ...kept,
    created,
    ...(author === undefined ? {} : { author }),
    config: run,
    rootfs: { type: "layers", diff_ids: [...diffIdsOf(raw), diffId] },
    history: [...history, entry],
  };
}

const ociTypes = {
  plain: [mediaTypes.ociLayer, mediaTypes.ociForeign],
  gzip: [mediaTypes.ociLayerGzip, mediaTypes.ociForeignGzip],
  zstd: [mediaTypes.ociLayerZstd, mediaTypes.ociForeignZstd],
} as const;

/** The same bytes under OCI's name for them: one manifest does not mix the two. */
function ociLayer({ descriptor }: LocalImage["layers"][number]): Descriptor {
  const { compression, foreign } = layerFormat(descriptor.mediaType);
  const [usual, elsewhere] = ociTypes[compression];
  return { ...descriptor, mediaType: foreign ? elsewhere : usual };
}
