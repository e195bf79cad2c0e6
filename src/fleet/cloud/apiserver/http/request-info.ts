/**
 * What a request's method and path ask for. Paths: https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-uris
 * A path that is not in its plain form is refused rather than cleaned: what was authorized must be what is served.
 */
import { KubeError } from "../../../../spec/kubernetes/kube.ts";

export interface ResourcePath {
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly namespace?: string;
  readonly name?: string;
  readonly subresource?: string;
}

export interface RequestInfo {
  /** get, list, watch, create, update, patch, delete, deletecollection; the method in lower case where the path is no resource's. */
  readonly verb: string;
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly resource?: ResourcePath;
}

const maxUrl = 16 << 10;
const segmentLimit = 512;

const verbs: Readonly<Record<string, readonly [named: string, unnamed: string]>> = {
  GET: ["get", "list"],
  HEAD: ["get", "list"],
  POST: ["create", "create"],
  PUT: ["update", "update"],
  PATCH: ["patch", "patch"],
  DELETE: ["delete", "deletecollection"],
};

/** Of `GET /api/v1/namespaces/x/pods?watch=1`. KubeError `BadRequest` for what is no plain path. */
export function requestInfo(method: string, url: string): RequestInfo {
  if (url.length > maxUrl) throw new KubeError("BadRequest", "the request's address is too long");
  const mark = url.indexOf("?");
  const raw = mark < 0 ? url : url.slice(0, mark);
  const query = new URLSearchParams(mark < 0 ? "" : url.slice(mark + 1));
  const segments = segmentsOf(raw);
  const path = `/${segments.join("/")}`;
  const resource = resourceOf(segments);
  if (!resource) return { verb: method.toLowerCase(), method, path, query };
  return { ...verbOf(method, resource, query), method, path, query };
}

function segmentsOf(raw: string): string[] {
  const plain = raw.length > 1 && raw.endsWith("/") ? raw.slice(0, -1) : raw;
  if (!plain.startsWith("/")) throw unplain();
  return plain === "/" ? [] : plain.slice(1).split("/").map(segmentOf);
}

function segmentOf(raw: string): string {
  let text: string;
  try {
    text = decodeURIComponent(raw);
  } catch (error) {
    throw new KubeError("BadRequest", "the request's path is not well encoded", undefined, { cause: error });
  }
  // oxlint-disable-next-line no-control-regex
  if (text === "" || text === "." || text === ".." || /[/\\\u0000-\u001f\u007f]/.test(text)) throw unplain();
  if (text.length > segmentLimit)
    throw new KubeError("BadRequest", "a part of the request's path is too long");
  return text;
}

const unplain = () => new KubeError("BadRequest", "the request's path is not in its plain form");

/** `watched`: of the old form `/api/v1/watch/…`. */
type Found = ResourcePath & { readonly watched: boolean };

function resourceOf(segments: readonly string[]): Found | undefined {
  const core = segments[0] === "api";
  if (!core && segments[0] !== "apis") return undefined;
  const group = core ? "" : segments[1];
  const version = segments[core ? 1 : 2];
  const after = segments.slice(core ? 2 : 3);
  const watched = after[0] === "watch";
  const rest = watched ? after.slice(1) : after;
  if (group === undefined || version === undefined || rest.length === 0) return undefined;
  const place = placeOf(rest);
  return place && { group, version, watched, ...place };
}

/** What follows the version: `pods`, `nodes/a/status`, `namespaces/x`, `namespaces/x/pods/y/log`. */
function placeOf(rest: readonly string[]): Omit<ResourcePath, "group" | "version"> | undefined {
  const [first, second, third] = rest;
  if (first === undefined) return undefined;
  const own = first === "namespaces" && (rest.length < 3 || third === "status" || third === "finalize");
  if (first === "namespaces" && second !== undefined && !own) return within(second, rest.slice(2));
  if (rest.length > 3) return undefined;
  return {
    resource: first,
    // A namespace lies in itself, as the authorizer sees it.
    ...(own && second !== undefined ? { namespace: second } : {}),
    ...named(second, third),
  };
}

function within(namespace: string, rest: readonly string[]) {
  const [resource, name, subresource] = rest;
  if (resource === undefined || rest.length > 3) return undefined;
  return { namespace, resource, ...named(name, subresource) };
}

function named(name: string | undefined, subresource: string | undefined) {
  return {
    ...(name === undefined ? {} : { name }),
    ...(subresource === undefined ? {} : { subresource }),
  };
}

function verbOf(
  method: string,
  { watched, ...found }: Found,
  query: URLSearchParams,
): { verb: string; resource: ResourcePath } {
  const pair = verbs[method];
  if (!pair) return { verb: method.toLowerCase(), resource: found };
  const verb = found.name === undefined ? pair[1] : pair[0];
  if (pair[0] !== "get") return { verb, resource: found };
  if (watched) return { verb: "watch", resource: watchedName(found, query) };
  if (verb !== "list") return { verb, resource: found };
  const single = /^metadata\.name==?([^,=!]+)$/.exec(query.get("fieldSelector") ?? "")?.[1];
  const resource = single === undefined ? found : { ...found, name: single };
  return { verb: isTrue(query.get("watch")) ? "watch" : "list", resource };
}

function watchedName(found: ResourcePath, query: URLSearchParams): ResourcePath {
  if (found.name === undefined) return found;
  query.set("fieldSelector", `metadata.name=${found.name}`);
  return found;
}

/** As the real one reads a query's bool: present is true, but for `false` and `0`. */
export function isTrue(value: string | null): boolean {
  return value !== null && value !== "false" && value !== "0";
}
