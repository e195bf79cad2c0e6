/** The embedded API server as a whole: a list of its parts, opened in order and closed the other way round. */
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../../base/clock.ts";
import { SampanError } from "../../../base/errors.ts";
import type { KubeClient } from "../../../spec/kubernetes/kube.ts";
import { Informers } from "../informer/informers.ts";
import { withAdmission } from "./auth/admission.ts";
import { loopback } from "./auth/auth.ts";
import { keepAggregated } from "./auth/rbac/aggregate.ts";
import { tokenDocuments } from "./auth/tokens/documents.ts";
import { openAuthenticator } from "./auth/authenticator.ts";
import { openAuthority, type Authority } from "./auth/authority.ts";
import { openAuthorizer } from "./auth/authorizer.ts";
import { startCertificates } from "./auth/csr/controller.ts";
import { reviews } from "./auth/reviews/reviews.ts";
import { tokenRequests } from "./auth/tokens/request.ts";
import { apiClusterIp, bootstrap, bootstrapService } from "./bootstrap.ts";
import { openResources } from "./crd/open.ts";
import { startControllers } from "./controllers/start.ts";
import type { Parts } from "./http/exchange.ts";
import { versionInfo } from "./http/paths.ts";
import { openHttp, type HttpServer } from "./http/server.ts";
import { openRegistry } from "./registry/open.ts";
import { openStorage } from "./storage/open.ts";
import type { Storage } from "./storage/storage.ts";
import type { PodStreams } from "./streams.ts";
import type { ResourceMetrics } from "./metrics.ts";
import { openApiV2 } from "./types/openapi/v2.ts";
import { openApiV3 } from "./types/openapi/v3.ts";
import { builtInResources } from "./types/resources.ts";

export interface ApiServerOptions {
  /** Everything lies in here: `pki` and `objects`. Made when it is not there. */
  readonly folder: string;
  /** An address of this machine; `0.0.0.0` or `::` for all. */
  readonly host: string;
  /** 0 for any. */
  readonly port: number;
  readonly log: (text: string) => void;
  /** The address that pods and nodes are told to reach it by; otherwise `host`, or one of this machine's. */
  readonly advertise?: string;
  /** Further names and addresses of the server, for its certificate. */
  readonly names?: readonly string[];
  /** Milliseconds since 1970. */
  readonly now?: () => number;
  /** The way to the nodes; without it logs and exec answer 503. */
  readonly streams?: PodStreams;
  /** What nodes and pods use; without it `kubectl top` finds nothing. */
  readonly metrics?: ResourceMetrics;
  /** False: objects are kept and served, and nobody acts on them. */
  readonly controllers?: boolean;
}

export interface ApiServer extends AsyncDisposable {
  /** `https://127.0.0.1:6443` */
  readonly url: string;
  readonly port: number;
  readonly authority: Authority;
  /** The verbs as this process itself, past the network. */
  readonly client: KubeClient;
  /** Of `client`: what the controllers look at, for others who would watch the same. They end with the server. */
  readonly informers: Informers;
  /** Resolves when /readyz says so; rejects when what every cluster has could not be made. */
  readonly whenReady: Promise<void>;
  /** Drops what is in memory only to be quick, for a process that has nothing to do. */
  forget(): void;
  /** Ends watches at once, gives other requests a short while, then closes the storage. */
  close(): Promise<void>;
}

const daily = 86_400_000;

/** Resolves when it listens. Errors: those of the storage and the authority; `unavailable` when the address is taken. */
export async function openApiServer(options: ApiServerOptions): Promise<ApiServer> {
  const { folder, host, port, log, now = Date.now } = options;
  const advertised = options.advertise ?? reached(host);
  await using opening = new AsyncDisposableStack();
  const authority = await openAuthority({
    folder: join(folder, "pki"),
    names: [apiClusterIp, advertised, ...(isAny(host) ? [] : [host]), ...(options.names ?? [])],
    now,
  });
  const storage = opening.use(openStorage({ folder: join(folder, "objects"), now }));
  const authorizer = opening.use(openAuthorizer({ storage }));
  const find = findIn(storage);
  const authenticator = openAuthenticator({ authority, find, now });
  const builtIn = withAdmission(
    builtInResources(reviews({ authorizer, authenticator }), options.metrics),
    authorizer,
  );
  const resources = opening.use(openResources({ builtIn, storage, now, log }));
  const token = tokenRequests({ tokens: authority.tokens, find, now });
  const subresources = { "serviceaccounts/token": token };
  const registry = openRegistry({ storage, resources, now, subresources });
  const client = registry.client(loopback);
  const state = { ready: false };
  const parts: Parts = {
    registry,
    resources,
    authenticator,
    authorizer,
    ...(options.streams ? { streams: options.streams } : {}),
    openApi: { v2: openApiV2, v3: openApiV3 },
    version: versionInfo,
    checks: checks(storage, state),
    figures: () => figuresOf(storage),
    address: () => hostPort(advertised, http.port),
    documents: tokenDocuments(authority.tokens, () => hostPort(advertised, http.port)),
    now,
    log,
  };
  await bootstrap(client);
  const http: HttpServer = await openHttp({ host, port, tls: await tlsOf(authority), parts });
  opening.use(http);
  opening.use(renewing(authority, http, log));
  const following = new AbortController();
  const informers = new Informers({ client, clock: systemClock(now), log, signal: following.signal });
  opening.defer(async () => {
    following.abort();
    await informers.ended();
  });
  if (options.controllers !== false) {
    opening.use(keepAggregated(client, log));
    opening.use(startCertificates({ client, authority, authorizer, log, now }));
    opening.use(startControllers({ client, informers, log, now, resources, rootCertificate: authority.ca }));
  }
  const whenReady = bootstrapService(client, { address: advertised, port: http.port }).then(() => {
    state.ready = true;
  });
  // It is told by whenReady, and by /readyz; nobody need wait for it.
  whenReady.catch((error: unknown) => log(`cannot make the service of the API: ${String(error)}`));
  opening.defer(async () => {
    await whenReady.catch(() => {});
  });
  const closing = opening.move();
  return {
    url: `https://${hostPort(isAny(host) ? "127.0.0.1" : host, http.port)}`,
    port: http.port,
    authority,
    client,
    informers,
    whenReady,
    forget: () => storage.forget(),
    close: async () => await closing.disposeAsync(),
    [Symbol.asyncDispose]: async () => await closing.disposeAsync(),
  };
}

const isAny = (host: string) => host === "0.0.0.0" || host === "::" || host === "";

const hostPort = (host: string, port: number) =>
  host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;

/** Where others reach a server that listens on `host`. */
function reached(host: string): string {
  if (!isAny(host)) return host;
  const others = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
  return others.find(({ internal, family }) => !internal && family === "IPv4")?.address ?? "127.0.0.1";
}

async function tlsOf(authority: Authority) {
  const { key, certificate } = await authority.server();
  return { key, cert: certificate, ca: authority.ca };
}

/** Looks once a day whether the server's certificate was made again. */
function renewing(authority: Authority, http: HttpServer, log: (text: string) => void): Disposable {
  const timer = setInterval(() => {
    tlsOf(authority).then(
      (tls) => http.renew(tls),
      (error: unknown) => log(`cannot renew the server's certificate: ${String(error)}`),
    );
  }, daily);
  timer.unref();
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

/** Objects as they are now, whoever asks. */
function findIn(storage: Storage) {
  return (resource: string, namespace: string, name: string) =>
    storage.get({ resource, namespace, name })?.object;
}

function checks(storage: Storage, state: { readonly ready: boolean }): Parts["checks"] {
  return {
    storage: () => void storage.list("namespaces", { limit: 1 }),
    "poststarthook/bootstrap": () => {
      if (!state.ready) throw new SampanError("unavailable", "the first objects are being made");
    },
  };
}

function figuresOf(storage: Storage): Readonly<Record<string, number>> {
  const { watchers, objects, fileBytes } = storage.figures();
  return {
    apiserver_registered_watchers: watchers,
    sampan_storage_objects: objects,
    apiserver_storage_size_bytes: fileBytes,
    sampan_storage_revision: storage.revision,
    sampan_storage_oldest_revision: storage.oldest,
  };
}
