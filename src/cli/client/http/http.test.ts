/** The client and a daemon made of bare sockets: what goes over the wire, and what is made of what comes back. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SampanError } from "../../../base/errors.ts";
import { dockerClient } from "../docker.ts";
import { parseAddress, tlsFromEnvironment } from "./address.ts";
import { Frames } from "./frames.ts";
import { Http, older } from "./http.ts";
import { jsonLines } from "./lines.ts";
import { filterQuery, queryString } from "./query.ts";

let folder: string;
let server: Server;
let byNetwork: Server;
/** What the daemon does with a request, by the head of it. */
let answer: (head: string, socket: Socket) => void;
const heads: string[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "sampan-http-"));
  const serve = (socket: Socket) => {
    let read = "";
    socket.on("error", () => {});
    socket.on("data", (bytes) => {
      if (read.includes("\r\n\r\n")) return;
      read += bytes.toString();
      if (!read.includes("\r\n\r\n")) return;
      heads.push(read.split("\r\n")[0] ?? "");
      answer(read, socket);
    });
  };
  server = createServer({ allowHalfOpen: true }, serve).listen(join(folder, "s"));
  byNetwork = createServer({ allowHalfOpen: true }, serve).listen(0, "127.0.0.1");
  await Promise.all([once(server, "listening"), once(byNetwork, "listening")]);
});
afterAll(() => {
  server.close();
  byNetwork.close();
  rmSync(folder, { recursive: true, force: true });
});

const host = () => `unix://${join(folder, "s")}`;
const http = () => new Http(parseAddress(host()), "1.45");
const ways = [
  ["a unix socket", http],
  [
    "TCP",
    () => new Http(parseAddress(`tcp://127.0.0.1:${(byNetwork.address() as AddressInfo).port}`), "1.45"),
  ],
] as const;
const reply = (status: string, body: string, more = "") =>
  `HTTP/1.1 ${status}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n${more}Connection: close\r\n\r\n${body}`;

async function failureOf(work: Promise<unknown>): Promise<SampanError> {
  try {
    await work;
  } catch (error) {
    return SampanError.from(error);
  }
  throw new Error("it did not fail");
}

test("addresses have docker's forms, and others are refused by what is wanted", () => {
  expect(parseAddress("unix:///run/d.sock")).toMatchObject({ unix: "/run/d.sock" });
  expect(parseAddress("tcp://host:1234")).toMatchObject({ host: "host", port: 1234, base: "" });
  expect(parseAddress("tcp://host")).toMatchObject({ port: 2375 });
  expect(parseAddress("host:80")).toMatchObject({ host: "host", port: 80 });
  expect(parseAddress("tcp://[::1]:2375/proxied/")).toMatchObject({ host: "[::1]", base: "/proxied" });
  expect(parseAddress("tcp://host", { verify: true })).toMatchObject({ port: 2376, tls: { verify: true } });
  expect(parseAddress("https://host").tls).toEqual({ verify: true });
  expect(() => parseAddress("ssh://host")).toThrow("there is no ssh here");
  expect(() => parseAddress("npipe://x")).toThrow("wanted unix:///path or tcp://host:port");
  expect(() => parseAddress("unix://")).toThrow("wanted the path of a socket");
  expect(() => parseAddress("tcp://")).toThrow("wanted tcp://host:port");
});

test("TLS is used when the environment asks for it", () => {
  expect(tlsFromEnvironment({})).toBeUndefined();
  expect(tlsFromEnvironment({ DOCKER_TLS_VERIFY: "1", DOCKER_CERT_PATH: "/nonexistent" })).toEqual({
    verify: true,
  });
  expect(tlsFromEnvironment({ DOCKER_TLS: "1", DOCKER_CERT_PATH: "/nonexistent" })).toEqual({
    verify: false,
  });
});

test("the older of both versions is spoken, and a daemon that does not say has the oldest", async () => {
  expect([older("1.9", "1.24"), older("1.51", "1.51"), older("1.52", "1.51")]).toEqual([true, false, false]);
  for (const [said, spoken] of [
    ["Api-Version: 1.41\r\n", "1.41"],
    ["Api-Version: 1.99\r\n", "1.51"],
    ["", "1.24"],
  ] as const) {
    answer = (_, socket) =>
      socket.end(`HTTP/1.1 200 OK\r\n${said}Content-Length: 0\r\nConnection: close\r\n\r\n`);
    expect(await dockerClient(host()).apiVersion()).toBe(spoken);
  }
});

test("a daemon that refuses the newest version is asked again in its own", async () => {
  const from = heads.length;
  answer = (head, socket) => {
    const said = "Api-Version: 1.41\r\n";
    if (head.startsWith("HEAD")) socket.end(reply("200 OK", "", said));
    else if (head.includes("/v1.41/")) socket.end(reply("200 OK", "[]", said));
    else socket.end(reply("400 Bad Request", '{"message":"too new"}', said));
  };
  const client = new Http(parseAddress(host()));
  expect(await client.json("POST", "/x", { json: { a: 1 } })).toEqual([]);
  await client.order("GET", "/y");
  expect(heads.slice(from).map((line) => line.replace(" HTTP/1.1", ""))).toEqual([
    "POST /v1.51/x",
    "HEAD /_ping",
    "POST /v1.41/x",
    "GET /v1.41/y",
  ]);
});

test("an answer tells the daemon's version, and what it refuses is refused", async () => {
  const from = heads.length;
  answer = (_, socket) => socket.end(reply("200 OK", "[]", "Api-Version: 1.47\r\n"));
  const known = new Http(parseAddress(host()));
  await known.json("GET", "/x");
  await known.json("GET", "/x");
  answer = (_, socket) =>
    socket.end(reply("400 Bad Request", '{"message":"wrong"}', "Api-Version: 1.99\r\n"));
  const other = new Http(parseAddress(host()));
  expect((await failureOf(other.json("GET", "/x"))).message).toBe("Error response from daemon: wrong");
  expect(heads.slice(from).map((line) => line.replace(" HTTP/1.1", ""))).toEqual([
    "GET /v1.51/x",
    "GET /v1.47/x",
    "GET /v1.51/x",
    "HEAD /_ping",
  ]);
});

test("a daemon that did not answer is asked again the next time", async () => {
  const client = dockerClient(`unix://${join(folder, "later")}`);
  expect((await failureOf(client.apiVersion())).code).toBe("unavailable");
  const late = createServer((socket) => {
    socket.end("HTTP/1.1 200 OK\r\nApi-Version: 1.44\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  });
  const { promise, resolve } = Promise.withResolvers<void>();
  late.listen(join(folder, "later"), resolve);
  await promise;
  expect(await client.apiVersion()).toBe("1.44");
  late.close();
});

test("a refusal has the daemon's words and its status as a code", async () => {
  const cases = [
    ["404 Not Found", "not_found"],
    ["409 Conflict", "failed_precondition"],
    ["400 Bad Request", "invalid_argument"],
    ["401 Unauthorized", "unauthenticated"],
    ["500 Internal Server Error", "unknown"],
    ["501 Not Implemented", "unimplemented"],
    ["503 Service Unavailable", "unavailable"],
  ] as const;
  for (const [status, code] of cases) {
    answer = (_, socket) => socket.end(reply(status, '{"message":"why"}'));
    const error = await failureOf(http().json("GET", "/x"));
    expect([error.code, error.message]).toEqual([code, "Error response from daemon: why"]);
  }
  answer = (_, socket) => socket.end(reply("502 Bad Gateway", "<html>proxy</html>"));
  expect((await failureOf(http().json("GET", "/x"))).message).toContain("<html>proxy</html>");
});

test("an endpoint that only Sampan has is missed by its name", async () => {
  answer = (_, socket) => socket.end(reply("404 Not Found", '{"message":"page not found"}'));
  const error = await failureOf(dockerClient(host(), { version: "1.45" }).audit({}));
  expect([error.code, error.message]).toEqual([
    "unimplemented",
    `the daemon at ${host()} has no "system audit": only Sampan's own has`,
  ]);
});

test("what is no JSON, and no HTTP, is said", async () => {
  answer = (_, socket) => socket.end(reply("200 OK", "no json"));
  expect((await failureOf(http().json("GET", "/x"))).message).toContain("it is not JSON");
  answer = (_, socket) => socket.end("what\r\n\r\n");
  expect((await failureOf(http().hijack("/x", {}))).message).toContain("what answers is no HTTP server");
  answer = (_, socket) => socket.end();
  expect((await failureOf(http().hijack("/x", {}))).message).toContain("without an answer");
});

test("a daemon that is not there is told by where it was looked for", async () => {
  const gone = new Http(parseAddress("unix:///nonexistent/s"), "1.45");
  const wanted = "cannot connect to the daemon at unix:///nonexistent/s: is it running?";
  expect((await failureOf(gone.json("GET", "/x"))).message).toStartWith(wanted);
  expect((await failureOf(gone.hijack("/x", {}))).message).toStartWith(wanted);
});

test.each(ways)("a hijacked stream by %s goes both ways, and each side ends alone", async (_, connect) => {
  answer = (_, socket) => {
    socket.write(
      "HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.multiplexed-stream\r\n\r\nfirst",
    );
    let got = "";
    socket.on("data", (bytes) => (got += bytes.toString()));
    socket.on("end", () => socket.end(`got ${got}`));
  };
  const { stream, multiplexed } = await connect().hijack("/containers/a/attach", { query: { stdin: true } });
  expect(multiplexed).toBe(true);
  expect(heads.at(-1)).toBe("POST /v1.45/containers/a/attach?stdin=1 HTTP/1.1");
  await stream.write(Buffer.from("some"));
  await stream.write(Buffer.from("thing"));
  stream.end();
  let text = "";
  for await (const bytes of stream) text += Buffer.from(bytes).toString();
  expect(text).toBe("firstgot something");
});

test("a hijack that is refused has the daemon's words, also in chunks", async () => {
  answer = (_, socket) => socket.end(reply("404 Not Found", '{"message":"none"}'));
  expect((await failureOf(http().hijack("/x", {}))).message).toBe("Error response from daemon: none");
  answer = (_, socket) =>
    socket.end(
      'HTTP/1.1 409 Conflict\r\nTransfer-Encoding: chunked\r\n\r\n13\r\n{"message":"paused"}\r\n0\r\n\r\n',
    );
  expect((await failureOf(http().hijack("/x", {}))).message).toContain("paused");
});

test.each(ways)("a hijack by %s ends when it is told to", async (_, connect) => {
  answer = (_, socket) => socket.write("HTTP/1.1 101 UPGRADED\r\n\r\n");
  const stop = new AbortController();
  const { stream } = await connect().hijack("/x", { signal: stop.signal });
  const ended = failureOf(
    (async () => {
      for await (const _ of stream) continue;
    })(),
  );
  stop.abort(new SampanError("cancelled", "told to"));
  expect((await ended).message).toBe("told to");
});

test.each(ways)("what %s has no room for waits for the daemon, and nothing is lost", async (_, connect) => {
  answer = (_, socket) => {
    socket.write("HTTP/1.1 101 UPGRADED\r\n\r\n");
    socket.pipe(socket);
  };
  const { stream } = await connect().hijack("/x", {});
  const sent = Buffer.alloc(8 << 20, "0123456789abcdefg");
  const sending = stream.write(sent).then(() => stream.end());
  const hash = new Bun.CryptoHasher("sha256");
  for await (const bytes of stream) hash.update(bytes);
  await sending;
  expect(hash.digest("hex")).toBe(new Bun.CryptoHasher("sha256").update(sent).digest("hex"));
});

test("frames are read however they are cut", () => {
  const frame = (stream: number, text: string) => {
    const head = Buffer.alloc(8);
    head[0] = stream;
    head.writeUInt32BE(Buffer.byteLength(text), 4);
    return Buffer.concat([head, Buffer.from(text)]);
  };
  const whole = Buffer.concat([frame(1, "out"), frame(2, "error"), frame(1, ""), frame(1, "more")]);
  for (const step of [1, 3, 7, 9, whole.length]) {
    const frames = new Frames();
    const told = { out: "", err: "" };
    for (let at = 0; at < whole.length; at += step)
      for (const { to, bytes } of frames.feed(whole.subarray(at, at + step)))
        told[to] += Buffer.from(bytes).toString();
    expect(told).toEqual({ out: "outmore", err: "error" });
  }
  expect(() => [...new Frames().feed(Buffer.from("no frames at all"))]).toThrow("no frames of Docker's");
  expect(() => [...new Frames().feed(frame(3, "broken"))]).toThrow("error from daemon in stream: broken");
});

test("lines of JSON are read however they are cut", async () => {
  async function* pieces() {
    for (const text of ['{"a":', '1}\r\n{"a":2}\n\n', '{"a":3}']) yield Buffer.from(text);
  }
  const read: unknown[] = [];
  for await (const value of jsonLines(pieces())) read.push(value);
  expect(read).toEqual([{ a: 1 }, { a: 2 }, { a: 3 }]);
});

test("queries and filters have docker's forms", () => {
  expect(queryString({ a: true, b: false, c: undefined, d: "x y", e: ["1", "2"], t: 0 })).toBe(
    "?a=1&d=x+y&e=1&e=2&t=0",
  );
  expect(queryString({})).toBe("");
  expect(filterQuery({ label: ["a=b", "c"] })).toBe('{"label":{"a=b":true,"c":true}}');
  expect(filterQuery({})).toBeUndefined();
});
