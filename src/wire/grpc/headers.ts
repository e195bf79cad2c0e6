/** Header blocks of HTTP/2: decoded by a library, written without a table (RFC 7541, section 6.2.2), so that nobody has to follow a state. */
// @ts-expect-error: the library has no types.
import hpack from "hpack.js";
import { SampanError } from "../../base/errors.ts";

export interface HeaderField {
  readonly name: string;
  readonly value: string;
  /** Never to be kept in a table: a secret. */
  readonly neverIndex: boolean;
}

interface Decompressor {
  write(data: Buffer): void;
  execute(): void;
  read(): { name: string; value: string; neverIndex?: boolean | number } | null;
  once(event: "error", call: (error: Error) => void): void;
  off(event: "error", call: (error: Error) => void): void;
}

const tableSize = 4096;

export class HeaderDecoder {
  private readonly limit: number;
  private readonly library: Decompressor;
  private failure: Error | undefined;

  constructor(limit: number) {
    this.limit = limit;
    this.library = (hpack as { decompressor: { create(options: object): Decompressor } }).decompressor.create(
      {
        table: { maxSize: tableSize },
      },
    );
    this.library.once("error", (error) => (this.failure = error));
  }

  /** Errors: `invalid_argument`, `resource_exhausted`. After one, the connection's state is lost. */
  decode(fragment: Buffer): HeaderField[] {
    this.library.write(fragment);
    this.library.execute();
    const fields: HeaderField[] = [];
    let size = 0;
    for (let field = this.library.read(); field !== null; field = this.library.read()) {
      size += field.name.length + field.value.length + 32;
      if (size > this.limit)
        throw new SampanError(
          "resource_exhausted",
          `cannot read the request: its headers are larger than ${this.limit} bytes`,
        );
      fields.push({ name: field.name, value: field.value, neverIndex: Boolean(field.neverIndex) });
    }
    if (this.failure)
      throw new SampanError(
        "invalid_argument",
        `cannot read the request's headers: ${this.failure.message}`,
        { cause: this.failure },
      );
    return fields;
  }
}

export function encodeHeaders(fields: readonly HeaderField[]): Buffer {
  return Buffer.concat(
    fields.flatMap(({ name, value, neverIndex }) => [
      Buffer.of(neverIndex ? 0x10 : 0),
      text(name),
      text(value),
    ]),
  );
}

/** Without Huffman: a length with a prefix of seven bits, and the bytes. */
function text(of: string): Buffer {
  const bytes = Buffer.from(of, "latin1");
  return Buffer.concat([Buffer.from(number(bytes.length)), bytes]);
}

function number(value: number): number[] {
  if (value < 127) return [value];
  const bytes = [127];
  let rest = value - 127;
  for (; rest >= 128; rest = rest >> 7) bytes.push((rest & 127) | 128);
  return [...bytes, rest];
}
