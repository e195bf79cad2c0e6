/** The Router on a real API, with edges and targets that are played by the test. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { connect, type AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { startRouter, type Router, type RouterOptions } from "../../../src/fleet/cloud/router/start.ts";
import { message, respond, type Envelope } from "../../../src/fleet/link/envelope.ts";
import { SampanError } from "../../../src/base/errors.ts";
import type { KubeObject } from "../../../src/spec/kubernetes/kube.ts";
import { capturedMessage } from "../devices/captured.ts";
import { openPartCloud, type PartCloud } from "../devices/cloud.ts";

const group = "rules.kubeedge.io";
const rules = { group, version: "v1", resource: "rules" };
const endpoints = { group, version: "v1", resource: "ruleendpoints" };
const nodes = { group: "", version: "v1", resource: "nodes" };
const apiVersion = `${group}/v1`;

interface Routed extends AsyncDisposable {
  readonly cloud: PartCloud;
  readonly router: Router;
  readonly url: string;
  endpoint(name: string, type: string, properties?: Record<string, string>): Promise<KubeObject>;
  rule(name: string, ends: [string, string], resources: [object, object]): Promise<KubeObject>;
}

async function openRouted(options: RouterOptions = {}): Promise<Routed> {
  const started: Router[] = [];
  const cloud = await openPartCloud(async (context) => {
    const router = await startRouter(context, { port: 0, ...options });
    started.push(router);
    return router;
  });
  const [router] = started;
  if (!router) throw new Error("unreachable");
  const routed: Routed = {
    cloud,
    router,
    url: `http://127.0.0.1:${router.port}`,
    async endpoint(name, type, properties) {
      const spec = { ruleEndpointType: type, ...(properties ? { properties } : {}) };
      const made = { apiVersion, kind: "RuleEndpoint", metadata: { name, namespace: "default" }, spec };
      const object = await cloud.client.create(endpoints, made);
      await cloud.until(endpoints, name, () => true, "default");
      return object;
    },
    async rule(name, [source, target], [sourceResource, targetResource]) {
      const spec = { source, target, sourceResource, targetResource };
      const object = await cloud.client.create(rules, {
        apiVersion,
        kind: "Rule",
        metadata: { name, namespace: "default" },
        spec,
      });
      await cloud.until(rules, name, () => true, "default");
      return object;
    },
    [Symbol.asyncDispose]: () => cloud[Symbol.asyncDispose](),
  };
  await routed.endpoint("rest", "rest");
  await routed.endpoint("bus", "eventbus");
  await routed.endpoint("service", "servicebus", { service_port: "8080" });
  return routed;
}

interface Target extends AsyncDisposable {
  readonly url: string;
  readonly requests: { readonly method: string; readonly path: string; readonly body: string }[];
}

async function openTarget(
  answer: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<Target> {
  const requests: Target["requests"] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const body = Buffer.concat(chunks).toString();
      requests.push({ method: request.method ?? "", path: request.url ?? "", body });
      answer(request, response);
    });
  });
  await new Promise<void>((resolve) => server.listen({ host: "127.0.0.1", port: 0 }, resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

const statusOf = (rule: KubeObject) =>
  (rule["status"] ?? {}) as { successMessages?: number; failMessages?: number; errors?: string[] };

/** A request as bytes, so that nothing tidies its path. */
async function raw(port: number, head: string): Promise<string> {
  const socket = connect({ host: "127.0.0.1", port });
  const chunks: Buffer[] = [];
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  socket.on("data", (chunk: Buffer) => chunks.push(chunk));
  socket.once("close", () => resolve(Buffer.concat(chunks).toString()));
  socket.once("error", reject);
  socket.write(`${head}\r\nHost: x\r\nConnection: close\r\n\r\n`);
  return await promise;
}

describe("from REST to a topic", () => {
  test.each([
    ["/edge1/default/to-topic", '{"m":1}', 0],
    ["/edge1/default/to-topic/sub", '{"m":2}', 1],
  ])("%s is published as it was captured", async (path, body, index) => {
    await using routed = await openRouted();
    await routed.rule("r", ["rest", "bus"], [{ path: "/to-topic" }, { topic: "edgetopic" }]);
    routed.cloud.hub.connect("edge1");
    const response = await fetch(`${routed.url}${path}`, { method: "POST", body });
    expect([response.status, await response.text()]).toEqual([200, "message delivered"]);
    const seen = capturedMessage(
      ({ route }) => route.resource === (index === 0 ? "edgetopic" : "edgetopic/sub"),
    );
    const [sent] = routed.cloud.hub.sent("edge1");
    expect([sent?.route, sent?.content]).toEqual([seen.route, seen.content]);
    const rule = await routed.cloud.until(
      rules,
      "r",
      (each) => statusOf(each).successMessages === 1,
      "default",
    );
    expect(statusOf(rule)).toEqual({ successMessages: 1, failMessages: 0, errors: [] });
  });

  test("an addition to the topic that is no level of one is refused", async () => {
    await using routed = await openRouted();
    await routed.rule("r", ["rest", "bus"], [{ path: "/to-topic" }, { topic: "edgetopic" }]);
    routed.cloud.hub.connect("edge1");
    for (const part of ["%2B", "%23", "a%2Fb", "%2e%2e"]) {
      const head = `POST /edge1/default/to-topic/${part} HTTP/1.1\r\nContent-Length: 0`;
      expect(await raw(routed.router.port!, head), part).toStartWith("HTTP/1.1 400");
    }
    expect(routed.cloud.hub.sent("edge1")).toEqual([]);
  });

  test("a body that is no text is refused", async () => {
    await using routed = await openRouted();
    await routed.rule("r", ["rest", "bus"], [{ path: "/to-topic" }, { topic: "edgetopic" }]);
    routed.cloud.hub.connect("edge1");
    const response = await fetch(`${routed.url}/edge1/default/to-topic`, {
      method: "POST",
      body: new Uint8Array([255]),
    });
    expect(response.status).toBe(400);
  });
});

describe("from REST to a service", () => {
  test("the call is as it was captured, and its answer goes back", async () => {
    await using routed = await openRouted();
    await routed.rule("r", ["rest", "service"], [{ path: "/svc" }, { path: "/api" }]);
    routed.cloud.hub.connect("edge1");
    const body = Buffer.from("made").toString("base64");
    const asked: Envelope[] = [];
    routed.cloud.hub.answer((_node, call) => {
      asked.push(call);
      const header = { "X-B": ["c"], Connection: ["X-Secret"], "X-Secret": ["s"], "Content-Length": ["99"] };
      return respond(
        call,
        { source: "servicebus", group: "user", operation: "upload", resource: "" },
        {
          header,
          status_code: 201,
          body,
        },
      );
    });
    const response = await fetch(`${routed.url}/edge1/default/svc/a/b?q=1`, {
      method: "POST",
      body: "body1",
      headers: { "x-a": "b", "content-type": "application/x-www-form-urlencoded" },
    });
    expect([response.status, await response.text()]).toEqual([201, "made"]);
    expect([response.headers.get("x-b"), response.headers.get("x-secret")]).toEqual(["c", null]);
    const seen = capturedMessage(({ route }) => route.resource === "8080:/api/a/b?q=1");
    expect(asked[0]?.route).toEqual(seen.route);
    const [given, wanted] = [asked[0]?.content, seen.content] as {
      header: Record<string, string[]>;
      body: string;
      method: string;
      url: string;
    }[];
    for (const field of ["body", "method", "url"] as const) expect(given?.[field]).toBe(wanted![field]);
    for (const name of ["Content-Length", "Content-Type", "X-A"])
      expect(given?.header[name]).toEqual(wanted!.header[name]!);
  });

  test.each<[string, () => Envelope | Promise<Envelope>, number, string]>([
    [
      "an answer that does not come",
      () => Promise.reject(new SampanError("deadline_exceeded", "late")),
      408,
      "wait to get response time out",
    ],
    ["a session that ends", () => Promise.reject(new SampanError("unavailable", "gone")), 502, "gone"],
    ["an answer that is none", () => message({}, { status_code: 7 }), 400, "status_code"],
    [
      "an interim answer",
      () => message({}, { header: null, status_code: 101, body: null }),
      502,
      "its status is 101",
    ],
    [
      "a header that would be two",
      () => message({}, { header: { "X-A": ["b\r\nSet-Cookie: x"] }, status_code: 200, body: null }),
      400,
      "header",
    ],
  ])("%s is told, and counted as a failure", async (_, answer, status, said) => {
    await using routed = await openRouted();
    await routed.rule("r", ["rest", "service"], [{ path: "/svc" }, { path: "/api" }]);
    routed.cloud.hub.connect("edge1");
    routed.cloud.hub.answer(answer);
    const response = await fetch(`${routed.url}/edge1/default/svc`);
    expect(response.status).toBe(status);
    expect(await response.text()).toContain(said);
    await routed.cloud.until(rules, "r", (each) => statusOf(each).failMessages === 1, "default");
  });
});

test("headers that no server can write are no answer, and leave nothing behind", async () => {
  await using routed = await openRouted();
  await routed.rule("r", ["rest", "service"], [{ path: "/svc" }, { path: "/api" }]);
  routed.cloud.hub.connect("edge1");
  const header = { "Content-Encoding": ["gzip"], "X-A": ["\u20ac"] };
  routed.cloud.hub.answer(() => message({}, { header, status_code: 200, body: null }));
  const response = await fetch(`${routed.url}/edge1/default/svc`);
  expect([response.status, response.headers.get("content-encoding")]).toEqual([502, null]);
});

describe("what finds no way", () => {
  test("a path without a rule, and another namespace, are not found", async () => {
    await using routed = await openRouted();
    await routed.rule("r", ["rest", "bus"], [{ path: "/to-topic" }, { topic: "edgetopic" }]);
    routed.cloud.hub.connect("edge1");
    for (const path of ["/edge1/default/other", "/edge1/other/to-topic", "/edge1/default/to-topicc", "/x"]) {
      const response = await fetch(`${routed.url}${path}`, { method: "POST" });
      expect([response.status, await response.text()]).toEqual([404, "Request error"]);
    }
  });

  test("a node without a session is told apart from one that is not, and from one that another cloud has", async () => {
    await using routed = await openRouted();
    await routed.rule("r", ["rest", "bus"], [{ path: "/to-topic" }, { topic: "edgetopic" }]);
    const node = { apiVersion: "v1", kind: "Node" };
    await routed.cloud.client.create(nodes, { ...node, metadata: { name: "edge2" } });
    const annotations = { cloudcore: "10.0.0.8", "fleet.sampan/hub": "10.0.0.9" };
    await routed.cloud.client.create(nodes, { ...node, metadata: { name: "edge3", annotations } });
    await routed.cloud.until(nodes, "edge3", () => true);
    const ask = async (name: string) => {
      const response = await fetch(`${routed.url}/${name}/default/to-topic`);
      return [response.status, await response.text()] as const;
    };
    expect(await ask("edge1")).toEqual([404, 'cannot reach node "edge1": there is no such node']);
    expect(await ask("edge2")).toEqual([502, 'cannot reach node "edge2": it is not connected']);
    expect((await ask("edge3"))[1]).toContain('"10.0.0.9"');
  });

  test("a body of more than 12 MiB is refused, one of 12 MiB is not", async () => {
    await using routed = await openRouted();
    await routed.rule("r", ["rest", "bus"], [{ path: "/to-topic" }, { topic: "edgetopic" }]);
    routed.cloud.hub.connect("edge1");
    const send = async (bytes: number) =>
      (
        await fetch(`${routed.url}/edge1/default/to-topic`, {
          method: "POST",
          body: Buffer.alloc(bytes, "a"),
        })
      ).status;
    expect(await send(12 << 20)).toBe(200);
    expect(await send((12 << 20) + 1)).toBe(413);
  });
});

describe("from a topic to REST", () => {
  test("what an edge publishes is posted to the target of its own rule", async () => {
    await using target = await openTarget((_request, response) => response.end("ok"));
    await using routed = await openRouted();
    await routed.rule(
      "r",
      ["bus", "rest"],
      [{ topic: "uptopic", node_name: "edge1" }, { resource: `${target.url}/in` }],
    );
    const seen = capturedMessage(
      ({ route }) => route.resource === "default/uptopic" && route.source === "bus",
    );
    routed.cloud.hub.connect("edge1");
    routed.cloud.hub.connect("edge2");
    await routed.cloud.hub.say("edge2", seen);
    await routed.cloud.hub.say("edge1", { ...seen, route: { ...seen.route, resource: "default/other" } });
    await routed.cloud.hub.say("edge1", seen);
    expect(target.requests).toEqual([{ method: "POST", path: "/in", body: seen.content as string }]);
    await routed.cloud.until(rules, "r", (each) => statusOf(each).successMessages === 1, "default");
  });

  test.each<[string, (request: IncomingMessage, response: ServerResponse) => void, string]>([
    ["a refusal", (_request, response) => response.writeHead(503).end(), "answered 503"],
    [
      "a redirection, which nobody follows",
      (_request, response) => response.writeHead(302, { location: "http://127.0.0.1:1/" }).end(),
      "answered 302",
    ],
    [
      "an answer of too many bytes",
      (_request, response) => response.end(Buffer.alloc((1 << 20) + 1)),
      "1048576 bytes",
    ],
    ["a connection that breaks", (request) => request.socket.destroy(), "cannot reach"],
  ])("%s stands in the status", async (_, answer, said) => {
    await using target = await openTarget(answer);
    await using routed = await openRouted();
    await routed.rule("r", ["bus", "rest"], [{ topic: "t", node_name: "edge1" }, { resource: target.url }]);
    routed.cloud.hub.connect("edge1");
    await routed.cloud.hub.say(
      "edge1",
      message({ source: "bus", group: "user", operation: "upload", resource: "default/t" }, "x"),
    );
    const rule = await routed.cloud.until(rules, "r", (each) => statusOf(each).failMessages === 1, "default");
    expect(statusOf(rule).errors?.[0]).toContain(said);
    expect(target.requests.length).toBeLessThan(3);
  });

  test.each([
    [false, "cannot reach"],
    [true, "answered 40"],
  ])(
    "a target whose certificate nobody vouches for, with insecureTargets %p: %s",
    async (insecureTargets, said) => {
      await using routed = await openRouted({ insecureTargets });
      const target = { resource: routed.cloud.url };
      await routed.rule("r", ["bus", "rest"], [{ topic: "t", node_name: "edge1" }, target]);
      routed.cloud.hub.connect("edge1");
      const route = { source: "bus", group: "user", operation: "upload", resource: "default/t" };
      await routed.cloud.hub.say("edge1", message(route, "x"));
      const rule = await routed.cloud.until(
        rules,
        "r",
        (each) => statusOf(each).failMessages === 1,
        "default",
      );
      expect(statusOf(rule).errors?.[0]).toContain(said);
    },
  );

  test("an edge learns what to listen to when a rule comes, goes, and when it connects again", async () => {
    await using routed = await openRouted();
    const { hub, client } = routed.cloud;
    hub.connect("edge1");
    const ends: [object, object] = [
      { topic: "uptopic", node_name: "edge1" },
      { resource: "http://127.0.0.1:1/" },
    ];
    await routed.rule("r1", ["bus", "rest"], ends);
    await routed.rule("r2", ["bus", "rest"], ends);
    const seen = capturedMessage(({ route }) => route.operation === "subscribe");
    const subscribed = await hub.untilSent("edge1", ({ route }) => route.operation === "subscribe");
    expect([subscribed.route, subscribed.content]).toEqual([seen.route, seen.content]);
    hub.forget();
    hub.connect("edge1");
    expect(hub.sent("edge1").map(({ route }) => route.operation)).toEqual(["subscribe"]);
    await client.delete(rules, { namespace: "default", name: "r1" });
    const changed = await client.get(rules, { namespace: "default", name: "r2" });
    const spec = { ...(changed["spec"] as object), sourceResource: { topic: "other", node_name: "edge1" } };
    await client.update(rules, { ...changed, spec });
    await hub.untilSent("edge1", ({ route }) => route.operation === "unsubscribe");
    expect(hub.sent("edge1").map(({ route }) => `${route.operation} ${route.resource}`)).toEqual([
      "subscribe default/uptopic",
      "subscribe default/other",
      "unsubscribe default/uptopic",
    ]);
  });
});

describe("from a service to REST", () => {
  const call = (target: string, payload: unknown, method = "POST") =>
    Buffer.from(JSON.stringify({ method, targetURL: target, payload })).toString("base64");
  const route = (resource: string) => ({
    source: "servicebus",
    group: "user",
    operation: "upload",
    resource,
  });

  test("the target gets what the application meant, and its answer goes back", async () => {
    await using target = await openTarget((_request, response) => response.end("done"));
    await using routed = await openRouted();
    await routed.rule(
      "r",
      ["service", "rest"],
      [{ target_url: "http://cloudapp/x", node_name: "edge1" }, { resource: `${target.url}/y` }],
    );
    routed.cloud.hub.connect("edge1");
    const seen = capturedMessage(({ route: { operation } }) => operation === "start");
    const started = await routed.cloud.hub.untilSent("edge1", () => true);
    expect([started.route, started.content]).toEqual([seen.route, seen.content]);
    const answer = await routed.cloud.hub.request(
      "edge1",
      route("http://cloudapp/x"),
      call("http://cloudapp/x", { a: 1 }, "put"),
    );
    expect(answer.route).toMatchObject({ source: "servicebus", group: "user", operation: "response" });
    expect(answer.content).toBe("done");
    expect(target.requests).toEqual([{ method: "PUT", path: "/y", body: '{"a":1}' }]);
  });

  test.each<[string, string, string]>([
    ["an address without a rule", "http://cloudapp/z", call("http://cloudapp/z", null)],
    [
      "a message for another address than its own",
      "http://cloudapp/x",
      call("http://169.254.169.254/", null),
    ],
    ["a method that is none", "http://cloudapp/x", call("http://cloudapp/x", null, "CONNECT")],
    ["no request", "http://cloudapp/x", Buffer.from("{").toString("base64")],
  ])("%s is answered with the reason", async (_, resource, content) => {
    await using target = await openTarget((_request, response) => response.end("done"));
    await using routed = await openRouted();
    await routed.rule(
      "r",
      ["service", "rest"],
      [{ target_url: "http://cloudapp/x", node_name: "edge1" }, { resource: target.url }],
    );
    routed.cloud.hub.connect("edge1");
    const answer = await routed.cloud.hub.request("edge1", route(resource), content);
    expect(answer.content).toContain("cannot");
    expect(target.requests).toEqual([]);
  });
});

describe("a rule that means nothing", () => {
  let shared: Routed;
  let count = 0;
  beforeAll(async () => {
    shared = await openRouted();
  });
  afterAll(async () => await shared[Symbol.asyncDispose]());

  test.each<[string, [string, string], [object, object], string]>([
    ["an endpoint that is missing", ["rest", "none"], [{ path: "/a" }, { topic: "t" }], 'no endpoint "none"'],
    [
      "ends that no rule joins",
      ["bus", "service"],
      [{ topic: "t", node_name: "n" }, { path: "/a" }],
      "joins eventbus",
    ],
    ["no path", ["rest", "bus"], [{}, { topic: "t" }], "sourceResource.path is missing"],
    ["a topic with wildcards", ["rest", "bus"], [{ path: "/a" }, { topic: "a/#" }], "is no topic"],
    [
      "a topic of the devices",
      ["rest", "bus"],
      [{ path: "/a" }, { topic: "$hw/events/device/d1/twin/update" }],
      "is no topic",
    ],
    [
      "a target that is a file",
      ["bus", "rest"],
      [{ topic: "t", node_name: "n" }, { resource: "file:///etc/passwd" }],
      "http",
    ],
    [
      "a target with a password",
      ["bus", "rest"],
      [{ topic: "t", node_name: "n" }, { resource: "http://a:b@c/" }],
      "password",
    ],
    [
      "a node that is none",
      ["bus", "rest"],
      [{ topic: "t", node_name: "$(id)" }, { resource: "http://a/" }],
      "name of a node",
    ],
    [
      "a path of a service that leads out",
      ["rest", "service"],
      [{ path: "/a" }, { path: "/x/../../y" }],
      "no path",
    ],
    ["a line feed", ["rest", "service"], [{ path: "/a" }, { path: "/x\r\nHost: y" }], "cannot"],
    ["shell signs", ["rest", "service"], [{ path: "/a" }, { path: "/`id`" }], "no path"],
  ])("with %s says so in its status", async (_, ends, resources, said) => {
    const name = `r${count++}`;
    await shared.rule(name, ends, resources);
    const isTold = (each: KubeObject) => statusOf(each).errors !== undefined;
    const rule = await shared.cloud.until(rules, name, isTold, "default");
    expect(statusOf(rule).errors?.[0]).toContain(said);
  });

  test("works once its endpoint is there, and no more when it is gone", async () => {
    await using routed = await openRouted();
    await routed.rule("r", ["rest", "later"], [{ path: "/a" }, { topic: "t" }]);
    routed.cloud.hub.connect("edge1");
    const ask = async () =>
      (await fetch(`${routed.url}/edge1/default/a`, { method: "POST", body: "x" })).status;
    expect(await ask()).toBe(404);
    await routed.endpoint("later", "eventbus");
    expect(await ask()).toBe(200);
    await routed.cloud.client.delete(rules, { namespace: "default", name: "r" });
    await routed.cloud.untilGone(rules, "r", "default");
    expect(await ask()).toBe(404);
  });
});
