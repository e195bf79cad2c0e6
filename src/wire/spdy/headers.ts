/** Header blocks of SPDY/3.1: pairs of names and values, compressed by one zlib stream a direction with a dictionary that both know (2.6.10). */
import { constants, createDeflate, createInflate, type Deflate, type Inflate } from "node:zlib";
import { SampanError } from "../../base/errors.ts";
import { short, wordAt, words } from "./frames.ts";

/** Names in lower case; several values are separated by NUL on the wire, and the first counts here. */
export type Headers = Readonly<Record<string, string>>;

/** Bytes of a block once it is unpacked, and pairs in it. */
const largestBlock = 32 << 10;
const mostPairs = 256;

const dictionaryNames =
  "options head post put delete trace accept accept-charset accept-encoding accept-language accept-ranges age allow authorization cache-control connection content-base content-encoding content-language content-length content-location content-md5 content-range content-type date etag expect expires from host if-match if-modified-since if-none-match if-range if-unmodified-since last-modified location max-forwards pragma proxy-authenticate proxy-authorization range referer retry-after server te trailer transfer-encoding upgrade user-agent vary via warning www-authenticate method get status";

const dictionaryTail =
  "100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505" +
  "203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request401 Unauthorized403 Forbidden404 Not Found500 Internal Server Error501 Not Implemented503 Service Unavailable" +
  "Jan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMT" +
  "chunked,text/html,image/png,image/jpg,image/gif,application/xml,application/xhtml+xml,text/plain,text/javascript,public" +
  "privatemax-age=gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0.";

/** Each word with its length before it, then common values without. Its Adler-32 is e3c6a7c2. */
export const dictionary = Buffer.concat([
  ...[...dictionaryNames.split(" "), "200 OK", "version", "HTTP/1.1", "url", "public", "set-cookie"].map(
    counted,
  ),
  ...["keep-alive", "origin"].map(counted),
  Buffer.from(dictionaryTail),
]);

function counted(text: string): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([words(bytes.length), bytes]);
}

/** One direction's sender. Blocks are packed in the order of the calls; each call must have resolved before the next. */
export class HeaderPacker implements Disposable {
  private readonly stream: Deflate = heard(createDeflate({ dictionary, flush: constants.Z_SYNC_FLUSH }));

  async pack(headers: Headers): Promise<Buffer> {
    const pairs = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value] as const);
    const block = Buffer.concat([words(pairs.length), ...pairs.flat().map(counted)]);
    return await through(this.stream, block, Number.MAX_SAFE_INTEGER);
  }

  [Symbol.dispose](): void {
    this.stream.destroy();
  }
}

/** One direction's receiver: every block must be unpacked, in order, even of streams that are refused. */
export class HeaderUnpacker implements Disposable {
  private readonly stream: Inflate = heard(createInflate({ dictionary, flush: constants.Z_SYNC_FLUSH }));

  /** @throws SampanError invalid_argument for what cannot be unpacked, resource_exhausted for a block of more than 32 KiB or 256 pairs. */
  async unpack(block: Buffer): Promise<Headers> {
    return parseBlock(await through(this.stream, block, largestBlock));
  }

  [Symbol.dispose](): void {
    this.stream.destroy();
  }
}

/** An error that is told when nobody waits must still be heard by somebody. */
function heard<T extends Deflate | Inflate>(stream: T): T {
  stream.on("error", () => {});
  return stream;
}

/** What comes out for what is put in. */
async function through(stream: Deflate | Inflate, block: Buffer, most: number): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let size = 0;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const take = (piece: Buffer) => {
    size += piece.length;
    if (size <= most) return void pieces.push(piece);
    stream.pause();
    reject(
      new SampanError(
        "resource_exhausted",
        `cannot read the SPDY headers: they are more than ${most} bytes when unpacked`,
      ),
    );
  };
  const fail = (error: Error) =>
    reject(new SampanError("invalid_argument", "cannot read the SPDY headers", { cause: error }));
  stream.on("data", take);
  stream.on("error", fail);
  stream.write(block, () => resolve());
  try {
    await promise;
    return Buffer.concat(pieces);
  } catch (error) {
    stream.destroy();
    throw error;
  } finally {
    stream.off("data", take);
    stream.off("error", fail);
  }
}

function parseBlock(block: Buffer): Headers {
  const count = wordAt(block, 0);
  if (count > mostPairs)
    throw new SampanError(
      "resource_exhausted",
      `cannot read the SPDY headers: they are ${count} pairs, wanted at most ${mostPairs}`,
    );
  const found = new Map<string, string>();
  let offset = 4;
  const next = () => {
    const length = wordAt(block, offset);
    const start = offset + 4;
    offset = start + length;
    if (offset > block.length) throw short();
    return block.toString("latin1", start, offset);
  };
  for (let index = 0; index < count; index++) {
    const name = next().toLowerCase();
    const value = next().split("\0", 1)[0] ?? "";
    found.set(name, value);
  }
  return Object.fromEntries(found);
}
