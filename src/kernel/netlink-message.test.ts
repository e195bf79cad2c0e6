import { describe, expect, test } from "bun:test";
import { addressIndexOffset, newAddress, setRoute } from "./netlink-address.ts";
import { addressOf, linkOf, routeOf } from "./netlink-dump.ts";
import { deleteLink, linkIndexOffset, newBridge, newVeth, setPort } from "./netlink-link.ts";
import { attribute, attributesFrom, joined, nested, textOf, u32 } from "./netlink-message.ts";
import { limitRate } from "./netlink-queue.ts";
import { forgetRequest } from "./netlink-conntrack.ts";
import { deletedTables } from "./netlink-watch.ts";

const view = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
const header = (bytes: Uint8Array) => ({
  length: view(bytes).getUint32(0, true),
  type: view(bytes).getUint16(4, true),
  flags: view(bytes).getUint16(6, true),
});

describe("attributes", () => {
  test("are padded to four bytes, and read again with their own length", () => {
    const bytes = joined(attribute(3, new Uint8Array([97, 0])), nested(18, attribute(1, u32(7))));
    expect([...bytes]).toEqual([6, 0, 3, 0, 97, 0, 0, 0, 12, 0, 18, 0, 8, 0, 1, 0, 7, 0, 0, 0]);
    const [first, second] = attributesFrom(bytes, 0);
    expect(first && textOf(first.data)).toBe("a");
    expect(attributesFrom(second?.data ?? new Uint8Array(), 0)).toEqual([{ type: 1, data: u32(7) }]);
  });

  test("that say more than is there end the list", () => {
    expect(attributesFrom(new Uint8Array([40, 0, 3, 0, 97]), 0)).toEqual([]);
    expect(attributesFrom(new Uint8Array([0, 0, 3, 0]), 0)).toEqual([]);
  });
});

describe("devices", () => {
  test("a bridge is asked for with its name, address and kind, up", () => {
    const message = newBridge({ name: "br0", mac: "02:42:00:00:00:01", mtu: 1400 });
    expect(header(message)).toEqual({ length: message.length, type: 16, flags: 0x605 });
    expect([view(message).getUint32(24, true), view(message).getUint32(28, true)]).toEqual([1, 1]);
    expect(linkOf(message)).toMatchObject({
      name: "br0",
      mac: "02:42:00:00:00:01",
      mtu: 1400,
      kind: "bridge",
      up: true,
      master: 0,
    });
  });

  test("a pair has its other end in another namespace, whose descriptor has its place", () => {
    const pair = { name: "sv1", master: 9, peer: "eth0", mac: "02:42:ac:11:00:02", mtu: 1500 };
    const { message, fdAt } = newVeth(pair);
    expect(linkOf(message)).toMatchObject({ name: "sv1", master: 9, kind: "veth", up: true });
    // The head of IFLA_NET_NS_FD in front of it: eight bytes, type 28.
    expect([...message.subarray(fdAt - 4, fdAt + 4)]).toEqual([8, 0, 28, 0, 0, 0, 0, 0]);
    expect(new TextDecoder().decode(message)).toContain("eth0\0");
  });

  test("options of a port are two flags of the bridge's family", () => {
    const message = setPort(4, { isolated: true, hairpin: false });
    expect(message[16]).toBe(7);
    expect([...message.subarray(32)]).toEqual([
      20, 0, 12, 128, 5, 0, 4, 0, 0, 0, 0, 0, 5, 0, 33, 0, 1, 0, 0, 0,
    ]);
  });

  test("the index lies where the launcher puts it", () => {
    expect(view(deleteLink(77)).getInt32(linkIndexOffset, true)).toBe(77);
    expect(view(newAddress(78, new Uint8Array([10, 0, 0, 1]), 8)).getInt32(addressIndexOffset, true)).toBe(
      78,
    );
    expect(view(limitRate(79, 1e6)).getInt32(20, true)).toBe(79);
  });
});

describe("addresses and routes", () => {
  test("an IPv4 address has its broadcast, an IPv6 address needs no detection of duplicates", () => {
    const four = newAddress(3, new Uint8Array([10, 7, 5, 9]), 20);
    expect(addressOf(four)).toEqual([{ index: 3, address: new Uint8Array([10, 7, 5, 9]), prefix: 20 }]);
    expect(attributesFrom(four, 24).find(({ type }) => type === 4)?.data).toEqual(
      new Uint8Array([10, 7, 15, 255]),
    );
    const six = newAddress(3, new Uint8Array(16).fill(1), 64);
    expect([six[16], attributesFrom(six, 24).find(({ type }) => type === 8)?.data[0]]).toEqual([10, 2]);
  });

  test("the default route is the empty prefix by the gateway", () => {
    const message = setRoute({ gateway: new Uint8Array([10, 0, 0, 1]) });
    expect(header(message)).toMatchObject({ type: 24, flags: 0x505 });
    expect(routeOf(message)).toEqual([{ destination: new Uint8Array(4), prefix: 0, device: 0 }]);
  });

  test("an answer that was cut off is refused", () => {
    expect(() => linkOf(new Uint8Array(20))).toThrow("too short");
  });
});

test("a rate over four gigabytes a second has its wide attribute, and a bucket of at least one large packet", () => {
  const types = (rate: number) => {
    const options = attributesFrom(limitRate(1, rate), 36).find(({ type }) => type === 2);
    return attributesFrom(options?.data ?? new Uint8Array(), 0).map(({ type }) => type);
  };
  expect(types(1e6)).toEqual([1, 6]);
  expect(types(1e10)).toEqual([1, 6, 4]);
});

test("the names of deleted tables are read from a datagram of several messages", () => {
  const message = (type: number, name: string) => {
    const body = joined(new Uint8Array([1, 0, 0, 0]), attribute(1, new TextEncoder().encode(`${name}\0`)));
    const head = new Uint8Array(16);
    view(head).setUint32(0, 16 + body.length, true);
    view(head).setUint16(4, type, true);
    return joined(head, body);
  };
  const datagram = joined(message(0xa00, "made"), message(0xa02, "sampan"), message(0xa02, "mine"));
  expect(deletedTables(datagram)).toEqual(["sampan", "mine"]);
  expect(deletedTables(datagram.subarray(0, 40))).toEqual([]);
});

test("connections are forgotten by a port that was asked for, or by the address that answers", () => {
  const parts = (bytes: Uint8Array) => attributesFrom(bytes, 20).map(({ type }) => type);
  const port = forgetRequest({ family: 4, protocol: 17, port: 0x1234 });
  expect(header(port)).toMatchObject({ type: 0x102, flags: 5 });
  expect([port[16], parts(port)]).toEqual([2, [1, 25]]);
  expect([...port.subarray(24, 44)]).toEqual([
    20, 0, 2, 128, 5, 0, 1, 0, 17, 0, 0, 0, 6, 0, 3, 0, 0x12, 0x34, 0, 0,
  ]);
  const address = forgetRequest({ answeredBy: new Uint8Array(16) });
  expect([address[16], parts(address)]).toEqual([10, [2, 25]]);
});
