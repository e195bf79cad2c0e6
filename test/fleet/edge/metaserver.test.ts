import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../../src/base/clock.ts";
import { openMeta } from "../../../src/fleet/edge/meta/open.ts";
import { openMetaServer, type MetaServerOptions } from "../../../src/fleet/edge/metaserver/open.ts";
import { message, type Envelope } from "../../../src/fleet/link/envelope.ts";
import { request as application, type Application } from "../../../src/fleet/link/kinds/application.ts";
import type { KubeObject } from "../../../src/spec/kubernetes/kube.ts";
import { needing } from "../../needs.ts";
import { until } from "../until.ts";
import { fakeLink, type FakeLink } from "./fake-link.ts";

const base = mkdtempSync(join(tmpdir(), "sampan-metaserver-"));
afterAll(() => rmSync(base, { recursive: true, force: true }));
const { signal } = new AbortController();

type Answers = (asked: Application) => object | { readonly refused: object } | undefined;

/** As a cloud answers the requests of MetaServer. */
function cloudOf(answers: Answers): FakeLink["answer"] {
  return ({ route, content }) => {
    if (route.source !== "metaserver") return undefined;
    const asked = application.parse(content);
    const given = answers(asked);
    if (given === undefined) return undefined;
    const body = "refused" in given ? undefined : Buffer.from(JSON.stringify(given)).toString("base64");
    return {
      ...(content as object),
      Status: body === undefined ? "Rejected" : "Approved",
      RespBody: body ?? null,
      Error: { ErrStatus: "refused" in given ? given.refused : { metadata: {} } },
    };
  };
}

interface Around extends MetaServerOptions {
  readonly answers?: Answers;
  readonly connected?: boolean;
  /** In the store before the server opens. */
  readonly stored?: readonly KubeObject[];
}

async function serve({ answers = () => undefined, connected = false, stored = [], ...options }: Around = {}) {
  const link = fakeLink();
  link.connected = connected;
  link.answer = cloudOf(answers);
  const around = { link, clock: systemClock(), log: () => {}, signal };
  const stack = new AsyncDisposableStack();
  const meta = stack.use(await openMeta({ ...around, root: mkdtempSync(join(base, "root-")) }));
  for (const object of stored)
    await link.say("meta", change("insert", `default/pod/${object.metadata.name}`, object));
  const server = stack.use(
    await openMetaServer({ ...around, meta }, { port: 0, authorization: false, ...options }),
  );
  const url = `http://127.0.0.1:${server.port}`;
  return {
    link,
    meta,
    server,
    url,
    get: async (path: string, init: RequestInit = {}) => {
      const response = await fetch(`${url}${path}`, init);
      const text = await response.text();
      return { status: response.status, body: (text.startsWith("{") ? JSON.parse(text) : text) as any };
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

function change(operation: string, resource: string, content: unknown, source = "edgecontroller"): Envelope {
  return message({ source, group: "resource", operation, resource }, content);
}

function pod(name: string, resourceVersion = "10", more: object = {}): KubeObject {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace: "default", uid: `uid-${name}`, resourceVersion, ...more },
    spec: { nodeName: "edge1" },
  };
}

const pods = "/api/v1/namespaces/default/pods";

test("without the cloud, what is stored is got and listed, by selectors too", async () => {
  await using edge = await serve();
  await edge.link.say(
    "meta",
    change("insert", "default/pod/web", pod("web", "10", { labels: { app: "web" } })),
  );
  await edge.link.say("meta", change("insert", "default/pod/db", pod("db", "12")));
  expect((await edge.get(`${pods}/web`)).body).toMatchObject({ kind: "Pod", metadata: { name: "web" } });
  const list = await edge.get("/api/v1/pods");
  expect(list.body).toMatchObject({ kind: "PodList", apiVersion: "v1", metadata: { resourceVersion: "12" } });
  const names = async (query: string) =>
    (await edge.get(`/api/v1/pods?${query}`)).body.items.map(({ metadata }: KubeObject) => metadata.name);
  expect(await names("")).toEqual(["db", "web"]);
  expect(await names("labelSelector=app%3Dweb")).toEqual(["web"]);
  expect(await names("fieldSelector=metadata.name%3Ddb")).toEqual(["db"]);
  expect((await edge.get(`${pods}/absent`)).body).toMatchObject({
    kind: "Status",
    reason: "NotFound",
    code: 404,
  });
});

test("what is not here and cannot be asked for is no 404: nobody should make it anew for that", async () => {
  await using edge = await serve();
  const answer = await edge.get("/api/v1/namespaces/default/configmaps/c");
  expect(answer).toMatchObject({ status: 503, body: { kind: "Status", reason: "ServiceUnavailable" } });
  const write = await edge.get(pods, { method: "POST", body: JSON.stringify(pod("new")) });
  expect(write).toMatchObject({ status: 503, body: { reason: "ServiceUnavailable" } });
});

test("with the cloud it is asked as KubeEdge's MetaServer asks, and its answer is kept", async () => {
  const config = {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "c", namespace: "default", uid: "c", resourceVersion: "5" },
  };
  const seen: Application[] = [];
  await using edge = await serve({
    connected: true,
    answers: (asked) => {
      seen.push(asked);
      return config;
    },
  });
  const path = "/api/v1/namespaces/default/configmaps/c";
  expect((await edge.get(path)).body).toEqual(config);
  expect(seen[0]).toMatchObject({
    Key: "/core/v1/configmaps/default/c",
    Verb: "get",
    Nodename: "edge1",
    Status: "InApplying",
  });
  expect(edge.link.asked[0]?.route).toEqual({
    source: "metaserver",
    group: "dynamiccontroller",
    operation: "null",
    resource: "null",
  });
  edge.link.connected = false;
  expect((await edge.get(path)).body).toEqual(config);
});

test("what the API refuses is told in its words, and nothing is read from the store instead", async () => {
  const refused = {
    metadata: {},
    status: "Failure",
    message: 'pods "web" is forbidden',
    reason: "Forbidden",
    code: 403,
  };
  await using edge = await serve({ connected: true, answers: () => ({ refused }) });
  await edge.link.say("meta", change("insert", "default/pod/web", pod("web")));
  expect(await edge.get(`${pods}/web`)).toMatchObject({
    status: 403,
    body: { kind: "Status", reason: "Forbidden", message: 'pods "web" is forbidden' },
  });
});

test("a cloud that is silent is asked once, and then the store answers at once", async () => {
  await using edge = await serve({ connected: true });
  await edge.link.say("meta", change("insert", "default/pod/web", pod("web")));
  for (let times = 0; times < 3; times++) expect((await edge.get(`${pods}/web`)).status).toBe(200);
  expect(edge.link.asked).toHaveLength(1);
});

test.each([
  { method: "POST", path: pods, verb: "create", type: "application/json" },
  { method: "PUT", path: `${pods}/web`, verb: "update", type: "application/json" },
  { method: "PUT", path: `${pods}/web/status`, verb: "updatestatus", type: "application/json" },
  { method: "PATCH", path: `${pods}/web`, verb: "patch", type: "application/merge-patch+json" },
  { method: "DELETE", path: `${pods}/web`, verb: "delete", type: "application/json" },
])("$method is sent on as $verb", async ({ method, path, verb, type }) => {
  const seen: Application[] = [];
  await using edge = await serve({
    connected: true,
    answers: (asked) => {
      seen.push(asked);
      return pod("web", "11");
    },
  });
  const body = method === "DELETE" ? JSON.stringify({ gracePeriodSeconds: 3 }) : JSON.stringify(pod("web"));
  const answer = await edge.get(path, { method, body, headers: { "Content-Type": type } });
  expect(answer.status).toBe(method === "POST" ? 201 : 200);
  expect(answer.body.metadata.resourceVersion).toBe("11");
  const [asked] = seen;
  expect(asked?.Verb as string).toBe(verb);
  const text = (bytes: Uint8Array | null | undefined) =>
    JSON.parse(Buffer.from(bytes ?? []).toString()) as object;
  if (verb === "patch")
    expect(text(asked?.Option)).toMatchObject({
      Name: "web",
      PatchType: type,
      Data: Buffer.from(body).toString("base64"),
      Subresources: [""],
    });
  else if (verb === "delete") expect(text(asked?.Option)).toEqual({ gracePeriodSeconds: 3 });
  else expect(text(asked?.ReqBody)).toEqual(JSON.parse(body) as object);
});

/** Lines of a watch, as they come. */
async function* lines(response: Response): AsyncGenerator<{ type: string; object: KubeObject }> {
  let rest = "";
  for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
    rest += Buffer.from(chunk).toString();
    const parts = rest.split("\n");
    rest = parts.pop() ?? "";
    for (const part of parts) yield JSON.parse(part) as { type: string; object: KubeObject };
  }
}

test("a watch tells what is there, then what changes, as its selector sees it", async () => {
  await using edge = await serve();
  const labels = { app: "web" };
  await edge.link.say("meta", change("insert", "default/pod/web", pod("web", "10", { labels })));
  await edge.link.say("meta", change("insert", "default/pod/db", pod("db", "11")));
  const end = new AbortController();
  const response = await fetch(`${edge.url}${pods}?watch=true&labelSelector=app%3Dweb`, {
    signal: end.signal,
  });
  const events = lines(response);
  const next = async () => {
    const { value } = (await events.next()) as { value: { type: string; object: KubeObject } };
    return `${value.type} ${value.object.metadata.name} ${value.object.metadata.resourceVersion}`;
  };
  expect(await next()).toBe("ADDED web 10");
  await edge.link.say("meta", change("update", "default/pod/db", pod("db", "12", { labels })));
  expect(await next()).toBe("ADDED db 12");
  await edge.link.say("meta", change("update", "default/pod/web", pod("web", "13")));
  expect(await next()).toBe("DELETED web 13");
  await edge.link.say("meta", change("update", "default/pod/db", pod("db", "14", { labels })));
  expect(await next()).toBe("MODIFIED db 14");
  await edge.link.say(
    "meta",
    change("delete", "default/pod/db", { metadata: { name: "db", namespace: "default", uid: "uid-db" } }),
  );
  expect(await next()).toBe("DELETED db 14");
  end.abort();
});

test("a watch from a version before this server knew anything is too old: the client lists again", async () => {
  await using edge = await serve({ stored: [pod("web", "10")] });
  const status = async (query: string) => {
    const end = new AbortController();
    const response = await fetch(`${edge.url}${pods}?watch=1&${query}`, { signal: end.signal });
    end.abort();
    return response.status;
  };
  expect(await status("resourceVersion=9")).toBe(410);
  expect(await status("resourceVersion=10")).toBe(200);
  expect(await status("resourceVersion=0")).toBe(200);
  expect(await status("resourceVersion=0&sendInitialEvents=true")).toBe(422);
});

test("a watch is asked of the cloud once for all who want the same, and again with each connection", async () => {
  const seen: string[] = [];
  await using edge = await serve({
    connected: true,
    answers: ({ Verb, Key }) => {
      seen.push(`${Verb} ${Key}`);
      return { kind: "ServiceList", apiVersion: "v1", metadata: {}, items: [service("a", "3")] };
    },
  });
  const id = { group: "", version: "v1", resource: "services" };
  const told: string[] = [];
  edge.meta.follow(["service"], ({ key, object }) => told.push(`${object ? "there" : "gone"} ${key.name}`));
  using _one = edge.server.subscriptions.subscribe(id);
  using _two = edge.server.subscriptions.subscribe(id);
  await until(() => seen.length === 2);
  expect(seen).toEqual(["list /core/v1/services/null/null", "watch /core/v1/services/null/null"]);
  expect(edge.meta.list("service")).toEqual([service("a", "3")]);
  await edge.link.say("meta", change("insert", "default/service/b", service("b", "4"), "dynamiccontroller"));
  expect(edge.meta.get({ namespace: "default", type: "service", name: "b" })).toEqual(service("b", "4"));
  edge.link.change(false);
  edge.link.change(true);
  await until(() => seen.length === 4);
  // What the list lacks went while nobody looked.
  await until(() => edge.meta.list("service").length === 1);
  expect(told).toEqual(["there a", "there b", "gone b"]);
});

function service(name: string, resourceVersion: string): KubeObject {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name, namespace: "default", uid: `uid-${name}`, resourceVersion },
  };
}

test("discovery and the version come from the cloud, then from what was kept, then from what is known here", async () => {
  const resources = {
    kind: "APIResourceList",
    groupVersion: "v1",
    resources: [{ name: "pods", kind: "Pod" }],
  };
  await using edge = await serve({
    connected: true,
    answers: ({ Key }) => (Key === "/api/v1" ? resources : { refused: { code: 404, reason: "NotFound" } }),
  });
  expect((await edge.get("/api/v1")).body).toEqual(resources);
  expect((await edge.get("/apis")).body).toMatchObject({ kind: "APIGroupList" });
  edge.link.connected = false;
  expect((await edge.get("/api/v1")).body).toEqual(resources);
  expect((await edge.get("/apis/devices.kubeedge.io/v1beta1")).body.resources).toHaveLength(2);
  expect((await edge.get("/version")).body).toMatchObject({ major: "1" });
  expect(await edge.get("/healthz")).toEqual({ status: 200, body: "ok" });
});

const account = { namespace: "default", name: "app" };

async function withToken(spec: object) {
  const edge = await serve({ authorization: true });
  edge.link.connected = true;
  edge.link.answer = ({ content }) => ({
    ...(content as object),
    status: { token: "good-token", expirationTimestamp: new Date(Date.now() + 3_600_000).toISOString() },
  });
  const request = {
    apiVersion: "authentication.k8s.io/v1",
    kind: "TokenRequest",
    metadata: {},
    spec: { audiences: null, boundObjectRef: null },
  };
  await edge.meta.token(account, request, signal);
  const access = {
    metadata: { name: "app", namespace: "default", uid: "a" },
    spec: { serviceAccount: { metadata: account }, ...spec },
  };
  await edge.link.say(
    "meta",
    change("insert", "default/serviceaccountaccess/app", access, "policycontroller"),
  );
  await edge.link.say("meta", change("insert", "default/pod/web", pod("web")));
  edge.link.connected = false;
  return edge;
}

const rules = [{ apiGroups: [""], resources: ["pods"], verbs: ["get", "list"] }];

test("a pod's token opens what its service account may, and no more", async () => {
  const bound = {
    accessRoleBinding: [{ roleBinding: { metadata: { name: "r", namespace: "default" } }, rules }],
  };
  await using edge = await withToken(bound);
  const headers = { Authorization: "Bearer good-token" };
  const status = async (path: string, init: RequestInit = {}) =>
    (await edge.get(path, { headers, ...init })).status;
  expect(await status(`${pods}/web`)).toBe(200);
  expect(await status(pods)).toBe(200);
  expect(await status("/api/v1/pods")).toBe(403);
  expect(await status("/api/v1/namespaces/default/secrets")).toBe(403);
  expect(await status(`${pods}/web`, { method: "DELETE" })).toBe(403);
  expect(await status(`${pods}?watch=true`)).toBe(403);
  expect(await status("/version")).toBe(200);
});

test("a role of the cluster counts in all namespaces, a name only for itself", async () => {
  const named = [{ apiGroups: ["*"], resources: ["*"], verbs: ["*"], resourceNames: ["web"] }];
  await using edge = await withToken({ accessClusterRoleBinding: [{ rules: named }] });
  const headers = { Authorization: "Bearer good-token" };
  expect((await edge.get(`${pods}/web`, { headers })).status).toBe(200);
  expect((await edge.get(`${pods}/db`, { headers })).status).toBe(403);
  expect((await edge.get(pods, { headers })).status).toBe(403);
});

test.each([
  ["a token that nobody has", { Authorization: "Bearer other" }],
  ["a password", { Authorization: "Basic cm9vdDpyb290" }],
  ["a page in a browser", { Origin: "http://example.com" }],
  ["a name that somebody gave this address", { Host: "rebound.example.com" }],
])("%s opens nothing", async (_what, headers) => {
  await using edge = await withToken({});
  expect(await edge.get(pods, { headers })).toMatchObject({
    status: 401,
    body: { kind: "Status", reason: "Unauthorized" },
  });
});

test.each([
  "/api/v1/namespaces/..%2f..%2fetc/pods",
  "/api/v1/namespaces/default/pods/..%2f..",
  "/api/v1/namespaces/a/b/c/d/e",
  "/metrics",
  "/apis/../etc",
])("%s is a Status, and nothing is asked for", async (path) => {
  await using edge = await serve({ connected: true });
  const { status, body } = await edge.get(path);
  expect([400, 404]).toContain(status);
  expect(body.kind).toBe("Status");
  expect(edge.link.asked).toEqual([]);
});

test("a body that is too large or no JSON is refused", async () => {
  await using edge = await serve({ connected: true, answers: () => pod("web") });
  const post = (body: string, type = "application/json") =>
    edge.get(pods, { method: "POST", body, headers: { "Content-Type": type } });
  expect((await post("{")).status).toBe(400);
  expect((await post("[]")).status).toBe(400);
  expect((await post("kind: Pod", "application/yaml")).status).toBe(415);
  expect((await post(`"${"x".repeat(3 << 20)}"`)).status).toBe(413);
  expect(edge.link.asked).toEqual([]);
});

needing({ programs: ["kubectl"] }).test("kubectl gets pods of this node without the cloud", async () => {
  await using edge = await serve();
  await edge.link.say("meta", change("insert", "default/pod/web", pod("web")));
  const home = mkdtempSync(join(base, "home-"));
  const run = async (...args: string[]) => {
    const command = [
      "kubectl",
      "--server",
      edge.url,
      "--kubeconfig",
      "/dev/null",
      "--cache-dir",
      home,
      ...args,
    ];
    const child = Bun.spawn(command, { env: { PATH: process.env["PATH"], HOME: home }, stderr: "pipe" });
    const [out, error] = await Promise.all([child.stdout.text(), child.stderr.text()]);
    return { out, error, status: await child.exited };
  };
  const got = await run("get", "pods", "-o", "name");
  expect(got).toMatchObject({ out: "pod/web\n", status: 0 });
  expect((await run("get", "pod", "absent")).error).toContain('pods "absent" not found');
});

test("a store that is new asks once for the pods and devices of its node", async () => {
  const seen: string[] = [];
  const here = { name: "d", namespace: "default", uid: "d", resourceVersion: "4" };
  const lists: Record<string, object[]> = {
    pods: [pod("web"), { ...pod("other"), spec: { nodeName: "edge2" } }],
    devicemodels: [{ metadata: { ...here, name: "m" } }],
    devices: [{ metadata: here, spec: { nodeName: "edge1" } }],
  };
  const kinds: Record<string, string> = { pods: "Pod", devicemodels: "DeviceModel", devices: "Device" };
  await using edge = await serve({
    connected: true,
    recovers: true,
    answers: ({ Key, Option }) => {
      const resource = Key.split("/")[3] ?? "";
      seen.push(`${resource} ${Buffer.from(Option ?? []).toString()}`);
      return {
        kind: `${kinds[resource]}List`,
        apiVersion: resource === "pods" ? "v1" : "devices.kubeedge.io/v1beta1",
        items: lists[resource],
      };
    },
  });
  await until(() => edge.meta.mirror.document("recovered") !== undefined);
  expect(seen).toEqual(['pods {"fieldSelector":"spec.nodeName=edge1"}', "devicemodels {}", "devices {}"]);
  expect(edge.meta.list("pod")).toEqual([pod("web")]);
  expect(edge.meta.list("device")).toHaveLength(1);
  expect(edge.meta.list("devicemodel")).toHaveLength(1);
});

test("it listens at another address of the machine too, where only tokens open anything", async () => {
  await using edge = await withToken({ accessRoleBinding: [{ roleBinding: { metadata: {} }, rules }] });
  await edge.server.listen("127.0.0.2");
  const url = `http://127.0.0.2:${edge.server.port}${pods}/web`;
  expect((await fetch(url, { headers: { Authorization: "Bearer good-token" } })).status).toBe(200);
  expect((await fetch(url, { headers: { Host: "metaserver" } })).status).toBe(401);
});
