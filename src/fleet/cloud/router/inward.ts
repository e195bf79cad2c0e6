/** From REST to a node: published to a topic there, or a call of a service there whose answer is the answer. */
import { SampanError, type Code } from "../../../base/errors.ts";
import { message } from "../../link/envelope.ts";
import type { Headers } from "../../link/http-headers.ts";
import { call, callReply, publish } from "../../link/kinds/user.ts";
import { isTopic } from "../../link/mqtt-topics.ts";
import type { CloudContext } from "../part.ts";
import type { ToService, ToTopic } from "./compile.ts";
import type { Counts } from "./counts.ts";
import { nodes } from "./kinds.ts";
import { parseAddress, type Address } from "./paths.ts";
import type { RuleTable } from "./table.ts";

export interface RestRequest {
  readonly method: string;
  /** As in the request line. */
  readonly target: string;
  readonly headers: Headers;
  readonly body: Uint8Array;
}

export interface RestAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Uint8Array;
}

type Parts = Pick<CloudContext, "hub" | "informers"> & { readonly table: RuleTable; readonly counts: Counts };

/** How long a node's answer is waited for, milliseconds. */
const deadline = 60_000;

/** The one who held the node last wrote its name there: a hub of ours, or KubeEdge's since 1.18. */
const holders = ["fleet.sampan/hub", "cloudcore"];

const statuses: Partial<Record<Code, number>> = {
  invalid_argument: 400,
  not_found: 404,
  deadline_exceeded: 408,
  resource_exhausted: 503,
  unavailable: 502,
};

export function textAnswer(status: number, text: string): RestAnswer {
  const headers = { "Content-Type": ["text/plain; charset=utf-8"], "X-Content-Type-Options": ["nosniff"] };
  return { status, headers, body: Buffer.from(text) };
}

/** What is wrong is an answer too; nothing is thrown. */
export async function answerRest(
  parts: Parts,
  request: RestRequest,
  signal: AbortSignal,
): Promise<RestAnswer> {
  let key: string | undefined;
  try {
    const address = parseAddress(request.target);
    const rule = address && parts.table.find(address);
    if (!address || !rule) return textAnswer(404, "Request error");
    key = rule.key;
    requireSession(parts, address.node);
    const answer =
      rule.kind === "rest → eventbus"
        ? publishTo(parts, { rule, address, request })
        : await callService(parts, { rule, address, request, signal });
    if (answer.status < 500) parts.counts.success(key);
    else parts.counts.failure(key, `node "${address.node}" answered ${answer.status}`);
    return answer;
  } catch (error) {
    const { code, message: text } = SampanError.from(error);
    if (key !== undefined) parts.counts.failure(key, text);
    return textAnswer(
      statuses[code] ?? 500,
      code === "deadline_exceeded" ? "wait to get response time out" : text,
    );
  }
}

/** @throws SampanError not_found, unavailable */
function requireSession({ hub, informers }: Parts, node: string): void {
  if (hub.edge(node)) return;
  const object = informers.of(nodes).store.get(undefined, node);
  if (!object) throw new SampanError("not_found", `cannot reach node "${node}": there is no such node`);
  const { annotations } = object.metadata;
  const other = holders.map((name) => annotations?.[name]).find((name) => name !== undefined);
  throw new SampanError(
    "unavailable",
    other === undefined
      ? `cannot reach node "${node}": it is not connected`
      : `cannot reach node "${node}": it is not connected here; the cloud that had it last is ${JSON.stringify(other.slice(0, 253))}`,
  );
}

interface Exchange<Rule> {
  readonly rule: Rule;
  readonly address: Address;
  readonly request: RestRequest;
}

function publishTo({ hub }: Parts, { rule, address, request }: Exchange<ToTopic>): RestAnswer {
  const topic = [rule.topic.replace(/\/+$/, ""), ...address.parts.slice(rule.path.length)].join("/");
  if (!isTopic(topic))
    throw new SampanError(
      "invalid_argument",
      `cannot publish to ${JSON.stringify(topic.slice(0, 80))}: it is no topic`,
    );
  const route = { source: "router_eventbus", group: "user", operation: "publish", resource: topic };
  if (!hub.send(address.node, message(route, publish.build(textOf(request.body)))))
    throw new SampanError("resource_exhausted", `cannot reach node "${address.node}": too much waits for it`);
  return textAnswer(200, "message delivered");
}

function textOf(body: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(body);
  } catch (cause) {
    throw new SampanError("invalid_argument", "cannot publish the body: it is no UTF-8", { cause });
  }
}

async function callService(
  { hub }: Parts,
  { rule, address, request, signal }: Exchange<ToService> & { readonly signal: AbortSignal },
): Promise<RestAnswer> {
  const { method, headers, body } = request;
  const rest = address.raw.slice(rule.path.length).map((part) => `/${part}`);
  const base = rest.length > 0 ? rule.service.replace(/\/+$/, "") : rule.service;
  const resource = `${rule.port}:${base}${rest.join("")}${address.query}`;
  const route = { source: "router_servicebus", group: "user", operation: method, resource };
  const content = call.build({ header: endToEnd(headers), body, method, url: "" });
  const reply = await hub.ask(address.node, message(route, content), { signal, deadline });
  const { status_code: status, header, body: answered } = callReply.parse(reply.content);
  // Interim answers are no answers: our own server would wait for another one.
  if (status < 200 || status > 599)
    throw new SampanError(
      "unavailable",
      `cannot relay the answer of node "${address.node}": its status is ${status}`,
    );
  return { status, headers: endToEnd(header ?? {}), body: answered ?? new Uint8Array() };
}

/** RFC 9110, 7.6.1: what concerns one connection only. */
const hops = [
  "connection",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "host",
];

function endToEnd(headers: Headers): Headers {
  const named = Object.entries(headers).flatMap(([name, values]) =>
    name.toLowerCase() === "connection"
      ? values.flatMap((value) => value.split(",").map((each) => each.trim().toLowerCase()))
      : [],
  );
  return Object.fromEntries(
    Object.entries(headers).filter(([name]) => {
      const lower = name.toLowerCase();
      return !hops.includes(lower) && !named.includes(lower) && !lower.startsWith("proxy-");
    }),
  );
}
