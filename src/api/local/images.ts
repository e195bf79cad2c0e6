/** Calls about images. */
import type { Engine } from "../../engine/engine.ts";
import { mustUnpack } from "../../engine/images/may-unpack.ts";
import type { HistoryItem, ImageInspect, ImageSummary } from "../../spec/docker/images.ts";
import type { LongCall } from "../../spec/docker/progress.ts";
import { parsePlatform } from "../../spec/image/platform.ts";
import { imageInspect, imageSummary } from "./_images.ts";
import { longOptions } from "./_steps.ts";

type Filters = Readonly<Record<string, readonly string[]>>;
type RemovedLine = { Untagged?: string; Deleted?: string };

/** `heal` comes before what asks whether a container runs. */
export function imageCalls(engine: Engine, heal: () => Promise<unknown>) {
  return {
    async pull(reference: string, options: LongCall & { platform?: string; allTags?: boolean }) {
      mustUnpack(`pull image "${reference}"`);
      const { pull, pullAllTags } = await import("../../engine/images/pull.ts");
      const given = {
        ...longOptions(options),
        ...(options.platform === undefined ? {} : { platform: options.platform }),
      };
      const pulled = options.allTags
        ? await pullAllTags(engine, reference, given)
        : [await pull(engine, reference, given)];
      const image = pulled.at(-1)?.image;
      return {
        id: image?.id ?? "",
        digest: image?.target.digest ?? "",
        upToDate: pulled.every(({ upToDate }) => upToDate),
      };
    },

    async push(reference: string, options: LongCall & { platform?: string; allTags?: boolean }) {
      const { push, pushAllTags } = await import("../../engine/images/push.ts");
      const given = {
        ...longOptions(options, "push"),
        ...(options.platform === undefined ? {} : { platform: options.platform }),
      };
      const pushed = options.allTags
        ? await pushAllTags(engine, reference, given)
        : [await push(engine, reference, given)];
      return pushed.at(-1) ?? { digest: "", size: 0 };
    },

    async images({ filters }: { all: boolean; filters: Filters }): Promise<readonly ImageSummary[]> {
      const { filterImages, oneOfEach } = await import("../../engine/images/filter.ts");
      const users = new Map<string, number>();
      for (const { imageId } of engine.containers.list()) users.set(imageId, (users.get(imageId) ?? 0) + 1);
      return oneOfEach(filterImages(engine.images, filters)).map((image) => imageSummary(image, users));
    },

    async inspectImage(reference: string, options: { platform?: string } = {}): Promise<ImageInspect> {
      const platform = options.platform === undefined ? undefined : parsePlatform(options.platform);
      const image = engine.images.get(reference, platform);
      return imageInspect(image, await engine.images.config(image), engine.snapshots.name);
    },

    async history(reference: string): Promise<readonly HistoryItem[]> {
      const { imageHistory } = await import("../../engine/images/history.ts");
      return imageHistory(engine, reference);
    },

    async tag(source: string, target: string): Promise<void> {
      const { tagImage } = await import("../../engine/images/tag.ts");
      tagImage(engine, source, target);
    },

    async removeImage(
      reference: string,
      options: { force: boolean; prune: boolean },
    ): Promise<readonly RemovedLine[]> {
      const { removeImage } = await import("../../engine/images/remove.ts");
      await heal();
      return removeImage(engine, reference, options);
    },

    async pruneImages(options: {
      all: boolean;
      filters: Filters;
    }): Promise<{ deleted: readonly RemovedLine[]; reclaimed: number }> {
      const { pruneImages } = await import("../../engine/images/prune.ts");
      await heal();
      return pruneImages(engine, options);
    },
  };
}
