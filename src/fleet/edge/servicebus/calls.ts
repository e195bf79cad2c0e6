/** A caller in the cloud reaches a service of this node: HTTP to 127.0.0.1, at the port and path that the message names, and nowhere else. Redirects are given back, not followed. */
import { request, type IncomingMessage } from "node:http";
import { SampanError } from "../../../base/errors.ts";
import type { Headers } from "../../link/http-headers.ts";
import type { HttpRequest, HttpResponse } from "../../link/kinds/user.ts";

export interface CallOptions {
  /** Milliseconds; 10,000. */
  readonly deadline?: number;
  /** Bytes of an answer; 5,000,000. */
  readonly most?: number;
  readonly signal: AbortSignal;
}

export interface Target {
  readonly port: number;
  /** With the query. */
  readonly path: string;
}

/** Those of one connection (RFC 9110, 7.6.1), and those that are made anew. */
const dropped = new Set([
  "connection",
  "content-length",
  "host",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/**
 * `8080:/api/a?q=1`.
 * @throws SampanError invalid_argument
 */
export function parseTarget(resource: string): Target {
  const [, digits = "", rest = ""] = /^(\d{1,5}):(.*)$/s.exec(resource) ?? [];
  const port = Number(digits);
  const path = rest.startsWith("/") ? rest : `/${rest}`;
  // What could end the request line stands in none (RFC 9112, 3).
  if (port < 1 || port > 65_535 || !/^[\u0021-\u007e]+$/.test(path) || path.includes("#"))
    throw new SampanError(
      "invalid_argument",
      `the format of resource ${JSON.stringify(resource.slice(0, 80))} is incorrect`,
    );
  return { port, path };
}

/** Errors: `unavailable` when nobody answers there, `deadline_exceeded`, `resource_exhausted` when the answer is too large. */
export async function callLocally(
  { port, path }: Target,
  method: string,
  { header, body }: Pick<HttpRequest, "header" | "body">,
  { deadline = 10_000, most = 5_000_000, signal }: CallOptions,
): Promise<HttpResponse> {
  const timeout = AbortSignal.timeout(deadline);
  const ends = AbortSignal.any([signal, timeout]);
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const sent = request({
    host: "127.0.0.1",
    port,
    path,
    method,
    headers: outgoing(header, body),
    agent: false,
    signal: ends,
  });
  sent.on("response", resolve);
  sent.on("error", reject);
  sent.on("upgrade", (_response, socket) => {
    socket.destroy();
    reject(new SampanError("unimplemented", "it wants another protocol"));
  });
  sent.end(body ?? undefined);
  try {
    const response = await promise;
    return {
      header: incoming(response.rawHeaders),
      status_code: response.statusCode ?? 500,
      body: await gather(response, most),
    };
  } catch (error) {
    if (error instanceof SampanError) throw error;
    throw new SampanError(
      timeout.aborted ? "deadline_exceeded" : "unavailable",
      SampanError.from(error).message,
      {
        cause: error,
      },
    );
  } finally {
    sent.destroy();
  }
}

function outgoing(header: Headers | null, body: Uint8Array | null): Record<string, string[] | string> {
  const kept = Object.entries(header ?? {}).filter(([name]) => !dropped.has(name.toLowerCase()));
  const length = body ? { "Content-Length": String(body.length) } : {};
  return { ...Object.fromEntries(kept.map(([name, values]) => [name, [...values]])), ...length };
}

/** As Go writes them: each name once, in its canonical form. */
function incoming(raw: readonly string[]): Headers {
  const lists = new Map<string, string[]>();
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const name = (raw[at] ?? "").toLowerCase().replace(/(^|-)[a-z]/g, (first) => first.toUpperCase());
    lists.set(name, [...(lists.get(name) ?? []), raw[at + 1] ?? ""]);
  }
  return Object.fromEntries(lists);
}

async function gather(response: IncomingMessage, most: number): Promise<Uint8Array> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of response as AsyncIterable<Buffer>) {
    size += part.length;
    if (size > most) throw new SampanError("resource_exhausted", "response body too large");
    parts.push(part);
  }
  return Buffer.concat(parts);
}
