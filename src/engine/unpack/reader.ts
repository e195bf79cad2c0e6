/**
 * Reads a tar archive that comes in pieces and gives its entries to a sink: ustar, PAX, GNU and V7 headers, long names, sparse files. It holds no more than one
 * header and the piece at hand; what headers may ask for is bounded. The end is two blocks of zeros or the end of the stream between entries; what follows
 * the blocks of zeros is not looked at (as Go's archive/tar, which the field's engines use).
 */
import { invalid, SampanError } from "../../base/errors.ts";
import { type ByteString, textOf } from "../../kernel/fs.ts";
import type { Entry, EntrySink } from "./entry.ts";
import { entryTypes, type Header, isZero, readHeader, text } from "./_header.ts";
import { decimal, headerNumber, instant } from "./_numbers.ts";
import { attributesOf, type Extended, nothing, readRecords, valueOf } from "./_pax.ts";
import { checkMap, LeadingMap, readListedMap, readOldMap } from "./_sparse.ts";

/** Of one extended header or long name, and of all global ones together. */
const maxMeta = 1 << 20;
const maxId = 0xffff_fffe;

type State = "header" | "meta" | "old map" | "leading map" | "data" | "padding" | "ended";

export class TarReader {
  readonly #sink: EntrySink;
  #state: State = "header";
  /** Bytes of the stream before the piece at hand. */
  #before = 0;
  /** A block that lies in two pieces. */
  readonly #block = Buffer.alloc(512);
  #held = 0;
  /** Of the data, the padding or the extended header that is being read. */
  #left = 0;
  #padding = 0;
  #meta: Buffer | undefined;
  #metaFlag = "";
  #metaAt = 0;
  #globalBytes = 0;
  readonly #global: Extended = nothing();
  #own: Extended = nothing();
  #hasOwn = false;
  #longName: ByteString | undefined;
  #longTarget: ByteString | undefined;
  #sawZeros = false;
  /** The header whose entry waits for its map of holes. */
  #waiting: Header | undefined;
  #oldMap: number[] = [];
  #oldSize = 0;
  #leading: LeadingMap | undefined;
  /** For errors: the entry at hand and where its header began. */
  #name: ByteString = "";
  #position = 0;

  constructor(sink: EntrySink) {
    this.#sink = sink;
  }

  /** Takes the next piece. Errors name the entry and its place. */
  feed(bytes: Buffer): void {
    try {
      for (let at = 0; at < bytes.length;) at = this.#step(bytes, at);
      this.#before += bytes.length;
    } catch (error) {
      throw this.#located(error);
    }
  }

  /** The stream has ended. Errors: `data_loss` where that is in the middle of an entry. */
  finish(): void {
    const isWhole =
      this.#state === "ended" || this.#state === "padding" || (this.#state === "header" && this.#held === 0);
    if (isWhole && !this.#hasOwn) return;
    if (this.#state === "header" && this.#held > 0) {
      this.#name = "";
      this.#position = this.#before - this.#held;
    }
    throw this.#located(new SampanError("data_loss", "the archive is cut there"));
  }

  #located(error: unknown): SampanError {
    const name = textOf(this.#name.slice(0, 300)) ?? this.#name.slice(0, 300);
    const where = name === "" ? "" : `entry ${JSON.stringify(name)} `;
    return SampanError.wrap(`cannot unpack ${where}at byte ${this.#position} of the archive`, error);
  }

  #step(bytes: Buffer, at: number): number {
    switch (this.#state) {
      case "data":
        return this.#data(bytes, at);
      case "padding": {
        const n = Math.min(this.#left, bytes.length - at);
        this.#left -= n;
        if (this.#left === 0) this.#state = "header";
        return at + n;
      }
      case "ended":
        return bytes.length;
      case "meta":
        return this.#collect(bytes, at);
      case "header":
      case "old map":
      case "leading map":
        return this.#wholeBlock(bytes, at);
    }
  }

  #wholeBlock(bytes: Buffer, at: number): number {
    const n = Math.min(512 - this.#held, bytes.length - at);
    if (n === 512) {
      this.#take(bytes.subarray(at, at + 512), this.#before + at);
      return at + 512;
    }
    bytes.copy(this.#block, this.#held, at, at + n);
    this.#held += n;
    if (this.#held === 512) {
      this.#held = 0;
      this.#take(this.#block, this.#before + at + n - 512);
    }
    return at + n;
  }

  #take(block: Buffer, position: number): void {
    if (this.#state === "header") this.#header(block, position);
    else if (this.#state === "old map") this.#moreOldMap(block);
    else this.#moreLeadingMap(block);
  }

  #header(block: Buffer, position: number): void {
    if (!this.#hasOwn) {
      this.#name = "";
      this.#position = position;
    }
    if (isZero(block)) {
      if (this.#hasOwn) throw new SampanError("data_loss", "its extended header has no entry after it");
      if (this.#sawZeros) this.#state = "ended";
      this.#sawZeros = true;
      return;
    }
    if (this.#sawZeros) throw new SampanError("data_loss", "a block of zeros stands in front of it");
    const header = readHeader(block);
    if (this.#name === "") this.#name = header.name;
    if (header.size < 0) throw invalid("its size is negative");
    if (header.flag === "x" || header.flag === "g" || header.flag === "L" || header.flag === "K")
      this.#beginMeta(header);
    else if (header.flag === "V") this.#skip(header.size);
    else this.#beginEntry(header, block);
  }

  #beginMeta(header: Header): void {
    const limit = header.flag === "g" ? maxMeta - this.#globalBytes : maxMeta;
    if (header.size > limit)
      throw invalid(`its extended header is too long: ${header.size} bytes, at most ${limit}`);
    if (header.flag === "g") this.#globalBytes += header.size;
    else this.#hasOwn = true;
    this.#metaFlag = header.flag;
    this.#meta = Buffer.allocUnsafe(header.size);
    this.#metaAt = 0;
    this.#left = header.size;
    this.#padding = (512 - (header.size % 512)) % 512;
    this.#state = "meta";
    if (header.size === 0) this.#endMeta();
  }

  #collect(bytes: Buffer, at: number): number {
    const n = Math.min(this.#left, bytes.length - at);
    bytes.copy(this.#meta as Buffer, this.#metaAt, at, at + n);
    this.#metaAt += n;
    this.#left -= n;
    if (this.#left === 0) this.#endMeta();
    return at + n;
  }

  #endMeta(): void {
    const body = this.#meta as Buffer;
    this.#meta = undefined;
    this.#toPadding();
    if (this.#metaFlag === "L") this.#longName = text(body, 0, body.length);
    else if (this.#metaFlag === "K") this.#longTarget = text(body, 0, body.length);
    else if (this.#metaFlag === "g") readRecords(body, this.#global, true);
    else {
      this.#own = nothing();
      readRecords(body, this.#own, false);
    }
  }

  #toPadding(): void {
    this.#left = this.#padding;
    this.#state = this.#left === 0 ? "header" : "padding";
  }

  #skip(size: number): void {
    this.#left = Math.ceil(size / 512) * 512;
    this.#state = this.#left === 0 ? "header" : "padding";
  }

  #value(key: string): ByteString | undefined {
    return valueOf(key, this.#own, this.#global);
  }

  #number(key: string): number | undefined {
    const value = this.#value(key);
    if (value === undefined) return undefined;
    const number = decimal(value);
    if (number === undefined) throw invalid(`its ${key} is no number`);
    return number;
  }

  #beginEntry(header: Header, block: Buffer): void {
    const name = this.#longName ?? this.#value("GNU.sparse.name") ?? this.#value("path") ?? header.name;
    this.#name = name;
    const isOldDirectory = (header.flag === "0" || header.flag === "7") && name.endsWith("/");
    const flag = isOldDirectory ? "5" : header.flag;
    const type = entryTypes[flag];
    if (!type) throw invalid(`its type ${JSON.stringify(flag)} is none that a layer can hold`);
    const size = type === "file" ? (this.#number("size") ?? header.size) : 0;
    const complete = { ...header, flag, name, size };
    this.#padding = (512 - (size % 512)) % 512;
    this.#left = size;
    if (flag === "S") this.#beginOldMap(complete, block);
    else if (type === "file" && this.#isLeadingMap()) {
      this.#waiting = complete;
      this.#leading = new LeadingMap();
      this.#state = "leading map";
    } else this.#emit(complete, this.#paxMap(type === "file"));
  }

  #isLeadingMap(): boolean {
    return this.#value("GNU.sparse.major") === "1" && this.#value("GNU.sparse.minor") === "0";
  }

  /** The map of holes of PAX 0.0 and 0.1. */
  #paxMap(isFile: boolean): number[] | undefined {
    if (!isFile || !this.#hasOwn) return undefined;
    const listed = this.#value("GNU.sparse.map");
    if (listed !== undefined) return readListedMap(listed);
    return this.#value("GNU.sparse.size") === undefined ? undefined : this.#own.sparse;
  }

  #beginOldMap(header: Header, block: Buffer): void {
    const size = headerSize(block);
    this.#oldMap = [];
    this.#oldSize = size;
    readOldMap(block, { offset: 386, count: 4 }, this.#oldMap);
    this.#waiting = header;
    if (block[482] === 0) this.#endOldMap();
    else this.#state = "old map";
  }

  #moreOldMap(block: Buffer): void {
    readOldMap(block, { offset: 0, count: 21 }, this.#oldMap);
    if (block[504] === 0) this.#endOldMap();
  }

  #endOldMap(): void {
    this.#emit(this.#waiting as Header, this.#oldMap);
  }

  #moreLeadingMap(block: Buffer): void {
    if (this.#left < 512) throw invalid("its map of holes is malformed");
    this.#left -= 512;
    const map = this.#leading as LeadingMap;
    if (map.take(block)) this.#emit(this.#waiting as Header, map.segments);
  }

  #emit(header: Header, segments: number[] | undefined): void {
    const stored = this.#left;
    const entry = this.#entry(header, segments, stored);
    if (segments) checkMap(segments, entry.size, stored);
    this.#own = nothing();
    this.#hasOwn = false;
    this.#longName = undefined;
    this.#longTarget = undefined;
    this.#waiting = undefined;
    this.#leading = undefined;
    this.#sink.begin(entry);
    this.#state = "data";
    if (stored === 0) this.#endEntry();
  }

  #sparseSize(header: Header): number {
    if (header.flag === "S") return this.#oldSize;
    const size = this.#number("GNU.sparse.realsize") ?? this.#number("GNU.sparse.size");
    if (size === undefined) throw invalid("it has a map of holes but no size");
    return size;
  }

  #entry(header: Header, segments: number[] | undefined, stored: number): Entry {
    const modified = this.#instant("mtime") ?? { seconds: header.seconds, nanoseconds: 0 };
    const accessed = this.#instant("atime") ?? modified;
    return {
      type: entryTypes[header.flag] as Entry["type"],
      name: header.name,
      target: this.#longTarget ?? this.#value("linkpath") ?? header.target,
      mode: header.mode,
      uid: this.#id("uid", header.uid),
      gid: this.#id("gid", header.gid),
      size: segments ? this.#sparseSize(header) : stored,
      seconds: modified.seconds,
      nanoseconds: modified.nanoseconds,
      accessSeconds: accessed.seconds,
      accessNanoseconds: accessed.nanoseconds,
      major: header.major,
      minor: header.minor,
      attributes: attributesOf(this.#own, this.#global),
      segments,
      position: this.#position,
    };
  }

  #instant(key: string): { seconds: number; nanoseconds: number } | undefined {
    const value = this.#value(key);
    if (value === undefined) return undefined;
    const parsed = instant(value);
    if (!parsed) throw invalid(`its ${key} is no time`);
    return parsed;
  }

  /** 2^32-1 would mean "leave it" to chown(2). */
  #id(key: "uid" | "gid", own: number): number {
    const id = this.#number(key) ?? own;
    if (id < 0 || id > maxId) throw invalid(`its ${key} is ${id}, outside 0…${maxId}`);
    return id;
  }

  #data(bytes: Buffer, at: number): number {
    const n = Math.min(this.#left, bytes.length - at);
    this.#sink.data(bytes, at, at + n);
    this.#left -= n;
    if (this.#left === 0) this.#endEntry();
    return at + n;
  }

  #endEntry(): void {
    this.#sink.end();
    this.#toPadding();
  }
}

/** GNU's header has the size with holes at byte 483. */
function headerSize(block: Buffer): number {
  const value = headerNumber(block, 483, 12);
  if (value === undefined || value < 0) throw invalid("its size with holes is no number");
  return value;
}
