import { expect, test } from "bun:test";
import { pieces } from "./pieces.ts";

test("a list comes in messages of a hundred, in its order, and an empty one in none", () => {
  const items = Array.from({ length: 250 }, (_, id) => ({ id: String(id) }));
  const all = [...pieces(items)];
  expect(all.map((piece) => piece.length)).toEqual([100, 100, 50]);
  expect(all.flat()).toEqual(items);
  expect([...pieces([])]).toEqual([]);
});

test("a message has no more text than its reader takes, whatever people annotate", () => {
  const items = Array.from({ length: 64 }, (_, id) => ({
    attributes: { id: String(id), annotations: { ["k".repeat(1000)]: "é".repeat(255 << 10) } },
  }));
  const all = [...pieces(items)];
  expect(all.flat()).toEqual(items);
  for (const piece of all) expect(Buffer.byteLength(JSON.stringify(piece))).toBeLessThan(16 << 20);
  const huge = { text: "x".repeat(8 << 20) };
  expect([...pieces([huge, huge])].map((piece) => piece.length)).toEqual([1, 1]);
});
