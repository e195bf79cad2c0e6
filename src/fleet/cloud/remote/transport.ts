/** HTTPS to one API server: connections are kept, everything has a deadline and bounds. */
import type { ClientRequest, IncomingMessage } from "node:http";
import { Agent, request as httpsRequest } from "node:https";
import { version } from "../../../base/version.ts";
import { KubeError } from "../../../spec/kubernetes/kube.ts";
import { failureOf } from "./failure.ts";
import type { Connection } from "./kubeconfig.ts";

export interface Call {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** With its query. */
  readonly path: string;
  readonly body?: unknown;
  readonly contentType?: string;
  readonly signal?: AbortSignal | undefined;
}

/** Milliseconds for an answer to a call to be whole, and for the head of a watch. */
const deadline = 60_000;
const largestAnswer = 256 << 20;
const largestFailure = 1 << 20;
const connections = 32;

export class Transport implements Disposable {
  private readonly connection: Connection;
  private readonly base: string;
  private readonly calls: Agent;
  /** Watches hold their connections: they are not counted among the others. */
  private readonly watches: Agent;

  constructor(connection: Connection) {
    const { server, ca, certificate, key, serverName, insecure } = connection;
    this.connection = connection;
    this.base = server.pathname.replace(/\/$/, "");
    const tls = {
      keepAlive: true,
      keepAliveMsecs: 15_000,
      ...(ca === undefined ? {} : { ca }),
      ...(certificate === undefined ? {} : { cert: certificate }),
      ...(key === undefined ? {} : { key }),
      ...(serverName === undefined ? {} : { servername: serverName }),
      rejectUnauthorized: !insecure,
    };
    this.calls = new Agent({ ...tls, maxSockets: connections });
    this.watches = new Agent(tls);
  }

  /** The whole answer as JSON. Errors: a KubeError. */
  async call(call: Call): Promise<unknown> {
    const limit = AbortSignal.timeout(deadline);
    const signal = call.signal ? AbortSignal.any([call.signal, limit]) : limit;
    const answer = await this.begin(call, this.calls, signal);
    const text = await bodyOf(answer, largestAnswer, signal);
    try {
      return JSON.parse(text) as unknown;
    } catch {
      throw new KubeError("InternalError", `cannot read the answer to ${call.path}: it is no JSON`);
    }
  }

  /** The pieces of an answer that goes on. The head must come within a minute; the end is told by the signal. Errors: a KubeError, from the head on none but of the connection. */
  async stream(call: Call & { readonly signal: AbortSignal }): Promise<IncomingMessage> {
    const limit = new AbortController();
    const timer = setTimeout(() => limit.abort(), deadline);
    try {
      return await this.begin(call, this.watches, call.signal, limit.signal);
    } finally {
      clearTimeout(timer);
    }
  }

  [Symbol.dispose](): void {
    this.calls.destroy();
    this.watches.destroy();
  }

  private async begin(
    call: Call,
    agent: Agent,
    signal: AbortSignal,
    headLimit?: AbortSignal,
  ): Promise<IncomingMessage> {
    if (signal.aborted) throw lost(call, signal.reason, signal);
    const answered = Promise.withResolvers<IncomingMessage>();
    const outgoing = this.send(call, agent);
    const stop = () => outgoing.destroy(new Error("the request was ended"));
    signal.addEventListener("abort", stop, { once: true });
    headLimit?.addEventListener("abort", stop, { once: true });
    outgoing.on("response", answered.resolve);
    outgoing.on("error", answered.reject);
    outgoing.once("close", () => {
      signal.removeEventListener("abort", stop);
      headLimit?.removeEventListener("abort", stop);
    });
    let answer: IncomingMessage;
    try {
      answer = await answered.promise;
    } catch (error) {
      throw lost(call, error, signal);
    }
    const { statusCode = 0 } = answer;
    if (statusCode >= 200 && statusCode < 300) return answer;
    const text = await bodyOf(answer, largestFailure, signal);
    throw failureOf(statusCode, text);
  }

  private send({ method, path, body, contentType = "application/json" }: Call, agent: Agent): ClientRequest {
    const { server, authorization } = this.connection;
    const bytes = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
    const credentials = authorization();
    const outgoing = httpsRequest({
      ...agent.options,
      agent,
      method,
      hostname: server.hostname.replace(/^\[|\]$/g, ""),
      port: server.port === "" ? 443 : Number(server.port),
      path: `${this.base}${path}`,
      headers: {
        Accept: "application/json",
        "User-Agent": `sampan/${version}`,
        ...(credentials === undefined ? {} : { Authorization: credentials }),
        ...(bytes ? { "Content-Type": contentType, "Content-Length": bytes.length } : {}),
      },
    });
    outgoing.end(bytes);
    return outgoing;
  }
}

async function bodyOf(answer: IncomingMessage, most: number, signal: AbortSignal): Promise<string> {
  const pieces: Buffer[] = [];
  let size = 0;
  try {
    for await (const piece of answer) {
      size += (piece as Buffer).length;
      if (size > most) {
        answer.destroy();
        throw new KubeError("RequestEntityTooLarge", `the API's answer has more than ${most} bytes`);
      }
      pieces.push(piece as Buffer);
    }
  } catch (error) {
    if (error instanceof KubeError) throw error;
    throw lost({ method: "GET", path: "" }, error, signal);
  }
  if (signal.aborted) throw lost({ method: "GET", path: "" }, signal.reason, signal);
  return Buffer.concat(pieces).toString();
}

/** What the network, not the API, has failed with. */
function lost(
  { method, path }: Pick<Call, "method" | "path">,
  cause: unknown,
  signal: AbortSignal,
): KubeError {
  const where = path === "" ? "the answer" : `${method} ${path.split("?", 1)[0]}`;
  const reason = signal.reason as { readonly name?: string } | undefined;
  if (signal.aborted && reason?.name === "TimeoutError")
    return new KubeError("Timeout", `${where}: the API has not answered in time`, undefined, { cause });
  const words = cause instanceof Error ? cause.message : String(cause);
  return new KubeError("ServiceUnavailable", `${where}: cannot reach the API: ${words}`, undefined, {
    cause,
  });
}
