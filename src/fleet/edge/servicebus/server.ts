/** Local applications reach addresses of the cloud: `POST http://127.0.0.1:9060` with `{"method":…,"targetURL":…,"payload":…}`, answered with 200 and a code of its own. */
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { SampanError } from "../../../base/errors.ts";
import { outwardResponse, type OutwardResponse } from "../../link/kinds/user.ts";

/** Bytes of a request; connections at once; milliseconds for a request to come in. */
const limits = { body: 5_000_000, connections: 128, request: 30_000 } as const;

export type Answer = (body: Uint8Array, signal: AbortSignal) => Promise<OutwardResponse>;

export class LocalServer implements AsyncDisposable {
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  /** Errors: `unavailable` when the port is taken. */
  static async listen(
    at: { readonly host: string; readonly port: number },
    answer: Answer,
  ): Promise<LocalServer> {
    const server = createServer(
      { requestTimeout: limits.request, headersTimeout: 10_000 },
      (request, response) => void serve(request, response, answer),
    );
    server.maxConnections = limits.connections;
    server.listen(at.port, at.host);
    try {
      await once(server, "listening");
    } catch (cause) {
      throw new SampanError(
        "unavailable",
        `cannot listen on ${at.host}:${at.port}: ${SampanError.from(cause).message}`,
        { cause },
      );
    }
    return new LocalServer(server);
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }
}

async function serve(request: IncomingMessage, response: ServerResponse, answer: Answer): Promise<void> {
  const gone = new AbortController();
  response.on("close", () => gone.abort());
  request.on("error", () => gone.abort());
  let result: OutwardResponse;
  try {
    requireLocal(request);
    result = await answer(await bodyOf(request), gone.signal);
  } catch (error) {
    const { code, message } = SampanError.from(error);
    const theirs = ["invalid_argument", "permission_denied", "resource_exhausted"].includes(code);
    result = { code: theirs ? 400 : 500, msg: message };
  }
  if (response.destroyed) return;
  response.writeHead(200, { "Content-Type": "application/json", Connection: "close" });
  response.end(JSON.stringify(outwardResponse.write(result)));
}

/** A page in a browser of this machine that lets its own name mean 127.0.0.1 says that name. */
function requireLocal({ headers }: IncomingMessage): void {
  if (!/^(?:127\.0\.0\.1|localhost|\[::1\])(?::\d{1,5})?$/.test(headers.host ?? ""))
    throw new SampanError("permission_denied", "the request is for another host");
}

async function bodyOf(request: IncomingMessage): Promise<Uint8Array> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    size += part.length;
    if (size > limits.body)
      throw new SampanError("resource_exhausted", `the request has more than ${limits.body} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts);
}
