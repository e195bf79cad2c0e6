/** The port to which edges dial their tunnels. A node is bound to its certificate, as with CloudHub. */
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";
import type { Clock } from "../../../base/clock.ts";
import { isNodeName } from "../../link/resources.ts";
import { frameLimit, tunnelFeatures } from "../../link/tunnel.ts";
import { formatHead } from "../../../wire/channels/head.ts";
import { acceptWebSocket, type MessagePipe } from "../../../wire/websocket.ts";
import { listen, type Listening } from "../apiserver/http/listen.ts";
import { identityOf, refuseIdentity } from "../hub/admit.ts";
import { answerPeer, isPeerPath, servePeer } from "./peer-door.ts";
import { Tunnel } from "./tunnel.ts";
import type { Tunnels } from "./tunnels.ts";

export interface AcceptOptions {
  readonly host: string;
  /** 10004; 0 for any. */
  readonly port: number;
  /** PEM: the cloud's certificate, and who signs those of edges. */
  readonly tls: { readonly key: string; readonly cert: string; readonly ca: string };
  /** Certificates of edges before 1.18, which name no node, may speak for any. */
  readonly legacyCertificates?: boolean;
  /** See TunnelOptions. */
  readonly patience?: number;
  readonly clock: Clock;
  readonly log: (text: string) => void;
  /** Called with each tunnel that comes up. */
  readonly connected: (tunnel: Tunnel) => void;
}

/** Milliseconds: how often is looked, after which silence is asked, and after which it is given up. Edges ask by themselves, ours rarely, so that an idle node costs little. */
const times = {
  look: 10_000,
  ours: { ask: 70_000, silence: 130_000 },
  others: { ask: 15_000, silence: 40_000 },
} as const;
const largest = frameLimit + 16;

export async function acceptTunnels(tunnels: Tunnels, options: AcceptOptions): Promise<Listening> {
  const { host, port, tls, log } = options;
  return await listen({
    host,
    port,
    tls,
    handlers: {
      request: async (request, response) => {
        if (isPeerPath(request)) return answerPeer(tunnels, request, response);
        response.writeHead(404, { "Content-Type": "text/plain", Connection: "close" });
        response.end("here are tunnels of edges alone");
      },
      upgrade: async (request, socket, head) => {
        socket.on("error", () => socket.destroy());
        try {
          if (isPeerPath(request)) await servePeer(tunnels, { request, socket, head });
          else await accept(tunnels, { request, socket, head }, options);
        } catch (error) {
          log(`a tunnel: ${String(error)}`);
          socket.destroy();
        }
      },
    },
  });
}

interface Visit {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Buffer;
}

async function accept(tunnels: Tunnels, visit: Visit, options: AcceptOptions): Promise<void> {
  const { request, socket, head } = visit;
  const admission = admit(request, options.legacyCertificates ?? false);
  if ("reason" in admission) return refuse(socket, admission);
  const { node } = admission;
  const ours = tunnelFeatures.header in request.headers;
  const { clock, patience } = options;
  let seen = clock.now();
  const pipe = await acceptWebSocket({ headers: request.headers, socket, head }, [], {
    largest,
    onSign: () => void (seen = clock.now()),
    ...(ours ? { headers: { [tunnelFeatures.header]: tunnelFeatures.value } } : {}),
  });
  const internalIp = String(request.headers["sessioninternalip"] ?? "").slice(0, 64);
  const tunnel = new Tunnel({ node, internalIp, pipe, ours, nextId: tunnels.nextId, patience });
  const cancel = probing({ pipe, ours, clock, seen: () => seen });
  const ended = tunnels.keep(tunnel);
  options.connected(tunnel);
  const failure = await ended;
  cancel();
  // That a connection ends is usual; what an edge should not have sent is not.
  if (failure && "code" in failure && failure.code !== "unavailable")
    options.log(`the tunnel of node "${node}": ${failure.message}`);
}

interface Probing {
  readonly pipe: MessagePipe;
  readonly ours: boolean;
  readonly clock: Clock;
  readonly seen: () => number;
}

function probing({ pipe, ours, clock, seen }: Probing): () => void {
  const { ask, silence } = ours ? times.ours : times.others;
  let cancel = () => {};
  const look = () => {
    const silent = clock.now() - seen();
    if (silent > silence) return pipe.terminate();
    if (silent > ask) pipe.ping();
    cancel = clock.after(times.look, look);
  };
  look();
  return () => cancel();
}

interface Refusal {
  readonly status: number;
  readonly reason: string;
}

function admit(request: IncomingMessage, legacy: boolean): { readonly node: string } | Refusal {
  const connection = request.socket as TLSSocket;
  if ((request.url ?? "").split("?", 1)[0] !== "/v1/kubeedge/connect")
    return { status: 404, reason: "not found" };
  if (!connection.authorized) return { status: 401, reason: "a client certificate of this cloud is needed" };
  const node = request.headers["sessionhostnameoverride"];
  if (typeof node !== "string" || !isNodeName(node))
    return { status: 400, reason: "header SessionHostNameOverride is not the name of a node" };
  const subject = connection.getPeerX509Certificate()?.subject ?? "";
  return refuseIdentity(identityOf(subject), node, legacy) ?? { node };
}

function refuse(socket: Duplex, { status, reason }: Refusal): void {
  const body = `${reason}\n`;
  const head = formatHead(status, "Refused", {
    Connection: "close",
    "Content-Type": "text/plain; charset=utf-8",
    "Content-Length": String(Buffer.byteLength(body)),
  });
  socket.end(`${head}${body}`);
}
