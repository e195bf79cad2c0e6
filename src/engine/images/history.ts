/** The history of an image, newest first, in the shape of Docker's API: one line for each step of its making, with the size of the layer that it left. */
import type { HistoryItem } from "../../spec/docker/images.ts";
import { familiarName } from "../../spec/image/reference.ts";
import type { Engine } from "../engine.ts";

export async function imageHistory(
  engine: Pick<Engine, "images" | "snapshots">,
  reference: string,
): Promise<HistoryItem[]> {
  const image = engine.images.get(reference);
  const config = await engine.images.config(image);
  const layers = [...image.layers];
  // Programs that write no history still made the layers.
  const steps = config.history?.length
    ? config.history
    : layers.map(() => ({}) as NonNullable<typeof config.history>[number]);
  const items = steps.map((step): HistoryItem => {
    const layer = step.empty_layer ? undefined : layers.shift();
    const unpacked = layer && engine.snapshots.stat(layer.chainId)?.usage.bytes;
    return {
      Id: "<missing>",
      Created: step.created ? Math.floor(Date.parse(step.created) / 1000) : 0,
      CreatedBy: step.created_by ?? "",
      Tags: null,
      Size: layer ? (unpacked ?? layer.descriptor.size) : 0,
      Comment: step.comment ?? "",
    };
  });
  const [newest, ...older] = items.toReversed();
  return newest ? [{ ...newest, Id: image.id, Tags: image.names.map(familiarName) }, ...older] : [];
}
