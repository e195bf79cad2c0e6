/** Reading a JSON document that a stranger sent: each value is checked where it is taken, and a refusal says what stands where. */
import { invalid } from "../../base/errors.ts";
import { isDigest, type Digest } from "./digest.ts";

const longest = { text: 64 << 10, list: 10_000, record: 10_000 };
/** Real documents have six levels. What is written out again is written by recursion, and a stack has an end. */
const deepest = 64;

export class JsonValue {
  readonly value: unknown;
  /** `the manifest`, for the beginning of an error. */
  readonly document: string;
  readonly path: string;

  constructor(value: unknown, document: string, path = "") {
    this.value = value;
    this.document = document;
    this.path = path;
  }

  static parse(bytes: Uint8Array | string, document: string): JsonValue {
    let value: unknown;
    try {
      const text =
        typeof bytes === "string" ? bytes : new TextDecoder("utf-8", { fatal: true }).decode(bytes);
      value = JSON.parse(text);
    } catch {
      throw invalid(`cannot read ${document}: it is not JSON`);
    }
    if (isDeeper(value, deepest))
      throw invalid(`cannot read ${document}: it is nested more than ${deepest} levels deep`);
    return new JsonValue(value, document);
  }

  refuse(wanted: string): never {
    const shown = (JSON.stringify(this.value) ?? "not there").slice(0, 120);
    throw invalid(`cannot read ${this.document}: ${this.path || "it"} is ${shown}, wanted ${wanted}`);
  }

  /** Absent and null are one, as in the documents of Go programs. */
  get absent(): boolean {
    return this.value === undefined || this.value === null;
  }

  object(): Readonly<Record<string, unknown>> {
    const { value } = this;
    if (typeof value !== "object" || value === null || Array.isArray(value)) this.refuse("an object");
    return value as Readonly<Record<string, unknown>>;
  }

  field(name: string): JsonValue {
    const object = this.object();
    const value = Object.hasOwn(object, name) ? object[name] : undefined;
    return new JsonValue(value, this.document, this.path ? `${this.path}.${name}` : name);
  }

  text(limit = longest.text): string {
    const { value } = this;
    if (typeof value !== "string") this.refuse("a string");
    if (value.length > limit) this.refuse(`a string of at most ${limit} characters`);
    if (value.includes("\0")) this.refuse("a string without NUL");
    return value;
  }

  flag(): boolean {
    const { value } = this;
    return typeof value === "boolean" ? value : this.refuse("true or false");
  }

  /** A count of bytes: whole, not negative, and exact as a number. */
  size(limit: number): number {
    const { value } = this;
    if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0)
      this.refuse("a whole number, not negative");
    if (value > limit) this.refuse(`at most ${limit}`);
    return value;
  }

  digest(): Digest {
    const text = this.text();
    return isDigest(text) ? text : this.refuse("sha256: or sha512: and lower-case hexadecimal digits");
  }

  list(limit = longest.list): JsonValue[] {
    const { value } = this;
    if (!Array.isArray(value)) this.refuse("a list");
    if (value.length > limit) {
      const short = new JsonValue(value.length, this.document, `the length of ${this.path}`);
      short.refuse(`at most ${limit}`);
    }
    return value.map((item, index) => new JsonValue(item, this.document, `${this.path}[${index}]`));
  }

  texts(): string[] {
    return this.list().map((item) => item.text());
  }

  /** An object whose values are strings. */
  record(): Record<string, string> {
    return this.#entries((item) => item.text());
  }

  /** An object whose keys alone count: ExposedPorts, Volumes. */
  keys(): Record<string, object> {
    return this.#entries(() => ({}));
  }

  #entries<Value>(read: (item: JsonValue) => Value): Record<string, Value> {
    const names = Object.keys(this.object());
    if (names.length > longest.record) this.refuse(`at most ${longest.record} fields`);
    return Object.fromEntries(names.map((name) => [name, read(this.field(name))]));
  }
}

/** The fields that are there, so that an absent one stays absent. */
export function present<Shape extends Record<string, (item: JsonValue) => unknown>>(
  at: JsonValue,
  shape: Shape,
): { [Name in keyof Shape]?: ReturnType<Shape[Name]> } {
  const found: [string, unknown][] = [];
  for (const [name, read] of Object.entries(shape)) {
    const item = at.field(name);
    if (!item.absent) found.push([name, read(item)]);
  }
  return Object.fromEntries(found) as { [Name in keyof Shape]?: ReturnType<Shape[Name]> };
}

function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== "object" || value === null) return false;
  return levels === 0 || Object.values(value).some((item) => isDeeper(item, levels - 1));
}
