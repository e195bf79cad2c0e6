import type { KubeClient, KubeObject, ResourceId } from "../../../spec/kubernetes/kube.ts";
import { isDeleting } from "../apiserver/controllers/references.ts";
import type { Informers } from "./informers.ts";

/** A client that tells the informers of everything it wrote. */
export function writeThrough(client: KubeClient, informers: Informers): KubeClient {
  function wrote(resource: ResourceId, object: KubeObject): KubeObject {
    for (const informer of informers.following(resource)) informer.wrote(object);
    return object;
  }
  return {
    get: (resource, key, signal) => client.get(resource, key, signal),
    list: (resource, options) => client.list(resource, options),
    watch: (resource, options) => client.watch(resource, options),
    async create(resource, object, options) {
      const made = await client.create(resource, object, options);
      // What is posted to a subresource answers with something else.
      return options?.subresourceOf || options?.dryRun ? made : wrote(resource, made);
    },
    async update(resource, object, options) {
      const written = await client.update(resource, object, options);
      return hasGone(written) ? gone(resource, written) : wrote(resource, written);
    },
    async patch(resource, key, patch, options) {
      const written = await client.patch(resource, key, patch, options);
      return hasGone(written) ? gone(resource, written) : wrote(resource, written);
    },
    async delete(resource, key, options) {
      const left = await client.delete(resource, key, options);
      if (hasGone(left) || !isDeleting(left)) return gone(resource, left);
      return wrote(resource, left);
    },
  };

  function gone(resource: ResourceId, object: KubeObject): KubeObject {
    if (object.metadata.uid) for (const informer of informers.following(resource)) informer.deleted(object);
    return object;
  }
}

/** A write that takes the last finalizer of a deleted object removes it; the answer shows the object as it last was. A pod stays for its grace period, a namespace for its own finalizers. */
function hasGone(object: KubeObject): boolean {
  const { deletionTimestamp, finalizers = [], deletionGracePeriodSeconds = 0 } = object.metadata;
  if (deletionTimestamp === undefined || finalizers.length > 0 || deletionGracePeriodSeconds > 0)
    return false;
  return object.kind !== "Namespace";
}
