/** ImageService: the images of the engine as the CRI has them. */
import type { LiveEngine } from "../../../engine/engine.ts";
import { chainIds } from "../../../spec/image/chain-id.ts";
import type { LocalImage } from "../../../engine/images/images.ts";
import type { ImageFilter } from "../../../wire/cri/cri_pb.ts";
import type { CriContext, ImageCalls } from "../cri.ts";
import { pieces } from "../pieces.ts";
import { LayerUsage } from "../stats/layer-usage.ts";
import { findImage } from "./find.ts";
import { imageFilesystem } from "./filesystem.ts";
import { ImageShapes, type ImageShape } from "./image.ts";
import { pullImage } from "./pull.ts";
import { removeImage } from "./remove.ts";

export function imageCalls(context: CriContext): ImageCalls {
  const { engine, settings, clock } = context;
  const shapes = new ImageShapes(engine, settings.pinned);
  const layers = new LayerUsage(engine.snapshots, clock);
  const list = async (filter: ImageFilter | undefined): Promise<ImageShape[]> => {
    const wanted = filter?.image?.image ?? "";
    if (wanted === "") return await shapes.list();
    const image = findImage(engine.images, wanted);
    const shape = image && (await shapes.one(image));
    return shape ? [shape] : [];
  };
  const until = (signal: AbortSignal) => AbortSignal.any([signal, context.signal]);
  return {
    listImages: async ({ filter }) => ({ images: await list(filter) }),
    async *streamImages({ filter }) {
      const images = await list(filter);
      for (const piece of pieces(images)) yield { images: piece };
    },
    async imageStatus({ image: spec, verbose }) {
      const image = findImage(engine.images, spec?.image ?? "");
      const shape = image && (await shapes.one(image));
      if (!image || !shape) return {};
      return { image: shape, info: verbose ? await informationOf(engine, image) : {} };
    },
    pullImage: async (request, { signal }) => ({
      imageRef: await pullImage(context, request, until(signal)),
    }),
    async removeImage({ image }, { signal }) {
      await removeImage(engine, image?.image ?? "", until(signal));
      return {};
    },
    imageFsInfo: (_request, { signal }) =>
      imageFilesystem(engine, layers, { now: clock.now(), signal: until(signal) }),
  };
}

/** For people: where its topmost layer is, and its configuration. */
async function informationOf(engine: LiveEngine, image: LocalImage): Promise<Record<string, string>> {
  const imageSpec = await engine.images.config(image);
  const chainID = chainIds(imageSpec.rootfs.diff_ids).at(-1) ?? "";
  return { info: JSON.stringify({ chainID, imageSpec }) };
}
