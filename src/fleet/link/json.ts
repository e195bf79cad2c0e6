/** JSON of strangers: how deep it is is known before anything is built of it, and what is refused is told without its secrets. */
import { invalid, SampanError } from "../../base/errors.ts";

/** Characters that no name, topic, address or word of a message holds. */
// oxlint-disable-next-line no-control-regex
const control = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/;

export function hasControl(text: string): boolean {
  return control.test(text);
}

export function refused(at: string, value: unknown, wanted: string): SampanError {
  return invalid(`cannot read the message: ${at} is ${shown(value)}, wanted ${wanted}`);
}

/** The kind of a value and at most the beginning of a text: a refusal stands in logs, a message may hold secrets. */
function shown(value: unknown): string {
  if (value === undefined) return "absent";
  if (value === null) return "null";
  if (typeof value === "string")
    return value.length > 40 ? `${JSON.stringify(value.slice(0, 12))}…` : JSON.stringify(value);
  if (typeof value === "object") return Array.isArray(value) ? "a list" : "an object";
  return typeof value === "number" ? String(value) : typeof value === "boolean" ? `${value}` : typeof value;
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** What may be a number beyond all doubles, which JSON.parse makes Infinity of and Go refuses. */
const huge = /[:,[\s]-?\d+(?:\.\d+)?[eE]\+?\d{3}|[:,[\s]-?\d{309}/;

function finite(_name: string, value: unknown): unknown {
  if (value === Infinity || value === -Infinity) throw new RangeError("a number is too large");
  return value;
}

/** Values of one document, unless its reader says otherwise: each costs far more than the two bytes that it may have on the wire. */
export const mostValues = 2_000_000;

/** The document of a text, whose levels and values are counted before anything is built. */
export function parseJson(source: string, at: string, depth: number, values: number = mostValues): unknown {
  const found = measure(source, { depth, values });
  if (found.depth > depth) throw invalid(`cannot read the message: ${at} has more than ${depth} levels`);
  if (found.values > values)
    throw new SampanError(
      "resource_exhausted",
      `cannot read the message: ${at} has more than ${values} values`,
    );
  try {
    return JSON.parse(source, huge.test(source) ? finite : undefined);
  } catch (cause) {
    throw new SampanError("invalid_argument", refused(at, source, "JSON").message, { cause });
  }
}

const mark = {
  quote: 0x22,
  backslash: 0x5c,
  comma: 0x2c,
  openList: 0x5b,
  closeList: 0x5d,
  openObject: 0x7b,
  closeObject: 0x7d,
} as const;

interface Measure {
  readonly depth: number;
  readonly values: number;
}

/** How deeply lists and objects lie in each other, and how many values there are (give or take the empty ones); counts no further than `most`. */
function measure(source: string, most: Measure): Measure {
  let level = 0;
  let depth = 0;
  let values = 1;
  for (let index = 0; index < source.length && depth <= most.depth && values <= most.values; index++) {
    const code = source.charCodeAt(index);
    if (code === mark.quote) index = endOfText(source, index);
    else if (code === mark.comma) values++;
    else if (code === mark.openList || code === mark.openObject) {
      depth = Math.max(depth, ++level);
      values++;
    } else if (code === mark.closeList || code === mark.closeObject) level--;
  }
  return { depth, values };
}

/** The place of the quotation mark that ends the text which begins at `from`. */
function endOfText(source: string, from: number): number {
  let index = source.indexOf('"', from + 1);
  for (; index !== -1; index = source.indexOf('"', index + 1)) {
    let slashes = 0;
    while (source.charCodeAt(index - 1 - slashes) === mark.backslash) slashes++;
    if (slashes % 2 === 0) return index;
  }
  return source.length;
}
