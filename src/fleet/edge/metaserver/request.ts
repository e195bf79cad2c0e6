/** Paths of the Kubernetes API as requests. https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-uris */
import { badRequest, methodNotAllowed, notServed } from "../../../spec/kubernetes/errors.ts";
import type { ResourceId } from "../../../spec/kubernetes/kube.ts";
import { isName, isNamespace } from "../../link/resources.ts";

export type ReadVerb = "get" | "list" | "watch";
export type WriteVerb = "create" | "update" | "patch" | "delete";

export interface ResourceRequest {
  readonly is: "resource";
  readonly verb: ReadVerb | WriteVerb;
  readonly id: ResourceId;
  readonly namespace?: string;
  readonly name?: string;
  readonly subresource?: string;
  readonly query: URLSearchParams;
}

export type ApiRequest = { readonly is: "path"; readonly path: string } | ResourceRequest;

/** What is no resource: versions, health, discovery, and the description of all types. */
const paths =
  /^\/(?:version|healthz|livez|readyz|openapi\/v[23](?:\/[\w./-]{1,200})?|api(?:\/[\w.-]{1,63})?|apis(?:\/[\w.-]{1,253}){0,2})$/;
const word = /^[a-z0-9.-]{1,253}$/;

/** Throws a KubeError for what no API has. */
export function parseRequest(method: string, target: string): ApiRequest {
  const url = parseUrl(target);
  const path = url.pathname.replace(/(?<=.)\/$/, "");
  if (paths.test(path) && !path.split("/").includes("..")) {
    if (method !== "GET" && method !== "HEAD") throw methodNotAllowed(method.toLowerCase());
    return { is: "path", path };
  }
  const [, root, ...rest] = path.split("/").map(decoded);
  const group = root === "apis" ? rest.shift() : root === "api" ? "" : undefined;
  const version = rest.shift();
  if (group === undefined || version === undefined || !word.test(version)) throw notServed();
  if (root === "apis" && !word.test(group)) throw notServed();
  // The old form of watches: /api/v1/watch/pods.
  const isOldWatch = rest[0] === "watch" && rest.length > 1;
  if (isOldWatch) rest.shift();
  return { is: "resource", ...place(rest, { group, version }), ...verbOf(method, rest, url, isOldWatch) };
}

function parseUrl(target: string): URL {
  try {
    return new URL(target, "http://localhost");
  } catch {
    throw badRequest("the request line is no path");
  }
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw badRequest("the path is badly encoded");
  }
}

function place(parts: readonly string[], { group, version }: Omit<ResourceId, "resource">) {
  // `namespaces/a` is an object, `namespaces/a/pods` are those in it, `namespaces/a/status` is a part of it.
  const isWithin =
    parts[0] === "namespaces" && parts.length > 2 && !["status", "finalize"].includes(parts[2] ?? "");
  const [resource = "", name, subresource, ...more] = isWithin ? parts.slice(2) : parts;
  const namespace = isWithin ? parts[1] : undefined;
  if (more.length > 0 || !word.test(resource)) throw notServed();
  if (namespace !== undefined && !isNamespace(namespace)) throw badRequest(`"${namespace}" is no namespace`);
  if (name !== undefined && !isName(name)) throw badRequest(`"${name}" is no name`);
  if (subresource !== undefined && !word.test(subresource)) throw notServed();
  return {
    id: { group, version, resource },
    ...(namespace === undefined ? {} : { namespace }),
    ...(name === undefined ? {} : { name }),
    ...(subresource === undefined ? {} : { subresource }),
  };
}

const writes: Readonly<Record<string, WriteVerb>> = {
  POST: "create",
  PUT: "update",
  PATCH: "patch",
  DELETE: "delete",
};

function verbOf(method: string, parts: readonly string[], { searchParams: query }: URL, isOldWatch: boolean) {
  const isWithin = parts[0] === "namespaces" && parts.length > 2;
  const isOne = parts.length - (isWithin ? 2 : 0) > 1;
  if (method === "GET" || method === "HEAD") {
    const isWatch = isOldWatch || ["1", "true"].includes(query.get("watch") ?? "");
    return { verb: isWatch ? ("watch" as const) : isOne ? ("get" as const) : ("list" as const), query };
  }
  const verb = writes[method];
  if (!verb) throw methodNotAllowed(method.toLowerCase());
  // Whole collections are not changed by way of a node.
  if (verb !== "create" && !isOne) throw methodNotAllowed(verb === "delete" ? "deletecollection" : verb);
  return { verb, query };
}
