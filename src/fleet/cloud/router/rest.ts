/** The door for applications in the cloud: HTTP on one address. Whoever reaches it may use every rule, so it stands on loopback unless told otherwise. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { SampanError, type Code } from "../../../base/errors.ts";
import type { Headers } from "../../link/http-headers.ts";
import { textAnswer, type RestAnswer, type RestRequest } from "./inward.ts";

export interface RestOptions {
  readonly host: string;
  /** 0 for any. */
  readonly port: number;
  readonly answer: (request: RestRequest, signal: AbortSignal) => Promise<RestAnswer>;
}

export interface RestServer extends AsyncDisposable {
  readonly port: number;
}

const bounds = { body: 12 << 20, head: 32 << 10, requests: 1024, bytes: 256 << 20 } as const;
const statuses: Partial<Record<Code, number>> = {
  out_of_range: 413,
  deadline_exceeded: 408,
  resource_exhausted: 503,
  cancelled: 400,
};
/** Milliseconds for a body. */
const bodyDeadline = 60_000;

/** Resolves when it listens. Errors: `unavailable` when the address is taken. */
export async function openRest({ host, port, answer }: RestOptions): Promise<RestServer> {
  const stop = new AbortController();
  const busy = { requests: 0, bytes: 0 };
  const server = createServer(
    { maxHeaderSize: bounds.head, keepAliveTimeout: 60_000 },
    (request, response) => {
      void serve(request, response);
    },
  );

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const gone = new AbortController();
    const end = (): void => gone.abort();
    response.once("close", end);
    stop.signal.addEventListener("abort", end, { once: true });
    busy.requests++;
    let held = 0;
    try {
      if (busy.requests > bounds.requests) throw tooBusy();
      const body = await readBody(request, (bytes) => {
        held += bytes;
        busy.bytes += bytes;
        if (busy.bytes > bounds.bytes) throw tooBusy();
      });
      const { method = "GET", url = "/" } = request;
      write(response, await answer({ method, target: url, headers: headersOf(request), body }, gone.signal));
    } catch (error) {
      const { code, message } = SampanError.from(error);
      const status = statuses[code] ?? 502;
      write(response, textAnswer(status, message), true);
    } finally {
      busy.requests--;
      busy.bytes -= held;
      stop.signal.removeEventListener("abort", end);
    }
  }

  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  server.listen({ host, port }, resolve);
  try {
    await promise;
  } catch (cause) {
    throw new SampanError(
      "unavailable",
      `cannot listen for rules on ${host}:${port}: ${SampanError.from(cause).message}`,
      {
        cause,
      },
    );
  }
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      stop.abort();
      const closed = new Promise<void>((done) => server.close(() => done()));
      server.closeAllConnections();
      await closed;
    },
  };
}

function tooBusy(): SampanError {
  return new SampanError("resource_exhausted", "cannot take the request: too many are under way");
}

/** @throws SampanError out_of_range for more than 12 MiB, deadline_exceeded, cancelled, and what `take` throws. */
async function readBody(request: IncomingMessage, take: (bytes: number) => void): Promise<Uint8Array> {
  const tooLarge = () =>
    new SampanError("out_of_range", `cannot take the request: its body has more than ${bounds.body} bytes`);
  if (Number(request.headers["content-length"] ?? 0) > bounds.body) throw tooLarge();
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
  const chunks: Buffer[] = [];
  let size = 0;
  const timer = setTimeout(
    () => reject(new SampanError("deadline_exceeded", "cannot take the request: its body did not come")),
    bodyDeadline,
  );
  request.on("data", (chunk: Buffer) => {
    size += chunk.byteLength;
    if (size > bounds.body) return reject(tooLarge());
    try {
      take(chunk.byteLength);
      chunks.push(chunk);
    } catch (error) {
      reject(error);
    }
  });
  request.once("end", () => resolve(Buffer.concat(chunks)));
  const broken = (): void => reject(new SampanError("cancelled", "cannot take the request: it broke off"));
  request.once("error", broken);
  request.once("close", broken);
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    request.removeAllListeners("data");
  }
}

/** As Go's servers name them: `content-type` is `Content-Type`. */
function headersOf({ rawHeaders }: IncomingMessage): Headers {
  const headers = new Map<string, string[]>();
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = (rawHeaders[index] ?? "")
      .toLowerCase()
      .replaceAll(/(?:^|-)[a-z]/g, (each) => each.toUpperCase());
    if (name === "Host") continue;
    const values = headers.get(name) ?? [];
    values.push(rawHeaders[index + 1] ?? "");
    headers.set(name, values);
  }
  return Object.fromEntries(headers);
}

function write(response: ServerResponse, { status, headers, body }: RestAnswer, close = false): void {
  if (response.destroyed || response.headersSent) return;
  // Of an answer that could not be written nothing stays.
  for (const name of response.getHeaderNames()) response.removeHeader(name);
  response.statusCode = status;
  for (const [name, values] of Object.entries(headers))
    if (name.toLowerCase() !== "content-length") response.setHeader(name, [...values]);
  if (close) response.setHeader("Connection", "close");
  response.end(body);
}
