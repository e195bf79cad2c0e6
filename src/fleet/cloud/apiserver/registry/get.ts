import type { ObjectKey } from "../../../../spec/kubernetes/kube.ts";
import type { Encodable } from "../registry.ts";
import type { Resource } from "../resource.ts";
import { placeOf, virtualObjects, type Core } from "./_core.ts";
import { encodable, encodableOf } from "./_encodable.ts";
import { isScale, scaleOf } from "./_scale.ts";
import { notFound } from "../../../../spec/kubernetes/errors.ts";

export function get(core: Core, resource: Resource, key: ObjectKey): Encodable {
  if (resource.virtual) {
    const found = virtualObjects(core, resource, key.namespace).find(
      ({ metadata }) => metadata.name === key.name,
    );
    if (!found) throw notFound(resource, key.name);
    return encodable(found);
  }
  const stored = core.storage.get(placeOf(resource, key));
  if (!stored) throw notFound(resource, key.name);
  return isScale(resource, key.subresource)
    ? encodable(scaleOf(resource, stored.object))
    : encodableOf(stored, resource);
}
