/** Commands with their streams over each of the ways in which they are carried: one suite, and what only one way has. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createServer, type IncomingMessage, type Server } from "node:http";
import { connect, createServer as createTcp, type AddressInfo, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { WebSocket } from "ws";
import { acceptCommand, acceptForward } from "../../../src/wire/channels/accept.ts";
import {
  type CommandClient,
  type CommandStreams,
  exitCode,
  exited,
} from "../../../src/wire/channels/command.ts";
import { formatHead, readHead } from "../../../src/wire/channels/head.ts";
import { openSpdyCommand } from "../../../src/wire/channels/spdy-command.ts";
import { parseStatus } from "../../../src/wire/channels/status.ts";
import { textOf } from "./_pair.ts";

const all: CommandStreams = { stdin: true, stdout: true, stderr: true, tty: false };
const terminal: CommandStreams = { ...all, stderr: false, tty: true };

let server: Server;
let port: number;
/** What the next connection is. */
const state: { serve: (request: IncomingMessage, socket: Duplex, head: Buffer) => Promise<void> } = {
  serve: async () => {},
};

beforeAll(async () => {
  server = createServer();
  server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on("error", () => {});
    state.serve(request, socket, head).catch(() => socket.end(formatHead(400, "Refused", {})));
  });
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  ({ port } = server.address() as AddressInfo);
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

/** The next client of a command. */
function nextClient(streams: CommandStreams): Promise<CommandClient> {
  const { promise, resolve, reject } = Promise.withResolvers<CommandClient>();
  state.serve = async (request, socket, head) => {
    try {
      resolve(await acceptCommand({ headers: request.headers, socket, head }, streams, never));
    } catch (error) {
      reject(error as Error);
      throw error;
    }
  };
  promise.catch(() => {});
  return promise;
}

const never = new AbortController().signal;

async function failureOf(work: Promise<unknown>): Promise<unknown> {
  return await work.then(
    () => undefined,
    (error: unknown) => error,
  );
}

async function dialSpdy(
  protocols: readonly string[],
): Promise<{ socket: Socket; status: number; protocol: string }> {
  const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  socket.on("error", () => {});
  const offers = protocols.map((each) => `X-Stream-Protocol-Version: ${each}\r\n`).join("");
  socket.write(`POST / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n${offers}\r\n`);
  const { status, headers } = await readHead(socket, never);
  return { socket, status, protocol: headers.get("x-stream-protocol-version") ?? "" };
}

/** A WebSocket client by hand: what came, by channel. */
async function dialWebSocket(protocols: readonly string[]) {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/`, [...protocols]);
  const came = new Map<number, string>();
  socket.on("message", (data: Buffer) => {
    const [channel = 0] = data;
    came.set(channel, (came.get(channel) ?? "") + data.subarray(1).toString());
  });
  const closed = new Promise<number>((resolve) => void socket.on("close", resolve));
  await new Promise<void>((resolve, reject) => {
    socket.on("open", () => resolve());
    socket.on("error", reject);
  });
  return { socket, came, closed };
}

async function sizesOf(client: CommandClient): Promise<string> {
  for await (const { width, height } of client.sizes) return `${width}x${height}`;
  return "none";
}

describe("by SPDY", () => {
  test.each(["v4.channel.k8s.io", "v2.channel.k8s.io"])(
    "%s carries all streams and the end",
    async (protocol) => {
      const accepted = nextClient(all);
      const dialled = await dialSpdy(["v9.channel.k8s.io", protocol]);
      expect(dialled).toMatchObject({ status: 101, protocol });
      const command = await openSpdyCommand(dialled.socket, { streams: all, protocol });
      const client = await accepted;
      const input = textOf(client.stdin!);
      await command.write(Buffer.from("input"));
      await command.endInput();
      expect(await input).toBe("input");
      await client.write({ stream: "stdout", data: Buffer.from("out") });
      await client.write({ stream: "stderr", data: Buffer.from("err") });
      const finishing = client.finish(exited(7));
      const output: Record<string, string> = {};
      for await (const { stream, data } of command.output) output[stream] = Buffer.from(data).toString();
      expect(output).toEqual({ stdout: "out", stderr: "err" });
      const status = await command.status;
      // Before v4 there are words alone.
      if (protocol === "v4.channel.k8s.io") expect(exitCode(status)).toBe(7);
      else expect(status.message).toContain("exit status 7");
      command.close();
      await finishing;
    },
  );

  test("passes sizes of the terminal on", async () => {
    const accepted = nextClient(terminal);
    const { socket, protocol } = await dialSpdy(["v4.channel.k8s.io"]);
    const command = await openSpdyCommand(socket, { streams: terminal, protocol });
    const client = await accepted;
    await command.resize({ width: 120, height: 40 });
    expect(await sizesOf(client)).toBe("120x40");
    client.close();
    await client.gone;
  });

  test("a client that breaks off is told to both ends", async () => {
    const accepted = nextClient(all);
    const { socket, protocol } = await dialSpdy(["v4.channel.k8s.io"]);
    const command = await openSpdyCommand(socket, { streams: all, protocol });
    const client = await accepted;
    command.close();
    await client.gone;
    expect(await failureOf(textOf(client.stdin!))).toMatchObject({ code: "unavailable" });
    expect(await failureOf(command.status)).toMatchObject({ code: "unavailable" });
  });

  test("no protocol in common is refused before anything is upgraded", async () => {
    void nextClient(all);
    const { socket, status } = await dialSpdy(["v9.channel.k8s.io"]);
    expect(status).toBe(400);
    socket.destroy();
  });
});

describe("by WebSocket", () => {
  test("v5 carries all streams, the end of the input and the status", async () => {
    const accepted = nextClient(all);
    const { socket, came, closed } = await dialWebSocket(["v5.channel.k8s.io", "v4.channel.k8s.io"]);
    expect(socket.protocol).toBe("v5.channel.k8s.io");
    const client = await accepted;
    const input = textOf(client.stdin!);
    socket.send(Buffer.concat([Buffer.of(0), Buffer.from("input")]));
    socket.send(Buffer.of(255, 0));
    expect(await input).toBe("input");
    await client.write({ stream: "stdout", data: Buffer.alloc(100_000, "o") });
    await client.write({ stream: "stderr", data: Buffer.from("err") });
    await client.finish(exited(0));
    expect(await closed).toBe(1000);
    expect(came.get(1)?.length).toBe(100_000);
    expect(came.get(2)).toBe("err");
    expect(parseStatus(came.get(3) ?? "")).toEqual({ metadata: {}, status: "Success" });
  });

  test("v4 has sizes of the terminal, and no end of the input but its own", async () => {
    const accepted = nextClient(terminal);
    const { socket } = await dialWebSocket(["v4.channel.k8s.io"]);
    const client = await accepted;
    socket.send(Buffer.concat([Buffer.of(4), Buffer.from('{"Width":100,"Height":30}')]));
    expect(await sizesOf(client)).toBe("100x30");
    socket.send(Buffer.of(255, 0));
    socket.send(Buffer.concat([Buffer.of(0), Buffer.from("later")]));
    const input = client.stdin![Symbol.asyncIterator]();
    expect(Buffer.from((await input.next()).value!).toString()).toBe("later");
    socket.terminate();
    await client.gone;
  });

  test("a client that breaks off is told", async () => {
    const accepted = nextClient(all);
    const { socket } = await dialWebSocket(["v5.channel.k8s.io"]);
    const client = await accepted;
    const input = textOf(client.stdin!);
    socket.terminate();
    await client.gone;
    expect(await failureOf(input)).toMatchObject({ code: "unavailable" });
    expect(await failureOf(client.write({ stream: "stdout", data: Buffer.from("x") }))).toMatchObject({
      code: "unavailable",
    });
  });
});

describe("port-forward is refused", () => {
  test.each<[string, string[], number[]]>([
    ["without a protocol of its own", ["v5.channel.k8s.io"], [80]],
    ["by channels without a port", ["v4.channel.k8s.io"], []],
    ["by channels to a port that is none", ["v4.channel.k8s.io"], [Number.NaN]],
  ])("%s", async (_what, protocols, ports) => {
    const refused = Promise.withResolvers<unknown>();
    state.serve = async (request, socket, head) => {
      try {
        await acceptForward({ headers: request.headers, socket, head }, { ports, take: () => {} });
        refused.resolve(undefined);
      } catch (error) {
        refused.resolve(error);
        throw error;
      }
    };
    expect(await failureOf(dialWebSocket(protocols))).toBeInstanceOf(Error);
    expect(await refused.promise).toMatchObject({ code: "invalid_argument" });
  });
});

describe("a status", () => {
  test.each<[string, string]>([
    ["no JSON", "{"],
    ["no object", "7"],
    ["another status", '{"status":"Perhaps"}'],
  ])("with %s is refused", (_what, text) => {
    expect(() => parseStatus(text)).toThrow("cannot read how the command ended");
  });

  test.each<[string, number | undefined]>([
    ["3", 3],
    ["-1", undefined],
    ["1e9", undefined],
    ["", undefined],
  ])("whose cause is %p means exit status %p", (message, wanted) => {
    const details = { causes: [{ reason: "ExitCode", message }] };
    const text = JSON.stringify({ status: "Failure", reason: "NonZeroExitCode", details });
    expect(exitCode(parseStatus(text))).toBe(wanted);
  });
});

describe("the head of an answer", () => {
  test.each<[string, string]>([
    ["that is no HTTP", "SSH-2.0-x\r\n\r\n"],
    ["with a line without a name", "HTTP/1.1 101 x\r\n: y\r\n\r\n"],
    ["without end", `HTTP/1.1 101 x\r\nA: ${"a".repeat(40_000)}`],
  ])("%s is refused", async (_what, text) => {
    const listening = createTcp((socket) => {
      socket.on("error", () => {});
      socket.end(text);
    });
    await new Promise<void>((resolve) => void listening.listen(0, "127.0.0.1", resolve));
    const socket = connect((listening.address() as AddressInfo).port, "127.0.0.1");
    socket.on("error", () => {});
    expect(await failureOf(readHead(socket, never))).toMatchObject({ name: "SampanError" });
    socket.destroy();
    listening.close();
  });
});
