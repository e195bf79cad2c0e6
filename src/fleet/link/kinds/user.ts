/** What applications send each other over the Router: MQTT by EventBus, HTTP by ServiceBus. None of it is acknowledged. */
import {
  anything,
  bytes,
  integer,
  line,
  needed,
  nothing,
  nullable,
  object,
  optional,
  text,
  zero,
} from "../codec.ts";
import { parseJson } from "../json.ts";
import { headers, type Headers } from "../http-headers.ts";
import { kind } from "./kind.ts";

/** Published at the edge to the topic that is the resource. */
export const publish = kind<string>("publication", {
  way: "down",
  on: { source: "router_eventbus", group: "user", operation: "publish" },
  content: text,
});

/** The edge listens to the topic that is the resource, from now on or no more. */
export const subscription = kind<null>("subscription", {
  way: "down",
  on: { source: "router_eventbus", group: "user", operation: ["subscribe", "unsubscribe"] },
  content: nothing,
});

/** A local application may call the URL that is the resource, from now on or no more. */
export const target = kind<null>("target of calls", {
  way: "down",
  on: { source: "router_servicebus", group: "user", operation: ["start", "stop"] },
  content: nothing,
});

/** What a device or application published, to the topic that is the resource. */
export const publication = kind<string>("publication of an edge", {
  way: "up",
  on: { source: "bus", group: "user", operation: "upload" },
  content: text,
});

export interface HttpRequest {
  readonly header: Headers | null;
  readonly body: Uint8Array | null;
  readonly method: string;
  readonly url: string;
}

const method = line({ most: 32, like: /^[A-Za-z]*$/, wanted: "an HTTP method" });

/** For a service at the edge: the operation is the method, the resource `<port>:<path>[?query]`. */
export const call = kind<HttpRequest>("call of a service", {
  way: "down",
  on: { source: "router_servicebus", group: "user", answer: false },
  content: object<HttpRequest>({
    header: nullable(headers),
    body: nullable(bytes),
    method: zero(method, ""),
    url: zero(line(), ""),
  }),
});

export interface HttpResponse {
  readonly header: Headers | null;
  readonly status_code: number;
  readonly body: Uint8Array | null;
}

/** Has no resource; error answers have no operation either. */
export const callReply = kind<HttpResponse>("answer of a service", {
  way: "up",
  on: { source: "servicebus", group: "user", operation: ["upload", ""], answer: true },
  content: object<HttpResponse>({
    header: nullable(headers),
    status_code: needed(integer(100, 999)),
    body: nullable(bytes),
  }),
});

/** A local application calls the URL that is the resource: the whole text of its request. Clouds of KubeEdge pass it on as base64, undecoded. */
export const outwardCall = kind<Uint8Array>("call of an address", {
  way: "up",
  on: { source: "servicebus", group: "user", operation: "upload", answer: false },
  content: bytes,
});

/** What that address answered, at most 1 MiB. */
export const outwardReply = kind<string>("answer of an address", {
  way: "down",
  on: { source: "servicebus", group: "user", operation: "response", answer: true },
  content: text,
});

/** The request of a local application, at 127.0.0.1:9060. */
export interface OutwardRequest {
  readonly method: string;
  readonly targetURL: string;
  readonly payload: unknown;
}

const outward = object<OutwardRequest>({
  method: zero(method, ""),
  targetURL: needed(line()),
  payload: needed(anything),
});

/** @throws SampanError invalid_argument */
export function parseOutwardRequest(body: Uint8Array): OutwardRequest {
  return outward.read(parseJson(Buffer.from(body).toString("utf8"), "the request", 64), "the request");
}

/** What ServiceBus answers a local application. */
export interface OutwardResponse {
  readonly code: number;
  readonly msg: string;
  readonly body?: string;
}

export const outwardResponse = object<OutwardResponse>({
  code: needed(integer(100, 999)),
  msg: zero(text, ""),
  body: optional(text),
});
