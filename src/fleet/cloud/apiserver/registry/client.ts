/** The verbs for the controllers of this process: the same as over HTTP, without the way there. */
import type {
  KubeClient,
  KubeObject,
  ObjectKey,
  ResourceId,
  WatchEvent,
} from "../../../../spec/kubernetes/kube.ts";
import type { UserInfo } from "../auth/auth.ts";
import type { Registry, RegistryWatchEvent, RequestContext } from "../registry.ts";
import type { Resource, Resources } from "../resource.ts";
import { notServed } from "../../../../spec/kubernetes/errors.ts";

export function clientOf(registry: Registry, resources: Resources, user: UserInfo): KubeClient {
  const find = ({ group, version, resource }: ResourceId): Resource => {
    const found = resources.find(group, version, resource);
    if (!found) throw notServed();
    return found;
  };
  const context = (signal?: AbortSignal): RequestContext => {
    signal?.throwIfAborted();
    return { user, userAgent: user.name, warn: () => {}, ...(signal ? { signal } : {}) };
  };
  return {
    async get(id, key, signal) {
      return (await registry.get(find(id), key, context(signal))).object;
    },
    async list(id, options = {}) {
      return await registry.list(find(id), options, context(options.signal));
    },
    watch(id, options) {
      return plain(() => registry.watch(find(id), options, context(options.signal)));
    },
    async create(id, object, options = {}) {
      const { subresourceOf, ...rest } = options;
      const resource = find(id);
      if (subresourceOf)
        return await registry.createSubresource(
          resource,
          subresourceOf,
          object,
          rest,
          context(options.signal),
        );
      const place = namespaceOf(object);
      return (await registry.create(resource, place, object, rest, context(options.signal))).object;
    },
    async update(id, object, options = {}) {
      const { subresource, ...rest } = options;
      const key = keyOf(object, subresource);
      return (await registry.update(find(id), key, object, rest, context(options.signal))).object;
    },
    async patch(id, key, patch, options) {
      return (await registry.patch(find(id), key, patch, options, context(options.signal))).object;
    },
    async delete(id, key, options = {}) {
      return (await registry.delete(find(id), key, options, context(options.signal))).object;
    },
  };
}

function namespaceOf({ metadata }: KubeObject): { namespace?: string } {
  // Whether there is one is for the registry to say.
  const namespace = (metadata as KubeObject["metadata"] | null | undefined)?.namespace;
  return namespace === undefined ? {} : { namespace };
}

function keyOf(object: KubeObject, subresource: string | undefined): ObjectKey {
  return {
    name: object.metadata?.name ?? "",
    ...namespaceOf(object),
    ...(subresource === undefined ? {} : { subresource }),
  };
}

async function* plain(open: () => AsyncIterable<RegistryWatchEvent>): AsyncGenerator<WatchEvent> {
  for await (const { type, encodable } of open()) yield { type, object: encodable.object };
}
