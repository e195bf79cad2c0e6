/** The edge: all of its parts, in the order in which each finds those that it needs. */
import { mkdirSync, readFileSync } from "node:fs";
import { BlockList, isIP, isIPv6 } from "node:net";
import { dirname } from "node:path";
import type { Clock } from "../../base/clock.ts";
import { SampanError } from "../../base/errors.ts";
import type { LiveEngine } from "../../engine/engine.ts";
import type { KubeObject } from "../../spec/kubernetes/kube.ts";
import { openDmi } from "./dmi/open.ts";
import { type EdgedOptions, openEdged } from "./edged/open.ts";
import { openEventBus } from "./eventbus/open.ts";
import type { EventBusOptions } from "./eventbus/options.ts";
import { openLink, type LinkTimes } from "./hub/open.ts";
import { parseAddress, formatAddress } from "./hub/address.ts";
import { certificateAddresses, keysFolder } from "./join/join.ts";
import { cloudTime } from "./join/https.ts";
import { openKeys } from "./join/keys.ts";
import { keepCertificate } from "./join/renewal.ts";
import { createKubelet } from "./kubelet/kubelet.ts";
import { openKubeletPort } from "./kubelet/open.ts";
import { openMetaServer, type MetaServerOptions } from "./metaserver/open.ts";
import { apiService, openSecureApi, ownApiService, type SecureApi } from "./metaserver/secure.ts";
import { openMeta } from "./meta/open.ts";
import type { EdgeContext } from "./part.ts";
import { openServiceBus, type ServiceBusOptions } from "./servicebus/open.ts";
import { openServices } from "./services/open.ts";
import { openEdgeStream } from "./stream/open.ts";
import type { SettingsFile } from "./tasks/config.ts";
import { startEdgeTasks } from "./tasks/start.ts";
import type { OwnProgram } from "./tasks/upgrade/own.ts";
import { postReport } from "./tasks/upgrade/post.ts";
import { openTwins } from "./twin/open.ts";

export interface EdgeOptions {
  readonly node: string;
  /** `<host>:<port>` of 10000. */
  readonly clouds: readonly string[];
  /** On the same hosts, where certificates are signed. */
  readonly certificatePort: number;
  /** Data of the edge: 0700. */
  readonly root: string;
  readonly engine: LiveEngine;
  readonly clock: Clock;
  readonly log: (text: string) => void;
  readonly signal: AbortSignal;
  readonly times?: Partial<LinkTimes>;
  /** A file with a token, for when the certificate has ended and the cloud does not renew it. */
  readonly tokenFile?: string;
  readonly eventbus?: EventBusOptions;
  readonly servicebus?: ServiceBusOptions;
  readonly metaserver?: MetaServerOptions;
  /** Where pods reach the local API by TLS, as `kubernetes.default.svc`; undefined: that leads to the cloud's. */
  readonly apiPort?: number;
  /** Where names of services are answered on this node, and below which domain. */
  readonly services: { readonly address: string; readonly domain: string };
  readonly edged?: Omit<EdgedOptions, "clusterDns" | "clusterDomain" | "services" | "apiAuthority">;
  /** Of the local kubelet's API; undefined: none. */
  readonly kubeletPort?: number;
  /** On the clouds' hosts, for logs and exec. */
  readonly tunnelPort: number;
  /** The socket where mappers register. */
  readonly dmiSocket: string;
  /** How the cloud's jobs may change settings; undefined: they may not. */
  readonly settings?: SettingsFile;
  /** How the cloud's jobs may replace this program; undefined: they may not. */
  readonly own?: OwnProgram;
}

export interface Edge extends AsyncDisposable {
  readonly context: EdgeContext;
}

/** Resolves when all parts work; the link may stand later. Errors: those of the store, and of what pods cannot do without. */
export async function openEdge(options: EdgeOptions): Promise<Edge> {
  await using stack = new AsyncDisposableStack();
  const { node, root, engine, clock, log, signal } = options;
  mkdirSync(root, { recursive: true, mode: 0o700 });
  const keys = openKeys(keysFolder(root));
  const base = { node, keys, clock, log, signal };

  const link = stack.use(
    await openLink({
      ...base,
      addresses: options.clouds,
      dials: false,
      cloudTime: (address, asked) => cloudTime(onPort(address, options.certificatePort), asked),
      ...(options.times ? { times: options.times } : {}),
    }),
  );
  const meta = stack.use(await openMeta({ root, link, clock, log, signal }));
  const context: EdgeContext = { node, root, link, meta, engine, clock, log, signal };
  const spare = optional(stack, log);

  const bus = stack.use(await openEventBus(context, options.eventbus));
  const twins = stack.use(await openTwins(context, bus));
  await spare("ServiceBus", () => openServiceBus(context, options.servicebus));
  await spare("DMI", () => {
    mkdirSync(dirname(options.dmiSocket), { recursive: true, mode: 0o711 });
    return openDmi({ path: options.dmiSocket, folder: `${root}/dmi`, twins, log, signal });
  });

  const api =
    (await spare("MetaServer", () =>
      openMetaServer({ ...context, meta }, { ...options.metaserver, recovers: true }),
    )) ??
    // Without its port what others watch by it goes on.
    stack.use(await openMetaServer({ ...context, meta }, { recovers: true }));
  const { address, domain } = options.services;
  let secure: SecureApi | undefined;
  const services = await spare("service discovery", () =>
    openServices({
      ...context,
      proxy: engine.services,
      subscriptions: api.subscriptions,
      address,
      domain,
      isOwn: ownAddresses(engine),
      api: () => secure,
    }),
  );
  // Pods reach this machine's loopback address only when they have its network.
  if (services) await spare("MetaServer for pods", async () => nothingToClose(await api.listen(address)));
  const { apiPort } = options;
  if (services && apiPort !== undefined) {
    const place = { server: api, meta, folder: `${root}/metaserver`, address, port: apiPort, domain, log };
    secure = await spare("the API for pods", () => openSecureApi(place));
    services.changed();
  }
  const edged = stack.use(
    await openEdged(context, {
      ...options.edged,
      known: api.known,
      clusterDomain: domain,
      apiAuthority: () => secure?.authority,
      ...(services ? { clusterDns: [address], services: () => withApi(services.list(), secure) } : {}),
    }),
  );
  const kubelet = createKubelet({ access: edged, pods: () => meta.list("pod") });
  const { kubeletPort } = options;
  if (kubeletPort !== undefined)
    await spare("the local kubelet's port", () => openKubeletPort({ kubelet, log, port: kubeletPort }));
  stack.use(
    openEdgeStream(context, {
      addresses: options.clouds.map((cloud) => `wss://${onPort(cloud, options.tunnelPort)}`),
      tls: () => {
        const { authority: ca, certificate, key } = keys.current();
        return { ca, certificate, key };
      },
      internalIp: edged.facts.ips[0] ?? "",
      kubelet,
    }),
  );

  const addresses = certificateAddresses(options.clouds, options.certificatePort);
  stack.use(
    await startEdgeTasks(context, {
      ...(options.settings ? { settings: options.settings } : {}),
      ...(options.own ? { own: options.own } : {}),
      post: postReport({ keys, addresses, signal }),
    }),
  );
  stack.use(keepCertificate({ ...base, addresses, token: () => readToken(options.tokenFile) }));
  // All who take messages have said so.
  link.start();
  const parts = stack.move();
  return { context, [Symbol.asyncDispose]: () => parts.disposeAsync() };
}

/** What a cluster's kubelet always knows, this one may not have heard yet. */
function withApi(services: readonly KubeObject[], own: SecureApi | undefined): readonly KubeObject[] {
  const { namespace, name } = apiService;
  const isKnown = services.some(({ metadata }) => metadata.namespace === namespace && metadata.name === name);
  return isKnown || !own ? services : [...services, ownApiService(own)];
}

function nothingToClose(_done: void): AsyncDisposable {
  return { [Symbol.asyncDispose]: () => Promise.resolve() };
}

/** What pods can do without: that its port is taken is told, and keeps nothing else from working. */
function optional(stack: AsyncDisposableStack, log: (text: string) => void) {
  return async <T extends AsyncDisposable>(name: string, open: () => Promise<T>): Promise<T | undefined> => {
    try {
      return stack.use(await open());
    } catch (error) {
      log(`${name} is not there: ${SampanError.from(error).message}`);
      return undefined;
    }
  };
}

/** Another port of the same host. */
function onPort(cloud: string, port: number): string {
  return formatAddress({ host: parseAddress(cloud, port).host, port });
}

/** Whether an address is of the networks of this node's containers. */
function ownAddresses({ networks }: LiveEngine): (address: string) => boolean {
  return (address) => {
    const own = new BlockList();
    for (const { ipam } of networks.list())
      for (const { subnet } of ipam) {
        const [base = "", bits = ""] = subnet.split("/");
        own.addSubnet(base, Number(bits), isIPv6(base) ? "ipv6" : "ipv4");
      }
    return isIP(address) !== 0 && own.check(address, isIPv6(address) ? "ipv6" : "ipv4");
  };
}

function readToken(path: string | undefined): string | undefined {
  try {
    return path === undefined ? undefined : readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
