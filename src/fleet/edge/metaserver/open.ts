/** MetaServer: a Kubernetes API on this node's loopback interface, for pods and tools that must go on without the cloud. */
import { createServer, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { SampanError } from "../../../base/errors.ts";
import type { LocalMeta } from "../meta/open.ts";
import type { EdgeContext } from "../part.ts";
import { openCloudApi } from "./cloud-api.ts";
import { handle, type Desk } from "./handle.ts";
import { numberOf, openReader } from "./reader.ts";
import { recover } from "./recover.ts";
import { openSubscriptions, type Subscriptions } from "./subscriptions.ts";

export type MetaServerContext = Pick<EdgeContext, "link" | "clock" | "log" | "signal"> & {
  readonly meta: LocalMeta;
};

export interface MetaServerOptions {
  /** 127.0.0.1. */
  readonly host?: string;
  /** 10550; 0 for any that is free; undefined: nothing listens, and the watches work all the same. */
  readonly port?: number | undefined;
  /** PEM. Without it plain HTTP. */
  readonly tls?: { readonly certificate: string; readonly key: string };
  /** False: whoever reaches it may do all, as KubeEdge is preset to. */
  readonly authorization?: boolean;
  /** A store that is new is filled again with what the node should have. */
  readonly recovers?: boolean;
}

export interface MetaServer extends AsyncDisposable {
  readonly port: number | undefined;
  /** Listens at another address of this machine too, at the same port. Errors: `unavailable`. */
  listen(host: string): Promise<void>;
  /** By TLS, at a port of its own; 0 for any that is free. Errors: `unavailable`. */
  listenSecurely(place: SecurePlace): Promise<AsyncDisposable & { readonly port: number }>;
  /** What other parts of the edge want to have of the API. */
  readonly subscriptions: Subscriptions;
  /** Resolves when the store has what the cloud believes that it has; at once unless it was begun anew. */
  readonly known: Promise<void>;
}

export interface SecurePlace {
  readonly host: string;
  readonly port: number;
  /** PEM. */
  readonly identity: { readonly certificate: string; readonly key: string };
}

const mostConnections = 256;

/** Resolves when it listens. Errors: `unavailable` when the port is taken. */
export async function openMetaServer(
  context: MetaServerContext,
  options: MetaServerOptions = {},
): Promise<MetaServer> {
  const { meta, link, clock, log, signal } = context;
  await using stack = new AsyncDisposableStack();
  const api = openCloudApi(link, clock);
  const subscriptions = stack.use(openSubscriptions({ link, api, mirror: meta.mirror, clock, log, signal }));
  const reader = openReader(meta);
  const desk: Desk = {
    meta,
    api,
    reader,
    subscriptions,
    clock,
    since: numberOf(reader.version),
    isOpen: options.authorization === false,
    log,
    watches: new Set(),
  };
  const { port: wanted, host: first = "127.0.0.1" } = options;
  const at = async (held: AsyncDisposableStack, host: string, port: number, tls = options.tls) => {
    const server = await listen(desk, tls, { host, port });
    held.defer(() => closed(server));
    return (server.address() as AddressInfo).port;
  };
  const port = wanted === undefined ? undefined : await at(stack, first, wanted);
  const known =
    options.recovers && meta.fresh
      ? recover({ link, meta, api, clock, log, signal: AbortSignal.any([signal, ended(stack)]) })
      : Promise.resolve();
  const opened = stack.move();
  return {
    port,
    subscriptions,
    known,
    async listen(host) {
      if (port !== undefined) await at(opened, host, port);
    },
    async listenSecurely({ host, port: asked, identity }) {
      const held = new AsyncDisposableStack();
      const bound = await at(held, host, asked, identity);
      return { port: bound, [Symbol.asyncDispose]: () => held.disposeAsync() };
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

function ended(stack: AsyncDisposableStack): AbortSignal {
  const controller = new AbortController();
  stack.defer(() => controller.abort());
  return controller.signal;
}

async function listen(
  desk: Desk,
  tls: MetaServerOptions["tls"],
  { host, port }: { host: string; port: number },
): Promise<Server> {
  const bounds = { requestTimeout: 30_000, headersTimeout: 10_000, maxHeaderSize: 32 << 10 };
  const server = tls
    ? createTlsServer({ ...bounds, cert: tls.certificate, key: tls.key, minVersion: "TLSv1.2" })
    : createServer(bounds);
  server.maxConnections = mostConnections;
  server.on("request", (request, response) => void handle(request, response, desk));
  server.on("clientError", (_error, socket) => socket.destroy());
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  server.listen(port, host, resolve);
  try {
    await promise;
  } catch (cause) {
    throw new SampanError(
      "unavailable",
      `cannot listen at "${host}:${port}" for the local Kubernetes API: ${SampanError.from(cause).message}`,
      { cause },
    );
  }
  return server;
}

async function closed(server: Server): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  server.close(() => resolve());
  server.closeAllConnections();
  await promise;
}
