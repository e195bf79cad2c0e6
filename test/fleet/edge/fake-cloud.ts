/** A cloud that says what a test tells it to: TLS with client certificates and WebSocket, as KubeEdge's 10000. */
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import WebSocket, { WebSocketServer } from "ws";
import { issue, makeAuthority, makeKeyPair } from "../../../src/fleet/cloud/apiserver/auth/pki/issue.ts";
import type { KeyPair } from "../../../src/fleet/edge/hub/keys.ts";
import { formatEnvelope, parseEnvelope, type Envelope } from "../../../src/fleet/link/envelope.ts";
import { matching, within } from "../until.ts";

const day = 86_400_000;

export interface Issued {
  readonly certificate: string;
  readonly key: string;
}

export interface TestAuthority {
  readonly certificate: string;
  readonly key: string;
  server(validity?: Validity): Promise<Issued>;
  node(name: string, validity?: Validity): Promise<KeyPair>;
}

interface Validity {
  readonly from: number;
  readonly until: number;
}

const usual = (): Validity => ({ from: Date.now() - day, until: Date.now() + day });

/** An authority as KubeEdge's: P-256, `CN=KubeEdge`. */
export async function testAuthority(): Promise<TestAuthority> {
  const pair = await makeKeyPair();
  const certificate = await makeAuthority("KubeEdge", pair, {
    from: Date.now() - 400 * day,
    until: Date.now() + 400 * day,
  });
  const own = { certificate, key: pair.key };
  const signed = async (wanted: Omit<Parameters<typeof issue>[1], "publicKey">): Promise<Issued> => {
    const { key, publicKey } = await makeKeyPair();
    return { key, certificate: await issue(own, { ...wanted, publicKey }) };
  };
  return {
    ...own,
    server: (validity = usual()) =>
      signed({
        subject: { commonName: "KubeEdge", organizations: ["KubeEdge"] },
        validity,
        usages: ["server"],
        names: { dns: [], ip: ["127.0.0.1", "10.99.0.1"] },
      }),
    node: async (name, validity = usual()) => ({
      authority: certificate,
      ...(await signed({
        subject: { commonName: `system:node:${name}`, organizations: ["system:nodes"] },
        validity,
        usages: ["client"],
      })),
    }),
  };
}

/** One connection of an edge. */
export interface FakeSession {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly path: string;
  readonly received: readonly Envelope[];
  /** The first message that fits and was not taken before; it waits for it. */
  take(fits: (message: Envelope) => boolean): Promise<Envelope>;
  say(message: Envelope): void;
  /** Anything, as one text message. */
  sayText(text: string | Uint8Array): void;
  ping(): void;
  /** WebSocket pings that came. */
  readonly pings: number;
  /** Ends it without a word. */
  cut(): void;
  readonly closed: Promise<void>;
}

export interface FakeCloud extends AsyncDisposable {
  readonly address: string;
  readonly port: number;
  readonly sessions: readonly FakeSession[];
  /** The next connection that nobody took. */
  session(): Promise<FakeSession>;
  /** Instead of connections: an answer of HTTP. */
  refuse(answer: string | undefined): void;
  /** Called with each message of any session, before it can be taken. */
  onMessage(handler: (message: Envelope, session: FakeSession) => void): void;
}

export interface FakeCloudOptions {
  readonly authority: TestAuthority;
  readonly identity?: Issued;
  readonly host?: string;
  readonly port?: number;
  /** Of its answer to each upgrade. */
  readonly headers?: readonly string[];
}

export async function fakeCloud({
  authority,
  identity,
  host = "127.0.0.1",
  port = 0,
  headers = [],
}: FakeCloudOptions): Promise<FakeCloud> {
  const { certificate, key } = identity ?? (await authority.server());
  const server = createServer({
    ca: authority.certificate,
    cert: certificate,
    key,
    requestCert: true,
    rejectUnauthorized: true,
  });
  server.on("tlsClientError", (_error, socket) => socket.destroy());
  const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false });
  sockets.on("headers", (lines) => lines.push(...headers));
  const sessions: FakeSession[] = [];
  const untaken = queue<FakeSession>();
  let refusal: string | undefined;
  let handler = (_message: Envelope, _session: FakeSession): void => {};
  server.on("upgrade", (request, socket: Duplex, head: Buffer) => {
    if (refusal !== undefined) return void socket.end(refusal);
    sockets.handleUpgrade(request, socket, head, (raw) => {
      const session = fakeSession(raw, request.headers, request.url ?? "", (message) =>
        handler(message, session),
      );
      sessions.push(session);
      untaken.push(session);
    });
  });
  await listening(server, host, port);
  const bound = (server.address() as AddressInfo).port;
  return {
    address: `${host}:${bound}`,
    port: bound,
    sessions,
    session: () => untaken.take(() => true),
    refuse: (answer) => {
      refusal = answer;
    },
    onMessage: (call) => {
      handler = call;
    },
    async [Symbol.asyncDispose]() {
      for (const session of sessions) session.cut();
      const { promise, resolve } = Promise.withResolvers<void>();
      server.close(() => resolve());
      server.closeAllConnections();
      await promise;
    },
  };
}

function fakeSession(
  raw: WebSocket,
  headers: FakeSession["headers"],
  path: string,
  told: (message: Envelope) => void,
): FakeSession {
  const received: Envelope[] = [];
  const untaken = queue<Envelope>();
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  let pings = 0;
  raw.on("ping", () => {
    pings += 1;
  });
  raw.on("close", () => resolve());
  raw.on("error", () => raw.terminate());
  raw.on("message", (data: Buffer) => {
    const message = parseEnvelope(data);
    received.push(message);
    told(message);
    untaken.push(message);
  });
  return {
    headers,
    path,
    received,
    get pings() {
      return pings;
    },
    take: (fits) => untaken.take(fits),
    say: (message) => raw.send(formatEnvelope(message)),
    sayText: (text) => raw.send(text, { binary: false }),
    ping: () => raw.ping(),
    cut: () => raw.terminate(),
    closed,
  };
}

function queue<T>() {
  let items: T[] = [];
  let waiting: { fits: (item: T) => boolean; resolve: (item: T) => void }[] = [];
  return {
    push(item: T) {
      const first = waiting.find(({ fits }) => fits(item));
      if (!first) return void items.push(item);
      waiting = waiting.filter((each) => each !== first);
      first.resolve(item);
    },
    take(fits: (item: T) => boolean): Promise<T> {
      const found = items.find(fits);
      if (found !== undefined) {
        items = items.filter((each) => each !== found);
        return Promise.resolve(found);
      }
      const { promise, resolve } = Promise.withResolvers<T>();
      waiting.push({ fits, resolve });
      return within(promise, () => matching(fits, items));
    },
  };
}

async function listening(server: Server, host: string, port: number): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  server.listen(port, host, () => resolve());
  await promise;
}
