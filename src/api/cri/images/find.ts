/** Which image a client means. */
import { invalid } from "../../../base/errors.ts";
import type { Images, LocalImage } from "../../../engine/images/images.ts";

/** By its id, the beginning of it (12 digits and more: a shorter one may be somebody's name for another image), or a name. Undefined when it is not here. */
export function findImage(images: Images, reference: string): LocalImage | undefined {
  if (reference === "") throw invalid("cannot find an image without a name: wanted a name or an id");
  return images.find(/^[0-9a-f]{1,11}$/.test(reference) ? `${reference}:latest` : reference);
}
