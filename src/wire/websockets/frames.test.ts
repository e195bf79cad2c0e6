import { describe, expect, test } from "bun:test";
import { closeFrame, type FrameEvents, FrameFault, frameOf, FrameReader, opcodes } from "./frames.ts";

interface Sent {
  readonly opcode: number;
  readonly data?: string | Buffer;
  readonly isLast?: boolean;
  readonly mask?: readonly number[] | undefined;
  readonly reserved?: number;
}

/** A frame as a client sends it. */
function frame({ opcode, data = "", isLast = true, mask = [1, 2, 3, 4], reserved = 0 }: Sent): Buffer {
  const bytes = Buffer.from(data);
  const whole = frameOf(opcode, bytes);
  const head = Buffer.from(whole.subarray(0, whole.length - bytes.length));
  head[0] = (isLast ? 0x80 : 0) | reserved | opcode;
  head[1] = (head[1] ?? 0) | 0x80;
  const masked = Buffer.from(bytes.map((byte, at) => byte ^ (mask[at & 3] ?? 0)));
  return Buffer.concat([head, Buffer.from(mask), masked]);
}

class Seen implements FrameEvents {
  readonly all: string[] = [];
  isPaused = false;
  pauseAfter = Infinity;

  onMessage(data: Buffer): void {
    this.all.push(`message ${data.toString()}`);
    this.isPaused = this.all.length >= this.pauseAfter;
  }

  onPing(data: Buffer): void {
    this.all.push(`ping ${data.toString()}`);
  }

  onClose(code: number): void {
    this.all.push(`close ${code}`);
  }
}

const { text, binary, continuation, ping, pong, close } = opcodes;
const closing = (code: number, reason = "") => {
  const data = Buffer.alloc(2 + reason.length);
  data.writeUInt16BE(code);
  data.write(reason, 2);
  return frame({ opcode: close, data });
};

const long = "x".repeat(70_000);
const good: readonly (readonly [what: string, frames: readonly Buffer[], seen: readonly string[]])[] = [
  ["a text", [frame({ opcode: text, data: "hello" })], ["message hello"]],
  ["an empty one", [frame({ opcode: text })], ["message "]],
  ["bytes", [frame({ opcode: binary, data: "b" })], ["message b"]],
  ["one without a mask to speak of", [frame({ opcode: text, data: "a", mask: [0, 0, 0, 0] })], ["message a"]],
  ["126 bytes", [frame({ opcode: text, data: "y".repeat(126) })], [`message ${"y".repeat(126)}`]],
  ["more than 64 KiB", [frame({ opcode: text, data: long })], [`message ${long}`]],
  [
    "a message in pieces, with a ping between",
    [
      frame({ opcode: text, data: "a", isLast: false }),
      frame({ opcode: ping, data: "p" }),
      frame({ opcode: continuation, data: "b", isLast: false }),
      frame({ opcode: continuation, data: "c" }),
      frame({ opcode: text, data: "next" }),
    ],
    ["ping p", "message abc", "message next"],
  ],
  [
    "a letter in two pieces",
    [
      frame({ opcode: text, data: Buffer.from([0xc3]), isLast: false }),
      frame({ opcode: continuation, data: Buffer.from([0xa9]) }),
    ],
    ["message é"],
  ],
  ["an answer to a ping", [frame({ opcode: pong, data: "p" })], []],
  ["an end", [closing(1000, "bye")], ["close 1000"]],
  ["an end of an application's own", [closing(4000)], ["close 4000"]],
  ["an end without a code", [frame({ opcode: close })], ["close 1005"]],
];

describe("is read, however it is cut", () => {
  test.each(good)("%s", (_what, frames, expected) => {
    const whole = Buffer.concat(frames);
    for (const size of [1, 2, 3, 7, 1000, whole.length]) {
      const seen = new Seen();
      const reader = new FrameReader(100_000);
      for (let at = 0; at < whole.length; at += size)
        reader.push(Buffer.from(whole.subarray(at, at + size)), seen);
      expect(seen.all).toEqual([...expected]);
    }
  });
});

const bad: readonly (readonly [what: string, frames: readonly Buffer[], code: number])[] = [
  ["no mask", [frameOf(text, "a")], 1002],
  ["an extension", [frame({ opcode: text, reserved: 0x40 })], 1002],
  ["an unknown kind", [frame({ opcode: 3 })], 1002],
  ["an unknown kind of control", [frame({ opcode: 11 })], 1002],
  ["a ping in pieces", [frame({ opcode: ping, isLast: false })], 1002],
  ["a long ping", [frame({ opcode: ping, data: "p".repeat(126) })], 1002],
  ["a continuation of nothing", [frame({ opcode: continuation })], 1002],
  [
    "a message within another",
    [frame({ opcode: text, data: "a", isLast: false }), frame({ opcode: text, data: "b" })],
    1002,
  ],
  ["a text that is none", [frame({ opcode: text, data: Buffer.from([0xff]) })], 1007],
  ["too much", [frame({ opcode: binary, data: "x".repeat(1001) })], 1009],
  [
    "too much in pieces",
    [
      frame({ opcode: binary, data: "x".repeat(600), isLast: false }),
      frame({ opcode: continuation, data: "x".repeat(600) }),
    ],
    1009,
  ],
  [
    "a length beyond all bounds",
    [Buffer.from([0x82, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4])],
    1009,
  ],
  ["an end with half a code", [frame({ opcode: close, data: "x" })], 1002],
  ["an end with a code that nobody may send", [closing(1006)], 1002],
  ["an end with a code of nobody", [closing(2000)], 1002],
  ["an end whose reason is no text", [frame({ opcode: close, data: Buffer.from([3, 232, 0xff]) })], 1002],
];

describe("is refused, with the code that says why", () => {
  test.each(bad)("%s", (_what, frames, code) => {
    const reader = new FrameReader(1000);
    const push = () => reader.push(Buffer.concat(frames), new Seen());
    expect(push).toThrow(FrameFault);
    const again = new FrameReader(1000);
    try {
      again.push(Buffer.concat(frames), new Seen());
    } catch (error) {
      expect((error as FrameFault).code).toBe(code);
    }
  });
});

test("what is too large is refused by its head, before anything of it has come", () => {
  const whole = frame({ opcode: binary, data: "x".repeat(2000) });
  expect(() => new FrameReader(1000).push(whole.subarray(0, 8), new Seen())).toThrow("more than 1000 bytes");
});

test("while it is paused messages wait, and then come in their order", () => {
  const seen = new Seen();
  seen.pauseAfter = 2;
  const reader = new FrameReader(1000);
  const frames = ["a", "b", "c", "d"].map((data) => frame({ opcode: text, data }));
  reader.push(Buffer.concat(frames), seen);
  expect(seen.all).toEqual(["message a", "message b"]);
  seen.pauseAfter = Infinity;
  seen.isPaused = false;
  reader.push(frame({ opcode: text, data: "e" }), seen);
  expect(seen.all).toEqual(["a", "b", "c", "d", "e"].map((each) => `message ${each}`));
});

test("a message of very many pieces takes no more memory than it has bytes, and no time beyond them", () => {
  const seen = new Seen();
  const reader = new FrameReader(1 << 20);
  const piece = frame({ opcode: continuation, data: "x", isLast: false });
  reader.push(frame({ opcode: binary, isLast: false }), seen);
  const many = Buffer.concat(Array.from({ length: 1000 }, () => piece));
  for (let count = 0; count < 300; count++) reader.push(Buffer.from(many), seen);
  reader.push(frame({ opcode: continuation, data: "!" }), seen);
  expect(seen.all.map((each) => each.length)).toEqual(["message ".length + 300_001]);
});

test("a reason is cut at the end of a letter where it does not fit", () => {
  const told = closeFrame(1000, "é".repeat(100));
  expect(told.length).toBe(2 + 2 + 122);
  expect(told.toString("utf8", 4)).toBe("é".repeat(61));
});
