/** Between a client of the Kubernetes API and a kubelet at the other end of a tunnel. To the kubelet everything goes by SPDY/3.1, which every edge speaks. */
import type { ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { SampanError } from "../../../base/errors.ts";
import { KubeError, type Reason } from "../../../spec/kubernetes/kube.ts";
import { type CommandStreams, joinCommand } from "../../../wire/channels/command.ts";
import { joinForward } from "../../../wire/channels/forward.ts";
import { type Head, readBody, readHead, switching } from "../../../wire/channels/head.ts";
import {
  commandProtocols,
  offered,
  portForwardProtocol,
  tunnelProtocol,
  upgradeOf,
} from "../../../wire/channels/protocols.ts";
import { openSpdyCommand } from "../../../wire/channels/spdy-command.ts";
import { ForwardClient } from "../../../wire/channels/spdy-forward.ts";
import type { UpgradeRequest } from "../../../wire/channels/upgrade.ts";
import { acceptWebSocketCommand } from "../../../wire/channels/websocket-command.ts";
import { acceptForwardPipe, serveChannels } from "../../../wire/channels/websocket-forward.ts";
import { duplexOf, type MessagePipe } from "../../../wire/websocket.ts";
import type { Channel } from "../../../wire/channel.ts";
import type { Tunnel } from "./tunnel.ts";
import { byteDuplex } from "./byte-duplex.ts";

export interface Target {
  /** `/containerLogs/default/p/c` */
  readonly path: string;
  readonly query: string;
}

export interface PlainRequest {
  readonly type: "logs" | "metrics";
  readonly target: Target;
  readonly signal: AbortSignal;
}

/** Milliseconds for a kubelet to begin an answer. Logs that are followed begin with their head. */
const patience = 30_000;

/** A plain answer, passed on as it comes. Errors: a KubeError before anything was written. */
export async function answerPlain(
  tunnel: Tunnel,
  { type, target, signal }: PlainRequest,
  response: ServerResponse,
): Promise<void> {
  const channel = await reached(tunnel, tunnel.open({ type, ...target }));
  const stop = () => channel.destroy();
  signal.addEventListener("abort", stop, { once: true });
  if (signal.aborted) stop();
  try {
    let type = "text/plain; charset=utf-8";
    // KubeEdge's edges send the body alone, whatever the status was.
    if (tunnel.ours) {
      const head = await withDeadline(channel, signal, tunnel);
      if (head.status !== 200) throw await refusal(channel, head, signal);
      type = head.headers.get("content-type") ?? type;
    }
    response.writeHead(200, { "Content-Type": type });
    response.flushHeaders();
    for await (const piece of channel) if (!response.write(piece)) await drained(response);
    response.end();
  } catch (error) {
    if (!response.headersSent && !signal.aborted) throw asKube(error);
    // What was sent so far must not look whole.
    response.destroy();
  } finally {
    signal.removeEventListener("abort", stop);
    channel.destroy();
  }
}

/** The whole body of a plain answer. Errors: `resource_exhausted` when it is larger than `largest`. */
export async function fetchPlain(
  tunnel: Tunnel,
  { type, target, signal }: PlainRequest,
  largest: number,
): Promise<string> {
  const channel = await tunnel.open({ type, ...target });
  const stop = () => channel.destroy(signal.reason as Error);
  signal.addEventListener("abort", stop, { once: true });
  if (signal.aborted) stop();
  try {
    if (tunnel.ours) {
      const head = await readHead(channel, signal);
      if (head.status !== 200) throw await refusal(channel, head, signal);
    }
    const pieces: Buffer[] = [];
    let size = 0;
    for await (const piece of channel) {
      size += (piece as Buffer).length;
      if (size > largest)
        throw new SampanError("resource_exhausted", `the answer has more than ${largest} bytes`);
      pieces.push(piece as Buffer);
    }
    signal.throwIfAborted();
    return Buffer.concat(pieces).toString();
  } finally {
    signal.removeEventListener("abort", stop);
    channel.destroy();
  }
}

async function drained(response: ServerResponse): Promise<void> {
  if (response.destroyed) throw new SampanError("unavailable", "the client went away");
  await new Promise<void>((resolve, reject) => {
    const done = () => finish(resolve);
    const gone = () => finish(() => reject(new SampanError("unavailable", "the client went away")));
    const finish = (settle: () => void) => {
      response.off("drain", done);
      response.off("close", gone);
      settle();
    };
    response.on("drain", done);
    response.on("close", gone);
  });
}

export interface UpgradeWish {
  readonly kind: "exec" | "attach" | "portforward";
  readonly target: Target;
  /** Of exec and attach. */
  readonly streams: CommandStreams;
  /** Of portforward by the older WebSocket protocol. */
  readonly ports: readonly number[];
  readonly signal: AbortSignal;
}

/** Resolves when the connection is over. Errors: a KubeError before anything was written to the client. */
export async function proxyUpgrade(
  tunnel: Tunnel,
  wish: UpgradeWish,
  request: UpgradeRequest,
): Promise<void> {
  const how = upgradeOf(request.headers);
  if (!how)
    throw new KubeError("BadRequest", "unable to upgrade: wanted Upgrade: SPDY/3.1 or Upgrade: websocket");
  const { kind, signal } = wish;
  // Port-forward has no frame of its own: exec's is an upgrade of any path.
  const type = kind === "attach" ? "attach" : "exec";
  const headers = {
    Connection: ["Upgrade"],
    Upgrade: ["SPDY/3.1"],
    "X-Stream-Protocol-Version": [...protocolsFor(wish, request)],
  };
  const channel = await reached(tunnel, tunnel.open({ type, ...wish.target, headers }));
  const stop = () => channel.destroy();
  signal.addEventListener("abort", stop, { once: true });
  if (signal.aborted) stop();
  try {
    const head = await withDeadline(channel, signal, tunnel);
    if (head.status !== 101) throw await refusal(channel, head, signal, kind);
    const protocol = head.headers.get("x-stream-protocol-version") ?? "";
    if (how === "spdy") await passOn(channel, request, protocol);
    else if (kind === "portforward") await forward(tunnel, channel, { wish, request });
    else await command(tunnel, channel, { wish, request, protocol });
  } catch (error) {
    throw asKube(error);
  } finally {
    signal.removeEventListener("abort", stop);
    channel.destroy();
  }
}

function protocolsFor({ kind }: UpgradeWish, { headers }: UpgradeRequest): readonly string[] {
  if (kind === "portforward") return [portForwardProtocol];
  const theirs = offered(headers, "x-stream-protocol-version");
  const known = commandProtocols.spdy.filter((each) => theirs.includes(each));
  return upgradeOf(headers) === "spdy" && known.length > 0 ? known : ["v4.channel.k8s.io"];
}

/** The same bytes both ways. */
async function passOn(channel: Channel, { socket, head }: UpgradeRequest, protocol: string): Promise<void> {
  // The words are ours, whatever the edge has said in its head.
  const name = /^[-\w./]{1,64}$/.test(protocol) ? { "X-Stream-Protocol-Version": protocol } : {};
  socket.write(switching({ Upgrade: "SPDY/3.1", ...name }));
  if (head.byteLength > 0) channel.write(head);
  await joined(socket, channel);
}

async function joined(near: Duplex, far: Duplex): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  for (const end of [near, far]) {
    end.on("error", () => {});
    end.once("close", resolve);
  }
  near.pipe(far);
  far.pipe(near);
  await promise;
  // What one has said last still goes to the other.
  if (far.destroyed) near.end();
  else near.destroy();
  far.destroy();
}

interface Asked {
  readonly wish: UpgradeWish;
  readonly request: UpgradeRequest;
}

async function command(
  tunnel: Tunnel,
  channel: Channel,
  { wish, request, protocol }: Asked & { readonly protocol: string },
): Promise<void> {
  const { streams, signal } = wish;
  const client = await acceptWebSocketCommand(request, streams, signal);
  try {
    const remote = await openSpdyCommand(channel, { streams, protocol, windows: tunnel.ours });
    await joinCommand(client, remote);
  } finally {
    client.close();
  }
}

async function forward(tunnel: Tunnel, channel: Channel, { wish, request }: Asked): Promise<void> {
  const pipe = await acceptForwardPipe(request, wish.ports);
  if (pipe.protocol === tunnelProtocol) return await joined(duplexOf(pipe), channel);
  // Upgraded as it is, nothing but frames may be written to the client from here on.
  using _end = { [Symbol.dispose]: () => pipe.terminate() };
  await forwardChannels(tunnel, channel, { pipe, ports: wish.ports });
}

async function forwardChannels(
  tunnel: Tunnel,
  channel: Channel,
  { pipe, ports }: { readonly pipe: MessagePipe; readonly ports: readonly number[] },
): Promise<void> {
  const edge = new ForwardClient(channel, { windows: tunnel.ours });
  const gone = new AbortController();
  try {
    const server = await serveChannels(pipe, ports, (connection) => {
      const connect = async (port: number) => {
        const { data, failure } = await edge.connect(port);
        const told = failure.then(async (words) => {
          if (words !== undefined) await connection.fail(words);
        });
        told.catch(() => {});
        return byteDuplex(data);
      };
      void joinForward(connection, connect, gone.signal);
    });
    void edge.closed.then(() => server.close());
    await server.closed;
  } finally {
    gone.abort();
    edge.close();
  }
}

async function reached(tunnel: Tunnel, opening: Promise<Channel>): Promise<Channel> {
  try {
    return await opening;
  } catch (error) {
    throw new KubeError(
      "ServiceUnavailable",
      `cannot reach node ${JSON.stringify(tunnel.node)}: ${SampanError.from(error).message}`,
    );
  }
}

async function withDeadline(channel: Channel, signal: AbortSignal, { node }: Tunnel): Promise<Head> {
  const limit = AbortSignal.timeout(patience);
  try {
    return await readHead(channel, AbortSignal.any([signal, limit]));
  } catch (error) {
    if (limit.aborted) throw new KubeError("Timeout", `node ${JSON.stringify(node)} does not answer`);
    throw error;
  }
}

const reasons: Readonly<Record<number, Reason>> = {
  400: "BadRequest",
  401: "InternalError",
  403: "Forbidden",
  404: "NotFound",
  503: "ServiceUnavailable",
};

/** What a kubelet has said instead, as an answer of the API. */
async function refusal(channel: Channel, head: Head, signal: AbortSignal, kind?: string): Promise<KubeError> {
  const words = (await readBody(channel, head, signal)).trim().slice(0, 4096);
  const hint =
    kind === "portforward" && [403, 404, 405].includes(head.status)
      ? "; this edge does not serve port-forward"
      : "";
  return new KubeError(
    reasons[head.status] ?? "InternalError",
    `${words || `the kubelet of the node answers ${head.status}`}${hint}`,
  );
}

function asKube(error: unknown): KubeError {
  if (error instanceof KubeError) return error;
  const inner = SampanError.from(error);
  const reason = { invalid_argument: "BadRequest", not_found: "NotFound", unavailable: "ServiceUnavailable" }[
    inner.code as string
  ] as Reason | undefined;
  return new KubeError(reason ?? "InternalError", inner.message, undefined, { cause: error });
}
