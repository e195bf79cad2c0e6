/**
 * A server of WebSockets over TLS for thousands of peers that are idle most of the time: of each it keeps some hundred bytes, where node:http, node:tls and a library on top keep ten times as many
 * (docs/decisions/028). A peer's certificate is asked for and verified; whether it is needed is for `admit` to say.
 */
import type { Socket, TCPSocketListener } from "bun";
import type { TLSSocket } from "node:tls";
import { SampanError } from "../../base/errors.ts";
import { broken } from "../byte-stream.ts";
import { Peer, type PeerOwner } from "./peer.ts";
import { type Answer, type Asking, mostOfHead, readAsking, refuseAsking, wantsUpgrade } from "./request.ts";

export interface Visitor {
  readonly asking: Asking;
  /** Of a certificate that was verified, a line each as node:crypto writes it; undefined: none, or a bad one. */
  readonly subject: string | undefined;
  /** Why it was not verified. */
  readonly fault: string | undefined;
}

export interface Admitted {
  /** Of the answer. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Called with the peer once it is there. */
  readonly open: (peer: Peer) => PeerOwner;
}

export interface ServeOptions {
  readonly host: string;
  /** 0 for any. */
  readonly port: number;
  /** PEM; `ca` signs the certificates of peers. */
  readonly tls: { readonly key: string; readonly cert: string; readonly ca: string };
  /** Bytes of one message. */
  readonly largest: number;
  /** Connections at once. */
  readonly most: number;
  /** Milliseconds for the handshake and the head of the request. */
  readonly patience: number;
  /** Milliseconds that peers have when the server stops. */
  readonly close: number;
  /** What is not let in is told why. */
  readonly admit: (visitor: Visitor) => Promise<Admitted | Answer>;
  /** What to answer who does not want a WebSocket. */
  readonly otherwise: Answer;
}

export interface Serving extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
}

/** Milliseconds that a peer has to take what it is told last. */
const lastWords = 5_000;
/** `http/1.1`, as ALPN has it on the wire. */
const http = Buffer.from("\u0008http/1.1");
/** Milliseconds between two looks at who has taken too long. */
const every = 500;

const reasons: Readonly<Record<string, string>> = {
  EADDRINUSE: "the address is taken",
  EADDRNOTAVAIL: "this machine has no such address",
  EACCES: "permission denied",
};

/** Errors: `unavailable` when the address is taken or nobody may listen there. */
export function serveWebSockets(options: ServeOptions): Serving {
  const server = new Server(options);
  return server.listen();
}

class Server {
  private readonly options: ServeOptions;
  private readonly peers = new Set<Peer>();
  /** Who has to have done something by when. */
  private readonly expected = new Map<Peer, number>();
  private listener: TCPSocketListener<Peer> | undefined;
  private closing = false;
  private empty: (() => void) | undefined;

  constructor(options: ServeOptions) {
    this.options = options;
  }

  listen(): Serving {
    const { host, port, tls } = this.options;
    try {
      this.listener = Bun.listen<Peer>({
        hostname: host,
        port,
        tls: { ...tls, requestCert: true, rejectUnauthorized: false, ALPNProtocols: http },
        socket: {
          open: (socket) => this.came(socket),
          data: (socket, data) => this.said(socket, data),
          drain: ({ data: peer }) => peer.drain(),
          close: ({ data: peer }) => this.left(peer),
          error: (socket) => socket.terminate(),
        },
      });
    } catch (error) {
      const { code = "" } = error as { readonly code?: string };
      const at = host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
      throw broken(`cannot listen at ${at}: ${reasons[code] ?? String(error)}`, error);
    }
    const sweep = setInterval(() => this.sweep(), every);
    return {
      host,
      port: this.listener.port,
      [Symbol.asyncDispose]: async () => {
        try {
          await this.close();
        } finally {
          clearInterval(sweep);
        }
      },
    };
  }

  private came(socket: Socket<Peer>): void {
    const peer = new Peer(socket, this.options.largest, (one) => this.expect(one, lastWords));
    socket.data = peer;
    this.peers.add(peer);
    if (this.closing || this.peers.size > this.options.most) return peer.terminate();
    socket.setNoDelay(true);
    socket.setKeepAlive(true, 60_000);
    this.expect(peer, this.options.patience);
  }

  private said(socket: Socket<Peer>, data: Buffer): void {
    const peer = socket.data;
    const asked = peer.take(data, mostOfHead);
    if (asked === "too long") return peer.refuse({ status: 431, reason: "the request's head is too long" });
    if (asked) void this.greet(socket, asked.head);
  }

  /** The request has come; what comes after it waits. */
  private async greet(socket: Socket<Peer>, head: string): Promise<void> {
    const peer = socket.data;
    const { admit, otherwise } = this.options;
    try {
      const asking = readAsking(head);
      if (!asking) return peer.refuse({ status: 400, reason: "the request cannot be read" });
      if (!wantsUpgrade(asking)) return peer.refuse(otherwise);
      const refusal = refuseAsking(asking);
      if (refusal) return peer.refuse(refusal);
      const admission = await admit({ asking, ...certificateOf(socket) });
      if ("status" in admission) return peer.refuse(admission);
      if (peer.isGone || this.closing) return peer.terminate();
      this.expected.delete(peer);
      peer.accept(asking, admission.headers ?? {}, admission.open);
    } catch (error) {
      peer.refuse({ status: 503, reason: SampanError.from(error).message });
    }
  }

  private expect(peer: Peer, milliseconds: number): void {
    if (!peer.isGone) this.expected.set(peer, performance.now() + milliseconds);
  }

  private left(peer: Peer): void {
    this.peers.delete(peer);
    this.expected.delete(peer);
    peer.left();
    if (this.peers.size === 0) this.empty?.();
  }

  private sweep(): void {
    const now = performance.now();
    for (const [peer, until] of this.expected) if (until <= now) peer.terminate();
  }

  /** Takes no more; peers that are told to end by their owners have some time for it. */
  private async close(): Promise<void> {
    this.closing = true;
    this.listener?.stop();
    for (const peer of this.expected.keys()) peer.terminate();
    if (this.peers.size === 0) return;
    const gone = new Promise<void>((resolve) => void (this.empty = resolve));
    const timer = setTimeout(() => {
      for (const peer of this.peers) peer.terminate();
    }, this.options.close);
    await gone;
    clearTimeout(timer);
  }
}

function certificateOf(socket: Socket<Peer>): Pick<Visitor, "subject" | "fault"> {
  const of = socket as Socket<Peer> & Partial<Pick<TLSSocket, "getPeerX509Certificate">>;
  if (socket.authorized) return { subject: of.getPeerX509Certificate?.()?.subject, fault: undefined };
  return { subject: undefined, fault: socket.getAuthorizationError()?.message };
}
