/** Probes against servers of this process, some of them hostile. */
import "reflect-metadata";
import { cryptoProvider, X509CertificateGenerator } from "@peculiar/x509";
import { expect, test } from "bun:test";
import { once } from "node:events";
import { createServer as createHttp2 } from "node:http2";
import { type AddressInfo, createServer } from "node:net";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { systemClock } from "../../../src/base/clock.ts";
import { act } from "../../../src/fleet/edge/edged/probes/action.ts";
import { Health } from "../../../src/fleet/edge/edged/probes/health_pb.ts";
import type { Action, HttpGet } from "../../../src/spec/kubernetes/pod.ts";
import { container, node, pod } from "./pods.ts";

const parts = {
  run: async () => await Promise.resolve({ exitCode: 0, output: "" }),
  node,
  clock: systemClock(),
};

const look = (
  action: Action,
  {
    ports = [{ name: "web", containerPort: 1 }],
    signal = AbortSignal.timeout(30_000),
    ip = "127.0.0.1" as string | undefined,
  } = {},
) =>
  act(action, { pod: pod(), container: container({ ports }), id: "c1", podIp: () => ip }, { parts, signal });

type Answer = (request: Request) => Response | Promise<Response>;

async function withHttp(answer: Answer, use: (port: number) => Promise<void>): Promise<void> {
  const server = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: answer });
  try {
    await use(server.port ?? 0);
  } finally {
    await server.stop(true);
  }
}

const get = (port: number, more: Partial<HttpGet> = {}) => look({ httpGet: { port, ...more } });

test.each([
  [200, "success"],
  [204, "success"],
  [304, "success"],
  [399, "success"],
  [400, "failure"],
  [503, "failure"],
])("an answer of %d is %s", async (status, outcome) => {
  await withHttp(
    () => new Response(null, { status }),
    async (port) => {
      expect(await get(port)).toMatchObject({ outcome });
    },
  );
});

test("path, query, headers and host are as asked, and no proxy of the environment is used", async () => {
  const before = process.env["http_proxy"];
  process.env["http_proxy"] = "http://127.0.0.1:9";
  try {
    await withHttp(
      (request) => {
        const { pathname, search } = new URL(request.url);
        return new Response(
          `${pathname}${search} ${request.headers.get("host")} ${request.headers.get("x-a")} ${request.headers.get("user-agent")}`,
        );
      },
      async (port) => {
        const httpHeaders = [
          { name: "Host", value: "app.example" },
          { name: "X-A", value: "1" },
          { name: "X-A", value: "2" },
        ];
        const { message } = await get(port, { path: "/health?full=1", httpHeaders });
        expect(message).toMatch(/^\/health\?full=1 app\.example 1, 2 kube-probe\//);
      },
    );
  } finally {
    if (before === undefined) delete process.env["http_proxy"];
    else process.env["http_proxy"] = before;
  }
});

test("redirects are followed on the same host only, and not for ever", async () => {
  const asked: string[] = [];
  const places: Record<string, string> = { "/same": "/bad", "/other": "http://192.0.2.1/", "/loop": "/loop" };
  await withHttp(
    (request) => {
      const { pathname } = new URL(request.url);
      asked.push(pathname);
      const Location = places[pathname];
      return Location
        ? new Response(null, { status: 302, headers: { Location } })
        : new Response(null, { status: 500 });
    },
    async (port) => {
      expect(await get(port, { path: "/same" })).toMatchObject({ outcome: "failure" });
      expect(await get(port, { path: "/other" })).toMatchObject({ outcome: "success" });
      expect(asked).toEqual(["/same", "/bad", "/other"]);
      expect((await get(port, { path: "/loop" })).message).toContain("stopped after 10 redirects");
    },
  );
});

test("a body without an end is read no further than needed", async () => {
  const endless = () =>
    new Response(
      new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(64 << 10).fill(65)) }),
    );
  await withHttp(endless, async (port) => {
    const { outcome, message } = await get(port);
    expect(outcome).toBe("success");
    expect(message.length).toBeLessThanOrEqual(1000);
  });
});

test("a server that is silent, or sends no HTTP, has failed", async () => {
  const server = createServer((socket) => void socket.on("error", () => undefined)).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const late = new AbortController();
  const waiting = look({ httpGet: { port } }, { signal: late.signal });
  const [socket] = (await once(server, "connection")) as [import("node:net").Socket];
  late.abort();
  expect(await waiting).toMatchObject({ outcome: "failure", message: expect.stringContaining("timed out") });
  socket.destroy();
  const noise = look({ httpGet: { port } });
  const [other] = (await once(server, "connection")) as [import("node:net").Socket];
  other.end("\0\0\0 not HTTP\r\n\r\n");
  expect(await noise).toMatchObject({ outcome: "failure" });
  server.close();
});

const certificate = async () => {
  cryptoProvider.set(crypto);
  const keys = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, [
    "sign",
    "verify",
  ]);
  const cert = await X509CertificateGenerator.createSelfSigned({
    name: "CN=nobody",
    keys,
    signingAlgorithm: { name: "ECDSA", hash: "SHA-256" },
  });
  const key = Buffer.from(await crypto.subtle.exportKey("pkcs8", keys.privateKey)).toString("base64");
  return {
    cert: cert.toString("pem"),
    key: `-----BEGIN PRIVATE KEY-----\n${key}\n-----END PRIVATE KEY-----\n`,
  };
};

test("a certificate that nobody signed serves a probe", async () => {
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    tls: await certificate(),
    fetch: () => new Response("ok"),
  });
  try {
    expect(await get(server.port ?? 0, { scheme: "HTTPS" })).toEqual({ outcome: "success", message: "ok" });
  } finally {
    await server.stop(true);
  }
});

test.each<[Action, string]>([
  [{ httpGet: { port: "none" } }, 'has no port "none"'],
  [{ httpGet: { port: 0 } }, "has no port"],
  [{ tcpSocket: { port: 70_000 } }, "has no port"],
  [{ httpGet: { port: 1, scheme: "FILE" } }, "cannot use scheme"],
  [{ httpGet: { port: 1, host: "127.0.0.1/x@y" } }, "cannot use host"],
  [{ httpGet: { port: 1, httpHeaders: [{ name: "a", value: "b\r\nc: d" }] } }, ""],
  [{}, "nothing to do"],
])("%j fails: %s", async (action, why) => {
  const { outcome, message } = await look(action);
  expect(outcome).toBe("failure");
  expect(message).toContain(why);
});

test("a pod that has no address yet is no failure", async () => {
  expect(await look({ tcpSocket: { port: 1 } }, { ip: undefined as never })).toMatchObject({
    outcome: expect.any(String),
  });
  const bare = { pod: pod(), container: container(), id: "c1", podIp: () => undefined };
  expect(
    await act({ tcpSocket: { port: 1 } }, bare, { parts, signal: AbortSignal.timeout(30_000) }),
  ).toMatchObject({ outcome: "unknown" });
});

test("a port that is open is success, by number, text and name; one that is shut is not", async () => {
  const server = createServer((socket) => void socket.destroy()).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const ports = [{ name: "web", containerPort: port }];
  for (const asked of [port, String(port), "web"])
    expect(await look({ tcpSocket: { port: asked } }, { ports })).toMatchObject({ outcome: "success" });
  server.close();
  await once(server, "close");
  expect((await look({ tcpSocket: { port } })).message).toContain("ECONNREFUSED");
});

async function withHealth(status: number | undefined, use: (port: number) => Promise<void>): Promise<void> {
  const asked: string[] = [];
  const handler = connectNodeAdapter({
    routes: (router) => {
      if (status !== undefined)
        router.service(Health, {
          check: ({ service }) => {
            asked.push(service);
            return { status: service === "sick" ? 2 : status };
          },
        });
    },
  });
  const server = createHttp2(handler).listen(0, "127.0.0.1");
  await once(server, "listening");
  try {
    await use((server.address() as AddressInfo).port);
  } finally {
    server.close();
  }
}

test("gRPC health is asked of the service that is named", async () => {
  await withHealth(1, async (port) => {
    expect(await look({ grpc: { port } })).toMatchObject({ outcome: "success" });
    expect((await look({ grpc: { port, service: "sick" } })).message).toContain("NOT_SERVING");
  });
  await withHealth(undefined, async (port) => {
    expect((await look({ grpc: { port } })).message).toContain("does not implement the grpc health protocol");
  });
});

test("a gRPC port where nobody answers has failed", async () => {
  const server = createServer((socket) => void socket.on("error", () => undefined)).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const late = new AbortController();
  const waiting = look({ grpc: { port } }, { signal: late.signal });
  const [socket] = (await once(server, "connection")) as [import("node:net").Socket];
  late.abort();
  expect((await waiting).message).toContain("did not complete in time");
  socket.destroy();
  server.close();
  await once(server, "close");
  expect(await look({ grpc: { port } })).toMatchObject({ outcome: "failure" });
});
