import { afterAll, expect, test } from "bun:test";
import net from "node:net";
import { framed } from "./forward.ts";
import { serverOf, type Handler } from "./listen.ts";

const servers: net.Server[] = [];
afterAll(() => servers.forEach((server) => void server.close()));

async function serving(handler: Handler): Promise<{ port: number; held: () => number }> {
  const sockets: net.Socket[] = [];
  const serve = serverOf(handler);
  const server = net.createServer((socket) => {
    sockets.push(socket);
    serve(socket);
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const held = () => sockets.reduce((sum, { writableLength }) => sum + writableLength, 0);
  return { port: (server.address() as net.AddressInfo).port, held };
}

function connect(port: number): Promise<net.Socket> {
  const socket = net.connect(port, "127.0.0.1");
  socket.on("error", () => {});
  return new Promise((resolve) => socket.once("connect", () => resolve(socket)));
}

test("who asks and takes no answer is not read any more", async () => {
  let answered = 0;
  const large = new Uint8Array(16_000);
  const asked = 2000;
  const { port, held } = await serving(async () => (answered++, large));
  const socket = await connect(port);
  socket.pause();
  const questions = Buffer.concat(Array.from({ length: asked }, () => framed(new Uint8Array(20))));
  socket.write(questions);
  for (let before = -1; answered > before || answered === 0; await Bun.sleep(50)) before = answered;
  // The rest of 32 MB is in the kernel, or not yet made.
  expect(held()).toBeLessThan(1 << 20);
  expect(answered).toBeLessThan(asked);
  socket.destroy();
});

test("questions in one piece are open a few at a time, and all are answered", async () => {
  let open = 0;
  let most = 0;
  const { port } = await serving(async (message) => {
    most = Math.max(most, ++open);
    await Bun.sleep(1);
    open--;
    return message;
  });
  const socket = await connect(port);
  const questions = Buffer.concat(Array.from({ length: 500 }, () => framed(new Uint8Array(20))));
  let got = 0;
  const all = new Promise<void>((resolve) =>
    socket.on("data", (bytes: Buffer) => (got += bytes.length) === questions.length && resolve()),
  );
  socket.write(questions);
  await all;
  expect(most).toBe(32);
  socket.destroy();
});

test("one who opens many connections has eight, and others have theirs", async () => {
  const { port } = await serving(async (message) => message);
  const sockets = await Promise.all(Array.from({ length: 12 }, () => connect(port)));
  const ends = sockets.map((socket) => new Promise((resolve) => socket.once("close", resolve)));
  await Promise.race(ends);
  while (sockets.filter(({ closed }) => closed).length < 4) await Promise.race(ends.map(after));
  expect(sockets.filter(({ closed }) => !closed)).toHaveLength(8);
  // One that goes makes room.
  sockets.find(({ closed }) => !closed)?.destroy();
  const served = async (): Promise<boolean> => {
    const socket = await connect(port);
    const said = new Promise<boolean>((resolve) => {
      socket.once("data", () => resolve(true));
      socket.once("close", () => resolve(false));
    });
    socket.write(framed(new Uint8Array(12)));
    return said;
  };
  while (!(await served())) await Bun.sleep(1);
  sockets.forEach((socket) => socket.destroy());
});

const after = (end: Promise<unknown>): Promise<unknown> => Promise.race([end, Bun.sleep(5)]);

test("an answer that fails is none, and the next is", async () => {
  let asked = 0;
  const { port } = await serving(async (message) => {
    if (asked++ === 0) throw new Error("no");
    return message;
  });
  const socket = await connect(port);
  const said = new Promise<Buffer>((resolve) => socket.once("data", resolve));
  socket.write(Buffer.concat([framed(Buffer.from("first")), framed(Buffer.from("second"))]));
  expect((await said).subarray(2).toString()).toBe("second");
  socket.destroy();
});
