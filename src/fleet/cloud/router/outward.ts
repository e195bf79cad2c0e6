/** From a node to REST: what a device published, or a local application's call whose answer goes back. */
import { SampanError } from "../../../base/errors.ts";
import { message, respond, type Envelope } from "../../link/envelope.ts";
import { outwardCall, outwardReply, parseOutwardRequest, publication } from "../../link/kinds/user.ts";
import type { Edge } from "../hub/hub.ts";
import type { CloudContext } from "../part.ts";
import type { Outward } from "./compile.ts";
import type { Counts } from "./counts.ts";
import type { RuleTable } from "./table.ts";

export interface TargetOptions {
  /** Certificates of targets are not looked at: as KubeEdge does, for targets with certificates of their own making. */
  readonly insecureTargets?: boolean;
}

type Parts = Pick<CloudContext, "hub" | "log" | "signal"> & {
  readonly table: RuleTable;
  readonly counts: Counts;
  readonly targets: TargetOptions;
};

interface TargetCall {
  readonly method: string;
  readonly body: Uint8Array;
  readonly type?: string;
  readonly deadline: number;
}

const bounds = { answer: 1 << 20, ofNode: 64, all: 1024 } as const;
/** Milliseconds. */
const deadlines = { publication: 10_000, call: 60_000 } as const;
const methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];

/** The handler of what comes for the Router. */
export function takeOutward(parts: Parts): (edge: Edge, received: Envelope) => Promise<void> {
  const busy = new Map<string, number>();
  let all = 0;

  /** @throws SampanError resource_exhausted when the node, or all of them, have too many calls under way. */
  async function within<Result>(node: string, act: () => Promise<Result>): Promise<Result> {
    const own = busy.get(node) ?? 0;
    if (own >= bounds.ofNode || all >= bounds.all)
      throw new SampanError(
        "resource_exhausted",
        `cannot call for node "${node}": too many calls are under way`,
      );
    busy.set(node, own + 1);
    all++;
    try {
      return await act();
    } finally {
      const left = (busy.get(node) ?? 1) - 1;
      if (left > 0) busy.set(node, left);
      else busy.delete(node);
      all--;
    }
  }

  async function callTarget(rule: Outward, node: string, what: TargetCall): Promise<string> {
    try {
      const text = await within(node, () => fetchTarget(rule.url, what, parts));
      parts.counts.success(rule.key);
      return text;
    } catch (error) {
      const { code, message: text } = SampanError.from(error);
      parts.counts.failure(rule.key, text);
      throw new SampanError(code, text, { cause: error });
    }
  }

  async function published({ node }: Edge, received: Envelope): Promise<void> {
    const body = Buffer.from(publication.parse(received.content));
    const matching = parts.table.ofTopic(node, received.route.resource);
    const what = { method: "POST", body, deadline: deadlines.publication };
    // Each failure stands in its rule's status.
    await Promise.allSettled(matching.map((rule) => callTarget(rule, node, what)));
  }

  async function called({ node }: Edge, received: Envelope): Promise<void> {
    const target = received.route.resource;
    const rule = parts.table.ofTarget(node, target);
    if (!rule) parts.hub.send(node, message(routes.stop(target), null));
    parts.hub.send(
      node,
      respond(received, routes.answer, outwardReply.build(await answerOf(rule, node, received))),
    );
  }

  async function answerOf(rule: Outward | undefined, node: string, received: Envelope): Promise<string> {
    const target = received.route.resource;
    try {
      if (!rule)
        throw new SampanError("not_found", `cannot call ${JSON.stringify(target)}: no rule is for it`);
      const { method, targetURL, payload } = parseOutwardRequest(outwardCall.parse(received.content));
      if (targetURL !== target)
        throw new SampanError(
          "invalid_argument",
          `cannot call ${JSON.stringify(targetURL)}: its message is for another`,
        );
      return await callTarget(rule, node, {
        ...bodyOf(payload),
        method: methodOf(method),
        deadline: deadlines.call,
      });
    } catch (error) {
      return SampanError.from(error).message;
    }
  }

  return async (edge, received) => {
    if (publication.claims(received)) await published(edge, received);
    else if (outwardCall.claims(received) && received.id !== "") await called(edge, received);
  };
}

const routes = {
  answer: { source: "servicebus", group: "user" },
  stop: (resource: string) => ({ source: "router_servicebus", group: "user", operation: "stop", resource }),
};

/** KubeEdge gives the whole request on as base64 that nobody decodes; here the target gets what the application meant it to get. */
function bodyOf(payload: unknown): { readonly body: Uint8Array; readonly type?: string } {
  if (payload === null) return { body: new Uint8Array() };
  if (typeof payload === "string") return { body: Buffer.from(payload) };
  return { body: Buffer.from(JSON.stringify(payload)), type: "application/json" };
}

function methodOf(text: string): string {
  const method = text === "" ? "POST" : text.toUpperCase();
  if (!methods.includes(method))
    throw new SampanError(
      "invalid_argument",
      `cannot call with method ${JSON.stringify(text)}: wanted one of ${methods.join(", ")}`,
    );
  return method;
}

/** The answer's text. Errors: `unavailable` for one of 300 and above, one over 1 MiB, or none; `deadline_exceeded`. */
async function fetchTarget(url: string, what: TargetCall, parts: Parts): Promise<string> {
  const host = URL.parse(url)?.host ?? "";
  // Not AbortSignal.any: a signal that lives as long as the cloud would hear of each call ever made.
  const stop = new AbortController();
  const state = { isLate: false };
  const timer = setTimeout(() => {
    state.isLate = true;
    stop.abort();
  }, what.deadline);
  const end = (): void => stop.abort();
  parts.signal.addEventListener("abort", end, { once: true });
  try {
    const response = await fetch(url, requestOf(what, parts.targets, stop.signal));
    const text = await readText(response);
    if (response.status >= 300) throw new SampanError("unavailable", `${host} answered ${response.status}`);
    return text;
  } catch (error) {
    if (error instanceof SampanError) throw error;
    if (state.isLate)
      throw new SampanError("deadline_exceeded", `${host} did not answer within ${what.deadline} ms`, {
        cause: error,
      });
    throw new SampanError("unavailable", `cannot reach ${host}: ${SampanError.from(error).message}`, {
      cause: error,
    });
  } finally {
    clearTimeout(timer);
    parts.signal.removeEventListener("abort", end);
  }
}

function requestOf({ method, body, type }: TargetCall, targets: TargetOptions, signal: AbortSignal) {
  const isBodyless = method === "GET" || method === "HEAD";
  return {
    method,
    ...(isBodyless ? {} : { body }),
    headers: { "user-agent": "sampan", ...(type === undefined ? {} : { "content-type": type }) },
    // The rule says where a message may go; its target does not.
    redirect: "manual",
    signal,
    tls: { rejectUnauthorized: targets.insecureTargets !== true },
  } as const;
}

async function readText({ body }: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  // Leaving the loop ends the connection.
  for await (const chunk of body ?? []) {
    size += chunk.byteLength;
    if (size > bounds.answer)
      throw new SampanError("unavailable", `the answer has more than ${bounds.answer} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}
