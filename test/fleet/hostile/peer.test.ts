/** Who is taken for root of this machine by MetaServer: nobody by a port that he chose, and nobody whom the edge connects for. */
import { expect, test } from "bun:test";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { isHostRoot, rootInode } from "../../../src/fleet/edge/metaserver/peer.ts";

const head =
  "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";
let slot = 0;
/** One connection of the kernel's table, as it is written there. */
const row = (local: string, remote: string, { user = 0, state = "01", inode = "77" } = {}) =>
  `${slot++}: ${local} ${remote} ${state} 00000000:00000000 00:00000000 00000000  ${user}        0 ${inode} 1 0 20 4 30 10 -1\n`;

const mine = "0100007F:2936"; // 127.0.0.1:10550
const ends = (remoteAddress: string, remotePort: number, localAddress = "127.0.0.1") => ({
  remoteAddress,
  remotePort,
  localAddress,
  localPort: 10_550,
});

test.each([
  ["127.0.0.1", "0100007F:C350", mine],
  ["127.1.2.3", "0302017F:C350", mine],
  ["::ffff:127.0.0.1", "0000000000000000FFFF00000100007F:C350", "0000000000000000FFFF00000100007F:2936"],
])("root at %s is found", (address, local, remote) => {
  expect(rootInode([head + row(local, remote)], ends(address, 50_000))).toBe("77");
});

test("and at ::1", () => {
  const list = head + row(`${"0".repeat(24)}01000000:C350`, `${"0".repeat(24)}01000000:2936`);
  expect(rootInode([head, list], ends("::1", 50_000, "::1"))).toBe("77");
});

test("who binds the port of a connection of root at another address is himself", () => {
  const list = head + row("0100007F:C350", mine) + row("0200007F:C350", mine, { user: 1000, inode: "78" });
  expect(rootInode([list], ends("127.0.0.2", 50_000))).toBeUndefined();
  expect(rootInode([list], ends("127.0.0.1", 50_000))).toBe("77");
});

test("a connection of root to the same port elsewhere is another one", () => {
  const list = head + row("0100007F:C350", "0200007F:2936");
  expect(rootInode([list], ends("127.0.0.1", 50_000))).toBeUndefined();
});

test("one that is over, and one from another machine, are nobody's", () => {
  const over = head + row("0100007F:C350", mine, { state: "06", inode: "0" });
  expect(rootInode([over], ends("127.0.0.1", 50_000))).toBeUndefined();
  const other = head + row("0200020A:C350", mine);
  expect(rootInode([other], ends("10.2.0.2", 50_000))).toBeUndefined();
});

/** Both ends of a connection over loopback: `at` makes the one that connects. */
async function withServer(at: (port: number) => Disposable): Promise<boolean> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  const connected = once(server, "connection") as Promise<[Socket]>;
  using _client = at(port);
  const [socket] = await connected;
  const found = isHostRoot(socket);
  socket.destroy();
  server.close();
  return found;
}

test("what the edge connects for others has not root's rights", async () => {
  const found = await withServer((port) => {
    const socket = connect(port, "127.0.0.1");
    socket.on("error", () => {});
    return { [Symbol.dispose]: () => socket.destroy() };
  });
  expect(found).toBe(false);
});

test("another process has them, if it is root", async () => {
  const found = await withServer((port) => {
    const script = `require("node:net").connect(${port}, "127.0.0.1")`;
    const child = Bun.spawn([process.execPath, "-e", script], { stderr: "ignore" });
    return { [Symbol.dispose]: () => child.kill("SIGKILL") };
  });
  expect(found).toBe(process.getuid?.() === 0);
});
