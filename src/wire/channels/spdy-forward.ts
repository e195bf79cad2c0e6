/** Port-forward over SPDY/3.1: for each connection two streams, `error` and `data`, that share a `requestID`. */
import type { Duplex } from "node:stream";
import { broken } from "../byte-stream.ts";
import { SpdySession } from "../spdy/session.ts";
import type { SpdyStream } from "../spdy/stream.ts";
import type { ForwardedConnection, ForwardServer, TakeConnection } from "./forward.ts";
import { portForwardProtocol } from "./protocols.ts";
import { acceptSpdy, type UpgradeRequest } from "./upgrade.ts";

/** Connections at once, each of two streams. */
const mostConnections = 256;
/** Milliseconds for the second stream of a pair. */
const pairing = 30_000;

/** Upgrades. Errors: `invalid_argument` when the client speaks another protocol; nothing is written then. */
export function acceptSpdyForward(request: UpgradeRequest, take: TakeConnection): ForwardServer {
  acceptSpdy(request, [portForwardProtocol]);
  return serveForward(request.socket, request.head, take);
}

/** Over a connection that was upgraded already. */
export function serveForward(socket: Duplex, head: Uint8Array, take: TakeConnection): ForwardServer {
  const pairs = new Pairs(take);
  const session = new SpdySession(socket, {
    side: "server",
    head,
    mostStreams: 2 * mostConnections,
    onStream: (stream) => pairs.take(stream),
  });
  void session.closed.then(() => pairs.close());
  return { closed: session.closed, close: () => session.destroy() };
}

interface Half {
  readonly stream: SpdyStream;
  readonly timer: NodeJS.Timeout;
}

class Pairs {
  private readonly halves = new Map<string, Half>();
  private readonly connection: TakeConnection;

  constructor(connection: TakeConnection) {
    this.connection = connection;
  }

  take(stream: SpdyStream): void {
    const { streamtype: type, port: text = "", requestid: id = "" } = stream.headers;
    const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
    if ((type !== "data" && type !== "error") || port < 1 || port > 65_535)
      return stream.reset("refusedStream");
    const key = `${id}/${port}`;
    const half = this.halves.get(key);
    void stream.reply().catch(() => {});
    if (!half) {
      const timer = setTimeout(() => this.drop(key), pairing);
      this.halves.set(key, { stream, timer });
      return;
    }
    if (half.stream.headers["streamtype"] === type) return stream.reset("refusedStream");
    clearTimeout(half.timer);
    this.halves.delete(key);
    const [data, error] = type === "data" ? [stream, half.stream] : [half.stream, stream];
    this.connection(connectionOf(port, data, error));
  }

  close(): void {
    for (const key of this.halves.keys()) this.drop(key);
  }

  private drop(key: string): void {
    const half = this.halves.get(key);
    if (!half) return;
    clearTimeout(half.timer);
    this.halves.delete(key);
    half.stream.destroy();
  }
}

function connectionOf(port: number, data: SpdyStream, error: SpdyStream): ForwardedConnection {
  return {
    port,
    data,
    fail: async (message) => {
      await error.write(Buffer.from(message));
      await error.end();
    },
    done: async () => await error.end(),
  };
}

/** The other end: asks for connections over one that was upgraded already. */
export class ForwardClient {
  private readonly session: SpdySession;
  private requests = 0;

  constructor(duplex: Duplex, options: { readonly windows?: boolean } = {}) {
    this.session = new SpdySession(duplex, { side: "client", ...options });
  }

  get closed(): Promise<void> {
    return this.session.closed;
  }

  /** Its `failure` resolves with what the other end has to say of this connection; undefined for nothing. */
  async connect(
    port: number,
  ): Promise<{ readonly data: SpdyStream; readonly failure: Promise<string | undefined> }> {
    const common = { port: String(port), requestid: String(this.requests++) };
    const error = await this.session.open({ ...common, streamtype: "error" });
    await error.end();
    const data = await this.session.open({ ...common, streamtype: "data" });
    const failure = readText(error);
    failure.catch(() => {});
    return { data, failure };
  }

  close(): void {
    this.session.destroy(broken("port-forward was left"));
  }
}

const mostText = 4096;

async function readText(stream: SpdyStream): Promise<string | undefined> {
  let text = "";
  for await (const data of stream.input) {
    text += Buffer.from(data).toString("utf8");
    if (text.length > mostText) break;
  }
  return text === "" ? undefined : text.slice(0, mostText);
}
