/** Gives an image that is here one more name. */
import { invalid } from "../../base/errors.ts";
import { familiarName, normalName, parseReference } from "../../spec/image/reference.ts";
import type { Engine } from "../engine.ts";
import { tellImage, type Told } from "./tell.ts";

/** `source` is a name or an id; the new name is taken from whatever image had it. */
export function tagImage(
  engine: Pick<Engine, "images" | "store"> & Told,
  source: string,
  target: string,
): void {
  if (parseReference(target).digest !== undefined)
    throw invalid(
      `cannot tag image "${source}": "${target}" has a digest, wanted a name with or without a tag`,
    );
  const image = engine.store.transaction(() => {
    const found = engine.images.get(source);
    engine.images.name(target, found.target.digest);
    return found;
  });
  const name = familiarName(normalName(parseReference(target)));
  tellImage(engine, "tag", { id: image.id, name, labels: image.labels });
}
