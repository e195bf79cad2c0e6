import { expect, test } from "bun:test";
import { NLM_F_ACK } from "./netlink-message.ts";
import { setRedirect } from "./netlink-rules.ts";

const redirect = {
  from: new Uint8Array([127, 0, 0, 11]),
  port: 53,
  to: new Uint8Array([10, 0, 0, 1]),
};

function requests(bytes: Uint8Array): { type: number; acknowledged: boolean }[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const found = [];
  for (let at = 0; at < bytes.length; at += view.getUint32(at, true))
    found.push({
      type: view.getUint16(at + 4, true),
      acknowledged: (view.getUint16(at + 6, true) & NLM_F_ACK) !== 0,
    });
  return found;
}

test("a transaction is one datagram between its marks, with one answer at its end", () => {
  const made = requests(setRedirect("t", { redirect, fresh: true }));
  expect(made.map(({ type }) => type)).toEqual([0x10, 0xa00, 0xa03, 0xa06, 0x11]);
  expect(made.map(({ acknowledged }) => acknowledged)).toEqual([false, false, false, true, false]);
});

test("what was there before goes in the same transaction, also when nothing comes in its place", () => {
  const types = (bytes: Uint8Array) => requests(bytes).map(({ type }) => type);
  expect(types(setRedirect("t", { redirect }))).toEqual([0x10, 0xa00, 0xa02, 0xa00, 0xa03, 0xa06, 0x11]);
  expect(types(setRedirect("t", {}))).toEqual([0x10, 0xa00, 0xa02, 0x11]);
});
