/**
 * CloudStream: logs, exec, attach, port-forward and figures of pods through tunnels that edges have dialled. It is made before the API, which asks it, and started once the API and the
 * cloud's keys are there.
 */
import type { Clock } from "../../../base/clock.ts";
import type { ResourceId } from "../../../spec/kubernetes/kube.ts";
import type { ResourceMetrics } from "../apiserver/metrics.ts";
import type { PodStreams } from "../apiserver/streams.ts";
import type { CloudContext } from "../part.ts";
import { acceptTunnels, type AcceptOptions } from "./accept.ts";
import { type KubeletServerOptions, serveKubelets } from "./kubelet-server.ts";
import { Measure } from "./measure.ts";
import { nodes, writeNodePort } from "./node-port.ts";
import { Peers, type PeersOptions } from "./peers.ts";
import { podStreams } from "./pod-streams.ts";
import { Tunnels } from "./tunnels.ts";

export interface StreamOptions extends Pick<
  AcceptOptions,
  "host" | "port" | "tls" | "legacyCertificates" | "patience"
> {
  /** For a real kube-apiserver (10003). Without it none is served. */
  readonly kubelets?: Pick<KubeletServerOptions, "host" | "port" | "tls" | "requireClient">;
  /** What Nodes say their kubelet's port is; that of `kubelets`, or 10350. */
  readonly kubeletPort?: number;
  /** By which the processes of a cloud know each other, and the address by which they reach this one. Without it there are no others. */
  readonly peers?: { readonly host: string; readonly tls: PeersOptions["tls"] };
}

export interface StartedStream extends AsyncDisposable {
  /** Of the tunnels. */
  readonly port: number;
  /** Of the kubelets' face. */
  readonly kubeletsPort: number | undefined;
}

export interface CloudStream {
  /** For the embedded API. */
  readonly streams: PodStreams;
  readonly metrics: ResourceMetrics;
  /** The nodes whose tunnels end here. */
  connected(): readonly string[];
  /** For a process in which no tunnels end: asks those in which they do. Instead of `start`. */
  follow(options: Omit<PeersOptions, "own" | "clock"> & Partial<Pick<CloudContext, "informers">>): void;
  /** Resolves when it listens. Once. */
  start(
    context: Pick<CloudContext, "client" | "informers" | "log" | "signal">,
    options: StreamOptions,
  ): Promise<StartedStream>;
}

const usualPort = 10_350;
const pods: ResourceId = { group: "", version: "v1", resource: "pods" };

export function createCloudStream({ clock }: { readonly clock: Clock }): CloudStream {
  const tunnels = new Tunnels();
  let owns: (node: string, namespace: string, name: string) => boolean = () => false;
  const measure = new Measure({
    clock,
    tunnels,
    owns: (node, namespace, name) => owns(node, namespace, name),
  });
  return {
    streams: podStreams(tunnels),
    metrics: measure,
    connected: () => [...tunnels.all()].map(({ node }) => node),
    follow: ({ informers, ...options }) => {
      if (informers) owns = ownersOf(informers);
      askOthers(tunnels, new Peers({ ...options, clock }));
    },
    start: async ({ client, informers, log, signal }, options) => {
      const { store: seen } = informers.of(nodes);
      owns = ownersOf(informers);
      await using opening = new AsyncDisposableStack();
      opening.use(measure);
      const { kubelets, kubeletPort, peers: of, ...own } = options;
      const face = kubelets && opening.use(await serveKubelets(tunnels, { ...kubelets, client, log }));
      const port = kubeletPort ?? face?.port ?? usualPort;
      const connected = ({ node }: { readonly node: string }) => {
        const known = (name: string) => seen.get(undefined, name);
        writeNodePort(node, { client, clock, port, known, signal }).catch((error: unknown) =>
          log(`cannot write the kubelet's port of node "${node}": ${String(error)}`),
        );
      };
      const listening = opening.use(await acceptTunnels(tunnels, { ...own, clock, log, connected }));
      opening.defer(() => tunnels.close());
      const stop = new AbortController();
      if (of) {
        const { port: at } = listening;
        const ending = AbortSignal.any([signal, stop.signal]);
        const shared = { client, clock, log, signal: ending };
        const peers = new Peers({ ...shared, tls: of.tls, own: { host: of.host, port: at } });
        askOthers(tunnels, peers);
        const announced = peers.announce();
        opening.defer(async () => {
          stop.abort();
          await announced;
        });
      }
      const closing = opening.move();
      return {
        port: listening.port,
        kubeletsPort: face?.port,
        [Symbol.asyncDispose]: async () => await closing.disposeAsync(),
      };
    },
  };
}

function askOthers(tunnels: Tunnels, peers: Peers): void {
  tunnels.elsewhere = (node, limit) => peers.find(node, limit);
  tunnels.others = (limit) => peers.all(limit);
}

/** Whether a pod runs on a node, by what the API says. */
function ownersOf(informers: CloudContext["informers"]) {
  const { store } = informers.of(pods);
  return (node: string, namespace: string, name: string) => nodeNameOf(store.get(namespace, name)) === node;
}

function nodeNameOf(pod: { readonly [field: string]: unknown } | undefined): string | undefined {
  return (pod?.["spec"] as { readonly nodeName?: string } | undefined)?.nodeName;
}
