/** A request for objects, once the resource that its path names is found. */
import { KubeError, type ObjectKey } from "../../../../spec/kubernetes/kube.ts";
import type { Resource } from "../resource.ts";
import { negotiate, objectOffers } from "./accept.ts";
import type { Exchange } from "./exchange.ts";
import type { ResourcePath } from "./request-info.ts";
import { includeObject, type Rendering } from "./table.ts";

/** A request whose resource is known. */
export interface ResourceExchange extends Exchange {
  readonly resource: Resource;
  readonly place: ResourcePath;
}

/** Undefined when no such resource is served. */
export function findResource(exchange: Exchange): ResourceExchange | undefined {
  const found = exchange.info.resource;
  if (!found) return undefined;
  const resource = exchange.parts.resources.find(found.group, found.version, found.resource);
  if (!resource) return undefined;
  // The authorizer sees a namespace, and what is in the cluster alone, within a namespace; the registry does not.
  const own = found.resource === "namespaces" && found.group === "";
  const { namespace, ...rest } = found;
  if (!resource.namespaced && namespace !== undefined && !own) return undefined;
  const single = found.name !== undefined && !["list", "watch"].includes(exchange.info.verb);
  if (resource.namespaced && namespace === undefined && single) return undefined;
  return { ...exchange, resource, place: resource.namespaced ? found : rest };
}

export const notAllowed = () =>
  new KubeError("MethodNotAllowed", "the server does not allow this method on the requested resource", {});

export function keyOf({ place }: ResourceExchange): ObjectKey {
  const { namespace, name = "", subresource } = place;
  return { namespace, name, ...(subresource === undefined ? {} : { subresource }) };
}

/** The form that is wanted; said before anything is done. */
export function renderingOf({ request, resource, info, parts }: ResourceExchange): Rendering {
  const form = negotiate(request.headers.accept, objectOffers);
  return { resource, form, include: includeObject(info.query), now: parts.now() };
}

export function apiVersionOf({ group, version }: Pick<Resource, "group" | "version">): string {
  return group === "" ? version : `${group}/${version}`;
}
