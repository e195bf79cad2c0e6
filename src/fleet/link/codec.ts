/**
 * What a message holds, described once for both ways: `read` checks what a stranger sent and gives it typed, `write` gives exactly what stands on the wire.
 * The peers are written in Go, so the four ways in which a Go field can be absent are named here: `needed`, `optional`, `nullable`, `zero`.
 * A refusal is a SampanError (invalid_argument) that names the field. Nothing here assigns by a key of the message: no key can reach a prototype.
 */
import { invalid } from "../../base/errors.ts";
import { hasControl, isRecord, parseJson, refused } from "./json.ts";

export interface Codec<T> {
  /** `at` is the place for the refusal: `content.twin["temp"]`. */
  readonly read: (value: unknown, at: string) => T;
  readonly write: (value: T) => unknown;
}

export interface Field<T> {
  /** undefined: the field is left out. */
  readonly read: (value: unknown, at: string) => T | undefined;
  readonly write: (value: T | undefined) => unknown;
}

export type Fields<T> = { readonly [K in keyof T]-?: Field<Exclude<T[K], undefined>> };

const most = { text: 4096, items: 10_000, depth: 64, values: 500_000 } as const;
function record(value: unknown, at: string): Record<string, unknown> {
  if (!isRecord(value)) throw refused(at, value, "an object");
  return value;
}

/** What is written as it was read. */
export function plain<T>(read: Codec<T>["read"]): Codec<T> {
  return { read, write: (value) => value };
}

export interface TextRules {
  /** Characters at most; 4096 when not said. */
  readonly most?: number;
  readonly like?: RegExp;
  readonly wanted?: string;
}

/** One line: a name, a word, an address. No control characters. */
export function line({
  most: limit = most.text,
  like,
  wanted = "a text of one line",
}: TextRules = {}): Codec<string> {
  return plain((value, at) => {
    if (typeof value !== "string" || hasControl(value) || (like && !like.test(value)))
      throw refused(at, value, wanted);
    if (value.length > limit)
      throw invalid(`cannot read the message: ${at} has ${value.length} characters, wanted at most ${limit}`);
    return value;
  });
}

/** Any text, as long as the message may be. */
export const text: Codec<string> = plain((value, at) => {
  if (typeof value !== "string") throw refused(at, value, "a text");
  return value;
});

export const word = line({ most: 256 });
export const uuid = line({ most: 128 });
export const time = line({ most: 64, wanted: "a time" });

export const flag: Codec<boolean> = plain((value, at) => {
  if (typeof value !== "boolean") throw refused(at, value, "true or false");
  return value;
});

export function integer(
  from: number = Number.MIN_SAFE_INTEGER,
  to: number = Number.MAX_SAFE_INTEGER,
): Codec<number> {
  return plain((value, at) => {
    if (typeof value !== "number" || !Number.isSafeInteger(value) || value < from || value > to)
      throw refused(at, value, `an integer from ${from} to ${to}`);
    return value === 0 ? 0 : value;
  });
}

export const number = integer();
export const natural = integer(0);

export function oneOf<const T extends string>(...words: readonly T[]): Codec<T> {
  return plain((value, at) => {
    const found = words.find((each) => each === value);
    if (found === undefined) throw refused(at, value, `one of ${words.join(", ")}`);
    return found;
  });
}

const base64 = /^[A-Za-z0-9+/]*={0,2}$/;

/** Go's []byte: base64 with padding. */
export const bytes: Codec<Uint8Array> = {
  read: (value, at) => {
    if (typeof value !== "string" || value.length % 4 !== 0 || !base64.test(value))
      throw refused(at, value, "base64");
    return new Uint8Array(Buffer.from(value, "base64"));
  },
  write: (value) => Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("base64"),
};

export const nothing: Codec<null> = plain((value, at) => {
  if (value !== null && value !== undefined) throw refused(at, value, "null");
  return null;
});

/** JSON that others understand; only its size and depth are bounded, by the envelope. */
export const anything: Codec<unknown> = plain((value): unknown => value ?? null);

export function list<T>(of: Codec<T>, limit: number = most.items): Codec<readonly T[]> {
  return {
    read: (value, at) => {
      if (!Array.isArray(value)) throw refused(at, value, "a list");
      if (value.length > limit)
        throw invalid(`cannot read the message: ${at} has ${value.length} items, wanted at most ${limit}`);
      return value.map((each, index) => of.read(each, `${at}[${index}]`));
    },
    write: (value) => value.map((each) => of.write(each)),
  };
}

/** An object whose keys are data. */
export function map<T>(
  of: Codec<T>,
  key: Codec<string> = line({ most: 512 }),
): Codec<Readonly<Record<string, T>>> {
  return {
    read: (value, at) => {
      const entries = Object.entries(record(value, at));
      if (entries.length > most.items)
        throw invalid(
          `cannot read the message: ${at} has ${entries.length} fields, wanted at most ${most.items}`,
        );
      return Object.fromEntries(
        entries.map(([name, each]) => {
          key.read(name, `a key of ${at}`);
          return [name, of.read(each, `${at}[${JSON.stringify(name)}]`)];
        }),
      );
    },
    write: (value) => Object.fromEntries(Object.entries(value).map(([name, each]) => [name, of.write(each)])),
  };
}

/** Must be there; always written. */
export function needed<T>({ read, write }: Codec<T>): Field<T> {
  return { read, write: (value) => (value === undefined ? undefined : write(value)) };
}

/** Go's `omitempty`: null is the same as absent, and what is undefined is not written. */
export function optional<T>({ read, write }: Codec<T>): Field<T> {
  return {
    read: (value, at) => (value === undefined || value === null ? undefined : read(value, at)),
    write: (value) => (value === undefined ? undefined : write(value)),
  };
}

/** A Go pointer, slice or map without `omitempty`: absent is null, and null is written. */
export function nullable<T>({ read, write }: Codec<T>): Field<T | null> {
  return {
    read: (value, at) => (value === undefined || value === null ? null : read(value, at)),
    write: (value) => (value === undefined || value === null ? null : write(value)),
  };
}

/** A Go string, number or boolean without `omitempty`: absent is the zero value, which is written. */
export function zero<T>({ read, write }: Codec<T>, value: NoInfer<T>): Field<T> {
  return {
    read: (given, at) => (given === undefined || given === null ? value : read(given, at)),
    write: (given) => write(given ?? value),
  };
}

/** An object with the fields of a Go structure, in the structure's order. Unknown fields are dropped, as Go drops them. */
export function object<T extends object>(fields: Fields<T>): Codec<T> {
  const known = Object.entries(fields) as [string, Field<unknown>][];
  return {
    read: (value, at) => {
      const given = record(value, at);
      const taken = known.map(
        ([name, field]) =>
          [name, field.read(Object.hasOwn(given, name) ? given[name] : undefined, `${at}.${name}`)] as const,
      );
      return Object.fromEntries(taken.filter(([, each]) => each !== undefined)) as T;
    },
    write: (value) => {
      const given = value as Record<string, unknown>;
      const put = known.map(
        ([name, field]) => [name, field.write(Object.hasOwn(given, name) ? given[name] : undefined)] as const,
      );
      return Object.fromEntries(put.filter(([, each]) => each !== undefined));
    },
  };
}

/** A document of which we know some fields and keep all: objects of Kubernetes. Given through as it came, order and unknown fields too. */
export function open<T extends object>(fields: Fields<T>): Codec<T> {
  const known = Object.entries(fields) as [string, Field<unknown>][];
  return plain((value, at) => {
    const given = record(value, at);
    for (const [name, field] of known)
      field.read(Object.hasOwn(given, name) ? given[name] : undefined, `${at}.${name}`);
    return given as T;
  });
}

/** Peers send some documents as JSON in a JSON string and some as an object; both are read everywhere. This one is written as a string. */
export function inText<T>(of: Codec<T>): Codec<T> {
  return {
    read: (value, at) => of.read(unpacked(value, at), at),
    write: (value) => JSON.stringify(of.write(value)),
  };
}

/** As `inText`, but written as an object. */
export function inObject<T>(of: Codec<T>): Codec<T> {
  return { read: (value, at) => of.read(unpacked(value, at), at), write: of.write };
}

function unpacked(value: unknown, at: string): unknown {
  return typeof value === "string" ? parseJson(value, at, most.depth, most.values) : value;
}
