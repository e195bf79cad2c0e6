/**
 * Frames of WebSockets (RFC 6455, section 5) as a server reads and writes them: what a client sends is masked, what goes to it is not. Pure but for the bytes it is given, which it unmasks where they lie.
 */
import { isUtf8 } from "node:buffer";

export const opcodes = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/** Section 7.4.1. */
export const closeCodes = {
  normal: 1000,
  away: 1001,
  protocol: 1002,
  noCode: 1005,
  notText: 1007,
  policy: 1008,
  tooBig: 1009,
} as const;

/** What a peer may not send; the connection ends with the code. */
export class FrameFault extends Error {
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

/** Called as soon as each is whole, in order. */
export interface FrameEvents {
  onMessage(data: Buffer): void;
  onPing(data: Buffer): void;
  /** 1005 when the peer gave no code. */
  onClose(code: number): void;
  /** Says that nothing more is wanted for now: what has come already waits for `push`. */
  readonly isPaused: boolean;
}

interface FrameHead {
  readonly isLast: boolean;
  readonly opcode: number;
  /** Bytes of the head, the mask within. */
  readonly head: number;
  readonly length: number;
}

const mostOfControl = 125;
const nothing = Buffer.alloc(0);

/** Takes a stream of frames apart. Keeps nothing between whole frames: there are thousands. */
export class FrameReader {
  private readonly largest: number;
  /** What has come of a frame that is not whole. */
  private pieces: Buffer[] | undefined;
  private come = 0;
  /** Bytes without which there is no use in looking again. */
  private wanted = 0;
  /** What has come of a message in several frames. */
  private begun: Growing | undefined;

  /** `largest`: bytes of one message. */
  constructor(largest: number) {
    this.largest = largest;
  }

  /** @throws FrameFault; nothing may be pushed after it. */
  push(data: Buffer, events: FrameEvents): void {
    if (data.length > 0) {
      this.come += data.length;
      if (this.pieces) this.pieces.push(data);
      else this.pieces = [data];
    }
    if (this.come < this.wanted || this.come === 0) return;
    let rest = this.whole();
    while (rest.length > 0 && !events.isPaused) {
      const head = readHead(rest);
      if (head) this.check(head);
      const wanted = head ? head.head + head.length : rest.length + 1;
      if (!head || rest.length < wanted) {
        this.wanted = wanted;
        break;
      }
      this.wanted = 0;
      this.take(head, unmasked(rest, head), events);
      rest = rest.subarray(wanted);
    }
    this.keep(rest);
  }

  private whole(): Buffer {
    const [first = nothing, ...more] = this.pieces ?? [];
    this.pieces = undefined;
    return more.length === 0 ? first : Buffer.concat([first, ...more]);
  }

  private keep(rest: Buffer): void {
    this.come = rest.length;
    // A little of much would keep all of it in memory.
    if (rest.length > 0) this.pieces = [rest.length * 4 < rest.buffer.byteLength ? Buffer.from(rest) : rest];
  }

  private check({ isLast, opcode, length }: FrameHead): void {
    const isControl = opcode >= opcodes.close;
    if (isControl && (!isLast || length > mostOfControl))
      throw new FrameFault(closeCodes.protocol, "a control frame is too long or not whole");
    if (opcode === opcodes.continuation && !this.begun)
      throw new FrameFault(closeCodes.protocol, "a continuation of nothing");
    if (!isControl && opcode !== opcodes.continuation && this.begun)
      throw new FrameFault(closeCodes.protocol, "a message within another");
    if (!isControl && (this.begun?.length ?? 0) + length > this.largest)
      throw new FrameFault(closeCodes.tooBig, `a message has more than ${this.largest} bytes`);
  }

  private take({ isLast, opcode }: FrameHead, data: Buffer, events: FrameEvents): void {
    if (opcode === opcodes.ping) return events.onPing(data);
    if (opcode === opcodes.pong) return;
    if (opcode === opcodes.close) return events.onClose(codeOf(data));
    if (isLast && !this.begun) return events.onMessage(checked(opcode, data));
    this.begun ??= new Growing(opcode);
    this.begun.add(data);
    if (!isLast) return;
    const { opcode: kind, bytes } = this.begun;
    this.begun = undefined;
    events.onMessage(checked(kind, bytes));
  }
}

/** Bytes that come piece by piece, each copied a few times at most, however small the pieces are. */
class Growing {
  readonly opcode: number;
  length = 0;
  private room = Buffer.allocUnsafe(1 << 10);

  constructor(opcode: number) {
    this.opcode = opcode;
  }

  get bytes(): Buffer {
    return this.room.subarray(0, this.length);
  }

  add(data: Buffer): void {
    const length = this.length + data.length;
    if (length > this.room.length) {
      const room = Buffer.allocUnsafe(Math.max(length, this.room.length * 2));
      this.room.copy(room, 0, 0, this.length);
      this.room = room;
    }
    data.copy(this.room, this.length);
    this.length = length;
  }
}

/** Undefined while it is not whole. */
function readHead(from: Buffer): FrameHead | undefined {
  if (from.length < 2) return undefined;
  const [first = 0, second = 0] = from;
  const opcode = first & 0x0f;
  if ((first & 0x70) !== 0) throw new FrameFault(closeCodes.protocol, "an extension that was not agreed on");
  if ((opcode > opcodes.binary && opcode < opcodes.close) || opcode > opcodes.pong)
    throw new FrameFault(closeCodes.protocol, `a frame of the unknown kind ${opcode}`);
  if ((second & 0x80) === 0) throw new FrameFault(closeCodes.protocol, "a frame without a mask");
  const short = second & 0x7f;
  const extra = short === 127 ? 8 : short === 126 ? 2 : 0;
  if (from.length < 6 + extra) return undefined;
  const length = extra === 0 ? short : extra === 2 ? from.readUInt16BE(2) : longLength(from);
  return { isLast: (first & 0x80) !== 0, opcode, head: 6 + extra, length };
}

function longLength(from: Buffer): number {
  const length = from.readUInt32BE(2) * 2 ** 32 + from.readUInt32BE(6);
  if (!Number.isSafeInteger(length)) throw new FrameFault(closeCodes.tooBig, "a frame of unthinkable length");
  return length;
}

function unmasked(from: Buffer, { head, length }: FrameHead): Buffer {
  const data = from.subarray(head, head + length);
  const [a = 0, b = 0, c = 0, d = 0] = from.subarray(head - 4, head);
  if ((a | b | c | d) === 0) return data;
  const mask = [a, b, c, d];
  for (let at = 0; at < length; at++) data[at] = (data[at] ?? 0) ^ (mask[at & 3] ?? 0);
  return data;
}

function checked(opcode: number, data: Buffer): Buffer {
  if (opcode === opcodes.text && !isUtf8(data))
    throw new FrameFault(closeCodes.notText, "a text that is no UTF-8");
  return data;
}

function codeOf(data: Buffer): number {
  if (data.length === 0) return closeCodes.noCode;
  const code = data.length > 1 ? data.readUInt16BE(0) : 0;
  const isKnown = (code >= 1000 && code <= 1014 && ![1004, 1005, 1006].includes(code)) || code >= 3000;
  if (!isKnown || code > 4999 || !isUtf8(data.subarray(2)))
    throw new FrameFault(closeCodes.protocol, "a close frame that cannot be read");
  return code;
}

/** A frame of a server, whole. */
export function frameOf(opcode: number, data: string | Uint8Array): Buffer {
  const length = typeof data === "string" ? Buffer.byteLength(data) : data.byteLength;
  const extra = length > 0xffff ? 8 : length > mostOfControl ? 2 : 0;
  const frame = Buffer.allocUnsafe(2 + extra + length);
  frame[0] = 0x80 | opcode;
  frame[1] = extra === 8 ? 127 : extra === 2 ? 126 : length;
  if (extra === 2) frame.writeUInt16BE(length, 2);
  if (extra === 8) frame.writeBigUInt64BE(BigInt(length), 2);
  if (typeof data === "string") frame.write(data, 2 + extra, "utf8");
  else frame.set(data, 2 + extra);
  return frame;
}

/** `reason` is cut where a control frame ends. */
export function closeFrame(code: number, reason: string): Buffer {
  const text = Buffer.from(reason);
  let end = Math.min(text.length, mostOfControl - 2);
  // Not within a letter.
  while (end < text.length && end > 0 && ((text[end] ?? 0) & 0xc0) === 0x80) end--;
  const data = Buffer.allocUnsafe(2 + end);
  data.writeUInt16BE(code, 0);
  text.copy(data, 2, 0, end);
  return frameOf(opcodes.close, data);
}
