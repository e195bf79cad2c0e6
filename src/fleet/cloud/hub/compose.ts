/** The message that brings an object to an edge. */
import { invalid } from "../../../base/errors.ts";
import { formatEnvelope, message } from "../../link/envelope.ts";
import { deviceChange, modelChange } from "../../link/kinds/devices.ts";
import type { Kind } from "../../link/kinds/kind.ts";
import { objectChange } from "../../link/kinds/objects.ts";
import { formatResource } from "../../link/resources.ts";
import type { Delivery } from "./hub.ts";
import type { Made } from "./queue.ts";

const kinds: Readonly<Record<string, Kind<unknown>>> = {
  device: deviceChange as Kind<unknown>,
  devicemodel: modelChange as Kind<unknown>,
};

/**
 * Under a new id.
 * @throws SampanError invalid_argument for an object that no edge would take.
 */
export function compose({ operation, object, type, source }: Delivery, now: number): Made {
  const { namespace, name = "", resourceVersion } = object.metadata;
  // An edge has no way to say that it has got what has no version.
  if (operation !== "delete" && !resourceVersion)
    throw invalid(`cannot deliver ${type} "${name}": it has no resourceVersion`);
  const resource = formatResource({ ...(namespace ? { namespace } : {}), type, name });
  const kind = kinds[type] ?? (objectChange as Kind<unknown>);
  const content = kind.build(kind.parse(object, type));
  const envelope = message({ source, group: "resource", operation, resource }, content, {
    now,
    ...(resourceVersion ? { resourceVersion } : {}),
  });
  return { id: envelope.id, text: formatEnvelope(envelope) };
}
