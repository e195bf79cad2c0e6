/** GET /images/json and GET /images/{name}/json. */
import type { LiveEngine } from "../../../engine/engine.ts";
import { filterImages, imageFilters, oneOfEach } from "../../../engine/images/filter.ts";
import type { LocalImage } from "../../../engine/images/images.ts";
import type { ImageSummary } from "../../../spec/docker/images.ts";
import { json } from "../answer.ts";
import type { Answer, Call } from "../route.ts";
import { platformOf } from "./platform.ts";
import { imageInspect, imageSummary, manifestsOf } from "./shapes.ts";

type Parts = Pick<LiveEngine, "images" | "containers" | "snapshots">;

/** Since 1.48. */
const withManifests = 48;

export function listImages(engine: Parts, { query, version }: Call): Answer {
  // Before filters there was one of them.
  const name = version < 25 ? query.string("filter") : undefined;
  const filters = { ...query.filters(imageFilters), ...(name === undefined ? {} : { reference: [name] }) };
  const found = oneOfEach(filterImages(engine.images, filters));
  return json(
    summaries(engine, found, {
      version,
      shared: query.bool("shared-size"),
      manifests: version >= withManifests && query.bool("manifests"),
    }),
  );
}

export function summaries(
  engine: Parts,
  found: readonly LocalImage[],
  { version, shared, manifests }: { version: number; shared: boolean; manifests: boolean },
): ImageSummary[] {
  const users = containersOf(engine);
  const counts = new Map([...users].map(([id, containers]) => [id, containers.length]));
  return found.map((image) =>
    imageSummary(image, {
      containers: counts,
      version,
      ...(shared ? { shared: sharedSizes(engine) } : {}),
      ...(manifests ? { manifests: (each) => manifestsOf(engine.images, each, users) } : {}),
    }),
  );
}

export async function inspectImage(engine: Parts, { param, query, version }: Call): Promise<Answer> {
  const image = engine.images.get(param("name"), platformOf(query));
  const manifests = version >= withManifests && query.bool("manifests");
  const inspect = imageInspect(image, {
    config: await engine.images.config(image),
    driver: engine.snapshots.name,
    version,
    ...(manifests ? { manifests: manifestsOf(engine.images, image, containersOf(engine)) } : {}),
  });
  return json(inspect);
}

/** Ids of containers by image id. */
function containersOf({ containers }: Pick<Parts, "containers">): Map<string, string[]> {
  const users = new Map<string, string[]>();
  for (const { id, imageId } of containers.list()) users.set(imageId, [...(users.get(imageId) ?? []), id]);
  return users;
}

/** Bytes of the layers that other images have too. */
function sharedSizes({ images, snapshots }: Parts): (image: LocalImage) => number {
  const owners = new Map<string, Set<string>>();
  for (const { target, layers } of images.list())
    for (const { chainId } of layers)
      owners.set(chainId, (owners.get(chainId) ?? new Set()).add(target.digest));
  const size = (chainId: string) => snapshots.stat(chainId)?.usage.bytes ?? 0;
  return ({ layers }) =>
    layers
      .filter(({ chainId }) => (owners.get(chainId)?.size ?? 0) > 1)
      .reduce((sum, { chainId }) => sum + size(chainId), 0);
}
