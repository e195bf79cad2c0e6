/** Writes archives that no honest writer writes: every field of every header can be said. */
export interface Piece {
  readonly name: string;
  /** The type flag; "0" unless told. */
  readonly flag?: string;
  readonly content?: string | Uint8Array;
  /** What the header says, where that is not the content's length. */
  readonly size?: number;
  readonly link?: string;
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly mtime?: number;
  readonly major?: number;
  readonly minor?: number;
  /** Records of an extended header in front. */
  readonly pax?: Readonly<Record<string, string>>;
}

const octal = (value: number, length: number) => `${value.toString(8).padStart(length - 1, "0")}\0`;

export function header(piece: Piece): Buffer {
  const block = Buffer.alloc(512);
  const size = piece.size ?? Buffer.from(piece.content ?? "").length;
  block.write(piece.name.slice(0, 100), 0, "latin1");
  block.write(octal(piece.mode ?? 0o644, 8), 100);
  block.write(octal(piece.uid ?? 0, 8), 108);
  block.write(octal(piece.gid ?? 0, 8), 116);
  block.write(octal(size, 12), 124);
  block.write(octal(piece.mtime ?? 1_600_000_000, 12), 136);
  block.write(piece.flag ?? "0", 156, "latin1");
  block.write((piece.link ?? "").slice(0, 100), 157, "latin1");
  block.write("ustar\x0000", 257, "latin1");
  block.write(octal(piece.major ?? 0, 8), 329);
  block.write(octal(piece.minor ?? 0, 8), 337);
  return sealed(block);
}

/** The block with its check sum. */
export function sealed(block: Buffer): Buffer {
  block.write("        ", 148);
  block.write(
    `${octal(
      block.reduce((sum, byte) => sum + byte, 0),
      7,
    )} `,
    148,
  );
  return block;
}

export function padded(content: string | Uint8Array): Buffer {
  const bytes = Buffer.from(content as string);
  return Buffer.concat([bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)]);
}

export function record(key: string, value: string): Buffer {
  const body = Buffer.from(` ${key}=${value}\n`);
  let length = body.length + 1;
  while (String(length).length + body.length !== length) length = String(length).length + body.length;
  return Buffer.concat([Buffer.from(String(length)), body]);
}

export function pax(records: Readonly<Record<string, string>>, flag = "x"): Buffer {
  const body = Buffer.concat(Object.entries(records).map(([key, value]) => record(key, value)));
  return Buffer.concat([header({ name: "PaxHeaders/x", flag, size: body.length }), padded(body)]);
}

export function one(piece: Piece): Buffer {
  const front = piece.pax ? [pax(piece.pax)] : [];
  return Buffer.concat([...front, header(piece), padded(piece.content ?? "")]);
}

/** A whole archive. */
export function tar(...pieces: readonly (Piece | Buffer)[]): Buffer {
  return Buffer.concat([
    ...pieces.map((piece) => (Buffer.isBuffer(piece) ? piece : one(piece as Piece))),
    Buffer.alloc(1024),
  ]);
}

export const file = (name: string, content: string | Uint8Array = "", more: Partial<Piece> = {}): Piece => ({
  name,
  content,
  ...more,
});
export const folder = (name: string, more: Partial<Piece> = {}): Piece => ({
  name,
  flag: "5",
  mode: 0o755,
  ...more,
});
export const symlink = (name: string, link: string): Piece => ({ name, flag: "2", link, mode: 0o777 });
export const hardlink = (name: string, link: string): Piece => ({ name, flag: "1", link });
