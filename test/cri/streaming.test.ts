/** Tickets and their time, connections on which nothing moves, and what is refused, without an engine. */
import { describe, expect, test } from "bun:test";
import { idleLimit, IdleWatch } from "../../src/api/cri/streaming/idle.ts";
import { portsOf, streamsOf } from "../../src/api/cri/streaming/requests.ts";
import { Tickets } from "../../src/api/cri/streaming/tickets.ts";
import { openStreamServer } from "../../src/api/cri/streaming/server.ts";
import { handClock } from "../fleet/hand-clock.ts";
import { ask, dial } from "./_streams.ts";

const minute = 60_000;

describe("tickets", () => {
  test("each has a word of its own, and is there once", () => {
    const tickets = new Tickets<number>(handClock());
    const [first, second] = [tickets.add(1), tickets.add(2)];
    expect(first).toMatch(/^[-_A-Za-z0-9]{43}$/);
    expect(first).not.toBe(second);
    expect([tickets.take(second), tickets.take(second), tickets.take(first)]).toEqual([2, undefined, 1]);
  });

  test("are there for a minute", () => {
    const clock = handClock();
    const tickets = new Tickets<number>(clock);
    const old = tickets.add(1);
    clock.turn(minute - 1);
    const young = tickets.add(2);
    const taken = tickets.add(3);
    expect(tickets.take(taken)).toBe(3);
    clock.turn(1);
    expect([tickets.take(old), tickets.take(young)]).toEqual([undefined, 2]);
  });

  test("no more than 1,000 wait; one that was taken or is too old makes room", () => {
    const clock = handClock();
    const tickets = new Tickets<number>(clock);
    const words = Array.from({ length: 1000 }, (_, number) => tickets.add(number));
    expect(() => tickets.add(1000)).toThrow("maximum number of in-flight requests exceeded");
    tickets.take(words[500] ?? "");
    tickets.add(1000);
    expect(() => tickets.add(1001)).toThrow(expect.objectContaining({ code: "resource_exhausted" }));
    clock.turn(minute);
    expect(tickets.take(tickets.add(1001))).toBe(1001);
  });
});

describe("a connection on which nothing moves", () => {
  test("ends after four hours", () => {
    const clock = handClock();
    let ends = 0;
    using watch = new IdleWatch(clock, () => void ends++);
    clock.turn(idleLimit - 1);
    expect(ends).toBe(0);
    watch.touch();
    clock.turn(idleLimit - 1);
    expect(ends).toBe(0);
    clock.turn(1);
    expect(ends).toBe(1);
  });

  test("each piece is a move, and what has ended is watched no more", async () => {
    const clock = handClock();
    let ends = 0;
    async function* pieces() {
      clock.turn(idleLimit - 1);
      yield 1;
      clock.turn(idleLimit - 1);
      yield 2;
    }
    {
      using watch = new IdleWatch(clock, () => void ends++);
      for await (const _piece of watch.over(pieces())) expect(ends).toBe(0);
    }
    clock.turn(2 * idleLimit);
    expect(ends).toBe(0);
  });
});

test("streams that cannot be are refused", () => {
  const some = { stdin: false, stdout: true, stderr: false, tty: false };
  expect(streamsOf({ ...some, tty: true })).toEqual({ ...some, tty: true });
  expect(() => streamsOf({ ...some, stderr: true, tty: true })).toThrow("tty and stderr cannot both be true");
  expect(() => streamsOf({ ...some, stdout: false, tty: true })).toThrow(
    "one of stdin, stdout, or stderr must be set",
  );
  expect(() => portsOf([80, 0])).toThrow("cannot forward port 0");
  expect(() => portsOf([-1])).toThrow("cannot forward port -1");
  expect(() => portsOf(Array.from({ length: 65 }, () => 80))).toThrow("wanted 64 at most");
});

describe("the port", () => {
  const open = async (address = "127.0.0.1:0") => {
    const asked: string[] = [];
    const take = (kind: string, word: string) => {
      asked.push(`${kind} ${word}`);
      return undefined;
    };
    return { asked, server: await openStreamServer({ address, take, log: () => undefined }) };
  };

  test.each(["GET", "POST"])(
    "%s with a word that nobody gave out is answered as if there were nothing",
    async (method) => {
      const { asked, server } = await open();
      await using _ = server;
      const headers = {
        Connection: "Upgrade",
        Upgrade: "SPDY/3.1",
        "X-Stream-Protocol-Version": "v4.channel.k8s.io",
      };
      expect((await ask(`${server.url}/exec/AAAA`, { method, headers })).status).toBe(404);
      expect((await ask(`${server.url}/exec/AAAA`, { method })).status).toBe(404);
      expect(asked).toEqual(["exec AAAA", "exec AAAA"]);
    },
  );

  test.each([
    "/",
    "/exec",
    "/exec/",
    "/exec/../x",
    "/exec/a/b",
    "/exec/a%2fb",
    `/exec/${"a".repeat(65)}`,
    "/run/abc",
  ])("%s is no path of it", async (path) => {
    const { asked, server } = await open();
    await using _ = server;
    const socket = dial(server.url);
    socket.write(`POST ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n`);
    const first = await new Promise<Buffer>((resolve) => void socket.once("data", resolve));
    socket.destroy();
    expect(first.toString()).toStartWith("HTTP/1.1 404 ");
    expect(asked).toEqual([]);
  });

  test("a method that is none of its own takes no ticket", async () => {
    const { asked, server } = await open();
    await using _ = server;
    const headers = { Connection: "Upgrade", Upgrade: "SPDY/3.1" };
    for (const method of ["PUT", "DELETE", "PATCH"])
      for (const each of [{}, headers])
        expect((await ask(`${server.url}/exec/AAAA`, { method, headers: each })).status).toBe(405);
    expect(asked).toEqual([]);
  });

  test("its closing ends who has asked for nothing yet", async () => {
    const { server } = await open("[::1]:0");
    expect(server.url).toStartWith("http://[::1]:");
    const socket = dial(server.url);
    const closed = new Promise<void>((resolve) => void socket.once("close", resolve));
    socket.resume();
    socket.once("end", () => socket.destroy());
    await new Promise<void>((resolve) => void socket.write("POST /exec/AAAA HTTP/1.1\r\n", () => resolve()));
    await server[Symbol.asyncDispose]();
    await closed;
  });

  test("an address that cannot be had is told of", async () => {
    await using server = (await open()).server;
    const taken = server.url.slice("http://".length);
    const error = await open(taken).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: "unavailable", message: expect.stringContaining(taken) });
  });
});
