import { describe, expect, test } from "bun:test";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { openServiceBus } from "../../../src/fleet/edge/servicebus/open.ts";
import { parseTarget } from "../../../src/fleet/edge/servicebus/calls.ts";
import { message, parseEnvelope, respond } from "../../../src/fleet/link/envelope.ts";
import { call, callReply, target, type HttpResponse } from "../../../src/fleet/link/kinds/user.ts";
import { fakeEdgeContext, type FakeEdgeContext } from "../fake-edge-context.ts";

type Handler = (request: IncomingMessage, response: ServerResponse, body: string) => void;

async function service(handler: Handler): Promise<AsyncDisposable & { readonly port: number }> {
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => handler(request, response, Buffer.concat(parts).toString()));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}

const rule = (operation: "start" | "stop", url: string) =>
  message({ source: "router_servicebus", group: "user", operation, resource: url }, target.build(null));

async function calls(context: FakeEdgeContext, method: string, resource: string): Promise<HttpResponse> {
  const content = call.build({
    header: { "X-A": ["b", "c"], Host: ["x"] },
    body: Buffer.from("body1"),
    method,
    url: "",
  });
  const asked = message({ source: "router_servicebus", group: "user", operation: method, resource }, content);
  await context.link.receive(asked);
  return callReply.parse((await context.link.take(({ parent }) => parent === asked.id)).content);
}

const text = ({ body }: HttpResponse): string => Buffer.from(body ?? []).toString();

async function posts(
  port: number | undefined,
  body: string,
  headers: Record<string, string> = {},
): Promise<unknown> {
  const response = await fetch(`http://127.0.0.1:${port}`, { method: "POST", body, headers });
  expect(response.status).toBe(200);
  return await response.json();
}

describe("a call of the cloud", () => {
  test("reaches the local service as the captured message says, and its answer goes back", async () => {
    using context = fakeEdgeContext();
    await using _bus = await openServiceBus(context, { port: 0 });
    let seen: unknown;
    await using local = await service((request, response, body) => {
      seen = [request.method, request.url, request.headers["x-a"], request.headers["content-length"], body];
      response.writeHead(201, { "X-Echo": "1" }).end('{"ok":true}');
    });
    const captured = `{"header": {"msg_id": "07f0f95d-2789-471f-9636-061d1b1af5ff", "timestamp": 1795242786265}, "route": {"source": "router_servicebus", "group": "user", "operation": "POST", "resource": "${local.port}:/api/a/b?q=1"}, "content": {"header": {"Accept": ["*/*"], "Content-Length": ["5"], "Content-Type": ["application/x-www-form-urlencoded"], "User-Agent": ["curl/7.88.1"], "X-A": ["b"]}, "body": "Ym9keTE=", "method": "POST", "url": ""}}`;
    await context.link.receive(parseEnvelope(captured));
    const sent = await context.link.take(({ route }) => route.source === "servicebus");
    expect(seen).toEqual(["POST", "/api/a/b?q=1", "b", "5", "body1"]);
    expect(sent.parent).toBe("07f0f95d-2789-471f-9636-061d1b1af5ff");
    expect(sent.route).toEqual({ source: "servicebus", group: "user", operation: "upload", resource: "" });
    const reply = callReply.parse(sent.content);
    expect(reply.status_code).toBe(201);
    expect(reply.header?.["X-Echo"]).toEqual(["1"]);
    expect(text(reply)).toBe('{"ok":true}');
  });

  test("gives a redirect back and does not follow it", async () => {
    using context = fakeEdgeContext();
    await using _bus = await openServiceBus(context, { port: 0 });
    let asked = 0;
    await using local = await service((_request, response) => {
      asked += 1;
      response.writeHead(302, { Location: "http://10.0.0.1/" }).end();
    });
    const reply = await calls(context, "GET", `${local.port}:/`);
    expect([reply.status_code, reply.header?.["Location"], asked]).toEqual([302, ["http://10.0.0.1/"], 1]);
  });

  test("is answered with 404 where nobody listens, 500 for an answer that is too large", async () => {
    using context = fakeEdgeContext();
    await using _bus = await openServiceBus(context, { port: 0 });
    const closed = await service(() => {});
    await closed[Symbol.asyncDispose]();
    const nobody = await calls(context, "GET", `${closed.port}:/`);
    expect([nobody.status_code, text(nobody)]).toEqual([404, "error to call service"]);
    expect(nobody.header).toEqual({ Server: ["kubeedge-edgecore"] });
    await using large = await service((_request, response) => response.end(Buffer.alloc(5_000_001)));
    const much = await calls(context, "GET", `${large.port}:/`);
    expect([much.status_code, text(much)]).toEqual([
      500,
      "error to receive response, err: response body too large",
    ]);
  });

  test("does not reach a port that the node does not open to the cloud", async () => {
    using context = fakeEdgeContext();
    await using local = await service((_request, response) => response.end("here"));
    await using _bus = await openServiceBus(context, { port: 0, ports: [1] });
    expect((await calls(context, "GET", `${local.port}:/`)).status_code).toBe(404);
  });

  test.each(["example.com:80/", "80@example.com:/", "0:/", "65536:/", "80:/a b", "80:/a#b", "80", "-1:/"])(
    "is answered with 400 when its resource is %p",
    async (resource) => {
      using context = fakeEdgeContext();
      await using _bus = await openServiceBus(context, { port: 0 });
      expect((await calls(context, "GET", resource)).status_code).toBe(400);
    },
  );

  test("names a port and a path of this machine, whatever the path looks like", () => {
    expect(parseTarget("80://evil.example/x")).toEqual({ port: 80, path: "//evil.example/x" });
    expect(parseTarget("80:a/b:c")).toEqual({ port: 80, path: "/a/b:c" });
    expect(() => parseTarget("80:/a\r\nHost: b")).toThrow("incorrect");
  });
});

describe("a local application", () => {
  const url = "http://cloudapp/x";
  const body = JSON.stringify({ method: "POST", targetURL: url, payload: { a: 1 } });

  test("reaches an address of the cloud while there is a rule for it", async () => {
    using context = fakeEdgeContext();
    await using bus = await openServiceBus(context, { port: 0 });
    expect(bus.port).toBeUndefined();
    await context.link.receive(rule("start", url));
    const answered = posts(bus.port, body);
    const sent = await context.link.take(({ route }) => route.source === "servicebus");
    expect(sent.route).toEqual({ source: "servicebus", group: "user", operation: "upload", resource: url });
    expect(sent.content).toBe(Buffer.from(body).toString("base64"));
    await context.link.receive(
      respond(sent, { source: "servicebus", group: "user", operation: "response" }, '{"got":1}'),
    );
    expect(await answered).toEqual({
      code: 200,
      msg: "receive response from cloud successfully",
      body: '{"got":1}',
    });
    await context.link.receive(rule("stop", url));
    expect(bus.port).toBeUndefined();
  });

  test("is told what is wrong", async () => {
    using context = fakeEdgeContext({ connected: false });
    await using bus = await openServiceBus(context, { port: 0 });
    await context.link.receive(rule("start", url));
    const other = JSON.stringify({ method: "POST", targetURL: "http://other/", payload: 1 });
    expect(await posts(bus.port, other)).toEqual({
      code: 400,
      msg: "url http://other/ is not allowed and please make a rule for this url in the cloud",
    });
    expect(await posts(bus.port, "{")).toMatchObject({ code: 400 });
    expect(await posts(bus.port, " ".repeat(5_000_001))).toMatchObject({ code: 400 });
    expect(await posts(bus.port, body, { Host: "rebound.example" })).toMatchObject({ code: 400 });
    expect(await posts(bus.port, body)).toMatchObject({ code: 500 });
  });

  test("finds the rules of before after a restart", async () => {
    using context = fakeEdgeContext();
    {
      await using _bus = await openServiceBus(context, { port: 0 });
      await context.link.receive(rule("start", url));
    }
    await using bus = await openServiceBus(context, { port: 0 });
    expect(bus.port).toBeNumber();
  });
});
