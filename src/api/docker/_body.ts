/** Bodies of requests. Those that are JSON are bounded: each by itself, and the large ones in number. */
import { invalid, SampanError } from "../../base/errors.ts";

export const mostJson = 4 << 20;
/** Objects and lists within each other: what walks a value calls itself as often. The API has a dozen. */
const mostDeep = 256;
const small = 64 << 10;
const atOnce = 8;
/** Milliseconds in which a body of JSON has to arrive. */
const patience = 60_000;

export interface BodyHead {
  readonly type: string | undefined;
  readonly length: string | undefined;
}

/** Reads bodies of JSON: at most eight that are large, or do not say how large, at a time. */
export class BodyReader {
  #busy = 0;
  readonly #waiting: (() => void)[] = [];

  /** Undefined for an empty one. */
  async json(body: AsyncIterable<Uint8Array>, head: BodyHead): Promise<unknown> {
    const length = head.length === undefined ? undefined : Number(head.length);
    if (length !== undefined && length > mostJson) throw tooLarge();
    if (length !== undefined && length <= small) return parse(await collect(body), head);
    await this.#enter();
    try {
      return parse(await collect(body), head);
    } finally {
      this.#leave();
    }
  }

  async #enter(): Promise<void> {
    if (this.#busy < atOnce) this.#busy++;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  /** Hands the place on. */
  #leave(): void {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#busy--;
  }
}

async function collect(body: AsyncIterable<Uint8Array>): Promise<string> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => late.reject(new SampanError("deadline_exceeded", "cannot read the body: it did not come in 60 s")),
    patience,
  );
  try {
    return await Promise.race([gather(body), late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

async function gather(body: AsyncIterable<Uint8Array>): Promise<string> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of body) {
    size += piece.length;
    if (size > mostJson) throw tooLarge();
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString("utf8");
}

function parse(text: string, { type }: BodyHead): unknown {
  if (text.trim() === "") return undefined;
  // Pages in a browser can send any other type to any address without being asked about.
  if (!/^application\/json\s*(?:;|$)/i.test(type ?? ""))
    throw invalid(`unsupported Content-Type header (${type ?? ""}): must be 'application/json'`);
  if (isDeep(text)) throw invalid(`invalid JSON: more than ${mostDeep} objects and lists within each other`);
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new SampanError("invalid_argument", `invalid JSON: ${String((error as Error).message)}`, {
      cause: error,
    });
  }
}

const [quote, backslash] = [0x22, 0x5c];
const opening: ReadonlySet<number> = new Set([0x7b, 0x5b]);
const closing: ReadonlySet<number> = new Set([0x7d, 0x5d]);

/** By its brackets alone, outside of texts. Those of what is no JSON may be counted wrongly, which the parser refuses then. */
function isDeep(text: string): boolean {
  let depth = 0;
  let inText = false;
  for (let at = 0; at < text.length && depth <= mostDeep; at++) {
    const code = text.charCodeAt(at);
    if (inText && code === backslash) at++;
    else if (code === quote) inText = !inText;
    else if (inText) continue;
    else if (opening.has(code)) depth++;
    else if (closing.has(code)) depth--;
  }
  return depth > mostDeep;
}

function tooLarge(): SampanError {
  return invalid(`cannot read the body: it is too large, wanted at most ${mostJson} bytes`);
}
