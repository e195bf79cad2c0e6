/** Frames of HTTP/2 (RFC 9113, section 4.1) as they pass: those with headers are held until the block is whole, and written anew; all others go through as they come. */
import { SampanError } from "../../base/errors.ts";

const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const headSize = 9;
/** SETTINGS_MAX_FRAME_SIZE of a server that has not said another. */
const frameSize = 16_384;

const types = { headers: 1, continuation: 9 } as const;
const flags = { endHeaders: 0x4, padded: 0x8, priority: 0x20 } as const;

export interface HeaderBlock {
  readonly fragment: Buffer;
}

interface Held {
  readonly stream: number;
  readonly flags: number;
  /** The five bytes of a priority, when there are some. */
  readonly priority: Buffer;
  readonly parts: Buffer[];
  size: number;
}

export class FrameReader {
  private readonly limit: number;
  private readonly rewrite: (block: HeaderBlock) => Buffer;
  private pending: Buffer = Buffer.alloc(0);
  private isOpen = false;
  /** Bytes of the present frame that only pass. */
  private passing = 0;
  private held: Held | undefined;

  constructor(limit: number, rewrite: (block: HeaderBlock) => Buffer) {
    this.limit = limit;
    this.rewrite = rewrite;
  }

  /** What is to go on. Errors: `invalid_argument` for what is no HTTP/2, `resource_exhausted` for headers over the limit. */
  *read(data: Buffer): Generator<Buffer> {
    this.pending = this.pending.length === 0 ? data : Buffer.concat([this.pending, data]);
    for (let part = this.next(); part !== undefined; part = this.next()) if (part.length > 0) yield part;
  }

  /** undefined: more bytes are wanted. */
  private next(): Buffer | undefined {
    if (this.passing > 0) return this.pass();
    if (!this.isOpen) return this.open();
    if (this.pending.length < headSize) return undefined;
    const length = this.pending.readUIntBE(0, 3);
    const type = this.pending[3];
    if (this.held && type !== types.continuation) throw fault("another frame stands within a header block");
    if (type !== types.headers && type !== types.continuation) {
      this.passing = headSize + length;
      return this.pass();
    }
    if (length > frameSize) throw fault(`a frame has ${length} bytes, wanted at most ${frameSize}`);
    if (this.pending.length < headSize + length) return undefined;
    const frame = this.cut(headSize + length);
    return type === types.headers ? this.begin(frame) : this.go(frame);
  }

  private pass(): Buffer | undefined {
    if (this.pending.length === 0) return undefined;
    const part = this.cut(Math.min(this.passing, this.pending.length));
    this.passing -= part.length;
    return part;
  }

  private open(): Buffer | undefined {
    if (this.pending.length < preface.length) return undefined;
    const part = this.cut(preface.length);
    if (part.toString("latin1") !== preface) throw fault("it does not begin with HTTP/2's preface");
    this.isOpen = true;
    return part;
  }

  private cut(size: number): Buffer {
    const part = this.pending.subarray(0, size);
    this.pending = this.pending.subarray(size);
    return part;
  }

  private begin(frame: Buffer): Buffer {
    const bits = frame[4] ?? 0;
    let [start, end] = [headSize, frame.length];
    if (bits & flags.padded) {
      end -= frame[start] ?? 0;
      start += 1;
    }
    const prioritySize = bits & flags.priority ? 5 : 0;
    if (end < start + prioritySize) throw fault("the padding of a header block is longer than the block");
    this.held = {
      stream: frame.readUInt32BE(5) & 0x7fff_ffff,
      flags: bits,
      priority: frame.subarray(start, start + prioritySize),
      parts: [],
      size: 0,
    };
    return this.take(frame.subarray(start + prioritySize, end), bits);
  }

  private go(frame: Buffer): Buffer {
    if (!this.held || (frame.readUInt32BE(5) & 0x7fff_ffff) !== this.held.stream)
      throw fault("a continuation belongs to no header block");
    return this.take(frame.subarray(headSize), frame[4] ?? 0);
  }

  private take(part: Buffer, bits: number): Buffer {
    const held = this.held as Held;
    held.parts.push(part);
    held.size += part.length;
    // Empty continuations without end are refused by their number.
    if (held.size > this.limit || held.parts.length > 64)
      throw new SampanError(
        "resource_exhausted",
        `cannot read the request: its headers are larger than ${this.limit} bytes`,
      );
    if (!(bits & flags.endHeaders)) return Buffer.alloc(0);
    this.held = undefined;
    return written(held, this.rewrite({ fragment: Buffer.concat(held.parts) }));
  }
}

function written(held: Held, fragment: Buffer): Buffer {
  const frames: Buffer[] = [];
  const block = Buffer.concat([held.priority, fragment]);
  const kept = held.flags & ~(flags.padded | flags.endHeaders);
  for (let start = 0; start === 0 || start < block.length; start += frameSize) {
    const part = block.subarray(start, start + frameSize);
    const last = start + frameSize >= block.length ? flags.endHeaders : 0;
    const head = Buffer.alloc(headSize);
    head.writeUIntBE(part.length, 0, 3);
    head[3] = start === 0 ? types.headers : types.continuation;
    head[4] = (start === 0 ? kept : 0) | last;
    head.writeUInt32BE(held.stream, 5);
    frames.push(head, part);
  }
  return Buffer.concat(frames);
}

function fault(why: string): SampanError {
  return new SampanError("invalid_argument", `cannot read the connection: ${why}`);
}
