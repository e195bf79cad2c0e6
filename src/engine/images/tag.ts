/** Gives an image that is here one more name. */
import { invalid } from "../../base/errors.ts";
import { parseReference } from "../../spec/image/reference.ts";
import type { Engine } from "../engine.ts";

/** `source` is a name or an id; the new name is taken from whatever image had it. */
export function tagImage(engine: Pick<Engine, "images" | "store">, source: string, target: string): void {
  if (parseReference(target).digest !== undefined)
    throw invalid(
      `cannot tag image "${source}": "${target}" has a digest, wanted a name with or without a tag`,
    );
  engine.store.transaction(() => engine.images.name(target, engine.images.get(source).target.digest));
}
