import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { SampanError } from "../../src/base/errors.ts";
import { empty, json, jsonLines, rawStream } from "../../src/api/docker/answer.ts";
import { route, type Conversation } from "../../src/api/docker/route.ts";
import { serverOf } from "../../src/api/docker/server.ts";
import { listening, readAll, type Served } from "./served.ts";

describe.each([
  ["its own connections", false],
  ["connections that are handed to it", true],
])("%s", (_name, handed) => {
  let served: Served;
  const gone = Promise.withResolvers<void>();
  const finished = Promise.withResolvers<unknown>();

  /** Says what it hears, until there is no more. */
  async function echo({ input, write }: Conversation): Promise<void> {
    await write(Buffer.from("hello "));
    for await (const piece of input) await write(piece);
    await write(Buffer.from(" bye"));
  }

  const routes = [
    route("GET", "/images/json", ({ version }) => json({ version })),
    route("GET", "/images/{name*}/json", ({ param }) => json({ name: param("name") })),
    route("GET", "/query", ({ query }) =>
      json({ all: query.bool("all"), t: query.int("t"), filters: query.filters(["label"]) }),
    ),
    route("POST", "/body", async (call) => json(await call.json((value) => value ?? "none"), 201)),
    route("POST", "/same", () => empty(304)),
    route("GET", "/refused", () => {
      throw new SampanError("failed_precondition", "cannot do it");
    }),
    route("GET", "/broken", () => {
      throw new TypeError("a fault of ours");
    }),
    route("GET", "/lines", ({ query }) =>
      jsonLines(async (line) => {
        if (query.bool("early")) throw new SampanError("not_found", "no such image");
        await line({ status: "one" });
        throw new SampanError("unavailable", "the registry is away");
      }),
    ),
    route("GET", "/endless", ({ signal }) => ({
      kind: "stream",
      type: "application/json",
      write: async (out) => {
        out.begin();
        signal.addEventListener("abort", () => gone.resolve());
        await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
      },
    })),
    route("GET", "/flood", () => ({
      kind: "stream",
      type: "application/x-tar",
      write: async (out) => {
        try {
          for (;;) await out.write(new Uint8Array(1 << 16));
        } catch (error) {
          finished.resolve(error);
          throw error;
        }
      },
    })),
    route("GET", "/cut", () => ({
      kind: "stream",
      type: "application/x-tar",
      write: async (out) => {
        await out.write("half");
        throw new SampanError("data_loss", "the rest is not there");
      },
    })),
    route("POST", "/talk", async (call) => {
      await call.json((value) => value);
      if (call.query.bool("refuse")) throw new SampanError("not_found", "No such container: x");
      return { kind: "hijack", type: rawStream, talk: echo };
    }),
    route("GET", "/ws", () => ({ kind: "websocket", talk: echo })),
  ];

  beforeAll(async () => {
    served = await listening((warn) => serverOf(routes, { warn }), { handed });
  });
  afterAll(() => served[Symbol.asyncDispose]());

  test("a path may name a version, and every answer says the newest", async () => {
    const plain = await served.get("/images/json");
    expect(await plain.json()).toEqual({ version: 51 });
    expect(Object.fromEntries(plain.headers)).toMatchObject({
      "api-version": "1.51",
      ostype: "linux",
      "docker-experimental": "false",
      "content-type": "application/json",
      server: expect.stringContaining("Sampan/"),
    });
    expect(await (await served.get("/v1.24/images/json")).json()).toEqual({ version: 24 });
  });

  test.each([
    ["/v1.99/images/json", "client version 1.99 is too new. Maximum supported API version is 1.51"],
    ["/v2.0/images/json", "client version 2.0 is too new. Maximum supported API version is 1.51"],
    [
      "/v1.23/images/json",
      "client version 1.23 is too old. Minimum supported API version is 1.24, please upgrade your client to a newer version",
    ],
  ])("%s is refused in dockerd's words", async (path, message) => {
    const answer = await served.get(path);
    expect(answer.status).toBe(400);
    expect(await answer.json()).toEqual({ message });
  });

  test("a name may have slashes, and is decoded", async () => {
    const answer = await served.get("/v1.51/images/host:5000/a%20b/c/json");
    expect(await answer.json()).toEqual({ name: "host:5000/a b/c" });
  });

  test("both forms of filters are read", async () => {
    const ask = async (filters: string) =>
      (await served.get(`/query?all=1&t=-5&filters=${encodeURIComponent(filters)}`)).json();
    const wanted = { all: true, t: -5, filters: { label: ["a=b"] } };
    expect(await ask('{"label":{"a=b":true,"c":false}}')).toEqual(wanted);
    expect(await ask('{"label":["a=b"]}')).toEqual(wanted);
    expect(await ask('{"colour":["a=b"]}')).toEqual({ message: "invalid filter 'colour'" });
    expect(await ask("{")).toMatchObject({ message: expect.stringContaining("invalid filter") });
    expect(await ask('{"label":"x"}')).toMatchObject({ message: expect.stringContaining("label") });
  });

  test("a number that is none is named", async () => {
    const answer = await served.get("/query?t=soon");
    expect(answer.status).toBe(400);
    expect(await answer.json()).toEqual({
      message: 'cannot read parameter "t": it is "soon", wanted a whole number',
    });
  });

  test("what a page in a browser can send is refused", async () => {
    const page = { headers: { Origin: "http://pages.example" }, method: "POST" };
    const refused = await served.get("/same", page);
    expect(refused.status).toBe(403);
    const untyped = await served.get("/body", { method: "POST", body: Buffer.from("{}") });
    expect(untyped.status).toBe(400);
  });

  test("bodies are JSON of at most 4 MiB", async () => {
    expect(await (await served.post("/body", { a: 1 })).json()).toEqual({ a: 1 });
    expect(await (await served.post("/body")).json()).toBe("none");
    const broken = await served.get("/body", {
      method: "POST",
      body: "{",
      headers: { "Content-Type": "application/json" },
    });
    expect(broken.status).toBe(400);
    expect(await broken.json()).toMatchObject({ message: expect.stringContaining("invalid JSON") });
    const other = await served.get("/body", {
      method: "POST",
      body: "{}",
      headers: { "Content-Type": "text/plain" },
    });
    expect(await other.json()).toEqual({
      message: "unsupported Content-Type header (text/plain): must be 'application/json'",
    });
    const nested = (levels: number, inner: string) => `${"[".repeat(levels)}${inner}${"]".repeat(levels)}`;
    const asJson = (body: string) =>
      served.get("/body", { method: "POST", body, headers: { "Content-Type": "application/json" } });
    const texts = JSON.stringify(["[[".repeat(300), '"[\\'.repeat(300), "\\"]);
    expect((await asJson(nested(255, texts))).status).toBe(201);
    const deep = await asJson(nested(1_000_000, ""));
    expect(deep.status).toBe(400);
    expect(await deep.json()).toMatchObject({ message: expect.stringContaining("more than 256") });
    const large = await served.post("/body", "x".repeat(5 << 20));
    expect(large.status).toBe(400);
    expect(await large.json()).toMatchObject({ message: expect.stringContaining("too large") });
    const endless = await served.get("/body", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: new ReadableStream({
        pull: (controller) => controller.enqueue(new Uint8Array(1 << 20)),
      }),
    });
    expect(await endless.json()).toMatchObject({ message: expect.stringContaining("too large") });
  });

  test("errors have their status and docker's body; ours are in the log", async () => {
    const refused = await served.get("/refused");
    expect(refused.status).toBe(409);
    expect(await refused.json()).toEqual({ message: "cannot do it" });
    const broken = await served.get("/broken");
    expect(broken.status).toBe(500);
    expect(served.warnings).toEqual(["GET /broken: a fault of ours"]);
    const nowhere = await served.get("/nowhere");
    expect(nowhere.status).toBe(404);
    expect(await nowhere.json()).toEqual({ message: "page not found" });
    expect((await served.post("/same")).status).toBe(304);
  });

  test("an error before the first line is a status, after it a line", async () => {
    const early = await served.get("/lines?early=1");
    expect(early.status).toBe(404);
    const late = await served.get("/lines");
    expect(late.status).toBe(200);
    const lines = (await late.text()).trim().split("\r\n");
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      { status: "one" },
      { errorDetail: { message: "the registry is away" }, error: "the registry is away" },
    ]);
  });

  test("an archive that is cut is seen to be cut", async () => {
    const answer = await served.get("/cut");
    expect(await answer.text().catch(() => "cut")).toBe("cut");
  });

  test("a client that goes away is told to the handler", async () => {
    const leave = new AbortController();
    await served.get("/endless", { signal: leave.signal });
    leave.abort();
    await gone.promise;
  });

  test("a client that goes away ends what is written to it", async () => {
    const peer = await served.dial();
    peer.write("GET /flood HTTP/1.1\r\nHost: docker\r\n\r\n");
    await new Promise((resolve) => peer.once("data", resolve));
    peer.pause();
    peer.destroy();
    expect(await finished.promise).toMatchObject({ code: "cancelled" });
  });

  test("a hijacked connection is both ways, half closed too", async () => {
    const peer = await served.dial();
    const body = '{"Tty":true}';
    peer.write(
      `POST /v1.40/talk HTTP/1.1\r\nHost: docker\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    peer.end("some words");
    const all = await readAll(peer);
    expect(all).toStartWith("HTTP/1.1 101 UPGRADED\r\n");
    expect(all).toContain("\r\nContent-Type: application/vnd.docker.raw-stream\r\n");
    expect(all).toEndWith("\r\n\r\nhello some words bye");
  });

  test("a refusal of a hijack is an answer like any other", async () => {
    const peer = await served.dial();
    peer.write("POST /talk?refuse=1 HTTP/1.1\r\nHost: docker\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n");
    const all = await readAll(peer);
    expect(all).toStartWith("HTTP/1.1 404 Not Found\r\n");
    expect(all).toEndWith('{"message":"No such container: x"}\n');
  });

  test("a client that does not ask for the upgrade gets the bytes after the head", async () => {
    const peer = await served.dial();
    peer.write("POST /talk HTTP/1.1\r\nHost: docker\r\nContent-Length: 0\r\n\r\n");
    const all = await readAll(peer);
    expect(all).toStartWith("HTTP/1.1 200 OK\r\n");
    expect(all).not.toContain("chunked");
    expect(all).toEndWith("\r\n\r\nhello  bye");
  });

  test("a websocket is a conversation", async () => {
    const peer = new WebSocket(`ws+unix://${served.socket}:/ws`);
    peer.binaryType = "arraybuffer";
    const heard: string[] = [];
    const enough = Promise.withResolvers<void>();
    peer.addEventListener("message", ({ data }) => {
      heard.push(Buffer.from(data as ArrayBuffer).toString());
      if (heard.join("").includes("words")) enough.resolve();
    });
    await new Promise((resolve) => peer.addEventListener("open", resolve));
    peer.send("words");
    await enough.promise;
    peer.close();
    expect(heard.join("")).toStartWith("hello words");
  });

  test("a plain request for a websocket is refused", async () => {
    expect((await served.get("/ws")).status).toBe(400);
  });
});
