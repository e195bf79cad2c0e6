/**
 * An edge without a node: real TLS, a real join and a real WebSocket, for tests of the cloud and for fleets of thousands. It acknowledges what a KubeEdge edge acknowledges, unless told otherwise.
 *
 *     const identity = await joinEdge({ host, joinPort, token, node: "edge1" });
 *     const edge = await connectEdge({ host, port, node: "edge1", identity });
 *     await edge.until((message) => message.route.operation === "insert");
 */
import { createHash } from "node:crypto";
import { connect, type TLSSocket } from "node:tls";
import { WebSocket } from "ws";
import { acknowledge, isAcknowledged, keepaliveMessage } from "../../../src/fleet/link/ack.ts";
import { type Envelope, formatEnvelope, parseEnvelope } from "../../../src/fleet/link/envelope.ts";
import { makeKeyPair } from "../../../src/fleet/cloud/apiserver/auth/pki/issue.ts";
import { x509 } from "../../../src/fleet/cloud/apiserver/auth/pki/library.ts";
import { pemOf } from "../../../src/fleet/cloud/apiserver/auth/pki/pem.ts";
import { matching, within } from "../until.ts";

/** PEM. */
export interface Identity {
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
}

export interface Place {
  readonly host: string;
  readonly joinPort: number;
}

export interface Asked {
  readonly method?: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  readonly identity?: Pick<Identity, "certificate" | "key">;
}

export interface Answer {
  readonly status: number;
  readonly body: Buffer;
}

/** One request over HTTPS, with a body whatever the method is, which fetch refuses for GET. The server is not verified, as an edge does that has no authority yet. */
export async function askJoin({ host, joinPort }: Place, asked: Asked): Promise<Answer> {
  const { method = "GET", path, headers = {}, body = new Uint8Array(), identity } = asked;
  const socket = connect({
    host,
    port: joinPort,
    rejectUnauthorized: false,
    ...(identity ? { cert: identity.certificate, key: identity.key } : {}),
  });
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const chunks: Buffer[] = [];
  socket.on("data", (chunk: Buffer) => void chunks.push(chunk));
  socket.once("close", () => resolve(Buffer.concat(chunks)));
  socket.once("error", reject);
  socket.once("secureConnect", () => {
    const lines = Object.entries({ Host: host, Connection: "close", ...headers }).map(
      ([name, value]) => `${name}: ${value}\r\n`,
    );
    socket.write(`${method} ${path} HTTP/1.1\r\n${lines.join("")}Content-Length: ${body.length}\r\n\r\n`);
    if (body.length > 0) socket.write(body);
  });
  const whole = await promise;
  const end = whole.indexOf("\r\n\r\n");
  const [, status] = /^HTTP\/1\.1 (\d{3}) /.exec(whole.subarray(0, end).toString("latin1")) ?? [];
  return { status: Number(status ?? 0), body: whole.subarray(end + 4) };
}

export interface Request {
  /** DER. */
  readonly bytes: Buffer;
  /** PEM. */
  readonly key: string;
}

/** A certificate request as edges since 1.18 make it; with `legacy` as those before. */
export async function makeRequest(node: string, legacy = false): Promise<Request> {
  const { Pkcs10CertificateRequestGenerator } = x509();
  const pair = await makeKeyPair();
  const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  const bytes = (pem: string) => Buffer.from(pem.replaceAll(/-----[^-]+-----|\s/g, ""), "base64");
  const keys = {
    privateKey: await crypto.subtle.importKey("pkcs8", bytes(pair.key), algorithm, true, ["sign"]),
    publicKey: await crypto.subtle.importKey("spki", pair.publicKey, algorithm, true, ["verify"]),
  };
  const who = legacy ? "O=kubeEdge, CN=kubeedge.io" : `O=system:nodes, CN=system:node:${node}`;
  const name = `C=CN, L=Hangzhou, ST=Zhejiang, ${who}`;
  const made = await Pkcs10CertificateRequestGenerator.create({ name, keys, signingAlgorithm: algorithm });
  return { bytes: Buffer.from(made.rawData), key: pair.key };
}

export interface Join extends Place {
  readonly node: string;
  /** As `sampan cloud token` prints it. */
  readonly token: string;
  readonly legacy?: boolean;
}

/** Joins by a token. Throws with the cloud's answer when it refuses. */
export async function joinEdge({ node, token, legacy = false, ...place }: Join): Promise<Identity> {
  const [sum, ...jwt] = token.split(".");
  const ca = await askJoin(place, { path: "/ca.crt" });
  if (createHash("sha256").update(ca.body).digest("hex") !== sum)
    throw new Error("not the token's authority");
  const request = await makeRequest(node, legacy);
  const headers = { Authorization: `Bearer ${jwt.join(".")}`, NodeName: node };
  const answer = await askJoin(place, { path: "/edge.crt", headers, body: request.bytes });
  if (answer.status !== 200) throw new Error(`${answer.status} ${answer.body.toString()}`);
  return {
    ca: pemOf("CERTIFICATE", ca.body),
    certificate: pemOf("CERTIFICATE", answer.body),
    key: request.key,
  };
}

export interface Connect {
  readonly host: string;
  readonly port: number;
  readonly node: string;
  readonly identity: Identity;
  /** Whether it acknowledges a message; what KubeEdge's do without it. */
  readonly acknowledges?: (message: Envelope) => boolean;
  /** Called with each message instead of keeping it: for many edges in little memory. */
  readonly onMessage?: (message: Envelope) => void;
  /** Of its request, beside those of KubeEdge's edges. */
  readonly headers?: Readonly<Record<string, string>>;
}

export interface FakeEdge {
  /** All that came, in order. */
  readonly received: readonly Envelope[];
  /** Of the cloud's answer. */
  readonly headers: Readonly<Record<string, unknown>>;
  /** The reason, when it has ended. */
  readonly closed: Promise<string>;
  send(message: Envelope): void;
  /** Anything as one message. */
  sendRaw(text: string | Uint8Array): void;
  keepalive(): void;
  /** How many pings came; they are answered by themselves. */
  readonly pings: number;
  /** Resolves when the cloud answered a ping: then it has got all that was sent before. */
  ping(): Promise<void>;
  /** The first message that fits, come already or to come. Rejects when the connection ends before. */
  until(match: (message: Envelope) => boolean): Promise<Envelope>;
  close(): Promise<void>;
  /** Without a word. */
  terminate(): void;
}

/** Resolves when the cloud took it; rejects with its answer when it did not. */
export async function connectEdge(options: Connect): Promise<FakeEdge> {
  const { host, port, node, identity } = options;
  const socket = new WebSocket(`wss://${host}:${port}/e632aba927ea4ac2b575ec1603d56f10/${node}/events`, {
    ca: identity.ca,
    cert: identity.certificate,
    key: identity.key,
    headers: {
      Node_id: node,
      Project_id: "e632aba927ea4ac2b575ec1603d56f10",
      ConnectionUse: "msg",
      ...options.headers,
    },
    perMessageDeflate: false,
  });
  const edge = new Edge(socket, options);
  await within(edge.opened, () => `the cloud to take the connection of ${node}`);
  edge.keepalive();
  return edge;
}

class Edge implements FakeEdge {
  readonly received: Envelope[] = [];
  headers: Readonly<Record<string, unknown>> = {};
  readonly closed: Promise<string>;
  readonly opened: Promise<void>;
  pings = 0;
  private readonly socket: WebSocket;
  private readonly options: Connect;
  private readonly waiting = new Set<(message: Envelope) => void>();

  constructor(socket: WebSocket, options: Connect) {
    this.socket = socket;
    this.options = options;
    const opened = Promise.withResolvers<void>();
    const closed = Promise.withResolvers<string>();
    this.opened = opened.promise;
    this.closed = closed.promise;
    let fault = "";
    socket.on("upgrade", ({ headers }) => (this.headers = headers));
    socket.on("open", () => opened.resolve());
    socket.on("error", (error: Error) => (fault = error.message));
    socket.on("close", (code: number, reason: Buffer) => {
      const why = reason.toString() || fault || String(code);
      opened.reject(new Error(`the cloud took no connection: ${why}`));
      closed.resolve(why);
    });
    socket.on("ping", () => void (this.pings += 1));
    socket.on("message", (data: Buffer) => this.take(parseEnvelope(data)));
  }

  send(message: Envelope): void {
    this.sendRaw(formatEnvelope(message));
  }

  sendRaw(text: string | Uint8Array): void {
    this.socket.send(text);
  }

  keepalive(): void {
    this.send(keepaliveMessage());
  }

  async ping(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.socket.once("pong", () => resolve());
    this.socket.ping();
    const ended = this.closed.then((why) => Promise.reject(new Error(`the connection ended: ${why}`)));
    await within(Promise.race([promise, ended]), () => "the answer to a ping");
  }

  async until(match: (message: Envelope) => boolean): Promise<Envelope> {
    const there = this.received.find(match);
    if (there) return there;
    const { promise, resolve, reject } = Promise.withResolvers<Envelope>();
    const look = (message: Envelope) => {
      if (match(message)) resolve(message);
    };
    this.waiting.add(look);
    void this.closed.then((why) => reject(new Error(`the connection ended: ${why}`)));
    try {
      return await within(promise, () => matching(match, this.received));
    } finally {
      this.waiting.delete(look);
    }
  }

  async close(): Promise<void> {
    this.socket.close(1000);
    await this.closed;
  }

  terminate(): void {
    this.socket.terminate();
  }

  private take(message: Envelope): void {
    const { acknowledges = isAcknowledged, onMessage } = this.options;
    if (acknowledges(message) && message.id !== "" && message.parent === undefined)
      this.send(acknowledge(message));
    if (onMessage) return onMessage(message);
    this.received.push(message);
    for (const look of this.waiting) look(message);
  }
}

/** Speaks the handshake by hand and then reads nothing and says nothing: a peer that is there and does not live. */
export async function connectDead(options: Omit<Connect, "acknowledges" | "onMessage">): Promise<TLSSocket> {
  const { host, port, node, identity } = options;
  const socket = connect({ host, port, ca: identity.ca, cert: identity.certificate, key: identity.key });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  socket.once("error", reject);
  socket.once("close", () => reject(new Error("the cloud ended the connection")));
  socket.once("data", () => resolve());
  socket.once("secureConnect", () =>
    socket.write(
      `GET /p/${node}/events HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
        `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nNode_id: ${node}\r\n\r\n`,
    ),
  );
  await promise;
  socket.pause();
  return socket;
}
