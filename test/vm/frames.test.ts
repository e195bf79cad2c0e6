import { describe, expect, test } from "bun:test";
import {
  decodeEnd,
  decodeFrames,
  encodeFrame,
  encodeRequest,
  encodeSignal,
  joined,
  kinds,
} from "./frames.ts";

async function* chunks(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

describe("frames", () => {
  const sent = [
    { kind: kinds.ready, command: 0, payload: new Uint8Array(0) },
    { kind: kinds.stdout, command: 7, payload: new TextEncoder().encode("some output") },
    { kind: kinds.exit, command: 0xffff_fffe, payload: new Uint8Array(8) },
  ];
  const stream = joined(sent.map(encodeFrame));

  test.each([1, 2, 9, 10, 1000])("come out as they went in, cut into chunks of %i bytes", async (size) => {
    expect(await Array.fromAsync(decodeFrames(chunks(stream, size)))).toEqual(sent);
  });

  test("an unfinished frame at the end is not given out", async () => {
    const cut = stream.subarray(0, stream.length - 1);
    expect(await Array.fromAsync(decodeFrames(chunks(cut, 4)))).toEqual(sent.slice(0, 2));
  });

  test("a request holds its counts, strings and stdin", () => {
    const input = new TextEncoder().encode("in");
    const payload = encodeRequest({ argv: ["a", "é"], directory: "/d", environment: { K: "v" }, input });
    expect([...new Uint32Array(payload.slice(0, 12).buffer)]).toEqual([2, 1, 2]);
    expect(new TextDecoder().decode(payload.subarray(12))).toBe("/d\0a\0é\0K=v\0in");
  });

  test("an end and a signal are little endian", () => {
    expect(decodeEnd(new Uint8Array([3, 0, 0, 0, 0, 0, 0, 0]))).toEqual({ exitCode: 3, signal: 0 });
    expect(decodeEnd(new Uint8Array([0, 0, 0, 0, 9, 0, 0, 0]))).toEqual({ exitCode: 0, signal: 9 });
    expect([...encodeSignal(15)]).toEqual([15, 0, 0, 0]);
  });
});
