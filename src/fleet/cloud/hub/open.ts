/** Opens CloudHub: keys, what edges have, the sessions, and the two ports. */
import { hostname } from "node:os";
import type { Duplex } from "node:stream";
import type { Clock } from "../../../base/clock.ts";
import type { KubeClient } from "../../../spec/kubernetes/kube.ts";
import { serveWebSockets, type Visitor } from "../../../wire/websockets/serve.ts";
import type { Peer } from "../../../wire/websockets/peer.ts";
import { refusing } from "../../../wire/websockets/request.ts";
import { envelopeLimits } from "../../link/envelope.ts";
import { linkFeatures } from "../../link/features.ts";
import { type Deadlines, listen } from "../apiserver/http/listen.ts";
import type { Informers } from "../informer/informers.ts";
import { openKeys, type Keys } from "../keys/keys.ts";
import { isReason } from "../keys/secrets.ts";
import { Records } from "../sync/records.ts";
import { SyncWriter } from "../sync/writer.ts";
import { admit, type Refusal } from "./admit.ts";
import { claimOf, nodes } from "./claims.ts";
import type { Hub } from "./hub.ts";
import { answerJoin, type Report } from "./join.ts";
import type { JoinPolicy } from "./policy.ts";
import { Sessions } from "./sessions.ts";

export interface HubOptions {
  readonly client: KubeClient;
  readonly informers: Informers;
  readonly clock: Clock;
  readonly log: (text: string) => void;
  readonly signal: AbortSignal;
  /** An address of this machine. */
  readonly host: string;
  /** 0: any. */
  readonly port: number;
  readonly joinPort: number;
  /** Names and addresses that edges dial. */
  readonly names: readonly string[];
  /** Edges at once; 5,000 without it. */
  readonly nodeLimit?: number;
  /** Lets certificates in that name no node (edges before 1.18 that joined a KubeEdge cloud). */
  readonly legacyCertificates?: boolean;
  readonly joinExisting?: JoinPolicy;
  /** Days; 365. */
  readonly certificateDays?: number;
  readonly graceDays?: number;
  readonly tokenHours?: number;
  /** Milliseconds without a message of an edge's own, answers to pings aside; 40,000. */
  readonly patience?: number;
  /** Edges that connect before wait for it: who takes what they say is not there yet. */
  readonly ready?: Promise<unknown>;
  readonly onReport?: (report: Report) => void | Promise<void>;
  /** Of both ports. */
  readonly deadlines?: Partial<Deadlines>;
  /** What this hub is called among others; without it the machine's name, its address among them and the port. */
  readonly name?: string;
  /** By which the other processes of the cloud reach this one; `host` without it. */
  readonly address?: string;
}

export interface OpenHub extends Hub, AsyncDisposable {
  readonly port: number;
  readonly joinPort: number;
  readonly keys: Keys;
  /** The present token to join by. */
  token(): Promise<string>;
}

/** For a handshake. When thousands come at once, to join or to come back, Bun takes up those that came last first: the others wait. */
const rush = 30_000;
/** Nodes at once. */
const usualNodeLimit = 5_000;
/** Connections at once, at the least: those that are refused are connections first. */
const leastConnections = 8_192;
const usualDeadlines: Deadlines = { head: rush, idle: 15_000, close: 500 };

/** Resolves when it listens. Errors: those of the keys; `unavailable` when an address is taken. */
export async function openHub(options: HubOptions): Promise<OpenHub> {
  const { client, informers, clock, log, signal, host } = options;
  await using opening = new AsyncDisposableStack();
  const stop = new AbortController();
  const ending = AbortSignal.any([signal, stop.signal]);
  const { names, tokenHours } = options;
  const hours = tokenHours === undefined ? {} : { tokenHours };
  const keys = await openKeys({ client, clock, signal: ending, names, ...hours });
  const informer = informers.of(nodes);
  const records = new Records({ client, clock, log, signal: ending });
  const writer = new SyncWriter({ client, clock, log, signal: ending, records });
  opening.defer(async () => {
    stop.abort();
    await Promise.all([records.ended(), writer.ended()]);
  });
  await Promise.all([informer.synced, records.synced()]);
  const claims = { client, informer, hub: options.name ?? "", signal: ending };
  const sessions = new Sessions({
    clock,
    log,
    nodes: informer,
    records,
    writer,
    claims,
    patience: options.patience ?? 40_000,
  });
  for (const node of records.allNodes()) if (!informer.store.get(undefined, node)) sessions.forget(node);
  const tls = { key: keys.server.key, cert: keys.server.certificate, ca: keys.authorityText };
  const deadlines = { ...usualDeadlines, ...options.deadlines };
  const link = opening.use(
    serveWebSockets({
      host,
      port: options.port,
      tls,
      largest: envelopeLimits.bytes,
      // An edge may come again while its last connection is still there.
      most: Math.max(leastConnections, 2 * (options.nodeLimit ?? usualNodeLimit)),
      patience: deadlines.head,
      close: deadlines.close,
      admit: async (visitor) => await letIn(visitor, sessions, options),
      otherwise: { status: 404, reason: "here are WebSockets of edges alone" },
    }),
  );
  // Two machines may have one name, and two processes on one machine one port.
  claims.hub ||= `${hostname()}/${options.address ?? host}:${link.port}`;
  const joining = joinOptions(sessions, keys, { ...options, name: claims.hub });
  const join = opening.use(
    await listen({
      host,
      port: options.joinPort,
      tls,
      deadlines,
      handlers: {
        upgrade: async (_request, socket) => refuseSocket(socket, notFound),
        request: async (request, response) => await answerJoin(request, response, joining),
      },
    }),
  );
  opening.use(keepToken(keys, options));
  opening.defer(() => sessions.close());
  const closing = opening.move();
  return Object.assign(facade(sessions), {
    port: link.port,
    joinPort: join.port,
    keys,
    token: async () => await keys.token(),
    [Symbol.asyncDispose]: async () => await closing.disposeAsync(),
  });
}

/** The contract and nothing else of the sessions. */
function facade(sessions: Sessions): Hub {
  return {
    edges: () => sessions.edges(),
    edge: (node) => sessions.edge(node),
    deliver: (node, delivery) => sessions.deliver(node, delivery),
    send: (node, message) => sessions.send(node, message),
    ask: async (node, message, options) => await sessions.ask(node, message, options),
    on: (target, handler) => sessions.on(target, handler),
    addSource: (source) => sessions.addSource(source),
    onConnect: (handler) => sessions.onConnect(handler),
    resync: (node) => sessions.resync(node),
  };
}

const notFound: Refusal = { status: 404, reason: "not found" };

/** Who connects by a certificate of this cloud's becomes a session of its node. */
async function letIn({ asking, ...shown }: Visitor, sessions: Sessions, options: HubOptions) {
  const { nodeLimit = usualNodeLimit, legacyCertificates = false, signal, log, ready } = options;
  const admission = admit({ headers: asking.headers, ...shown }, legacyCertificates);
  if ("reason" in admission) return admission;
  const { node } = admission;
  if (ready) await ready.catch(() => {});
  if (signal.aborted || sessions.isClosed) return { status: 503, reason: "the cloud ends" };
  if (sessions.size >= nodeLimit && !sessions.edge(node)) {
    log(`node "${node}" is refused: ${nodeLimit} nodes are connected, which is the limit`);
    return { status: 503, reason: `the limit of ${nodeLimit} nodes is reached` };
  }
  const { header, value } = linkFeatures;
  const headers = header in asking.headers ? { [header]: value } : {};
  return { headers, open: (peer: Peer) => sessions.open(node, peer) };
}

function refuseSocket(socket: Duplex, refusal: Refusal): void {
  socket.on("error", () => socket.destroy());
  socket.end(refusing(refusal));
}

function joinOptions(sessions: Sessions, keys: Keys, options: HubOptions) {
  const { client, clock, log, signal, informers, legacyCertificates = false } = options;
  const { joinExisting = "offline", certificateDays = 365, graceDays = 365 } = options;
  const nodeOf = (name: string) => informers.of(nodes).store.get(undefined, name);
  return {
    keys,
    log,
    legacyCertificates,
    certificateDays,
    graceDays,
    now: () => clock.now(),
    refuseJoin: (name: string) => {
      const node = nodeOf(name);
      if (joinExisting === "always") return undefined;
      if (joinExisting === "never") return node ? "a node of that name is there; delete it first" : undefined;
      const holder = claimOf(node)?.hub ?? options.name;
      const isElsewhere = holder !== options.name && isReady(node);
      return sessions.edge(name) || isElsewhere ? "a node of that name is connected" : undefined;
    },
    hasNode: async (name: string) => {
      try {
        await client.get(nodes, { name }, signal);
        return true;
      } catch (error) {
        if (isReason(error, "NotFound")) return false;
        throw error;
      }
    },
    joined: (name: string) => sessions.forget(name),
    onReport: async (report: Report) => await options.onReport?.(report),
  };
}

function isReady(node: unknown): boolean {
  const { status } = (node ?? {}) as { readonly status?: { readonly conditions?: unknown } };
  const conditions = Array.isArray(status?.conditions) ? (status.conditions as unknown[]) : [];
  return conditions.some((each) => {
    const { type, status: is } = (each ?? {}) as { readonly type?: unknown; readonly status?: unknown };
    return type === "Ready" && is === "True";
  });
}

const hour = 3_600_000;

/** There is always a token that is good for hours, as programs that read the secret expect. */
function keepToken(keys: Keys, { clock, log, signal }: HubOptions): Disposable {
  let cancel = () => {};
  const look = () => {
    cancel = clock.after(hour, look);
    keys.token().catch((error: unknown) => {
      if (!signal.aborted) log(`cannot renew the token: ${String(error)}`);
    });
  };
  look();
  return { [Symbol.dispose]: () => cancel() };
}
