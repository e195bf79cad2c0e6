/** The port on which clients come with their tickets: `/exec/<word>`, `/attach/<word>`, `/portforward/<word>`, by GET or POST, to be upgraded. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { type AddressInfo, isIPv6 } from "node:net";
import type { Duplex } from "node:stream";
import { type Code, invalid, SampanError } from "../../../base/errors.ts";
import { formatHead } from "../../../wire/channels/head.ts";
import { upgradeOf } from "../../../wire/channels/protocols.ts";
import type { UpgradeRequest } from "../../../wire/channels/upgrade.ts";

export interface StreamServerOptions {
  /** `127.0.0.1:0`, `[::1]:10010` */
  readonly address: string;
  /** Of a path that is there; it can be had once. Undefined: there is none, or no longer. */
  readonly take: (kind: string, word: string) => ((request: UpgradeRequest) => Promise<void>) | undefined;
  readonly log: (text: string) => void;
}

export interface StreamServer extends AsyncDisposable {
  /** `http://127.0.0.1:34567` */
  readonly url: string;
}

const mostConnections = 1024;
/** Milliseconds for a request's head: who says nothing keeps others out no longer. */
const patience = 10_000;
/** Of a word that nobody has asked for nothing is told. */
const statuses: Partial<Record<Code, number>> = {
  invalid_argument: 400,
  failed_precondition: 400,
  not_found: 404,
  unimplemented: 405,
  unavailable: 503,
};

/** Resolves when it listens. Errors: `unavailable` when the address cannot be had. */
export async function openStreamServer({ address, take, log }: StreamServerOptions): Promise<StreamServer> {
  const sockets = new Set<Duplex>();
  const server = createServer({
    requestTimeout: patience,
    headersTimeout: patience,
    maxHeaderSize: 32 << 10,
  });
  server.maxConnections = mostConnections;
  server.on("request", (request: IncomingMessage, response: ServerResponse) => {
    response.on("error", () => {});
    const error = refusal(() => {
      found(take, request);
      throw noUpgrade();
    });
    const body = Buffer.from(`${error.message}\n`);
    response.writeHead(statusOf(error), { ...headersOf(body), Connection: "close" });
    response.end(body);
  });
  server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    socket.on("error", () => socket.destroy());
    void serve(take, request, { headers: request.headers, socket, head }).catch((error: unknown) =>
      refuse(socket, SampanError.from(error)),
    );
  });
  await listen(server, address);
  server.on("error", (error) => log(`the streaming port: ${error.message}`));
  return {
    url: `http://${authority(server.address() as AddressInfo)}`,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      server.closeAllConnections();
      await new Promise<void>((resolve) => void server.close(() => resolve()));
    },
  };
}

async function listen(server: ReturnType<typeof createServer>, address: string): Promise<void> {
  const colon = address.lastIndexOf(":");
  const host = address.slice(0, colon).replace(/^\[(.*)\]$/, "$1");
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) =>
      reject(
        new SampanError("unavailable", `cannot listen for streams on ${address}: ${error.message}`, {
          cause: error,
        }),
      ),
    );
    server.listen(Number(address.slice(colon + 1)), host, resolve);
  });
}

/** Clients are on this machine: what listens everywhere is reached on the loopback interface. */
function authority({ address, port }: AddressInfo): string {
  if (address === "0.0.0.0") return `127.0.0.1:${port}`;
  if (address === "::") return `[::1]:${port}`;
  return isIPv6(address) ? `[${address}]:${port}` : `${address}:${port}`;
}

type Take = StreamServerOptions["take"];

async function serve(take: Take, request: IncomingMessage, upgrade: UpgradeRequest): Promise<void> {
  const begin = found(take, request);
  if (!upgradeOf(request.headers)) throw noUpgrade();
  await begin(upgrade);
}

/** Errors: `not_found`, `unimplemented` for a method. */
function found(take: Take, { method = "", url = "" }: IncomingMessage) {
  const [, kind = "", word = ""] =
    /^\/(exec|attach|portforward)\/([-_A-Za-z0-9]{1,64})(?:\?.*)?$/.exec(url) ?? [];
  if (kind === "") throw new SampanError("not_found", "404 page not found");
  if (method !== "GET" && method !== "POST")
    throw new SampanError("unimplemented", "405: wanted the method GET or POST");
  const begin = take(kind, word);
  if (begin) return begin;
  throw new SampanError("not_found", "404: there is no such stream, or it has been taken, or it is too old");
}

function noUpgrade(): SampanError {
  return invalid("unable to upgrade: missing upgrade headers in request");
}

function refusal(doing: () => never): SampanError {
  try {
    return doing();
  } catch (error) {
    return SampanError.from(error);
  }
}

function headersOf(body: Uint8Array): Record<string, string> {
  return { "Content-Type": "text/plain; charset=utf-8", "Content-Length": String(body.length) };
}

function statusOf({ code }: SampanError): number {
  return statuses[code] ?? 500;
}

function refuse(socket: Duplex, error: SampanError): void {
  if (socket.destroyed || !socket.writable) return;
  const body = Buffer.from(`${error.message}\n`);
  const head = formatHead(statusOf(error), "Refused", {
    ...headersOf(body),
    Connection: "close",
  });
  socket.end(Buffer.concat([Buffer.from(head), body]));
}
