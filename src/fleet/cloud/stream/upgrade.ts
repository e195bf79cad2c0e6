/** Between a client that speaks WebSocket or SPDY and a kubelet at the other end of a tunnel. To the kubelet everything goes by SPDY/3.1, which every edge speaks. */
import type { Duplex } from "node:stream";
import { KubeError } from "../../../spec/kubernetes/kube.ts";
import { type CommandStreams, joinCommand } from "../../../wire/channels/command.ts";
import { joinForward } from "../../../wire/channels/forward.ts";
import { switching } from "../../../wire/channels/head.ts";
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
import { byteDuplex } from "./byte-duplex.ts";
import { asKube, reached, refusal, type Target, withDeadline } from "./kubelet-answer.ts";
import type { Way } from "./way.ts";

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
export async function proxyUpgrade(tunnel: Way, wish: UpgradeWish, request: UpgradeRequest): Promise<void> {
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
async function passOn(channel: Duplex, { socket, head }: UpgradeRequest, protocol: string): Promise<void> {
  // The words are ours, whatever the edge has said in its head.
  const name = /^[-\w./]{1,64}$/.test(protocol) ? { "X-Stream-Protocol-Version": protocol } : {};
  socket.write(switching({ Upgrade: "SPDY/3.1", ...name }));
  if (head.byteLength > 0) channel.write(head);
  await joined(socket, channel);
}

/** Both ways until either is over. */
export async function joined(near: Duplex, far: Duplex): Promise<void> {
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
  tunnel: Way,
  channel: Duplex,
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

async function forward(tunnel: Way, channel: Duplex, { wish, request }: Asked): Promise<void> {
  const pipe = await acceptForwardPipe(request, wish.ports);
  if (pipe.protocol === tunnelProtocol) return await joined(duplexOf(pipe), channel);
  // Upgraded as it is, nothing but frames may be written to the client from here on.
  using _end = { [Symbol.dispose]: () => pipe.terminate() };
  await forwardChannels(tunnel, channel, { pipe, ports: wish.ports });
}

async function forwardChannels(
  tunnel: Way,
  channel: Duplex,
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
