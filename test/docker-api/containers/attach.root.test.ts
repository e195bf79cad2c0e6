/** Connections to a program's streams: hijacked with and without an upgrade, by websocket, with a terminal; and that none of them leaves anything. */
import { afterAll, beforeAll, expect, setDefaultTimeout } from "bun:test";
import { once } from "node:events";
import type { Socket } from "node:net";
import { Readable } from "node:stream";
import { WebSocket } from "ws";
import { needing } from "../../needs.ts";
import { behindHead, needs, openPlace, readAll, says, unframe, type Place } from "./place.ts";

const { test } = needing(needs);
setDefaultTimeout(90_000);
let place: Place;
beforeAll(async () => {
  place = await openPlace();
});
afterAll(async () => {
  await place?.[Symbol.asyncDispose]();
});

const upgrade = "Connection: Upgrade\r\nUpgrade: tcp\r\n";

async function create(body: object): Promise<string> {
  const answer = await place.request("POST", "/containers/create", {
    Image: "busy",
    HostConfig: { NetworkMode: "none" },
    ...body,
  });
  return ((await answer.json()) as { Id: string }).Id;
}

async function post(path: string, headers = "", body = ""): Promise<Socket> {
  const peer = await place.dial();
  peer.write(
    `POST ${path} HTTP/1.1\r\nHost: docker\r\n${headers}Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  );
  return peer;
}

/** Until the head has come. */
async function head(peer: Socket): Promise<string> {
  let text = "";
  while (!text.includes("\r\n\r\n")) {
    const [piece] = (await once(peer, "data")) as [Buffer];
    text += piece.toString("latin1");
  }
  return text;
}

const cat = {
  OpenStdin: true,
  StdinOnce: true,
  AttachStdin: true,
  Cmd: ["sh", "-c", "echo begin; cat; echo end >&2"],
};

test("one that is attached before the start misses nothing, and its end of input is the program's", async () => {
  const id = await create(cat);
  const peer = await post(`/v1.51/containers/${id}/attach?stream=1&stdin=1&stdout=1&stderr=1`, upgrade);
  peer.pause();
  const reading = readAll(peer);
  peer.end("typed before\n");
  await place.request("POST", `/containers/${id}/start`);
  const { head: said, rest } = behindHead(await reading);
  expect(said).toStartWith("HTTP/1.1 101 UPGRADED");
  expect(said).toContain("Content-Type: application/vnd.docker.multiplexed-stream");
  expect(unframe(rest)).toEqual({ out: "begin\ntyped before\n", err: "end\n" });
  await place.out("rm", id);
});

test("without an upgrade it is the same over a plain answer, and before 1.42 it is called raw", async () => {
  const id = await create({ Cmd: ["sh", "-c", "echo out; echo err >&2"] });
  const peer = await post(`/v1.41/containers/${id}/attach?stream=1&stdout=1&stderr=1`);
  const reading = readAll(peer);
  await place.request("POST", `/containers/${id}/start`);
  const { head: said, rest } = behindHead(await reading);
  expect(said).toStartWith("HTTP/1.1 200 OK");
  expect(said).toContain("Content-Type: application/vnd.docker.raw-stream");
  expect(unframe(rest)).toEqual({ out: "out\n", err: "err\n" });
  await place.out("rm", id);
});

test("logs come before the stream", async () => {
  const id = await create({ ...cat, StdinOnce: false });
  await place.request("POST", `/containers/${id}/start`);
  const first = place.spawn("logs", "-f", id);
  await says(first.stdout, "begin\n");
  const peer = await post(`/containers/${id}/attach?logs=1&stream=1&stdout=1`, upgrade);
  const reading = readAll(peer);
  await place.out("kill", id);
  expect(unframe(behindHead(await reading).rest).out).toBe("begin\n");
  await place.out("rm", id);
});

test("a websocket carries bytes as they are", async () => {
  const id = await create(cat);
  const peer = new WebSocket(
    `ws+unix://${place.socket}:/containers/${id}/attach/ws?stream=1&stdin=1&stdout=1&stderr=1`,
  );
  await once(peer, "open");
  let text = "";
  const said = Promise.withResolvers<void>();
  peer.on("message", (data: Buffer) => {
    text += data.toString();
    if (text.includes("by socket\n")) said.resolve();
  });
  await place.request("POST", `/containers/${id}/start`);
  peer.send("by socket\n");
  await said.promise;
  expect(text).toBe("begin\nby socket\n");
  const closed = once(peer, "close");
  peer.close();
  await closed;
  // It was the one whose end is the end of the input.
  expect(await place.out("wait", id)).toBe("0");
  await place.out("rm", id);
});

test("a terminal's stream is raw, is resized, and the keys detach and leave it running", async () => {
  const id = await create({ Tty: true, OpenStdin: true, AttachStdin: true, Cmd: ["sh"] });
  await place.request("POST", `/containers/${id}/start`);
  const resized = await place.request("POST", `/containers/${id}/resize?h=33&w=99`);
  expect(resized.status).toBe(200);
  const peer = await post(`/containers/${id}/attach?stream=1&stdin=1&stdout=1`, upgrade);
  peer.write("stty size; echo d''one\n");
  const text = await says(Readable.toWeb(peer) as ReadableStream<Uint8Array>, "done\r\n", () => {
    // Not the keys: the second is another one.
    peer.write(Uint8Array.of(0x10));
    peer.write("\n");
    peer.write(Uint8Array.of(0x10, 0x11));
  });
  expect(text).toContain("application/vnd.docker.raw-stream");
  expect(text).toContain("33 99\r\n");
  expect(await place.out("inspect", "-f", "{{.State.Status}}", id)).toBe("running");
  await place.out("rm", "-f", id);
});

test("an exec with a terminal has its own", async () => {
  const id = await create({ Cmd: ["sleep", "1000"] });
  await place.request("POST", `/containers/${id}/start`);
  const made = await place.request("POST", `/containers/${id}/exec`, {
    Cmd: ["sh", "-c", "stty size; tty"],
    Tty: true,
    AttachStdout: true,
    ConsoleSize: [20, 70],
  });
  const exec = ((await made.json()) as { Id: string }).Id;
  const peer = await post(`/exec/${exec}/start`, upgrade, '{"Tty":true}');
  const { rest } = behindHead(await readAll(peer));
  expect(rest.toString()).toMatch(/^20 70\r\n\/dev\/pts\/\d+\r\n$/);
  const again = await place.request("POST", `/exec/${exec}/start`, {});
  expect(again.status).toBe(409);
  const inspected = (await (await place.request("GET", `/exec/${exec}/json`)).json()) as Record<
    string,
    unknown
  >;
  expect(inspected).toMatchObject({ Running: false, ExitCode: 0, ContainerID: id });
  expect((await place.request("GET", "/exec/nothing/json")).status).toBe(404);
  await place.out("rm", "-f", id);
});

test("a client that goes away in the middle frees all that it had", async () => {
  const id = await create({
    OpenStdin: true,
    Cmd: ["sh", "-c", "while :; do echo all the time; sleep 0.01; done"],
  });
  await place.request("POST", `/containers/${id}/start`);
  const round = async () => {
    const peers = [
      await post(`/containers/${id}/attach?stream=1&stdin=1&stdout=1`, upgrade),
      await post(`/containers/${id}/attach?stream=1&stdout=1`),
    ];
    const logs = await place.dial();
    logs.write(`GET /containers/${id}/logs?stdout=1&follow=1 HTTP/1.1\r\nHost: docker\r\n\r\n`);
    const stats = await place.dial();
    stats.write(`GET /containers/${id}/stats HTTP/1.1\r\nHost: docker\r\n\r\n`);
    for (const peer of [...peers, logs, stats]) {
      await head(peer);
      peer.destroy();
    }
  };
  // What is opened once and kept: the watch over files.
  await round();
  const before = place.descriptors();
  for (let n = 0; n < 20; n++) await round();
  while (place.descriptors() > before) await place.request("GET", "/_ping");
  expect(place.descriptors()).toBeLessThanOrEqual(before);
  await place.out("rm", "-f", id);
});

test("two hundred attachments and execs leave nothing open", async () => {
  const id = await create({ Cmd: ["sleep", "1000"] });
  await place.request("POST", `/containers/${id}/start`);
  const once_ = async () => {
    const made = await place.request("POST", `/containers/${id}/exec`, {
      Cmd: ["echo", "x"],
      AttachStdout: true,
    });
    const exec = ((await made.json()) as { Id: string }).Id;
    const peer = await post(`/exec/${exec}/start`, upgrade, "{}");
    const { rest } = behindHead(await readAll(peer));
    if (unframe(rest).out !== "x\n") throw new Error(`an exec said ${JSON.stringify(unframe(rest))}`);
    const attached = await post(`/containers/${id}/attach?stream=1&stdout=1`, upgrade);
    await head(attached);
    attached.destroy();
  };
  for (let n = 0; n < 5; n++) await once_();
  const before = place.descriptors();
  for (let n = 0; n < 200; n += 4) await Promise.all([once_(), once_(), once_(), once_()]);
  while (place.descriptors() > before) await place.request("GET", "/_ping");
  expect(place.descriptors()).toBeLessThanOrEqual(before);
  await place.out("rm", "-f", id);
});
