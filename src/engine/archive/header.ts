/**
 * Headers of tar archives as written here: ustar (POSIX.1-2018, pax, "ustar Interchange Format"), with a PAX extended header in front where ustar cannot
 * say it: long or non-ASCII names, large numbers, times finer than a second, extended attributes (SCHILY.xattr.*, as star, GNU tar and Go know them), and
 * holes (GNU's PAX format 1.0). The same entry always gives the same bytes.
 */
import type { ByteString } from "../../kernel/fs.ts";
import type { ExtendedAttribute } from "../../kernel/xattr.ts";

export const BLOCK = 512;

const flags = {
  file: "0",
  link: "1",
  symlink: "2",
  character: "3",
  block: "4",
  directory: "5",
  fifo: "6",
  extended: "x",
} as const;

export interface ArchiveEntry {
  readonly type: Exclude<keyof typeof flags, "extended">;
  /** Relative, without `./` in front or a slash at the end; "" is the root folder itself. docker cp's are as they are asked for: `./a`, `/a`, `/`. */
  readonly name: ByteString;
  /** Where a link (a name of this archive) or a symlink leads. */
  readonly target?: ByteString;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Of a file, with its holes. */
  readonly size: number;
  readonly seconds: number;
  readonly nanoseconds: number;
  readonly major?: number;
  readonly minor?: number;
  readonly attributes?: readonly ExtendedAttribute[];
  /** Of a file with holes: offset and length, offset and length …; only these bytes follow the header. */
  readonly segments?: readonly number[] | undefined;
}

const most = { id: 0o7777777, size: 0o77777777777, device: 0o7777777 } as const;
const ascii = /^[ -~]*$/;

/** All blocks in front of the entry's data. */
export function encodeHeader(entry: ArchiveEntry): Buffer {
  const map = entry.segments ? holeMap(entry.segments) : undefined;
  const size = entry.type === "file" ? dataSize(entry) + (map?.length ?? 0) : 0;
  const name = fullName(entry);
  const records = recordsOf(entry, name, size);
  const main = block({
    ...entry,
    name: map ? `GNUSparseFile.0/${baseName(name)}` : name,
    flag: flags[entry.type],
    size,
  });
  if (records === "") return map ? Buffer.concat([main, map]) : main;
  const body = Buffer.from(records, "latin1");
  const head = block({
    name: `PaxHeaders/${baseName(name).replaceAll(/[^\x21-\x7e]/g, "_")}`.slice(0, 99),
    flag: flags.extended,
    mode: 0o644,
    uid: 0,
    gid: 0,
    size: body.length,
    seconds: 0,
  });
  const parts = [head, padded(body), main, ...(map ? [map] : [])];
  return Buffer.concat(parts);
}

/** Bytes of data that follow, without padding. */
export function dataSize({ size, segments }: Pick<ArchiveEntry, "size" | "segments">): number {
  if (!segments) return size;
  let sum = 0;
  for (let i = 1; i < segments.length; i += 2) sum += segments[i] as number;
  return sum;
}

/** How many zeros follow so many bytes of data, to the next block. */
export function padding(size: number): number {
  return (BLOCK - (size % BLOCK)) % BLOCK;
}

function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes], bytes.length + padding(bytes.length));
}

function fullName({ type, name }: ArchiveEntry): ByteString {
  if (type !== "directory" || name.endsWith("/")) return name;
  return `${name === "" ? "." : name}/`;
}

function baseName(name: ByteString): ByteString {
  const bare = name.endsWith("/") ? name.slice(0, -1) : name;
  return bare.slice(bare.lastIndexOf("/") + 1);
}

/** GNU tar manual, "Storing Sparse Files", PAX format 1.0: the map stands in front of the data, as lines of decimals in whole blocks. */
function holeMap(segments: readonly number[]): Buffer {
  return padded(Buffer.from(`${[segments.length / 2, ...segments].join("\n")}\n`, "latin1"));
}

/** The PAX records that the entry needs, in a fixed order. */
function recordsOf(entry: ArchiveEntry, name: ByteString, size: number): string {
  const target = entry.target ?? "";
  const time = entry.seconds;
  const records: (readonly [key: string, value: string])[] = [];
  if (entry.segments)
    records.push(
      ["GNU.sparse.major", "1"],
      ["GNU.sparse.minor", "0"],
      ["GNU.sparse.name", name],
      ["GNU.sparse.realsize", `${entry.size}`],
    );
  else if (!ascii.test(name) || !splitName(name)) records.push(["path", name]);
  if (target.length > 100 || !ascii.test(target)) records.push(["linkpath", target]);
  if (size > most.size) records.push(["size", `${size}`]);
  if (entry.uid > most.id) records.push(["uid", `${entry.uid}`]);
  if (entry.gid > most.id) records.push(["gid", `${entry.gid}`]);
  if (entry.nanoseconds !== 0 || time < 0 || time > most.size)
    records.push(["mtime", decimalTime(time, entry.nanoseconds)]);
  const attributes = (entry.attributes ?? []).map(
    ({ name: key, value }) => [`SCHILY.xattr.${key}`, Buffer.from(value).toString("latin1")] as const,
  );
  return [...records, ...attributes].map(([key, value]) => record(key, value)).join("");
}

/** `length key=value\n`, where the length counts its own digits too. */
function record(key: string, value: string): string {
  const rest = key.length + value.length + 3;
  let length = rest + `${rest}`.length;
  if (`${length}`.length > `${rest}`.length) length = rest + `${length}`.length;
  return `${length} ${key}=${value}\n`;
}

/** Seconds and nanoseconds as one decimal; before 1970 the fraction counts the other way. */
function decimalTime(seconds: number, nanoseconds: number): string {
  const back = seconds < 0 && nanoseconds > 0;
  const whole = back ? -seconds - 1 : Math.abs(seconds);
  const part = back ? 1_000_000_000 - nanoseconds : nanoseconds;
  const fraction = part === 0 ? "" : `.${`${part}`.padStart(9, "0").replace(/0+$/, "")}`;
  return `${seconds < 0 ? "-" : ""}${whole}${fraction}`;
}

/** As ustar's prefix and name; undefined for what does not fit. */
function splitName(name: ByteString): { prefix: ByteString; rest: ByteString } | undefined {
  if (name.length <= 100) return { prefix: "", rest: name };
  const slash = name.indexOf("/", name.length - 101);
  if (slash <= 0 || slash > 155 || slash === name.length - 1) return undefined;
  return { prefix: name.slice(0, slash), rest: name.slice(slash + 1) };
}

interface Block {
  readonly name: ByteString;
  readonly flag: string;
  readonly target?: ByteString;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly seconds: number;
  readonly major?: number;
  readonly minor?: number;
}

function block(of: Block): Buffer {
  const bytes = Buffer.alloc(BLOCK);
  const { prefix, rest } = splitName(of.name) ?? { prefix: "", rest: of.name };
  bytes.write(rest, 0, 100, "latin1");
  octal(bytes, 100, { digits: 7, value: of.mode & 0o7777 });
  octal(bytes, 108, { digits: 7, value: of.uid > most.id ? 0 : of.uid });
  octal(bytes, 116, { digits: 7, value: of.gid > most.id ? 0 : of.gid });
  octal(bytes, 124, { digits: 11, value: of.size > most.size ? 0 : of.size });
  octal(bytes, 136, { digits: 11, value: of.seconds < 0 || of.seconds > most.size ? 0 : of.seconds });
  bytes.write("        ", 148, "latin1");
  bytes.write(of.flag, 156, "latin1");
  bytes.write(of.target ?? "", 157, 100, "latin1");
  bytes.write("ustar\x0000", 257, "latin1");
  octal(bytes, 329, { digits: 7, value: of.major ?? 0 });
  octal(bytes, 337, { digits: 7, value: of.minor ?? 0 });
  bytes.write(prefix, 345, 155, "latin1");
  let sum = 0;
  for (const byte of bytes) sum += byte;
  octal(bytes, 148, { digits: 6, value: sum });
  bytes[155] = 0x20;
  return bytes;
}

function octal(bytes: Buffer, offset: number, { digits, value }: { digits: number; value: number }): void {
  bytes.write(value.toString(8).padStart(digits, "0"), offset, digits, "latin1");
  bytes[offset + digits] = 0;
}
