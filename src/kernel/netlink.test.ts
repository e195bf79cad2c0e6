import { describe, expect, test } from "bun:test";
import {
  addressToKeep,
  getAddresses,
  getLink,
  linkIndex,
  linkName,
  linkUp,
  moveFdAt,
  moveLink,
} from "./netlink.ts";

const view = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** An RTM_NEWADDR answer: 192.0.2.7/24 with a label and flags, of a scope. */
function address(more: { index?: number; scope?: number; flags?: number } = {}): Uint8Array {
  const bytes = new Uint8Array(24 + 8 + 12 + 8);
  const at = view(bytes);
  at.setUint32(0, bytes.length, true);
  at.setUint16(4, 20, true);
  bytes.set([2, 24, 0x80, more.scope ?? 0], 16);
  at.setInt32(20, more.index ?? 5, true);
  bytes.set([8, 0, 2, 0, 192, 0, 2, 7], 24);
  bytes.set([10, 0, 3, 0, ...new TextEncoder().encode("wire0\0")], 32);
  at.setUint16(44, 8, true);
  at.setUint16(46, 8, true);
  at.setUint32(48, more.flags ?? 0x80, true);
  return bytes;
}

describe("an address that is kept", () => {
  test("is asked for anew, without index, label and what the kernel says of it", () => {
    const kept = addressToKeep(address({ flags: 0x280 }), 5);
    expect(kept).toBeDefined();
    const at = view(kept as Uint8Array);
    expect([at.getUint32(0, true), at.getUint16(4, true), at.getUint16(6, true)]).toEqual([40, 20, 0x405]);
    expect([...(kept as Uint8Array).subarray(16, 24)]).toEqual([2, 24, 0, 0, 0, 0, 0, 0]);
    expect([...(kept as Uint8Array).subarray(24, 32)]).toEqual([8, 0, 2, 0, 192, 0, 2, 7]);
    expect(at.getUint32(36, true)).toBe(0x200);
  });

  test.each([
    ["of another device", { index: 6 }],
    ["of the link's scope", { scope: 253 }],
    ["that is not permanent", { flags: 0 }],
  ])("is none %s", (_, more) => {
    expect(addressToKeep(address(more), 5)).toBeUndefined();
  });
});

test("a link is asked for by name, and an answer read", () => {
  const message = getLink("eth0");
  expect(view(message).getUint16(4, true)).toBe(18);
  expect(linkName(message)).toBe("eth0");
  view(message).setInt32(20, 77, true);
  expect(linkIndex(message)).toBe(77);
});

test("a device is moved under its new name, with room for the namespace's descriptor", () => {
  const message = moveLink(9, "inside");
  const at = view(message);
  expect([at.getUint32(0, true), at.getInt32(20, true)]).toEqual([message.length, 9]);
  // struct rtattr of IFLA_NET_NS_FD just before its value.
  expect([at.getUint16(moveFdAt - 4, true), at.getUint16(moveFdAt - 2, true)]).toEqual([8, 28]);
  expect(linkName(message)).toBe("inside");
});

test("up is said of the flag that is changed; a dump asks for all", () => {
  expect([view(linkUp(3)).getUint32(24, true), view(linkUp(3)).getUint32(28, true)]).toEqual([1, 1]);
  expect(view(getAddresses()).getUint16(6, true)).toBe(0x301);
});
