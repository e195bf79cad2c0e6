/** The tunnel between one of ours and what is not: a KubeEdge edge, a KubeEdge cloud, and peers that mean harm. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { connect as connectTls } from "node:tls";
import { request as httpsRequest, createServer as createHttps } from "node:https";
import type { AddressInfo } from "node:net";
import { type RawData, WebSocket, WebSocketServer } from "ws";
import { systemClock } from "../../../src/base/clock.ts";
import {
  decodeFrame,
  encodeFrame,
  type Frame,
  parseConnect,
  tunnelFeatures,
} from "../../../src/fleet/link/tunnel.ts";
import { openKubeletPort } from "../../../src/fleet/edge/kubelet/open.ts";
import { openEdgeStream } from "../../../src/fleet/edge/stream/open.ts";
import { handClock } from "../hand-clock.ts";
import { until } from "../until.ts";
import { openSite, type Site } from "./_site.ts";

let site: Site;
beforeAll(async () => {
  site = await openSite({ kubelets: true });
});
afterAll(async () => await site[Symbol.asyncDispose]());

interface Peer extends AsyncDisposable {
  readonly socket: WebSocket;
  /** Frames of the cloud, in their order. */
  next(): Promise<Frame>;
  send(frame: Frame): void;
  readonly closed: Promise<void>;
}

/** An edge that is not ours: a certificate, the two headers of KubeEdge, and frames by hand. */
async function dialAs(node: string, { claim = node, extra = {} } = {}): Promise<Peer> {
  const { ca, certificate, key } = await site.certificate(node);
  const socket = new WebSocket(`wss://127.0.0.1:${site.ports.port}/v1/kubeedge/connect`, {
    ca,
    cert: certificate,
    key,
    headers: { SessionHostNameOverride: claim, SessionInternalIP: "192.0.2.8", ...extra },
    skipUTF8Validation: true,
  });
  const waiting: Frame[] = [];
  let wake = () => {};
  socket.on("message", (data: RawData) => {
    waiting.push(decodeFrame(new Uint8Array(data as Buffer)));
    wake();
  });
  const closed = new Promise<void>((resolve) => void socket.on("close", () => resolve()));
  await new Promise<void>((resolve, reject) => {
    socket.on("open", () => resolve());
    socket.on("error", reject);
  });
  return {
    socket,
    closed,
    next: async () => {
      for (;;) {
        const frame = waiting.shift();
        if (frame) return frame;
        await new Promise<void>((resolve) => void (wake = resolve));
      }
    },
    send: (frame) => socket.send(encodeFrame(frame), { binary: false }),
    [Symbol.asyncDispose]: async () => {
      socket.terminate();
      await closed;
    },
  };
}

const text = (data: Uint8Array) => Buffer.from(data).toString();
const bytes = (words: string) => new Uint8Array(Buffer.from(words));
const nothing = new Uint8Array();

/** A request to the API as the administrator. */
async function ask(path: string, init: { signal?: AbortSignal } = {}): Promise<Response> {
  const { authority, url } = site.api;
  const pair = await authority.issueClient({ user: "admin", groups: ["system:masters"] });
  const tls = { ca: authority.ca, cert: pair.certificate, key: pair.key };
  return await fetch(`${url}${path}`, { ...init, tls });
}

describe("a KubeEdge edge", () => {
  test("is asked in KubeEdge's way, and its small pieces become the answer", async () => {
    await using edge = await dialAs("edge-2");
    await until(() => site.cloud.connected().includes("edge-2"));
    const answered = ask("/api/v1/namespaces/default/pods/of-another-node/log?tailLines=3");
    const { connection, type, data } = await edge.next();
    expect(type).toBe("logs");
    const asked = parseConnect(data);
    expect(asked.MessID).toBe(connection);
    expect(asked.url).toMatchObject({
      Scheme: "http",
      Host: "127.0.0.1:10350",
      Path: "/containerLogs/default/of-another-node/main",
      RawQuery: "tailLines=3",
    });
    const body = "a line of some length\n".repeat(200);
    for (let start = 0; start < body.length; start += 256)
      edge.send({ connection, type: "data", data: bytes(body.slice(start, start + 256)) });
    edge.send({ connection, type: "remove", data: nothing });
    const answer = await answered;
    expect(answer.status).toBe(200);
    expect(await answer.text()).toBe(body);
  });

  test("is told when the client leaves", async () => {
    await using edge = await dialAs("edge-2");
    await until(() => site.cloud.connected().includes("edge-2"));
    const leaving = new AbortController();
    const answered = ask("/api/v1/namespaces/default/pods/of-another-node/log?follow=true", {
      signal: leaving.signal,
    });
    const { connection } = await edge.next();
    edge.send({ connection, type: "data", data: bytes("line\n") });
    await (await answered).body?.getReader().read();
    leaving.abort();
    expect(await edge.next()).toMatchObject({ connection, type: "remove" });
  });

  test("that says no to port-forward makes a clear error", async () => {
    await using edge = await dialAs("edge-2");
    await until(() => site.cloud.connected().includes("edge-2"));
    const answered = upgrade(
      "/api/v1/namespaces/default/pods/of-another-node/portforward",
      "portforward.k8s.io",
    );
    const { connection, type, data } = await edge.next();
    expect(type).toBe("exec");
    expect(parseConnect(data)).toMatchObject({
      method: "POST",
      url: { Path: "/portForward/default/of-another-node" },
    });
    const words = "404 page not found";
    edge.send({
      connection,
      type: "data",
      data: bytes(`HTTP/1.1 404 Not Found\r\nContent-Length: ${words.length}\r\n\r\n${words}`),
    });
    const { status, body } = await answered;
    expect(status).toBe(404);
    expect(body).toContain("does not serve port-forward");
  });

  test("loses its own streams alone when nobody takes what it sends without end", async () => {
    await using edge = await dialAs("edge-2");
    await until(() => site.cloud.connected().includes("edge-2"));
    const stuck = connectRaw(await adminOptions("/api/v1/namespaces/default/pods/of-another-node/log"));
    const { connection } = await edge.next();
    const flooding = flood(edge, connection);
    let frame = await edge.next();
    while (frame.type !== "remove") frame = await edge.next();
    flooding.stop();
    expect(frame.connection).toBe(connection);
    expect(site.cloud.connected()).toContain("edge-2");
    stuck.destroy();
  });
});

/** Sends data without end, whether anybody takes it or not. */
function flood(edge: Peer, connection: number): { stop(): void } {
  const message = encodeFrame({ connection, type: "data", data: new Uint8Array(256 << 10) });
  const timer = setInterval(() => edge.socket.send(message, { binary: false }), 2);
  return { stop: () => clearInterval(timer) };
}

async function adminOptions(path: string) {
  const { authority, port } = site.api;
  const { certificate: cert, key } = await authority.issueClient({
    user: "admin",
    groups: ["system:masters"],
  });
  return { host: "127.0.0.1", port, path, ca: authority.ca, cert, key };
}

/** A client that never reads. */
function connectRaw(options: Awaited<ReturnType<typeof adminOptions>>) {
  const { path, ...place } = options;
  const socket = connectTls(place);
  socket.on("error", () => {});
  socket.once("secureConnect", () => {
    socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
    socket.pause();
  });
  return socket;
}

/** An upgrade to SPDY that is answered otherwise. */
async function upgrade(path: string, protocol: string): Promise<{ status: number; body: string }> {
  const options = await adminOptions(path);
  return await new Promise((resolve, reject) => {
    const outgoing = httpsRequest({
      ...options,
      method: "POST",
      headers: { Connection: "Upgrade", Upgrade: "SPDY/3.1", "X-Stream-Protocol-Version": protocol },
    });
    outgoing.on("response", (response) => {
      let body = "";
      response.on("data", (data: Buffer) => (body += data.toString()));
      response.on("end", () => resolve({ status: response.statusCode ?? 0, body }));
    });
    outgoing.on("error", reject);
    outgoing.end();
  });
}

describe("an edge is refused", () => {
  test("that says it is another node than its certificate does", async () => {
    const error: unknown = await dialAs("edge-2", { claim: "edge-1" }).catch((reason: unknown) => reason);
    expect(String(error)).toContain("403");
    expect(site.cloud.connected()).not.toContain("edge-1");
  });

  test("whose name is none", async () => {
    const error: unknown = await dialAs("edge-2", { claim: "../edge" }).catch((reason: unknown) => reason);
    expect(String(error)).toContain("400");
  });

  test("without a certificate", async () => {
    const socket = new WebSocket(`wss://127.0.0.1:${site.ports.port}/v1/kubeedge/connect`, {
      ca: site.api.authority.ca,
      headers: { SessionHostNameOverride: "edge-1" },
    });
    const error = await new Promise<Error>((resolve) => void socket.on("error", resolve));
    expect(String(error)).toContain("401");
  });
});

describe("a hostile edge", () => {
  test.each<[string, Uint8Array]>([
    ["a frame that ends in its number", Uint8Array.of(0x80)],
    ["a frame of an unknown type", Uint8Array.of(1, 99)],
    ["a number of more than 53 bits", Uint8Array.from([...Array.from({ length: 9 }, () => 0xff), 1, 3])],
  ])("that sends %s loses its tunnel", async (_what, message) => {
    await using edge = await dialAs("edge-2");
    await until(() => site.cloud.connected().includes("edge-2"));
    edge.socket.send(message, { binary: false });
    await edge.closed;
    await until(() => !site.cloud.connected().includes("edge-2"));
  });

  test("that speaks of connections nobody opened is not heard", async () => {
    await using edge = await dialAs("edge-2");
    await until(() => site.cloud.connected().includes("edge-2"));
    for (let connection = 1000; connection < 3000; connection++)
      for (const type of ["data", "window", "remove", "exec"] as const)
        edge.send({ connection, type, data: bytes("x") });
    const answered = ask("/api/v1/namespaces/default/pods/of-another-node/log");
    const { connection } = await edge.next();
    edge.send({ connection, type: "data", data: bytes("fine") });
    edge.send({ connection, type: "remove", data: nothing });
    expect(await (await answered).text()).toBe("fine");
  });

  test("of ours that sends beyond its window loses the stream", async () => {
    await using edge = await dialAs("edge-2", { extra: { [tunnelFeatures.header]: tunnelFeatures.value } });
    await until(() => site.cloud.connected().includes("edge-2"));
    const stuck = connectRaw(await adminOptions("/api/v1/namespaces/default/pods/of-another-node/log"));
    const { connection } = await edge.next();
    edge.send({ connection, type: "data", data: bytes("HTTP/1.1 200 OK\r\n\r\n") });
    const flooding = flood(edge, connection);
    let frame = await edge.next();
    while (frame.type !== "remove") frame = await edge.next();
    flooding.stop();
    expect(frame.connection).toBe(connection);
    stuck.destroy();
  });

  test("that comes twice has its newest tunnel", async () => {
    await using first = await dialAs("edge-2");
    await using second = await dialAs("edge-2");
    await first.closed;
    const answered = ask("/api/v1/namespaces/default/pods/of-another-node/log");
    const { connection } = await second.next();
    second.send({ connection, type: "remove", data: nothing });
    expect(await (await answered).text()).toBe("");
  });

  test("that breaks off in the middle of an answer leaves it unfinished, not whole", async () => {
    const edge = await dialAs("edge-2");
    await until(() => site.cloud.connected().includes("edge-2"));
    const answered = ask("/api/v1/namespaces/default/pods/of-another-node/log?follow=true");
    const { connection } = await edge.next();
    edge.send({ connection, type: "data", data: bytes("half") });
    const answer = await answered;
    await edge[Symbol.asyncDispose]();
    const body = await answer.text().catch(() => "broken");
    expect(body).toBe("broken");
  });
});

describe("with an edge of ours", () => {
  test("a client that does not read holds its own stream, bounded, and no other", async () => {
    await site.edge("edge-1");
    const before = site.pods.cpu;
    const stuck = connectRaw(await adminOptions("/api/v1/namespaces/default/pods/loud/log?follow=true"));
    await until(() => site.pods.cpu > before);
    // Until nothing moves any more; other streams go on meanwhile.
    for (let last = 0; last !== site.pods.cpu;) {
      last = site.pods.cpu;
      for (let round = 0; round < 20; round++) {
        const answer = await ask("/api/v1/namespaces/default/pods/web/log");
        expect(await answer.text()).toBe("first line\nsecond line\n");
      }
    }
    expect(site.pods.cpu - before).toBeLessThan(32 << 20);
    stuck.destroy();
  });
});

/** A cloud that is not ours, at the other end of an edge that is. */
async function kubeEdgeCloud({ clock = systemClock(), deaf = false } = {}) {
  const { authority } = site.api;
  const { key, certificate } = await authority.server();
  const https = createHttps({ key, cert: certificate, ca: authority.ca, requestCert: true });
  const server = new WebSocketServer({ server: https, skipUTF8Validation: true, perMessageDeflate: false });
  const connected = Promise.withResolvers<{ socket: WebSocket; headers: Record<string, unknown> }>();
  const count = { connections: 0 };
  server.on("connection", (socket, request) => {
    count.connections += 1;
    if (deaf) socket.pause();
    connected.resolve({ socket, headers: { ...request.headers } });
  });
  await new Promise<void>((resolve) => void https.listen(0, "127.0.0.1", resolve));
  const pair = await site.certificate("edge-1");
  const stop = new AbortController();
  const edge = openEdgeStream(
    { node: "edge-1", clock, log: () => {}, signal: stop.signal },
    {
      addresses: [`wss://127.0.0.1:${(https.address() as AddressInfo).port}`],
      tls: () => pair,
      internalIp: "192.0.2.7",
      kubelet: site.kubelet,
      random: () => 0,
    },
  );
  const { socket, headers } = await connected.promise;
  const frames: Frame[] = [];
  socket.on("message", (data: RawData) => void frames.push(decodeFrame(new Uint8Array(data as Buffer))));
  return {
    edge,
    frames,
    headers,
    count,
    send: (frame: Frame) => socket.send(encodeFrame(frame), { binary: false }),
    socket,
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await edge[Symbol.asyncDispose]();
      socket.terminate();
      server.close();
      https.close();
    },
  };
}

/** What a KubeEdge cloud sends, with its address and its headers. */
const connectTo = (Path: string, RawQuery = "", method?: string) =>
  bytes(
    JSON.stringify({
      MessID: 1,
      url: {
        Scheme: "http",
        Opaque: "",
        User: null,
        Host: "127.0.0.1:10350",
        Path,
        RawPath: "",
        OmitHost: false,
        ForceQuery: false,
        RawQuery,
        Fragment: "",
        RawFragment: "",
      },
      header: {
        "X-Stream-Protocol-Version": ["v4.channel.k8s.io"],
        Upgrade: ["SPDY/3.1"],
        Connection: ["Upgrade"],
      },
      ...(method === undefined ? {} : { method }),
    }),
  );

describe("a KubeEdge cloud", () => {
  test("gets the body of logs alone, then the end", async () => {
    await using cloud = await kubeEdgeCloud();
    expect(cloud.headers).toMatchObject({
      sessionhostnameoverride: "edge-1",
      sessioninternalip: "192.0.2.7",
    });
    cloud.send({
      connection: 1,
      type: "logs",
      data: connectTo("/containerLogs/default/web/main", "tailLines=3"),
    });
    await until(() => cloud.frames.some(({ type }) => type === "remove"));
    const data = cloud.frames.filter(({ type }) => type === "data").map((frame) => text(frame.data));
    expect(data.join("")).toBe("first line\nsecond line\n");
  });

  // cloudcore 1.23.0 with a node that it does not have yet: the tunnel stands, and nothing in it is read for 20 s and more.
  test("that reads nothing at first is waited for, one that falls silent later is not", async () => {
    const clock = handClock();
    await using cloud = await kubeEdgeCloud({ clock, deaf: true });
    await until(() => cloud.edge.connected);
    clock.turn(60_000);
    cloud.socket.resume();
    cloud.send({ connection: 1, type: "logs", data: connectTo("/containerLogs/default/web/main") });
    await until(() => cloud.frames.some(({ type }) => type === "remove"));
    expect(cloud.count.connections).toBe(1);
    const closed = new Promise<void>((resolve) => void cloud.socket.on("close", () => resolve()));
    cloud.socket.pause();
    clock.turn(30_000);
    cloud.socket.resume();
    await closed;
  });

  test("gets the upgrade's head and SPDY from exec, as from a kubelet", async () => {
    await using cloud = await kubeEdgeCloud();
    cloud.send({
      connection: 5,
      type: "exec",
      data: connectTo("/exec/default/web/main", "command=true&output=1", "POST"),
    });
    await until(() => cloud.frames.length > 0);
    const [first] = cloud.frames;
    expect(first).toMatchObject({ connection: 5, type: "data" });
    expect(text(first?.data ?? nothing)).toStartWith("HTTP/1.1 101 Switching Protocols\r\n");
  });

  test.each<[string, string]>([
    ["a path with ..", "/containerLogs/default/../../etc"],
    ["a slash that is hidden", "/containerLogs/default/a%2F..%2Fb/main"],
    ["a path of another service", "/debug/pprof/heap"],
    ["a name that is none", "/containerLogs/default/Web;rm/main"],
  ])("gets no further with %s", async (_what, path) => {
    await using cloud = await kubeEdgeCloud();
    const before = site.pods.asked.length;
    cloud.send({ connection: 1, type: "logs", data: connectTo(path) });
    await until(() => cloud.frames.some(({ type }) => type === "remove"));
    expect(site.pods.asked.length).toBe(before);
  });

  test("that opens a connection twice loses the tunnel, and the edge comes again", async () => {
    await using cloud = await kubeEdgeCloud();
    const closed = new Promise<void>((resolve) => void cloud.socket.on("close", () => resolve()));
    for (let round = 0; round < 2; round++)
      cloud.send({
        connection: 1,
        type: "logs",
        data: connectTo("/containerLogs/default/web/main", "follow=true"),
      });
    await closed;
    await until(() => cloud.count.connections === 2);
  });
});

describe("the kubelet's port", () => {
  test("answers who knows the secret, and others only about its health", async () => {
    await using port = await openKubeletPort({ kubelet: site.kubelet, log: () => {}, port: 0 });
    const get = async (path: string, headers: Record<string, string> = {}) =>
      await fetch(`http://127.0.0.1:${port.port}${path}`, { headers });
    expect((await get("/healthz")).status).toBe(200);
    expect((await get("/pods")).status).toBe(401);
    expect((await get("/pods", { Authorization: "Bearer x" })).status).toBe(401);
    const right = { Authorization: `Bearer ${port.secret}` };
    expect(await (await get("/pods", right)).json()).toMatchObject({ kind: "PodList" });
    expect(await (await get("/metrics/resource", right)).text()).toContain(
      'pod_memory_working_set_bytes{namespace="default",pod="web"} 67108864',
    );
    expect(await (await get("/stats/summary", right)).json()).toMatchObject({ node: { nodeName: "edge-1" } });
    expect((await get("/containerLogs/default/gone/main", right)).status).toBe(404);
    expect((await get("/containerLogs/default/web/main?tailLines=-1", right)).status).toBe(400);
  });

  test("answers everybody when it was opened on purpose", async () => {
    await using port = await openKubeletPort({ kubelet: site.kubelet, log: () => {}, port: 0, open: true });
    expect((await fetch(`http://127.0.0.1:${port.port}/pods`)).status).toBe(200);
  });

  test("that is taken is told", async () => {
    await using port = await openKubeletPort({ kubelet: site.kubelet, log: () => {}, port: 0 });
    const again = openKubeletPort({ kubelet: site.kubelet, log: () => {}, port: port.port });
    expect(
      String(
        await again.then(
          () => "",
          (error: unknown) => error,
        ),
      ),
    ).toContain("taken");
  });
});

describe("the kubelets' face for a kube-apiserver", () => {
  const get = async (path: string, { known = true, host = "x" } = {}) => {
    const { authority } = site.api;
    const { certificate: cert, key } = await authority.issueClient({ user: "kube-apiserver", groups: [] });
    const tls = { ca: authority.ca, ...(known ? { cert, key } : {}) };
    return await fetch(`https://127.0.0.1:${site.ports.kubeletsPort}${path}`, {
      tls,
      headers: { Host: host },
    });
  };

  test("wants the kube-apiserver's certificate", async () => {
    expect((await get("/containerLogs/default/web/main", { known: false })).status).toBe(401);
  });

  test("finds the node of logs by the pod", async () => {
    await site.edge("edge-1");
    expect(await (await get("/containerLogs/default/web/main")).text()).toBe("first line\nsecond line\n");
    expect((await get("/containerLogs/default/none/main")).status).toBe(404);
    expect((await get("/containerLogs/default/of-another-node/main")).status).toBe(503);
  });

  test.each([
    "/containerLogs/default/web",
    "/containerLogs/default/%77eb/main",
    "/run/default/web/main",
    "/",
  ])("has nothing at %s", async (path) => expect([400, 404]).toContain((await get(path)).status));

  test("gives figures of the node that has the address, by its Node and not by its word", async () => {
    await site.edge("edge-1");
    expect((await get("/stats/summary", { host: "edge-1:10003" })).status).toBe(200);
    expect((await get("/stats/summary", { host: "192.0.2.7:10351" })).status).toBe(503);
    const addresses = [{ type: "InternalIP", address: "192.0.2.7" }];
    await site.api.client.patch(
      { group: "", version: "v1", resource: "nodes" },
      { name: "edge-1", subresource: "status" },
      { status: { addresses } },
      { type: "application/merge-patch+json" },
    );
    const answer = await get("/stats/summary", { host: "192.0.2.7:10351" });
    expect(await answer.json()).toMatchObject({ node: { nodeName: "edge-1" } });
  });

  test("says in the Node at which port its kubelet is asked", async () => {
    await until(async () => {
      const node = await site.api.client.get(
        { group: "", version: "v1", resource: "nodes" },
        { name: "edge-1" },
      );
      return JSON.stringify(node["status"] ?? {}).includes(
        `"kubeletEndpoint":{"Port":${site.ports.kubeletsPort}}`,
      );
    });
  });
});
