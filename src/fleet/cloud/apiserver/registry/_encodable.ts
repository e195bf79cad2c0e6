/** Objects with their bytes, made once for all who want the same version of the same kind. */
import type { KubeObject } from "../../../../spec/kubernetes/kube.ts";
import type { Encodable } from "../registry.ts";
import type { Resource } from "../resource.ts";
import type { Stored } from "../storage/storage.ts";
import { inVersion, isAsStored, ownForm, type Outcome } from "./_core.ts";
import { isScale, scaleOf } from "./_scale.ts";

const encoder = new TextEncoder();
const made = new WeakMap<Stored, Map<Resource, Encodable>>();

export function encodableOf(stored: Stored, resource: Resource): Encodable {
  const known = made.get(stored) ?? new Map<Resource, Encodable>();
  made.set(stored, known);
  const found = known.get(resource) ?? new StoredEncodable(stored, resource);
  known.set(resource, found);
  return found;
}

class StoredEncodable implements Encodable {
  readonly #stored: Stored;
  readonly #resource: Resource;
  #bytes: Uint8Array | undefined;

  constructor(stored: Stored, resource: Resource) {
    this.#stored = stored;
    this.#resource = resource;
  }

  /** Not the object itself: it can be made again, and the storage decides how many it keeps. */
  get object(): KubeObject {
    return inVersion(ownForm(this.#stored.object, this.#resource), this.#resource);
  }

  json(): Uint8Array {
    return (this.#bytes ??= encoder.encode(this.#text()));
  }

  #text(): string {
    const { json } = this.#stored;
    return json !== undefined && isAsStored(this.#resource) ? json : JSON.stringify(this.object);
  }
}

export function encodable(object: KubeObject): Encodable {
  let bytes: Uint8Array | undefined;
  return { object, json: () => (bytes ??= encoder.encode(JSON.stringify(object))) };
}

/** What a write came to, as it is answered. */
export function answered(
  { object, stored, created, gone }: Outcome,
  resource: Resource,
  subresource?: string,
): Encodable & { readonly created: boolean; readonly gone: boolean } {
  const of = encodableFor({ object, stored }, resource, subresource);
  return {
    get object() {
      return of.object;
    },
    json: () => of.json(),
    created,
    gone,
  };
}

function encodableFor(
  { object, stored }: { readonly object: KubeObject; readonly stored: Stored | undefined },
  resource: Resource,
  subresource: string | undefined,
): Encodable {
  if (isScale(resource, subresource)) return encodable(scaleOf(resource, stored?.object ?? object));
  return stored ? encodableOf(stored, resource) : encodable(inVersion(object, resource));
}
