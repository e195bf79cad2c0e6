/** Opens the registry: the verbs over a storage and the kinds that are served. */
import { SampanError } from "../../../../base/errors.ts";
import { KubeError } from "../../../../spec/kubernetes/kube.ts";
import type { Registry } from "../registry.ts";
import type { Resource, Resources } from "../resource.ts";
import type { Storage } from "../storage/storage.ts";
import { clientOf } from "./client.ts";
import type { Core, SubresourceHandler } from "./_core.ts";
import { create } from "./create.ts";
import { createSubresource } from "./create-subresource.ts";
import { deleteCollection } from "./delete-collection.ts";
import { remove } from "./delete.ts";
import { get } from "./get.ts";
import { list } from "./list.ts";
import { patch } from "./patch.ts";
import { update } from "./update.ts";
import { watch } from "./watch.ts";

export interface RegistryOptions {
  readonly storage: Storage;
  readonly resources: Resources;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
  /** Milliseconds between the bookmarks of a watch. */
  readonly bookmarkEvery?: number;
  /** Subresources that others answer, by the storage's name of the kind: `serviceaccounts/token`. */
  readonly subresources?: Readonly<Record<string, SubresourceHandler>>;
}

export function openRegistry({
  storage,
  resources,
  now = Date.now,
  bookmarkEvery = 60_000,
  subresources = {},
}: RegistryOptions): Registry {
  const core: Core = { storage, resources, now, bookmarkEvery, subresources };
  const registry: Registry = {
    get: (resource, key) => told(() => prepared(resource, () => get(core, resource, key))),
    list: (resource, options) => told(() => prepared(resource, () => list(core, resource, options))),
    watch: (resource, options, { signal }) =>
      watch(core, resource, { ...options, ...(signal ? { also: signal } : {}) }),
    create: (resource, place, object, options, context) =>
      told(() => create(core, { resource, place, object, options, context })),
    update: (resource, key, object, options, context) =>
      told(() => update(core, { resource, key, object, options, context })),
    patch: (resource, key, body, options, context) =>
      told(() => patch(core, { resource, key, patch: body, options, context })),
    delete: (resource, key, options, context) =>
      told(() => remove(core, { resource, key, options, context })),
    deleteCollection: (resource, wanted, options, context) =>
      told(() => deleteCollection(core, { resource, list: wanted, options, context })),
    createSubresource: (resource, key, object, options, context) =>
      told(() => createSubresource(core, { resource, key, object, options, context })),
    client: (user) => clientOf(registry, resources, user),
  };
  return registry;
}

function prepared<Result>({ prepare }: Resource, act: () => Result): Result | Promise<Result> {
  return prepare ? prepare().then(act) : act();
}

/** Whatever went wrong, as a KubeError: a database that cannot be used, too. */
async function told<Result>(act: () => Result | Promise<Result>): Promise<Result> {
  try {
    return await act();
  } catch (error) {
    throw asKubeError(error);
  }
}

function asKubeError(error: unknown): unknown {
  if (error instanceof KubeError) return error;
  const { message, code } = SampanError.from(error);
  if (code === "unavailable")
    return new KubeError("ServiceUnavailable", message, undefined, { cause: error });
  return new KubeError("InternalError", `Internal error occurred: ${message}`, undefined, { cause: error });
}
