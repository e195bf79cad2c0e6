/** GET /system/df. */
import type { LiveEngine } from "../../../engine/engine.ts";
import { oneOfEach } from "../../../engine/images/filter.ts";
import type { Volume } from "../../../spec/docker/volumes.ts";
import { containerSummaries } from "../containers/list.ts";
import { summaries } from "../images/list.ts";
import type { Call } from "../route.ts";
import { volumeOf } from "../volumes.ts";

const kinds = ["container", "image", "volume", "build-cache"] as const;

/** Only the kinds that are asked for are counted. */
export async function systemDiskUsage(engine: LiveEngine, { query, version }: Call) {
  const asked = query.strings("type");
  const wanted = (kind: (typeof kinds)[number]) => asked.length === 0 || asked.includes(kind);
  const { diskUsage } = await import("../../../engine/disk/usage.ts");
  const usage = await diskUsage(engine);
  const sizeOf = (name: string) => usage.categories.find((each) => each.name === name)?.size ?? 0;
  const images = () =>
    summaries(engine, oneOfEach(engine.images.list()), { version, shared: true, manifests: false });
  return {
    ...(wanted("image") ? { LayersSize: sizeOf("layers"), Images: images() } : {}),
    ...(wanted("container")
      ? {
          Containers: await containerSummaries(engine, {
            all: true,
            limit: undefined,
            filters: {},
            sized: true,
          }),
        }
      : {}),
    ...(wanted("volume") ? { Volumes: volumes() } : {}),
    ...(wanted("build-cache") ? { BuildCache: [] } : {}),
    ...(version < 42 ? { BuilderSize: 0 } : {}),
  };

  function volumes(): Volume[] {
    const items = usage.categories.find(({ name }) => name === "volumes")?.items ?? [];
    const sizes = new Map(items.map(({ name, size }) => [name, size]));
    return engine.volumes.list().map((info) => ({
      ...volumeOf(info),
      UsageData: { Size: sizes.get(info.name) ?? 0, RefCount: engine.volumes.users(info.name).length },
    }));
  }
}
