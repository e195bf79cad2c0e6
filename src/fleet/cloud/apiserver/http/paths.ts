/** Paths that are no resource's: discovery, OpenAPI, health, version, metrics. */
import { commit, version as program } from "../../../../base/version.ts";
import { negotiate, type Offers } from "./accept.ts";
import { send, sendObject, sendText } from "./answer.ts";
import { aggregated, apiVersions, groupList, groupOf, resourceList, servedGroups } from "./discovery.ts";
import type { Exchange, VersionInfo } from "./exchange.ts";
import { serveHealth } from "./health.ts";
import { type Documents, etagOf, sendTagged, serveV2, serveV3 } from "./openapi.ts";
import { notAllowed } from "./resource-exchange.ts";

/** The version of Kubernetes whose API this is; what follows the plus is ours. */
export const versionInfo: VersionInfo = {
  major: "1",
  minor: "33",
  gitVersion: `v1.33.0+sampan.${program}`,
  gitCommit: commit(),
  gitTreeState: "clean",
  buildDate: "1970-01-01T00:00:00Z",
  goVersion: "none",
  compiler: "bun",
  platform: `linux/${process.arch === "x64" ? "amd64" : process.arch}`,
};

/** Answers, or is false when there is nothing at the path. KubeError `MethodNotAllowed` for what is no reading. */
export async function servePath(exchange: Exchange, documents: Documents): Promise<boolean> {
  const { info } = exchange;
  const serve = fixed[info.path] ?? prefixed(info.path) ?? given(exchange);
  if (!serve) return false;
  if (info.method !== "GET" && info.method !== "HEAD") throw notAllowed();
  return await serve(exchange, documents);
}

type Serve = (exchange: Exchange, documents: Documents) => Promise<boolean>;

const fixed: Readonly<Record<string, Serve>> = {
  "/": servePaths,
  "/api": serveCore,
  "/apis": serveGroups,
  "/version": async (exchange) => {
    await sendObject(exchange, exchange.parts.version, { form: { syntax: "json" } });
    return true;
  },
  "/metrics": serveMetrics,
  "/openapi/v2": async (exchange, documents) => {
    await serveV2(exchange, documents);
    return true;
  },
};

function prefixed(path: string): Serve | undefined {
  if (path === "/openapi/v3" || path.startsWith("/openapi/v3/"))
    return async (exchange, documents) =>
      await serveV3(exchange, documents, path.slice("/openapi/v3".length));
  if (/^\/(?:healthz|livez|readyz)(?:\/|$)/.test(path)) return serveHealth;
  if (/^\/api\/[^/]+$|^\/apis\/[^/]+(?:\/[^/]+)?$/.test(path)) return serveGroup;
  return undefined;
}

function given({ parts: { documents = {} }, info }: Exchange): Serve | undefined {
  const document = Object.hasOwn(documents, info.path) ? documents[info.path] : undefined;
  return document && (async (exchange) => await serveTagged(exchange, document.type, document.body()));
}

const discoveryOffers: Offers = {
  as: { APIGroupDiscoveryList: { group: "apidiscovery.k8s.io", versions: ["v2", "v2beta1"] } },
};

/** `core`: of /api alone, else of /apis. */
async function serveDiscovery(exchange: Exchange, core: boolean, old: object): Promise<boolean> {
  const form = negotiate(exchange.request.headers.accept, discoveryOffers);
  if (form.as === undefined) return await serveTagged(exchange, "application/json", old);
  const version = form.version ?? "v2";
  const type = `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`;
  const groups = servedGroups(exchange.parts.resources.all());
  return await serveTagged(exchange, type, aggregated(groups, { core, version }));
}

async function serveTagged(exchange: Exchange, type: string, value: object): Promise<boolean> {
  const bytes = Buffer.from(JSON.stringify(value));
  await sendTagged(exchange, type, { bytes, etag: etagOf(bytes) });
  return true;
}

async function serveCore(exchange: Exchange): Promise<boolean> {
  return await serveDiscovery(exchange, true, apiVersions(exchange.parts.address()));
}

async function serveGroups(exchange: Exchange): Promise<boolean> {
  return await serveDiscovery(exchange, false, groupList(servedGroups(exchange.parts.resources.all())));
}

/** /api/v1, /apis/apps, /apis/apps/v1 */
async function serveGroup(exchange: Exchange): Promise<boolean> {
  const { form, group, version } = groupPath(exchange);
  if (!group || (version === undefined && group.name === "")) return false;
  if (version === undefined) return await tagged(exchange, form, groupOf(group));
  const served = group.versions.find((each) => each.version === version);
  return served ? await tagged(exchange, form, resourceList(group.name, served)) : false;
}

function groupPath({ info, parts, request }: Exchange) {
  const [, root, first = "", second] = info.path.split("/");
  const [name, version] = root === "api" ? ["", first] : [first, second];
  const group = servedGroups(parts.resources.all()).find((each) => each.name === name);
  return { form: negotiate(request.headers.accept), group, version };
}

async function tagged(
  exchange: Exchange,
  form: { readonly syntax: "json" | "yaml" },
  value: object,
): Promise<boolean> {
  if (form.syntax === "json") return await serveTagged(exchange, "application/json", value);
  await sendObject(exchange, value, { form });
  return true;
}

/** `/`: what there is. */
async function servePaths(exchange: Exchange): Promise<boolean> {
  const groups = servedGroups(exchange.parts.resources.all()).filter(({ name }) => name !== "");
  const paths = [
    "/api",
    "/api/v1",
    "/apis",
    ...groups.flatMap(({ name, versions }) => [
      `/apis/${name}`,
      ...versions.map(({ version }) => `/apis/${name}/${version}`),
    ]),
    "/healthz",
    "/livez",
    "/metrics",
    "/openapi/v2",
    "/openapi/v3",
    "/readyz",
    "/version",
  ];
  await sendObject(exchange, { paths }, { form: { syntax: "json" } });
  return true;
}

async function serveMetrics(exchange: Exchange): Promise<boolean> {
  const { metrics, limits, parts } = exchange;
  const text = metrics.render({
    'apiserver_current_inflight_requests{request_kind="readOnly"}': limits.busy("reads"),
    'apiserver_current_inflight_requests{request_kind="mutating"}': limits.busy("writes"),
    apiserver_longrunning_requests: limits.busy("long"),
    process_resident_memory_bytes: process.memoryUsage().rss,
    ...parts.figures(),
  });
  await send(exchange, { code: 200, type: "text/plain; version=0.0.4; charset=utf-8", body: text });
  return true;
}

/** What the real server says where there is nothing. */
export async function serveNothing(exchange: Exchange): Promise<void> {
  await sendText(exchange, 404, "404 page not found\n");
}
