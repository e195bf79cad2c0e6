/** The cloud half of the fleet on a Kubernetes API: the list of its parts, opened in order and closed the other way round. */
import type { Clock } from "../../base/clock.ts";
import { SampanError } from "../../base/errors.ts";
import type { KubeClient } from "../../spec/kubernetes/kube.ts";
import { installCrds } from "./crds/install.ts";
import { startDeviceController } from "./devicecontroller/start.ts";
import { type DynamicOptions, startDynamicController } from "./dynamiccontroller/start.ts";
import { startEdgeController } from "./edgecontroller/start.ts";
import { startGroups } from "./groups/start.ts";
import type { Report } from "./hub/join.ts";
import { openHub, type HubOptions, type OpenHub } from "./hub/open.ts";
import { Informers } from "./informer/informers.ts";
import { peerPair } from "./keys/keys.ts";
import type { CloudContext } from "./part.ts";
import { startPolicyController } from "./policycontroller/start.ts";
import { type RouterOptions, startRouter } from "./router/start.ts";
import type { CloudStream } from "./stream/open.ts";
import { startTasks } from "./tasks/start.ts";

type Part = (
  context: CloudContext & { readonly hub: OpenHub },
  options: CloudOptions,
) => Promise<AsyncDisposable>;

/** What a part tells is told under its name. */
const parts: readonly (readonly [name: string, part: Part])[] = [
  ["edge controller", startEdgeController],
  ["dynamic controller", async (context, { dynamic }) => await startDynamicController(context, dynamic)],
  ["policy controller", startPolicyController],
  ["device controller", startDeviceController],
  ["router", async (context, { router }) => await startRouter(context, router)],
  ["node groups", startGroups],
  ["stream", startStream],
];

export interface CloudOptions {
  /** The embedded API in this process, or a real cluster. */
  readonly client: KubeClient;
  /** Of `client`, where there are some that outlive this; its own without them. */
  readonly informers?: Informers;
  readonly clock: Clock;
  readonly log: (text: string) => void;
  /** Whether the fleet's kinds are made known to the API first; in a cluster its administrator does that. */
  readonly install: boolean;
  readonly hub: Omit<HubOptions, keyof CloudContext | "ready" | "onReport">;
  /** Where applications outside reach those of the edges, as rules say. */
  readonly router?: RouterOptions;
  /** Logs, commands, ports and figures of the edges' pods; the API that asks for them was given `cloud`. */
  readonly stream?: {
    readonly cloud: CloudStream;
    readonly host: string;
    readonly port: number;
    /** Where a cluster's API asks, who shows a certificate that `ca` (PEM) signed. */
    /** The address by which other processes of this cloud reach `port`. */
    readonly peerHost?: string;
    readonly kubelets?: { readonly host: string; readonly port: number; readonly ca: string };
  };
  /** What MetaServers may ask, and how requests for paths that are no objects are answered. */
  readonly dynamic?: DynamicOptions;
}

export interface Cloud extends AsyncDisposable {
  readonly hub: OpenHub;
}

/**
 * Resolves when edges are served. Errors: those of the hub's ports and keys; `failed_precondition` when the fleet's kinds are not known to the API.
 */
export async function openCloud(options: CloudOptions): Promise<Cloud> {
  const { client, clock, log, install, hub: own } = options;
  await using opening = new AsyncDisposableStack();
  const stop = new AbortController();
  const { signal } = stop;
  // What waits ends first, whatever part it is of, and also when a later part cannot start.
  using ending = new DisposableStack();
  ending.defer(() => stop.abort());
  if (install) await installCrds(client, { signal });
  else await requireCrds(client, signal);
  const informers = options.informers ?? new Informers({ client, clock, log, signal });
  if (!options.informers) opening.defer(async () => await informers.ended());
  const ready = Promise.withResolvers<void>();
  // A part that fails ends all; who waits is told by that.
  ready.promise.catch(() => {});
  const base = { client, informers, clock, log, signal };
  let report: (posted: Report) => void = () => {};
  const onReport = (posted: Report) => report(posted);
  const hub = opening.use(await openHub({ ...own, ...base, ready: ready.promise, onReport }));
  const contextOf = (name: string) => ({ ...base, hub, log: (text: string) => log(`${name}: ${text}`) });
  for (const [name, part] of parts) opening.use(await part(contextOf(name), options));
  const tasks = opening.use(await startTasks(contextOf("tasks")));
  report = (posted) => tasks.report(posted);
  ready.resolve();
  opening.use(ending.move());
  const closing = opening.move();
  return { hub, [Symbol.asyncDispose]: async () => await closing.disposeAsync() };
}

async function startStream(
  { hub, ...context }: CloudContext & { readonly hub: OpenHub },
  { stream, hub: { legacyCertificates = false } }: CloudOptions,
): Promise<AsyncDisposable> {
  if (!stream) return new AsyncDisposableStack();
  const { server, authorityText: ca } = hub.keys;
  const tls = { key: server.key, cert: server.certificate, ca };
  const { cloud, kubelets: face, host, port, peerHost = host } = stream;
  const kubelets = face && { ...face, tls: { ...tls, ca: face.ca }, requireClient: true };
  const peers = { host: peerHost, tls: async () => await peerPair(context) };
  const own = { host, port, tls, legacyCertificates, peers };
  return await cloud.start(context, { ...own, ...(kubelets ? { kubelets } : {}) });
}

async function requireCrds(client: KubeClient, signal: AbortSignal): Promise<void> {
  const resource = { group: "reliablesyncs.kubeedge.io", version: "v1alpha1", resource: "objectsyncs" };
  try {
    await client.list(resource, { limit: 1, signal });
  } catch (error) {
    const inner = SampanError.from(error);
    if (inner.code !== "not_found") throw SampanError.wrap("cannot use the cluster", error);
    throw new SampanError(
      "failed_precondition",
      "cannot use the cluster: it does not know the fleet's kinds; wanted: sampan cloud install-crds",
    );
  }
}
