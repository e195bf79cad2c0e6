import { afterAll, beforeAll, expect, test } from "bun:test";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "node:tls";
import { KubeError, type KubeObject, type Status } from "../../../../spec/kubernetes/kube.ts";
import type { UserInfo } from "../auth/auth.ts";
import { openAuthority } from "../auth/authority.ts";
import type { Encodable, Registry, RegistryWatchEvent } from "../registry.ts";
import type { Resource, Resources } from "../resource.ts";
import type { PodStreams } from "../streams.ts";
import { builtInResources } from "../types/resources.ts";
import { maxBody } from "./body.ts";
import type { Parts } from "./exchange.ts";
import { Limits } from "./limits.ts";
import { versionInfo } from "./paths.ts";
import { openHttp, type HttpServer } from "./server.ts";

const folder = mkdtempSync(join(tmpdir(), "sampan-http-"));
const all = builtInResources();
const resources: Resources = {
  all: () => all,
  find: (group, version, plural) =>
    all.find((each) => each.group === group && each.version === version && each.plural === plural),
  byKind: (group, kind) => all.find((each) => each.group === group && each.kind === kind),
  generation: 1,
};

const encodable = (object: KubeObject): Encodable => ({
  object,
  json: () => Buffer.from(JSON.stringify(object)),
});

/** Events without an end, and whether somebody still takes them. */
const flood = {
  taken: 0,
  ended: Promise.withResolvers<void>(),
  async *events(): AsyncGenerator<RegistryWatchEvent> {
    const data = { a: "x".repeat(100_000) };
    const object = { kind: "Pod", apiVersion: "v1", metadata: { name: "f", annotations: data } };
    try {
      for (; ; flood.taken += 1) yield { type: "MODIFIED", encodable: encodable(object) };
    } finally {
      flood.ended.resolve();
    }
  },
};

const objects = new Map<string, KubeObject>();
const watched: RegistryWatchEvent[] = [];
const idOf = ({ plural }: Resource, namespace = "", name = "") => `${plural}/${namespace}/${name}`;

function found(resource: Resource, { namespace, name }: { namespace?: string | undefined; name: string }) {
  const object = objects.get(idOf(resource, namespace, name));
  if (!object) throw new KubeError("NotFound", `${resource.plural} "${name}" not found`, { name });
  return object;
}

/** Objects in a map; what a test does not call is not there. */
const registry = {
  get: async (resource, key) => encodable(found(resource, key)),
  list: async (resource) => {
    const items = [...objects]
      .filter(([id]) => id.startsWith(`${resource.plural}/`))
      .map(([, object]) => object);
    return { items, resourceVersion: "7", encodables: items.map(encodable) };
  },
  create: async (resource, { namespace }, object, options, context) => {
    if (options.fieldValidation === "Warn") context.warn('unknown field "a\\b"');
    const created = {
      ...object,
      metadata: { ...object.metadata, uid: "u", ...(namespace ? { namespace } : {}) },
    };
    objects.set(idOf(resource, namespace, object.metadata.name), created);
    return encodable(created);
  },
  delete: async (resource, key) => {
    const object = found(resource, key);
    objects.delete(idOf(resource, key.namespace, key.name));
    return { ...encodable(object), gone: true };
  },
  async *watch(_resource, options) {
    if (options.labelSelector === "flood") return yield* flood.events();
    if (options.labelSelector === "(") throw new KubeError("BadRequest", "unable to parse requirement");
    if (options.resourceVersion === "1") throw new KubeError("Expired", "too old resource version: 1 (7)");
    yield* watched;
    const { signal } = options;
    await new Promise<void>((resolve) => signal?.addEventListener("abort", () => resolve(), { once: true }));
  },
} as Partial<Registry> as Registry;

/** Logs say which pod they are of; other streams send back what they get. */
const streams: PodStreams = {
  answer: async ({ kind, pod: { metadata }, query }, response) => {
    response.end(`${kind} of ${metadata.name}, ${query.get("container")}`);
  },
  upgrade: async ({ kind, user }, _request, socket, head) => {
    socket.unshift(head);
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`);
    for await (const chunk of socket) socket.end(`${kind} by ${user.name}: ${String(chunk)}`);
  },
};

let server: HttpServer;
/** One with a way to the nodes, that soon gives up who takes nothing. */
let tunnelled: HttpServer;
/** One that waits for requests for a moment only. */
let hasty: HttpServer;
/** One whose large answers all wait for others who do not take them. */
let full: HttpServer;
const waiting = { used: 1, limit: 1 << 16 };
const untaken = { used: 1, limit: 1 << 16 };
let ca: string;
let admin: { cert: string; key: string };

beforeAll(async () => {
  const authority = await openAuthority({ folder: join(folder, "pki") });
  ca = authority.ca;
  const pair = await authority.server();
  const client = await authority.issueClient({ user: "ada", groups: ["builders"] });
  admin = { cert: client.certificate, key: client.key };
  const parts: Parts = {
    registry,
    resources,
    authenticator: {
      authenticate: async ({ certificate, bearer }): Promise<UserInfo | undefined> => {
        if (certificate) return { name: certificate.commonName, groups: certificate.organizations };
        if (bearer === "wrong") throw new KubeError("Unauthorized", "Unauthorized");
        return bearer === undefined ? undefined : { name: bearer, groups: [] };
      },
    },
    authorizer: {
      authorize: ({ user, path }) => ({
        allowed: user.name !== "nobody" && (user.name !== "system:anonymous" || path === "/healthz"),
        reason: "",
      }),
      rulesFor: () => ({ resourceRules: [], nonResourceRules: [] }),
    },
    openApi: { v2: () => ({ swagger: "2.0" }), v3: () => ({ openapi: "3.0.0" }) },
    version: versionInfo,
    checks: {},
    figures: () => ({ sampan_storage_objects: objects.size }),
    address: () => "127.0.0.1:1",
    now: Date.now,
    log: () => {},
  };
  server = await openHttp({
    host: "127.0.0.1",
    port: 0,
    tls: { key: pair.key, cert: pair.certificate, ca },
    parts,
    limits: new Limits({
      reads: 100,
      writes: 100,
      long: 3,
      perUser: { reads: 100, writes: 100, long: 2 },
    }),
  });
  const place = { host: "127.0.0.1", port: 0, tls: { key: pair.key, cert: pair.certificate, ca } };
  tunnelled = await openHttp({ ...place, parts: { ...parts, streams }, stuckAfter: 300 });
  hasty = await openHttp({ ...place, parts, deadlines: { head: 300, idle: 300 } });
  full = await openHttp({ ...place, parts, answers: waiting, events: untaken, stuckAfter: 600_000 });
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await tunnelled[Symbol.asyncDispose]();
  await hasty[Symbol.asyncDispose]();
  await full[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

interface Asked {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
  readonly as?: "ada" | "anonymous";
  readonly signal?: AbortSignal;
  readonly at?: HttpServer;
}

async function ask(path: string, { as = "ada", at = server, ...init }: Asked = {}): Promise<Response> {
  const tls = { ca, ...(as === "ada" ? admin : {}) };
  return await fetch(`https://127.0.0.1:${at.port}${path}`, { ...init, tls } as RequestInit);
}

async function statusOf(response: Response): Promise<Status> {
  const status = (await response.json()) as Status;
  expect(status.kind).toBe("Status");
  expect(status.code).toBe(response.status);
  return status;
}

const pods = "/api/v1/namespaces/default/pods";
const pod = (name: string) => JSON.stringify({ kind: "Pod", apiVersion: "v1", metadata: { name } });
const json = { "Content-Type": "application/json" };

test("an object is created, read, listed and deleted", async () => {
  const created = await ask(pods, { method: "POST", headers: json, body: pod("a") });
  expect(created.status).toBe(201);
  expect(((await created.json()) as KubeObject).metadata.namespace).toBe("default");
  const read = await ask(`${pods}/a`);
  expect(read.status).toBe(200);
  expect(read.headers.get("audit-id")).toMatch(/^[\w-]+$/);
  const list = (await (await ask(pods)).json()) as { kind: string; items: KubeObject[]; metadata: object };
  expect(list).toMatchObject({ kind: "PodList", apiVersion: "v1", metadata: { resourceVersion: "7" } });
  expect(list.items.map(({ metadata }) => metadata.name)).toContain("a");
  expect((await ask(`${pods}/a`, { method: "DELETE" })).status).toBe(200);
  expect(await statusOf(await ask(`${pods}/a`))).toMatchObject({
    reason: "NotFound",
    message: 'pods "a" not found',
  });
});

test("what is deleted and returns nothing answers with a Status", async () => {
  const body = JSON.stringify({ metadata: { name: "c" } });
  await ask("/api/v1/namespaces/default/configmaps", { method: "POST", headers: json, body });
  const deleted = await ask("/api/v1/namespaces/default/configmaps/c", { method: "DELETE" });
  expect(await deleted.json()).toEqual({
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Success",
    details: { name: "c", kind: "configmaps", uid: "u" },
  });
});

test("YAML is taken, with YAML 1.1's booleans, and given", async () => {
  const body =
    "kind: Pod\napiVersion: v1\nmetadata: {name: yam}\nspec: {hostNetwork: yes, at: 12:30, mode: 0755}\n";
  const headers = { "Content-Type": "application/yaml", Accept: "application/yaml" };
  const created = await ask(pods, { method: "POST", headers, body });
  expect(created.headers.get("content-type")).toBe("application/yaml");
  expect(await created.text()).toContain("hostNetwork: true");
  const read = (await (await ask(`${pods}/yam`)).json()) as KubeObject;
  expect(read["spec"]).toEqual({ hostNetwork: true, at: "12:30", mode: 0o755 });
});

const refusedBodies: readonly [what: string, code: number, body: string, type?: string][] = [
  ["no JSON", 400, "{"],
  ["a list", 400, "[]"],
  ["another kind", 400, JSON.stringify({ kind: "Node", apiVersion: "v1" })],
  ["another version", 400, JSON.stringify({ kind: "Pod", apiVersion: "v2" })],
  ["metadata of the wrong type", 400, JSON.stringify({ kind: "Pod", metadata: { name: 1 } })],
  ["another namespace", 400, JSON.stringify({ kind: "Pod", metadata: { name: "a", namespace: "b" } })],
  ["deep nesting", 400, `{"spec":${"[".repeat(5000)}${"]".repeat(5000)}}`],
  ["deep nesting as YAML", 400, `spec: ${"[".repeat(5000)}${"]".repeat(5000)}`, "application/yaml"],
  ["aliases that multiply", 400, bomb(), "application/yaml"],
  ["no protobuf", 400, "k8s\0\n\u007f", "application/vnd.kubernetes.protobuf"],
  ["protobuf of an unknown kind", 415, "k8s\0", "application/vnd.kubernetes.protobuf"],
  ["CBOR", 415, "{}", "application/cbor"],
  ["more than 3 MiB", 413, `{"a":"${"x".repeat(maxBody)}"}`],
];

function bomb(): string {
  const lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"];
  for (let level = 1; level < 9; level += 1)
    lines.push(`a${level}: &a${level} [${Array.from({ length: 9 }, () => `*a${level - 1}`).join(", ")}]`);
  return lines.join("\n");
}

test.each(refusedBodies)(
  "a body that is %s answers %i",
  async (_what, code, body, type = "application/json") => {
    const response = await ask(pods, { method: "POST", headers: { "Content-Type": type }, body });
    expect((await statusOf(response)).code).toBe(code);
  },
);

test("a body without a length that is too long is refused as well, and the connection can be used again", async () => {
  const socket = connect({ host: "127.0.0.1", port: server.port, ca, ...admin });
  await once(socket, "secureConnect");
  socket.write(`POST ${pods} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n`);
  for (let sent = 0; sent <= maxBody; sent += 1 << 20)
    socket.write(
      Buffer.concat([Buffer.from("100000\r\n"), Buffer.alloc(1 << 20, 0x20), Buffer.from("\r\n")]),
    );
  socket.write("0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString();
  expect(text).toStartWith("HTTP/1.1 413 ");
  expect(text).toEndWith("\r\n\r\nok");
});

test("a field that stands twice is refused when strict, told when warning, let be when ignored", async () => {
  const body = '{"metadata":{"name":"t"},"spec":{"a":1,"b":[{"c":1,"c":2}]}}';
  const send = async (validation: string) =>
    await ask(`${pods}?fieldValidation=${validation}`, { method: "POST", headers: json, body });
  expect((await statusOf(await send("Strict"))).message).toContain(
    'strict decoding error: duplicate field "spec.b[0].c"',
  );
  expect((await send("Warn")).headers.get("warning")).toContain(
    String.raw`299 - "duplicate field \"spec.b[0].c\""`,
  );
  expect((await send("Ignore")).headers.get("warning")).toBeNull();
});

const accepted: readonly [accept: string, code: number, kind: string][] = [
  ["application/json", 200, "PodList"],
  ["*/*", 200, "PodList"],
  ["application/vnd.kubernetes.protobuf,application/json", 200, "PodList"],
  ["application/vnd.kubernetes.protobuf", 406, "Status"],
  ["application/json;as=Table;v=v1;g=meta.k8s.io,application/json", 200, "Table"],
  ["application/json;as=Table;v=v1beta1;g=meta.k8s.io", 200, "Table"],
  ["application/json;as=Table;v=v9;g=meta.k8s.io", 406, "Status"],
  ["application/json;as=Table;v=v9;g=meta.k8s.io,application/json;q=0.5", 200, "PodList"],
  ["application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io", 200, "PartialObjectMetadataList"],
  ["text/html", 406, "Status"],
];

test.each(accepted)("a list wanted as %s answers %i", async (accept, code, kind) => {
  const response = await ask(pods, { headers: { Accept: accept } });
  expect(response.status).toBe(code);
  expect(((await response.json()) as { kind: string }).kind).toBe(kind);
});

const queries: readonly [query: string, code: number][] = [
  ["limit=x", 400],
  ["limit=5", 200],
  ["resourceVersion=x", 422],
  ["resourceVersionMatch=Exact", 422],
  ["resourceVersion=0&resourceVersionMatch=Exact", 422],
  ["resourceVersion=5&resourceVersionMatch=Near", 422],
  ["sendInitialEvents=true", 422],
  ["watch=1&sendInitialEvents=true", 422],
  ["includeObject=All", 400],
];

test.each(queries)("a list with %s answers %i", async (query, code) => {
  expect((await ask(`${pods}?${query}`)).status).toBe(code);
});

test.each([
  ["dryRun=Some", 422],
  ["fieldValidation=Hard", 422],
  [`fieldManager=${"a".repeat(129)}`, 422],
])("a creation with %s answers %i", async (query, code) => {
  expect((await ask(`${pods}?${query}`, { method: "POST", headers: json, body: pod("q") })).status).toBe(
    code,
  );
});

test("a patch wants a known type, an apply a manager", async () => {
  const patch = async (type: string, query = "") =>
    await ask(`${pods}/a${query}`, { method: "PATCH", headers: { "Content-Type": type }, body: "{}" });
  expect((await statusOf(await patch("application/json"))).message).toContain("application/apply-patch+yaml");
  expect((await statusOf(await patch("application/apply-patch+yaml"))).message).toContain(
    "fieldManager: Required value",
  );
  expect((await patch("application/merge-patch+json", "?force=true")).status).toBe(422);
});

test("the wrong token is unauthorized, nobody and the unknown are forbidden", async () => {
  const wrong = await ask(pods, { as: "anonymous", headers: { Authorization: "Bearer wrong" } });
  expect((await statusOf(wrong)).code).toBe(401);
  const nobody = await ask(pods, { as: "anonymous", headers: { Authorization: "Bearer nobody" } });
  expect((await statusOf(nobody)).message).toBe(
    'pods is forbidden: User "nobody" cannot list resource "pods" in API group "" in the namespace "default"',
  );
  expect((await ask("/version", { as: "anonymous" })).status).toBe(403);
  expect(await (await ask("/healthz", { as: "anonymous" })).text()).toBe("ok");
});

test("a certificate that another authority signed is unauthorized", async () => {
  const other = await openAuthority({ folder: join(folder, "other") });
  const client = await other.issueClient({ user: "ada" });
  const tls = { ca, cert: client.certificate, key: client.key };
  const response = await fetch(`https://127.0.0.1:${server.port}${pods}`, { tls } as RequestInit);
  expect(response.status).toBe(401);
});

test("impersonation needs leave, and then the other user counts", async () => {
  const response = await ask(pods, { headers: { "Impersonate-User": "nobody" } });
  expect((await statusOf(response)).message).toContain('User "nobody" cannot list');
});

test("a path where nothing is served answers 404, a verb that is not served 405", async () => {
  for (const path of ["/apis/none/v1/things", "/api/v1/things", "/nothing", "/api/v1/namespaces/a/nodes"])
    expect((await ask(path)).status).toBe(404);
  expect((await ask("/api/v1/pods", { method: "POST", headers: json, body: pod("a") })).status).toBe(405);
  expect((await ask("/version", { method: "POST", body: "" })).status).toBe(405);
});

test("discovery tells the same in its old form and its new", async () => {
  const groups = (await (await ask("/apis")).json()) as { groups: { name: string }[] };
  expect(groups.groups.map(({ name }) => name)).toContain("apps");
  const own = (await (await ask("/api/v1")).json()) as { resources: { name: string; verbs: string[] }[] };
  expect(own.resources.find(({ name }) => name === "pods")?.verbs).toContain("watch");
  expect(own.resources.map(({ name }) => name)).toContain("pods/status");
  const accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json";
  const response = await ask("/apis", { headers: { Accept: accept } });
  expect(response.headers.get("content-type")).toContain("as=APIGroupDiscoveryList");
  const all = (await response.json()) as { items: { metadata: { name: string } }[] };
  expect(all.items.map(({ metadata }) => metadata.name)).toEqual(groups.groups.map(({ name }) => name));
  const etag = response.headers.get("etag") ?? "";
  const again = await ask("/apis", { headers: { Accept: accept, "If-None-Match": etag } });
  expect(again.status).toBe(304);
});

test("OpenAPI v3 lists its documents, each with a hash", async () => {
  const index = (await (await ask("/openapi/v3")).json()) as {
    paths: Record<string, { serverRelativeURL: string }>;
  };
  const url = index.paths["apis/apps/v1"]?.serverRelativeURL ?? "";
  const document = await ask(url);
  expect(document.headers.get("cache-control")).toContain("immutable");
  expect(await document.json()).toEqual({ openapi: "3.0.0" });
  expect((await ask("/openapi/v3/apis/none/v1")).status).toBe(404);
});

test("/metrics counts requests and tells the figures", async () => {
  await ask(`${pods}/none`);
  const text = await (await ask("/metrics")).text();
  expect(text).toMatch(/apiserver_request_total\{code="404",resource="pods",verb="GET"\} \d+/);
  expect(text).toContain("sampan_storage_objects");
});

test("logs without a way to the nodes are unavailable, and say what is missing", async () => {
  await ask(pods, { method: "POST", headers: json, body: pod("l") });
  const status = await statusOf(await ask(`${pods}/l/log`));
  expect(status.reason).toBe("ServiceUnavailable");
  expect(status.message).toContain("no tunnel");
});

/** All that comes back on a connection that wants to be upgraded, until it ends. */
async function upgrade(path: string, { port, more = "" } = { port: server.port, more: "" }): Promise<string> {
  const socket = connect({ host: "127.0.0.1", port, ca, ...admin });
  await once(socket, "secureConnect");
  socket.write(`GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n${more}`);
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

test("a stream that nobody can serve is refused before the connection is upgraded", async () => {
  await ask(pods, { method: "POST", headers: json, body: pod("u") });
  const exec = await upgrade(`${pods}/u/exec?command=ls`);
  expect(exec).toStartWith("HTTP/1.1 503 ");
  expect(exec).toContain("no tunnel");
  expect(await upgrade(`${pods}/none/exec`)).toStartWith("HTTP/1.1 404 ");
  expect(await upgrade(`${pods}/u`)).toStartWith("HTTP/1.1 400 ");
  expect(await upgrade("/nothing")).toStartWith("HTTP/1.1 404 ");
  expect(await upgrade("/api/../x")).toStartWith("HTTP/1.1 400 ");
});

test("a stream that can be served has the pod, the user and the connection", async () => {
  await ask(pods, { method: "POST", headers: json, body: pod("v") });
  const { port } = tunnelled;
  const tls = { ca, ...admin };
  const log = await fetch(`https://127.0.0.1:${port}${pods}/v/log?container=c`, { tls } as RequestInit);
  expect(await log.text()).toBe("log of v, c");
  expect(await upgrade(`${pods}/v/exec?command=ls`, { port, more: "hello" })).toEndWith("exec by ada: hello");
});

test.each([
  ["sends nothing", ""],
  ["sends half of a head", "GET /healthz HTTP/1.1\r\nHost: a\r\n"],
  ["asks no more after an answer", "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"],
])("a connection that %s is ended", async (_what, text) => {
  const socket = connect({ host: "127.0.0.1", port: hasty.port, ca, ...admin });
  const closed = once(socket, "close");
  if (text !== "") socket.once("secureConnect", () => socket.write(text));
  socket.resume();
  await closed;
  expect(socket.destroyed).toBe(true);
});

test("a path that is not plain is refused before anything is looked up", async () => {
  const socket = connect({ host: "127.0.0.1", port: server.port, ca, ...admin });
  await once(socket, "secureConnect");
  socket.write("GET /api/v1/namespaces/../../version HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  expect(Buffer.concat(chunks).toString()).toStartWith("HTTP/1.1 400 ");
});

/** The lines of a watch as they come. */
async function* lines(response: Response): AsyncGenerator<{ type: string; object: KubeObject }> {
  let rest = "";
  for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
    rest += Buffer.from(chunk).toString();
    const whole = rest.split("\n");
    rest = whole.pop() ?? "";
    for (const line of whole) yield JSON.parse(line) as { type: string; object: KubeObject };
  }
}

test("a watch is a line for each event and ends after its time", async () => {
  const object = { kind: "Pod", apiVersion: "v1", metadata: { name: "w", resourceVersion: "8" } };
  watched.push(
    { type: "ADDED", encodable: encodable(object) },
    { type: "MODIFIED", encodable: encodable(object) },
  );
  try {
    const events = await Array.fromAsync(lines(await ask(`${pods}?watch=1&timeoutSeconds=1`)));
    expect(events).toEqual([
      { type: "ADDED", object },
      { type: "MODIFIED", object },
    ]);
    const Accept = "application/json;as=Table;v=v1;g=meta.k8s.io";
    const response = await ask(`${pods}?watch=1&timeoutSeconds=1`, { headers: { Accept } });
    const [first, second] = await Array.fromAsync(lines(response));
    expect(first?.object["columnDefinitions"]).toBeArray();
    expect(second?.object).toMatchObject({ kind: "Table", columnDefinitions: null, rows: [{}] });
  } finally {
    watched.length = 0;
  }
});

test("a watch that cannot begin says so: a bad selector by its status, a lost revision by an event", async () => {
  expect((await ask(`${pods}?watch=1&labelSelector=(`)).status).toBe(400);
  const events = await Array.fromAsync(lines(await ask(`${pods}?watch=1&resourceVersion=1`)));
  expect(events).toMatchObject([{ type: "ERROR", object: { code: 410, reason: "Expired" } }]);
});

test("more watches than one user may have are refused with the time to come again", async () => {
  const stop = new AbortController();
  const open = async () => await ask(`${pods}?watch=1`, { signal: stop.signal });
  const first = await Promise.all([open(), open()]);
  expect(first.map(({ status }) => status)).toEqual([200, 200]);
  const third = await open();
  expect(third.status).toBe(429);
  expect(third.headers.get("retry-after")).toBe("1");
  stop.abort();
});

test("a slow watcher is given up at once when too many events wait already", async () => {
  const socket = connect({ host: "127.0.0.1", port: full.port, ca, ...admin });
  await once(socket, "secureConnect");
  socket.on("error", () => undefined);
  socket.pause().write(`GET ${pods}?watch=1&labelSelector=flood HTTP/1.1\r\nHost: a\r\n\r\n`);
  // The server takes events until the kernel's buffers are full, and then no more: nothing was read here.
  await flood.ended.promise;
  expect(flood.taken).toBeGreaterThan(0);
  expect(untaken.used).toBe(1);
  Object.assign(flood, { taken: 0, ended: Promise.withResolvers() });
  socket.destroy();
});

test("a watcher that reads nothing is given up, and its events are not kept", async () => {
  const socket = connect({ host: "127.0.0.1", port: tunnelled.port, ca, ...admin });
  await once(socket, "secureConnect");
  socket.pause().write(`GET ${pods}?watch=1&labelSelector=flood HTTP/1.1\r\nHost: a\r\n\r\n`);
  await flood.ended.promise;
  // What the kernel's buffers took, and one more.
  expect(flood.taken).toBeLessThan(500);
  socket.destroy();
});

test("a big answer is packed for who takes that", async () => {
  const object = {
    kind: "Pod",
    apiVersion: "v1",
    metadata: { name: "big", annotations: { a: "x".repeat(200_000) } },
  };
  objects.set("pods/default/big", object);
  const response = await ask(`${pods}/big`, { headers: { "Accept-Encoding": "gzip" } });
  expect(response.headers.get("content-encoding")).toBe("gzip");
  expect(await response.json()).toEqual(object);
});

// The last, since the others trust what was shown before.
test("a certificate that was made again is shown to those who come after", async () => {
  const other = await openAuthority({ folder: join(folder, "renewed") });
  const pair = await other.server();
  tunnelled.renew({ key: pair.key, cert: pair.certificate, ca: other.ca });
  const response = await fetch(`https://127.0.0.1:${tunnelled.port}/healthz`, {
    tls: { ca: other.ca },
  } as RequestInit);
  expect(await response.text()).toBe("ok");
});

test("large answers have room for so much at once; small ones and those to writes are told anyway", async () => {
  const object = { ...JSON.parse(pod("large")), data: "x".repeat(1 << 16) };
  const posted = { at: full, method: "POST", headers: json, body: JSON.stringify(object) };
  const written = await ask(pods, posted);
  expect(written.status).toBe(201);
  await written.text();
  const refused = await ask(`${pods}/large`, { at: full });
  expect(refused.headers.get("retry-after")).toBe("1");
  expect((await statusOf(refused)).reason).toBe("TooManyRequests");
  expect((await ask("/healthz", { at: full })).status).toBe(200);
  // Nobody waits any more: one alone may be of any size, and gives its room back.
  waiting.used = 0;
  for (const _again of [1, 2]) {
    const taken = await ask(`${pods}/large`, { at: full });
    expect(taken.status).toBe(200);
    await taken.text();
    while (waiting.used > 0) await new Promise<void>((resolve) => void setImmediate(resolve));
  }
});
