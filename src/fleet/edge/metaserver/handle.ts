/** One request at MetaServer: who asks, whether they may, then the cloud or what is stored. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { SampanError } from "../../../base/errors.ts";
import { badRequest, notFound, notServed, tooLarge } from "../../../spec/kubernetes/errors.ts";
import { KubeError, type KubeObject } from "../../../spec/kubernetes/kube.ts";
import { isRecord, parseJson } from "../../link/json.ts";
import type { LocalMeta } from "../meta/open.ts";
import { pluralOf } from "../meta/mirror.ts";
import { known } from "../meta/types.ts";
import { authorize, whoAsks } from "./access.ts";
import { resourceKey, unavailable, type CloudApi } from "./cloud-api.ts";
import { discovery, ownVersion } from "./discovery.ts";
import type { Reader } from "./reader.ts";
import { parseRequest, type ResourceRequest } from "./request.ts";
import { listOf } from "./subscriptions.ts";
import { selectorOf, watch, type Watching } from "./watch.ts";

export interface Desk extends Watching {
  readonly meta: LocalMeta;
  readonly api: CloudApi;
  readonly reader: Reader;
  /** Whoever reaches it may do all, as KubeEdge has it. */
  readonly isOpen: boolean;
  readonly log: (text: string) => void;
  /** Those that are open. */
  readonly watches: Set<ServerResponse>;
}

const most = { body: 3 << 20, document: 16 << 20, watches: 200 } as const;

/** Never rejects. */
export async function handle(request: IncomingMessage, response: ServerResponse, desk: Desk): Promise<void> {
  try {
    await answer(request, response, desk);
  } catch (error) {
    if (response.headersSent) return void response.destroy();
    const status = statusOf(error, desk.log);
    if (!request.complete) response.setHeader("Connection", "close");
    send(response, status.code, JSON.stringify(status));
  }
}

function statusOf(error: unknown, log: (text: string) => void) {
  if (error instanceof KubeError) return error.status;
  const { code, message } = SampanError.from(error);
  if (code === "invalid_argument") return badRequest(message).status;
  log(`MetaServer has an error of its own: ${message}`);
  return new KubeError("InternalError", "the edge has an error of its own; its log says more").status;
}

function send(response: ServerResponse, code: number, body: string): void {
  response.writeHead(code, { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(body) });
  response.end(body);
}

async function answer(request: IncomingMessage, response: ServerResponse, desk: Desk): Promise<void> {
  const parsed = parseRequest(request.method ?? "GET", request.url ?? "/");
  const user = whoAsks(request.headers, request.socket, desk);
  const closed = new AbortController();
  response.once("close", () => closed.abort());
  if (parsed.is === "path") return send(response, 200, await document(parsed.path, desk, closed.signal));
  authorize(user, parsed, desk.meta);
  if (parsed.verb === "watch") return beginWatch(parsed, response, desk);
  const body =
    parsed.verb === "get" || parsed.verb === "list"
      ? await read(parsed, desk, closed.signal)
      : await write(parsed, await bodyOf(request), { desk, request, signal: closed.signal });
  send(response, parsed.verb === "create" ? 201 : 200, body);
}

function beginWatch(request: ResourceRequest, response: ServerResponse, desk: Desk): void {
  const { watches } = desk;
  if (watches.size >= most.watches)
    throw new KubeError("TooManyRequests", `${most.watches} watches are open`);
  watches.add(response);
  response.once("close", () => watches.delete(response));
  watch(request, response, desk);
}

/** The cloud's own words, which are kept for when it cannot be asked; without them ours. */
async function document(path: string, { api, meta, log }: Desk, signal: AbortSignal): Promise<string> {
  if (/^\/(?:healthz|livez|readyz)$/.test(path)) return "ok";
  if (api.answers)
    try {
      const text = await api.ask({ verb: "get", key: { is: "path", path }, signal });
      if (text.length <= most.document && isRecord(parseJson(text, "the cloud's document", 100))) {
        if (meta.mirror.document(path) !== text) meta.mirror.keepDocument(path, text);
        return text;
      }
    } catch (error) {
      if (!(error instanceof KubeError)) log(SampanError.from(error).message);
    }
  const own = path === "/version" ? ownVersion : discovery(path);
  const text = meta.mirror.document(path) ?? (own && JSON.stringify(own));
  if (text === undefined) throw notServed();
  return text;
}

async function read(request: ResourceRequest, desk: Desk, signal: AbortSignal): Promise<string> {
  const { api, reader, meta } = desk;
  const { id, namespace, name, subresource, verb, query } = request;
  if (api.answers)
    try {
      const options = Object.fromEntries([...query].filter(([key]) => queryOptions.includes(key)).map(typed));
      const text = await api.ask({
        verb: verb === "get" ? "get" : "list",
        key: resourceKey(id, namespace, name),
        options,
        ...(subresource === undefined ? {} : { subresource }),
        signal,
      });
      keep(request, text, meta);
      return text;
    } catch (error) {
      // What the API itself said counts; that nobody answered does not.
      if (!(error instanceof KubeError) || error.reason !== "ServiceUnavailable") throw error;
    }
  if (subresource !== undefined)
    throw unavailable("it is not connected, and parts of objects are not kept here");
  if (verb === "list") return JSON.stringify(stored(request, reader));
  const object = reader.get(id, { namespace, name: name ?? "" });
  if (object) return JSON.stringify(object);
  const absent = notFound({ group: id.group, plural: id.resource }, name ?? "");
  // Whether there is one elsewhere is not known here; what is this node's own is.
  if (id.group === "" && id.resource === "pods") throw absent;
  throw unavailable(`${absent.message} on this node`);
}

const queryOptions = [
  "labelSelector",
  "fieldSelector",
  "limit",
  "continue",
  "resourceVersion",
  "resourceVersionMatch",
];

function typed([key, value]: [string, string]): [string, unknown] {
  return [key, key === "limit" ? Number(value) || 0 : value];
}

/** Objects are kept for when the cloud cannot be asked. */
function keep({ id, verb, subresource, query }: ResourceRequest, text: string, meta: LocalMeta): void {
  if (subresource !== undefined) return;
  if (verb === "list") {
    // A page of a list is kept too; only a watch says what is no more.
    if (text.length <= most.body && !query.has("continue"))
      for (const object of listOf(text)) meta.mirror.take("update", object, id);
    return;
  }
  const object = parseJson(text, "the cloud's object", 100);
  if (isRecord(object) && isRecord(object["metadata"]))
    meta.mirror.take("update", object as unknown as KubeObject, id);
}

function stored(request: ResourceRequest, reader: Reader): object {
  const { id, namespace } = request;
  const items = reader.list(id, namespace).filter(selectorOf(request));
  const apiVersion = id.group === "" ? id.version : `${id.group}/${id.version}`;
  return {
    kind: `${kindOf(request, items)}List`,
    apiVersion,
    metadata: { resourceVersion: reader.version },
    items,
  };
}

function kindOf({ id }: ResourceRequest, [first]: readonly KubeObject[]): string {
  const apiVersion = id.group === "" ? id.version : `${id.group}/${id.version}`;
  const type = Object.values(known).find(
    ({ apiVersion: of, kind }) => of === apiVersion && pluralOf(of, kind) === id.resource,
  );
  return first?.kind ?? type?.kind ?? "";
}

interface Writing {
  readonly desk: Desk;
  readonly request: IncomingMessage;
  readonly signal: AbortSignal;
}

async function write(
  parsed: ResourceRequest,
  body: Buffer,
  { desk, request, signal }: Writing,
): Promise<string> {
  const { api, meta } = desk;
  const { id, namespace, name, subresource = "", verb, query } = parsed;
  if (!api.answers) throw unavailable("it is not connected, and what is written must reach it");
  const key = resourceKey(id, namespace, name);
  const text = await api.ask({ ...writeOf(verb, { subresource, name, query, body, request }), key, signal });
  const isStored = name !== undefined && subresource === "" && meta.mirror.get(id, { namespace, name });
  // What was written is read again at once, also when the cloud has gone by then.
  if (isStored && verb !== "delete") keep({ ...parsed, verb: "get" }, text, meta);
  return text;
}

interface Given {
  readonly subresource: string;
  readonly name: string | undefined;
  readonly query: URLSearchParams;
  readonly body: Buffer;
  readonly request: IncomingMessage;
}

function writeOf(verb: ResourceRequest["verb"], { subresource, name = "", query, body, request }: Given) {
  const options = {
    ...(query.has("dryRun") ? { dryRun: query.getAll("dryRun") } : {}),
    ...(query.has("fieldManager") ? { fieldManager: query.get("fieldManager") } : {}),
    ...(query.has("fieldValidation") ? { fieldValidation: query.get("fieldValidation") } : {}),
    ...(query.get("force") === "true" ? { force: true } : {}),
  };
  if (verb === "patch") {
    const [type = ""] = (request.headers["content-type"] ?? "").split(";");
    const patch = {
      Name: name,
      PatchType: type.trim(),
      Data: body.toString("base64"),
      Options: options,
      Subresources: [subresource],
    };
    return { verb: "patch" as const, options: patch, subresource };
  }
  if (verb === "delete") {
    const given = body.byteLength === 0 ? {} : parseJson(body.toString("utf8"), "the body", 64);
    return { verb: "delete" as const, options: isRecord(given) ? given : {}, subresource };
  }
  const isStatus = verb === "update" && subresource === "status";
  return {
    verb: isStatus
      ? ("updatestatus" as const)
      : verb === "create"
        ? ("create" as const)
        : ("update" as const),
    options,
    body: json(body, request),
    subresource: isStatus ? "" : subresource,
  };
}

function json(body: Buffer, { headers }: IncomingMessage): Buffer {
  const type = headers["content-type"] ?? "application/json";
  if (!type.startsWith("application/json"))
    throw new KubeError(
      "UnsupportedMediaType",
      `the body is ${JSON.stringify(type.slice(0, 80))}, wanted application/json`,
    );
  if (!isRecord(parseJson(body.toString("utf8"), "the body", 64))) throw badRequest("the body is no object");
  return body;
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.byteLength;
    if (size > most.body) throw tooLarge(most.body);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
