/** The frames of SPDY/3.1 as values: https://www.chromium.org/spdy/spdy-protocol/spdy-protocol-draft3-1/ (2.2 control and data frames, 2.6 each of them). */
import { SampanError } from "../../base/errors.ts";

export const frameTypes = {
  synStream: 1,
  synReply: 2,
  rstStream: 3,
  settings: 4,
  ping: 6,
  goAway: 7,
  headers: 8,
  windowUpdate: 9,
} as const;

export const flags = { fin: 1, unidirectional: 2 } as const;

/** 2.6.3: why a stream is reset. */
export const resetReasons = {
  protocolError: 1,
  invalidStream: 2,
  refusedStream: 3,
  cancel: 5,
  internalError: 6,
  flowControlError: 7,
} as const;

export type ResetReason = keyof typeof resetReasons;

export const initialWindowSetting = 7;
export const initialWindow = 65_536;
export const largestWindow = 2 ** 31 - 1;

const version = 3;
/** Of a control frame: header blocks of any sense are far smaller. */
const largestControl = 64 << 10;

export interface ControlFrame {
  readonly type: number;
  readonly flags: number;
  readonly body: Buffer;
}

/** A part of a data frame: they are handed on as they come, never collected. */
export interface DataPart {
  readonly stream: number;
  readonly data: Buffer;
  /** The last part of a frame that ends the stream. */
  readonly fin: boolean;
}

export type Parsed = ({ readonly control: true } & ControlFrame) | ({ readonly control: false } & DataPart);

/** Cuts bytes into frames, whatever the pieces they come in. */
export class FrameParser {
  private kept = Buffer.alloc(0);
  private data: { readonly stream: number; readonly fin: boolean; left: number } | undefined;

  /** @throws SampanError invalid_argument for what is not SPDY/3, resource_exhausted for a control frame over 64 KiB. */
  *parse(chunk: Buffer): Generator<Parsed, void, undefined> {
    let rest = this.kept.length > 0 ? Buffer.concat([this.kept, chunk]) : chunk;
    this.kept = Buffer.alloc(0);
    while (rest.length > 0) {
      if (this.data) {
        const { stream, fin } = this.data;
        const part = rest.subarray(0, this.data.left);
        rest = rest.subarray(part.length);
        const last = (this.data.left -= part.length) === 0;
        if (last) this.data = undefined;
        yield { control: false, stream, data: part, fin: fin && last };
        continue;
      }
      if (rest.length < 8) break;
      const length = rest.readUIntBE(5, 3);
      if (!isControl(rest)) {
        const stream = rest.readUInt32BE(0);
        const fin = (rest.readUInt8(4) & flags.fin) !== 0;
        rest = rest.subarray(8);
        if (length === 0) yield { control: false, stream, data: Buffer.alloc(0), fin };
        else this.data = { stream, fin, left: length };
        continue;
      }
      checkControl(rest, length);
      if (rest.length < 8 + length) break;
      const body = rest.subarray(8, 8 + length);
      yield { control: true, type: rest.readUInt16BE(2), flags: rest.readUInt8(4), body };
      rest = rest.subarray(8 + length);
    }
    // A copy: the piece it came in is much larger as a rule.
    this.kept = Buffer.from(rest);
  }
}

function isControl(head: Buffer): boolean {
  return (head.readUInt8(0) & 0x80) !== 0;
}

function checkControl(head: Buffer, length: number): void {
  const given = head.readUInt16BE(0) & 0x7fff;
  if (given !== version)
    throw new SampanError(
      "invalid_argument",
      `cannot read the SPDY frame: its version is ${given}, wanted 3`,
    );
  if (length > largestControl)
    throw new SampanError(
      "resource_exhausted",
      `cannot read the SPDY frame: it has ${length} bytes, wanted at most ${largestControl}`,
    );
}

export function controlFrame(type: keyof typeof frameTypes, body: Buffer, flag = 0): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt16BE(0x8000 | version, 0);
  head.writeUInt16BE(frameTypes[type], 2);
  head.writeUInt8(flag, 4);
  head.writeUIntBE(body.length, 5, 3);
  return Buffer.concat([head, body]);
}

export function dataHead(stream: number, length: number, fin: boolean): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32BE(stream, 0);
  head.writeUInt8(fin ? flags.fin : 0, 4);
  head.writeUIntBE(length, 5, 3);
  return head;
}

/** Numbers of 32 bits, one after the other. */
export function words(...numbers: readonly number[]): Buffer {
  const bytes = Buffer.alloc(numbers.length * 4);
  for (const [index, number] of numbers.entries()) bytes.writeUInt32BE(number, index * 4);
  return bytes;
}

/** The number at this place; `invalid_argument` when the frame ends before. */
export function wordAt(body: Buffer, offset: number): number {
  if (body.length < offset + 4) throw short();
  return body.readUInt32BE(offset);
}

export function streamAt(body: Buffer, offset = 0): number {
  return wordAt(body, offset) & 0x7fffffff;
}

export function short(): SampanError {
  return new SampanError("invalid_argument", "cannot read the SPDY frame: it ends too early");
}
