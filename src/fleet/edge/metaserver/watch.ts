/** A watch: what is there, then each change, a line of JSON each, until one side ends it. */
import type { ServerResponse } from "node:http";
import type { Clock } from "../../../base/clock.ts";
import { KubeError, type KubeObject, type WatchEvent } from "../../../spec/kubernetes/kube.ts";
import { parseFieldSelector, parseLabelSelector } from "../../../spec/kubernetes/selectors.ts";
import { numberOf, sameId, type Reader } from "./reader.ts";
import type { ResourceRequest } from "./request.ts";
import type { Subscriptions } from "./subscriptions.ts";

export type Selects = (object: KubeObject) => boolean;

/** What a request selects, by namespace, name and selectors. Throws BadRequest. */
export function selectorOf({ namespace, name, query }: ResourceRequest): Selects {
  const labels = parseLabelSelector(query.get("labelSelector") ?? undefined);
  const fields = parseFieldSelector(query.get("fieldSelector") ?? undefined);
  return (object) =>
    (namespace === undefined || object.metadata.namespace === namespace) &&
    (name === undefined || object.metadata.name === name) &&
    labels.matches(object.metadata.labels) &&
    fields.matches(fieldsOf(object));
}

function fieldsOf(object: KubeObject): Readonly<Record<string, string>> {
  const { metadata, spec, status, type } = object as KubeObject & {
    readonly spec?: { readonly nodeName?: unknown };
    readonly status?: { readonly phase?: unknown };
  };
  const text = (value: unknown) => (typeof value === "string" ? value : "");
  return {
    "metadata.name": metadata.name ?? "",
    "metadata.namespace": metadata.namespace ?? "",
    "spec.nodeName": text(spec?.nodeName),
    "status.phase": text(status?.phase),
    type: text(type),
  };
}

export interface Watching {
  readonly reader: Reader;
  readonly subscriptions: Subscriptions;
  readonly clock: Clock;
  /** Versions before this are of another process: what was deleted since then is not known. */
  readonly since: number;
}

/** Bytes that may wait for who reads slowly. */
const most = 4 << 20;
/** Seconds. */
const longest = 3600;

/** Begins it; the answer's end ends it. Throws a KubeError: `Expired`, `Invalid`. */
export function watch(request: ResourceRequest, response: ServerResponse, watching: Watching): void {
  const { reader, subscriptions, clock, since } = watching;
  const { id, namespace, query } = request;
  if (query.get("sendInitialEvents") === "true")
    throw new KubeError("Invalid", "sendInitialEvents is not served here: list, then watch");
  const selects = selectorOf(request);
  const from = query.get("resourceVersion") ?? "";
  const isFresh = from === "" || from === "0";
  if (!isFresh && numberOf(from) < since) throw new KubeError("Expired", "too old resource version");
  const stack = new DisposableStack();
  response.once("close", () => stack.dispose());
  response.writeHead(200, { "Content-Type": "application/json", "Cache-Control": "no-cache" });
  response.flushHeaders();
  const sent = new Map<string, number>();

  const write = (event: WatchEvent) => {
    if (response.writableLength > most) return void response.destroy();
    response.write(`${JSON.stringify(event)}\n`);
  };
  /** A selector makes a change of an object the coming or going of another. */
  const tell = ({ type, object }: WatchEvent) => {
    const key = `${object.metadata.namespace ?? ""}/${object.metadata.name ?? ""}`;
    const version = numberOf(object.metadata.resourceVersion);
    const before = sent.get(key);
    if (type === "DELETED" || !selects(object)) {
      if (before === undefined) return;
      sent.delete(key);
      return write({ type: "DELETED", object });
    }
    if (before !== undefined && version !== 0 && version <= before) return;
    sent.set(key, version);
    write({ type: before === undefined ? "ADDED" : "MODIFIED", object });
  };

  for (const object of reader.list(id, namespace)) {
    const isNew = isFresh || numberOf(object.metadata.resourceVersion) > numberOf(from);
    if (isNew) tell({ type: "ADDED", object });
    else if (selects(object))
      sent.set(
        `${object.metadata.namespace ?? ""}/${object.metadata.name ?? ""}`,
        numberOf(object.metadata.resourceVersion),
      );
  }
  stack.use(
    reader.follow((change) => {
      if (sameId(change.id, id)) tell(change.event);
    }),
  );
  const seconds = Math.min(Number(query.get("timeoutSeconds")) || longest, longest);
  stack.defer(clock.after(seconds * 1000, () => response.end()));
  stack.use(
    subscriptions.subscribe(id, {
      namespace,
      ...selectors(query),
    }),
  );
}

/** As the cloud is asked: one watch of the cloud for all who want the same. */
function selectors(query: URLSearchParams) {
  const [labelSelector, fieldSelector] = [query.get("labelSelector"), query.get("fieldSelector")];
  return {
    ...(labelSelector ? { labelSelector } : {}),
    ...(fieldSelector ? { fieldSelector } : {}),
  };
}
