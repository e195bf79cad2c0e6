/** A cloud with its API and tunnel port, and an edge whose pods are the test's, all in this process. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../../src/base/clock.ts";
import { type ApiServer, openApiServer } from "../../../src/fleet/cloud/apiserver/server.ts";
import { peerName } from "../../../src/fleet/cloud/keys/certificates.ts";
import { Informers } from "../../../src/fleet/cloud/informer/informers.ts";
import {
  type CloudStream,
  createCloudStream,
  type StartedStream,
} from "../../../src/fleet/cloud/stream/open.ts";
import { createKubelet, type Kubelet } from "../../../src/fleet/edge/kubelet/kubelet.ts";
import { type EdgeStream, openEdgeStream } from "../../../src/fleet/edge/stream/open.ts";
import type { TunnelTls } from "../../../src/fleet/edge/stream/dial.ts";
import type { KubeObject } from "../../../src/spec/kubernetes/kube.ts";
import { until } from "../until.ts";
import { type FakePods, fakePods } from "./_access.ts";

export interface Site extends AsyncDisposable {
  readonly folder: string;
  readonly api: ApiServer;
  readonly cloud: CloudStream;
  readonly ports: StartedStream;
  readonly pods: FakePods;
  readonly kubelet: Kubelet;
  readonly kubeconfig: string;
  readonly log: string[];
  /** A certificate of the node. */
  certificate(node: string): Promise<TunnelTls>;
  edge(node: string): Promise<EdgeStream>;
}

export interface SiteOptions {
  readonly kubelets?: boolean;
  /** The tunnels end at another process of the cloud than the one that is asked, or at one that is not asked because the API's own part serves none (`follow`). */
  readonly elsewhere?: "both" | "follow";
}

export async function openSite({ kubelets = false, elsewhere }: SiteOptions = {}): Promise<Site> {
  await using opening = new AsyncDisposableStack();
  const folder = mkdtempSync(join(tmpdir(), "sampan-stream-"));
  opening.defer(() => rmSync(folder, { recursive: true }));
  const clock = systemClock();
  const log: string[] = [];
  const say = (text: string) => void log.push(text);
  const cloud = createCloudStream({ clock });
  const { streams, metrics } = cloud;
  const api = opening.use(
    await openApiServer({
      folder,
      host: "127.0.0.1",
      port: 0,
      log: say,

      streams,
      metrics,
    }),
  );
  await api.whenReady;
  const stop = new AbortController();
  const { signal } = stop;
  const { client, authority } = api;
  const informers = new Informers({ client, clock, log: say, signal });
  opening.defer(async () => await informers.ended());
  const server = await authority.server();
  const tls = { key: server.key, cert: server.certificate, ca: authority.ca };
  const host = "127.0.0.1";
  const pair = await authority.issueClient({ user: peerName.user, groups: [peerName.group] });
  const peerTls = async () => ({ ...pair, ca: authority.ca });
  const begin = async (stream: CloudStream) =>
    opening.use(
      await stream.start(
        { client, informers, log: say, signal },
        {
          host,
          port: 0,
          tls,
          patience: 200,
          ...(kubelets ? { kubelets: { host, port: 0, tls, requireClient: true } } : {}),
          ...(elsewhere ? { peers: { host, tls: peerTls } } : {}),
        },
      ),
    );
  await client.create(place("namespaces"), {
    apiVersion: "v1",
    kind: "Namespace",
    metadata: { name: "kubeedge" },
  });
  const tunnels = elsewhere ? createCloudStream({ clock }) : cloud;
  const ports = await begin(tunnels);
  if (elsewhere === "follow") cloud.follow({ client, informers, log: say, signal, tls: peerTls });
  else if (elsewhere) await begin(cloud);
  const announced = elsewhere ? (elsewhere === "both" ? 2 : 1) : 0;
  const leases = { group: "coordination.k8s.io", version: "v1", resource: "leases" };
  const known = informers.of(leases);
  await until(() => known.store.inNamespace("kubeedge").length === announced);
  const pods = fakePods();
  const kubelet = createKubelet({ access: pods, pods: () => [] });
  const kubeconfig = join(folder, "kubeconfig");
  writeFileSync(kubeconfig, await kubeconfigOf(api));
  await makeObjects(api);
  const certificate = async (node: string): Promise<TunnelTls> => {
    const user = `system:node:${node}`;
    return { ca: authority.ca, ...(await authority.issueClient({ user, groups: ["system:nodes"] })) };
  };
  const edges = new Map<string, EdgeStream>();
  const edge = async (node: string) => {
    const there = edges.get(node);
    if (there) return there;
    const pair = await certificate(node);
    const stream = openEdgeStream(
      { node, clock, log: say, signal },
      {
        addresses: [`wss://127.0.0.1:${ports.port}`],
        tls: () => pair,
        internalIp: "192.0.2.7",
        kubelet,
        random: () => 0,
      },
    );
    edges.set(node, edgesOpen.use(stream));
    await until(() => tunnels.connected().includes(node));
    return stream;
  };
  const closing = opening.move();
  const edgesOpen = new AsyncDisposableStack();
  return {
    folder,
    api,
    cloud,
    ports,
    pods,
    kubelet,
    kubeconfig,
    log,
    certificate,
    edge,
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await edgesOpen.disposeAsync();
      await closing.disposeAsync();
    },
  };
}

const place = (resource: string) => ({ group: "", version: "v1", resource });

async function makeObjects({ client }: ApiServer): Promise<void> {
  for (const name of ["edge-1", "edge-2"])
    await client.create(place("nodes"), { apiVersion: "v1", kind: "Node", metadata: { name } });
  for (const [name, nodeName, containers] of [
    ["web", "edge-1", ["main"]],
    ["gone", "edge-1", ["main"]],
    ["two", "edge-1", ["a", "b"]],
    ["of-another-node", "edge-2", ["main"]],
    ["loud", "edge-1", ["chatty"]],
  ] as const)
    await runPod(client, podOf(name, nodeName, containers));
}

export function podOf(name: string, nodeName: string, containers: readonly string[]): KubeObject {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace: "default" },
    spec: { nodeName, containers: containers.map((each) => ({ name: each, image: "none" })) },
  };
}

/** What kubectl looks at before it attaches. */
async function runPod(client: ApiServer["client"], pod: KubeObject): Promise<void> {
  await client.create(place("pods"), pod);
  const { name = "" } = pod.metadata;
  const { containers } = pod["spec"] as { containers: { name: string }[] };
  const containerStatuses = containers.map((each) => ({
    name: each.name,
    ready: true,
    restartCount: 0,
    image: "none",
    imageID: "",
    state: { running: { startedAt: "2026-01-01T00:00:00Z" } },
  }));
  await client.patch(
    place("pods"),
    { namespace: "default", name, subresource: "status" },
    { status: { phase: "Running", containerStatuses } },
    { type: "application/merge-patch+json" },
  );
}

async function kubeconfigOf({ url, authority }: ApiServer): Promise<string> {
  const { certificate, key } = await authority.issueClient({ user: "admin", groups: ["system:masters"] });
  const base64 = (text: string) => Buffer.from(text).toString("base64");
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    "current-context": "test",
    contexts: [{ name: "test", context: { cluster: "test", user: "admin" } }],
    clusters: [
      { name: "test", cluster: { server: url, "certificate-authority-data": base64(authority.ca) } },
    ],
    users: [
      {
        name: "admin",
        user: { "client-certificate-data": base64(certificate), "client-key-data": base64(key) },
      },
    ],
  });
}
