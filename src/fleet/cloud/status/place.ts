/**
 * Where the status of a custom resource is written. KubeEdge's releases define the same kinds with the subresource `status` and without it; a write to the wrong place is refused, or worse,
 * taken and dropped. The definition in the API says which it is.
 */
import type { Clock } from "../../../base/clock.ts";
import {
  KubeError,
  type KubeClient,
  type KubeObject,
  type ResourceId,
} from "../../../spec/kubernetes/kube.ts";

const definitions: ResourceId = {
  group: "apiextensions.k8s.io",
  version: "v1",
  resource: "customresourcedefinitions",
};

/** `none`: the kind is not served. */
export type StatusPlace = "subresource" | "object" | "none";

export interface StatusPlaces {
  of(resource: ResourceId, signal?: AbortSignal): Promise<StatusPlace>;
  /**
   * Replaces fields of an object's status, only over the version that is given. The answer is the object as written.
   * @throws KubeError Conflict when somebody else was quicker; NotFound when the object or its kind is gone.
   */
  patch(resource: ResourceId, object: KubeObject, status: object, signal?: AbortSignal): Promise<KubeObject>;
}

/** Milliseconds for which an answer counts: definitions are replaced when a cluster is upgraded. */
const kept = 30_000;

interface Version {
  readonly name?: string;
  readonly served?: boolean;
  readonly subresources?: { readonly status?: unknown };
}

export function openStatusPlaces(client: KubeClient, clock: Clock): StatusPlaces {
  const known = new Map<string, { readonly until: number; readonly place: Promise<StatusPlace> }>();

  function of(resource: ResourceId, signal?: AbortSignal): Promise<StatusPlace> {
    const name = `${resource.resource}.${resource.group}`;
    const found = known.get(name);
    if (found && found.until > clock.now()) return found.place;
    const place = look(client, resource, signal);
    known.set(name, { until: clock.now() + kept, place });
    place.catch(() => known.delete(name));
    return place;
  }

  return {
    of,
    async patch(resource, object, status, signal) {
      const { namespace, name = "", resourceVersion } = object.metadata;
      const isApart = (await of(resource, signal)) === "subresource";
      return await client.patch(
        resource,
        { namespace, name, ...(isApart ? { subresource: "status" } : {}) },
        { metadata: { resourceVersion }, status },
        { type: "application/merge-patch+json", ...(signal ? { signal } : {}) },
      );
    },
  };
}

async function look(client: KubeClient, resource: ResourceId, signal?: AbortSignal): Promise<StatusPlace> {
  try {
    const name = `${resource.resource}.${resource.group}`;
    const { spec, metadata } = await client.get(definitions, { name }, signal);
    // One that is being deleted takes no new objects.
    if (metadata.deletionTimestamp !== undefined) return "none";
    const { versions = [] } = spec as { readonly versions?: readonly Version[] };
    const version = versions.find((each) => each.name === resource.version && each.served === true);
    if (!version) return "none";
    return version.subresources?.status === undefined ? "object" : "subresource";
  } catch (error) {
    if (error instanceof KubeError && error.reason === "NotFound") return "none";
    throw error;
  }
}
