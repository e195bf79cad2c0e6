/**
 * A kubelet's face for a real kube-apiserver, which is led here instead of to the nodes (10003): logs, exec, attach and port-forward find their node by the pod, figures by the address or
 * the name that is asked for.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { TLSSocket } from "node:tls";
import { SampanError } from "../../../base/errors.ts";
import {
  type KubeClient,
  KubeError,
  type KubeObject,
  type ResourceId,
} from "../../../spec/kubernetes/kube.ts";
import { formatHead } from "../../../wire/channels/head.ts";
import { upgradeOf } from "../../../wire/channels/protocols.ts";
import { listen, type Listening } from "../apiserver/http/listen.ts";
import type { Target } from "./kubelet-answer.ts";
import { answerPlain } from "./plain.ts";
import { nodeOf } from "./targets.ts";
import type { Tunnel } from "./tunnel.ts";
import type { Tunnels } from "./tunnels.ts";
import type { Way } from "./way.ts";
import { proxyUpgrade, type UpgradeWish } from "./upgrade.ts";

export interface KubeletServerOptions {
  readonly client: KubeClient;
  readonly host: string;
  /** 10003; 0 for any. */
  readonly port: number;
  /** PEM: the certificate that the kube-apiserver is to see, and who has signed its own. */
  readonly tls: { readonly key: string; readonly cert: string; readonly ca: string };
  /** False: whoever reaches the port may use it, as with KubeEdge. */
  readonly requireClient: boolean;
  readonly log: (text: string) => void;
}

const pods: ResourceId = { group: "", version: "v1", resource: "pods" };
const nodes: ResourceId = { group: "", version: "v1", resource: "nodes" };

const podRoutes = {
  containerLogs: "log",
  exec: "exec",
  attach: "attach",
  portForward: "portforward",
} as const;
const figures =
  /^\/(?:stats(?:\/summary|\/container|(?:\/[^/]+){2}|(?:\/[^/]+){4})?|metrics(?:\/(?:cadvisor|probes|resource))?)$/;
const name = /^[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?$/;
const longest = 16 << 10;

export async function serveKubelets(tunnels: Tunnels, options: KubeletServerOptions): Promise<Listening> {
  const { host, port, tls } = options;
  return await listen({
    host,
    port,
    tls,
    handlers: {
      request: async (request, response) => {
        const gone = new AbortController();
        response.once("close", () => gone.abort());
        response.on("error", () => {});
        try {
          permit(request, options);
          await answer(tunnels, { request, response, signal: gone.signal }, options);
        } catch (error) {
          if (response.headersSent) return void response.destroy();
          const { code, words } = told(error);
          response.writeHead(code, { "Content-Type": "text/plain; charset=utf-8" }).end(words);
        }
      },
      upgrade: async (request, socket, head) => {
        const gone = new AbortController();
        socket.once("close", () => gone.abort());
        socket.on("error", () => socket.destroy());
        try {
          permit(request, options);
          const { node, wish } = await podWish(request, { ...options, signal: gone.signal });
          const way = await tunnels.reach(node, gone.signal);
          await proxyUpgrade(way, wish, { headers: request.headers, socket, head });
        } catch (error) {
          if (socket.destroyed || !socket.writable) return;
          const { code, words } = told(error);
          const body = Buffer.from(words);
          const lines = { Connection: "close", "Content-Length": String(body.length) };
          socket.end(Buffer.concat([Buffer.from(formatHead(code, "Refused", lines)), body]));
        }
      },
    },
  });
}

function told(error: unknown): { readonly code: number; readonly words: string } {
  if (error instanceof KubeError) return { code: error.status.code, words: error.message };
  return { code: 500, words: SampanError.from(error).message };
}

function permit(request: IncomingMessage, { requireClient }: KubeletServerOptions): void {
  if (!requireClient || (request.socket as TLSSocket).authorized) return;
  throw new KubeError("Unauthorized", "a client certificate of the kube-apiserver is needed");
}

/** A path in which nothing is hidden behind an encoding, and its query. */
function targetOf(request: IncomingMessage): Target {
  const url = request.url ?? "";
  const question = url.indexOf("?");
  const path = question < 0 ? url : url.slice(0, question);
  if (
    url.length > longest ||
    path.includes("%") ||
    path.split("/").some((part) => part === "." || part === "..")
  )
    throw new KubeError("BadRequest", "cannot answer: the path is not one of a kubelet");
  return { path: path.replace(/\/$/, ""), query: question < 0 ? "" : url.slice(question + 1) };
}

interface Plain {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly signal: AbortSignal;
}

async function answer(
  tunnels: Tunnels,
  { request, response, signal }: Plain,
  options: KubeletServerOptions,
): Promise<void> {
  if (request.method !== "GET") throw new KubeError("MethodNotAllowed", "wanted GET or an upgrade");
  const target = targetOf(request);
  if (figures.test(target.path)) {
    const tunnel = await tunnelAsked(tunnels, request, { ...options, signal });
    return await answerPlain(tunnel, { type: "metrics", target, signal }, response);
  }
  const { kind, pod } = await podAsked(target, { ...options, signal });
  if (kind !== "log")
    throw new KubeError("BadRequest", "unable to upgrade: missing upgrade headers in request");
  const way = await tunnels.reach(nodeOf(pod), signal);
  await answerPlain(way, { type: "logs", target, signal }, response);
}

type Asking = KubeletServerOptions & { readonly signal: AbortSignal };

async function podAsked({ path }: Target, { client, signal }: Asking) {
  const [, route = "", namespace = "", pod = "", ...rest] = path.split("/");
  const kind = Object.hasOwn(podRoutes, route) ? podRoutes[route as keyof typeof podRoutes] : undefined;
  const most = kind === "portforward" ? [0, 1] : kind === "log" ? [1] : [1, 2];
  if (!kind || !name.test(namespace) || !name.test(pod) || !most.includes(rest.length))
    throw new KubeError("NotFound", "404 page not found");
  const object: KubeObject = await client.get(pods, { namespace, name: pod }, signal);
  return { kind, pod: object };
}

async function podWish(
  request: IncomingMessage,
  asking: Asking,
): Promise<{ readonly node: string; readonly wish: UpgradeWish }> {
  const target = targetOf(request);
  if (!upgradeOf(request.headers)) throw new KubeError("BadRequest", "this upgrade is not known");
  const { kind, pod } = await podAsked(target, asking);
  if (kind === "log") throw new KubeError("BadRequest", "logs are no upgraded connection");
  const query = new URLSearchParams(target.query);
  const is = (each: string) => ["1", "true"].includes(query.get(each) ?? "");
  const tty = is("tty");
  const streams = { stdin: is("input"), stdout: is("output"), stderr: is("error") && !tty, tty };
  const ports = query.getAll("port").map(Number);
  return { node: nodeOf(pod), wish: { kind, target, streams, ports, signal: asking.signal } };
}

/** The node whose figures are meant: by name where a proxy says it, otherwise by the address that was dialled. An address counts only when the Node itself has it, and no other. */
async function tunnelAsked(
  tunnels: Tunnels,
  request: IncomingMessage,
  { client, signal }: Asking,
): Promise<Way> {
  const forwarded = String(request.headers["x-forwarded-uri"] ?? "");
  const named = /^\/api\/v1\/nodes\/([^/:]+)/.exec(forwarded)?.[1];
  if (named !== undefined) return await tunnels.reach(named, signal);
  const address = (request.headers.host ?? "").replace(/:\d+$/, "").replace(/^\[|\]$/g, "");
  // Nodes may be dialled by their names, which lead here.
  const byName = tunnels.find(address);
  if (byName) return byName;
  const candidates = [...tunnels.all()].filter(({ internalIp }) => internalIp === address);
  const proven: Tunnel[] = [];
  for (const tunnel of candidates.slice(0, 16)) {
    const node = await client.get(nodes, { name: tunnel.node }, signal).catch(() => undefined);
    if (node && hasAddress(node, address)) proven.push(tunnel);
  }
  const [only, ...others] = proven;
  if (only && others.length === 0) return only;
  throw new KubeError(
    "ServiceUnavailable",
    only
      ? `cannot tell which node is meant: several have the address ${JSON.stringify(address)}`
      : `cannot reach the node at ${JSON.stringify(address)}: no tunnel of it ends here`,
  );
}

function hasAddress({ status }: KubeObject, address: string): boolean {
  const { addresses = [] } = (status ?? {}) as {
    readonly addresses?: readonly { readonly type?: string; readonly address?: string }[];
  };
  return addresses.some((each) => each.type === "InternalIP" && each.address === address);
}
