/** PAX extended headers (POSIX.1-2018, pax, "pax Extended Header"): records `length key=value\n`. Values are bytes. */
import { invalid } from "../../base/errors.ts";
import type { ByteString } from "../../kernel/fs.ts";
import type { Attribute } from "./entry.ts";
import { decimal } from "./_numbers.ts";

/** What extended headers said for the next entry; the last of two values counts. */
export interface Extended {
  readonly values: Map<string, ByteString>;
  readonly attributes: Map<ByteString, Uint8Array>;
  /** GNU.sparse 0.0 says its map in records that repeat: offset, length, offset, length. */
  readonly sparse: number[];
}

export const nothing = (): Extended => ({ values: new Map(), attributes: new Map(), sparse: [] });

const xattr = "SCHILY.xattr.";
const maxXattrs = 4096;

/** Reads the records of one header into `into`. `attributesOnly`: a global header speaks of no names, sizes or holes. */
export function readRecords(body: Buffer, into: Extended, isGlobal: boolean): void {
  for (let at = 0; at < body.length;) {
    const space = body.indexOf(0x20, at);
    const length = space < 0 || space - at > 8 ? undefined : decimal(body.toString("latin1", at, space));
    const end = at + (length ?? 0);
    if (length === undefined || end > body.length || body[end - 1] !== 0x0a || end - 1 <= space)
      throw invalid("a record of its extended header is malformed");
    const equals = body.indexOf(0x3d, space + 1);
    if (equals <= space + 1 || equals >= end) throw invalid("a record of its extended header has no key");
    record(into, {
      key: body.toString("latin1", space + 1, equals),
      value: body.subarray(equals + 1, end - 1),
      isGlobal,
    });
    at = end;
  }
}

const perEntry = /^(?:path|linkpath|size|GNU\.sparse\..*)$/;

function record(
  into: Extended,
  { key, value, isGlobal }: { key: string; value: Buffer; isGlobal: boolean },
): void {
  if (isGlobal && perEntry.test(key)) return;
  if (key.startsWith(xattr)) {
    if (into.attributes.size >= maxXattrs) throw invalid(`it has more than ${maxXattrs} extended attributes`);
    into.attributes.set(key.slice(xattr.length), Uint8Array.from(value));
    return;
  }
  if (key === "GNU.sparse.offset" || key === "GNU.sparse.numbytes") {
    const isOffset = key === "GNU.sparse.offset";
    const number = decimal(value.toString("latin1"));
    if (number === undefined || (into.sparse.length % 2 === 0) !== isOffset)
      throw invalid("its map of holes is malformed");
    into.sparse.push(number);
    return;
  }
  into.values.set(key, value.toString("latin1"));
}

/** The value that counts for an entry: an empty one takes back the global one and means the header's own. */
export function valueOf(key: string, own: Extended, global: Extended): ByteString | undefined {
  const value = own.values.get(key) ?? global.values.get(key);
  return value === "" ? undefined : value;
}

export function attributesOf(own: Extended, global: Extended): readonly Attribute[] {
  if (own.attributes.size + global.attributes.size === 0) return [];
  return [...new Map([...global.attributes, ...own.attributes])].map(([name, value]) => ({ name, value }));
}
