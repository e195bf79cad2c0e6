/** What other processes of the cloud are answered at the tunnels' port: whether a node's tunnel ends here, and streams through it. Their certificate says that they are of the cloud. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";
import { invalid, SampanError } from "../../../base/errors.ts";
import { formatHead, switching } from "../../../wire/channels/head.ts";
import { isNodeName } from "../../link/resources.ts";
import { peerName } from "../keys/certificates.ts";
import { joined } from "./upgrade.ts";
import type { TunnelRequest } from "./tunnel.ts";
import type { Tunnels } from "./tunnels.ts";

export const peerPaths = { nodes: "/v1/sampan/nodes/", streams: "/v1/sampan/streams/" } as const;
export const peerHeader = "sampan-request";
export const peerProtocol = "sampan-stream";

const types: readonly string[] = ["logs", "metrics", "exec", "attach"] satisfies TunnelRequest["type"][];

export function isPeerPath({ url = "" }: IncomingMessage): boolean {
  return url.startsWith(peerPaths.nodes) || url.startsWith(peerPaths.streams);
}

function isPeer(request: IncomingMessage): boolean {
  const connection = request.socket as TLSSocket;
  if (!connection.authorized) return false;
  const lines = connection.getPeerX509Certificate()?.subject.split("\n") ?? [];
  return lines.includes(`CN=${peerName.user}`) && lines.includes(`O=${peerName.group}`);
}

function nodeOf({ url = "" }: IncomingMessage, path: string): string {
  const node = url.slice(path.length);
  return url.startsWith(path) && isNodeName(node) ? node : "";
}

/** Whether the node's tunnel ends here, and whether the edge is one of ours; without a node, all whose do. */
export function answerPeer(tunnels: Tunnels, request: IncomingMessage, response: ServerResponse): void {
  const found = isPeer(request) ? foundFor(tunnels, request) : undefined;
  const status = isPeer(request) ? (found ? 200 : 404) : 401;
  const body = JSON.stringify(found ?? {});
  // Not in chunks: it is read by hand.
  const lines = { "Content-Type": "application/json", "Content-Length": body.length, Connection: "close" };
  response.writeHead(status, lines).end(body);
}

function foundFor(tunnels: Tunnels, request: IncomingMessage): object | undefined {
  if (request.url === peerPaths.nodes)
    return { nodes: [...tunnels.all()].map(({ node, ours }) => ({ node, ours })) };
  const tunnel = tunnels.find(nodeOf(request, peerPaths.nodes));
  return tunnel && { ours: tunnel.ours };
}

export interface PeerVisit {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Buffer;
}

/** One stream through the tunnel. Resolves when it is over. */
export async function servePeer(tunnels: Tunnels, { request, socket, head }: PeerVisit): Promise<void> {
  try {
    if (!isPeer(request)) return refuse(socket, 401, "a certificate of the cloud's own is needed");
    const tunnel = tunnels.find(nodeOf(request, peerPaths.streams));
    if (!tunnel) return refuse(socket, 404, "no tunnel of the node ends here");
    const channel = await tunnel.open(requestOf(request.headers[peerHeader]));
    socket.write(switching({ Upgrade: peerProtocol }));
    if (head.byteLength > 0) channel.write(head);
    await joined(socket, channel);
  } catch (error) {
    const { code, message } = SampanError.from(error);
    refuse(socket, code === "invalid_argument" ? 400 : 503, message);
  }
}

/** @throws SampanError invalid_argument */
function requestOf(header: string | readonly string[] | undefined): TunnelRequest {
  const text = Buffer.from(String(header ?? ""), "base64url").toString();
  const wrong = invalid("cannot open a stream: the request is not one of a tunnel");
  let asked: Partial<Record<keyof TunnelRequest, unknown>>;
  try {
    asked = (JSON.parse(text) ?? {}) as typeof asked;
  } catch {
    throw wrong;
  }
  const { type, path, query, headers = {} } = asked;
  const isRight =
    typeof type === "string" &&
    types.includes(type) &&
    typeof path === "string" &&
    path.startsWith("/") &&
    typeof query === "string" &&
    isHeaders(headers);
  if (!isRight) throw wrong;
  return { type: type as TunnelRequest["type"], path, query, headers };
}

function isHeaders(value: unknown): value is Readonly<Record<string, readonly string[]>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  return Object.values(value).every(
    (each) => Array.isArray(each) && each.every((one) => typeof one === "string"),
  );
}

function refuse(socket: Duplex, status: number, words: string): void {
  if (socket.destroyed || !socket.writable) return;
  const body = Buffer.from(words);
  const lines = { Connection: "close", "Content-Length": String(body.length) };
  socket.end(Buffer.concat([Buffer.from(formatHead(status, "Refused", lines)), body]));
}
