/**
 * The processes of a cloud on one API: each says in a lease of namespace `kubeedge` where its tunnels end, and asks the others for a node whose tunnel does not end with it. They know each other by the
 * fleet's own authority.
 */
import { createHash } from "node:crypto";
import { isIP } from "node:net";
import { connect, type TLSSocket } from "node:tls";
import { type Clock, milliseconds, pause } from "../../../base/clock.ts";
import { SampanError } from "../../../base/errors.ts";
import type { KubeClient, KubeObject, ResourceId } from "../../../spec/kubernetes/kube.ts";
import { type Head, readBody, readHead } from "../../../wire/channels/head.ts";
import { isNodeName } from "../../link/resources.ts";
import { identityOf } from "../hub/admit.ts";
import { isReason, namespace } from "../keys/secrets.ts";
import { peerHeader, peerPaths, peerProtocol } from "./peer-door.ts";
import type { TunnelRequest } from "./tunnel.ts";
import type { Way } from "./way.ts";

/** PEM: a certificate of a process of the cloud (`peerName`), and who has signed it. */
export interface PeerTls {
  readonly certificate: string;
  readonly key: string;
  readonly ca: string;
}

export interface PeersOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly log: (text: string) => void;
  readonly signal: AbortSignal;
  /** Undefined: there is no fleet yet. Asked until there is one. */
  readonly tls: () => Promise<PeerTls | undefined>;
  /** Where the tunnels of this process end, as the others reach it; without it none do. */
  readonly own?: { readonly host: string; readonly port: number } | undefined;
}

const leases: ResourceId = { group: "coordination.k8s.io", version: "v1", resource: "leases" };
const label = "fleet.sampan/part";
const annotation = "fleet.sampan/tunnels";
/** Milliseconds. */
const times = { renew: 20_000, lease: 60_000, answer: 3_000 } as const;
/** Processes that are asked, and bytes of what one says. */
const most = { processes: 16, bytes: 4 << 20 } as const;

export class Peers {
  private readonly options: PeersOptions;
  private readonly address: string;
  private tls: PeerTls | undefined;

  constructor(options: PeersOptions) {
    this.options = options;
    const { host = "", port = 0 } = options.own ?? {};
    this.address = options.own ? `${isIP(host) === 6 ? `[${host}]` : host}:${port}` : "";
  }

  /** Says where this process is until the signal aborts, then no more. */
  async announce(): Promise<void> {
    const { clock, log, signal } = this.options;
    while (this.address !== "" && !signal.aborted) {
      await this.renew().catch((error: unknown) => {
        if (!signal.aborted) log(`cannot tell the others where tunnels end: ${String(error)}`);
      });
      await pause(clock, times.renew, signal);
    }
  }

  /** The way by another process; undefined when none has the node's tunnel. */
  async find(node: string, signal: AbortSignal): Promise<Way | undefined> {
    const tls = (this.tls ??= await this.options.tls());
    if (!tls) return undefined;
    const limit = AbortSignal.any([signal, AbortSignal.timeout(times.answer)]);
    const ask = async (address: string): Promise<Way> => {
      const { head, body } = await fetchFrom(address, { tls, path: peerPaths.nodes + node, signal: limit });
      const { ours } = (head.status === 200 ? JSON.parse(body) : {}) as { readonly ours?: unknown };
      if (typeof ours !== "boolean") throw new SampanError("not_found", "the node is not there");
      return { node, ours, open: (request) => openAt(address, { tls, node, request, signal }) };
    };
    try {
      return await Promise.any((await this.others(limit)).map(ask));
    } catch {
      signal.throwIfAborted();
      return undefined;
    }
  }

  /** The ways to all nodes whose tunnels end at other processes; those of one that does not answer are not among them. */
  async all(signal: AbortSignal): Promise<readonly Way[]> {
    const tls = (this.tls ??= await this.options.tls());
    if (!tls) return [];
    const limit = AbortSignal.any([signal, AbortSignal.timeout(times.answer)]);
    const ask = async (address: string): Promise<readonly Way[]> => {
      const asking = { tls, path: peerPaths.nodes, signal: limit };
      const { head, body } = await fetchFrom(address, asking);
      const { nodes } = (head.status === 200 ? JSON.parse(body) : {}) as { readonly nodes?: unknown };
      return (Array.isArray(nodes) ? nodes : []).flatMap((each: unknown): readonly Way[] => {
        const { node, ours } = (each ?? {}) as { readonly node?: unknown; readonly ours?: unknown };
        if (typeof node !== "string" || !isNodeName(node) || typeof ours !== "boolean") return [];
        return [{ node, ours, open: (request) => openAt(address, { tls, node, request, signal }) }];
      });
    };
    const answers = await Promise.allSettled((await this.others(limit)).map(ask));
    return answers.flatMap((answer) => (answer.status === "fulfilled" ? answer.value : []));
  }

  private async others(signal: AbortSignal): Promise<string[]> {
    const { client, clock } = this.options;
    const { items } = await client.list(leases, { namespace, labelSelector: `${label}=cloud`, signal });
    return items
      .filter((lease) => clock.now() - renewedAt(lease) < times.lease)
      .map(({ metadata }) => metadata.annotations?.[annotation] ?? "")
      .filter((address) => address !== "" && address !== this.address)
      .slice(0, most.processes);
  }

  private async renew(): Promise<void> {
    const { client, clock, signal } = this.options;
    const name = `sampan-cloud-${createHash("sha256").update(this.address).digest("hex").slice(0, 16)}`;
    const renewTime = new Date(clock.now()).toISOString().replace("Z", "000Z");
    const spec = { holderIdentity: this.address, leaseDurationSeconds: times.lease / 1000, renewTime };
    const key = { namespace, name };
    try {
      const type = "application/merge-patch+json";
      await client.patch(leases, key, { spec }, { type, signal });
    } catch (error) {
      if (!isReason(error, "NotFound")) throw error;
      const metadata = { ...key, labels: { [label]: "cloud" }, annotations: { [annotation]: this.address } };
      const lease = { apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata, spec };
      await client.create(leases, lease, { signal });
    }
  }
}

function renewedAt({ spec }: KubeObject): number {
  return milliseconds((spec as { readonly renewTime?: string } | undefined)?.renewTime) ?? 0;
}

interface Asking {
  readonly tls: PeerTls;
  readonly path: string;
  readonly signal: AbortSignal;
  readonly lines?: readonly string[];
}

/** An answer whole. */
async function fetchFrom(address: string, asking: Asking): Promise<{ head: Head; body: string }> {
  const socket = await dial(address, asking);
  try {
    const head = await readHead(socket, asking.signal);
    return { head, body: await readBody(socket, head, { ...asking, most: most.bytes }) };
  } finally {
    socket.destroy();
  }
}

interface Opening {
  readonly tls: PeerTls;
  readonly node: string;
  readonly request: TunnelRequest;
  readonly signal: AbortSignal;
}

/** One stream. Errors: `unavailable` with what the other process says. */
async function openAt(address: string, { tls, node, request, signal }: Opening): Promise<TLSSocket> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(times.answer * 2)]);
  const asked = Buffer.from(JSON.stringify(request)).toString("base64url");
  const lines = [`${peerHeader}: ${asked}`, `Upgrade: ${peerProtocol}`];
  const socket = await dial(address, { tls, path: peerPaths.streams + node, lines, signal: limit });
  try {
    const head = await readHead(socket, limit);
    if (head.status === 101) return socket;
    throw new SampanError("unavailable", await readBody(socket, head, { signal: limit }));
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

/** A connection on which the request was sent. Errors: `unavailable`, and why the signal aborted. */
async function dial(address: string, { tls, path, signal, lines = [] }: Asking): Promise<TLSSocket> {
  signal.throwIfAborted();
  const { hostname, port } = new URL(`https://${address}`);
  const host = hostname.replace(/^\[|\]$/g, "");
  const { certificate: cert, key, ca } = tls;
  // Whoever the authority has signed for and who is no node is the cloud, whatever its address is.
  const checkServerIdentity = () => undefined;
  const socket = connect({ host, port: Number(port || 443), cert, key, ca, checkServerIdentity });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const stop = () => reject(signal.reason as Error);
  socket.on("error", (error: Error) =>
    reject(new SampanError("unavailable", `cannot reach the cloud at ${address}: ${error.message}`)),
  );
  socket.once("secureConnect", resolve);
  signal.addEventListener("abort", stop, { once: true });
  try {
    await promise;
    if (identityOf(socket.getPeerX509Certificate()?.subject ?? "") !== undefined)
      throw new SampanError("unavailable", `at ${address} is a node, and not the cloud`);
    const more = lines.some((line) => line.startsWith("Upgrade:")) ? "Upgrade" : "close";
    const head = [`GET ${path} HTTP/1.1`, `Host: ${address}`, `Connection: ${more}`, ...lines];
    socket.write(`${head.join("\r\n")}\r\n\r\n`);
    return socket;
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    signal.removeEventListener("abort", stop);
  }
}
