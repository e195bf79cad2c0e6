/** A document of settings as tables that read their values and say where a wrong one stands: the settings file, with the daemon's flags laid over it. */
import { isAbsolute } from "node:path";
import { SampanError } from "../base/errors.ts";
import { nearest } from "./_nearest.ts";

/** Where values come from, for the text of an error. */
export interface Origin {
  readonly file: string;
  /** `daemon.hosts` → `--host`, for those that a flag gave. */
  readonly flags: Readonly<Record<string, string>>;
}

const GiB = 2 ** 30;

const units: Readonly<Record<string, number>> = {
  "": 1,
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KIB: 2 ** 10,
  MIB: 2 ** 20,
  GIB: GiB,
  TIB: 2 ** 40,
  K: 2 ** 10,
  M: 2 ** 20,
  G: GiB,
  T: 2 ** 40,
};

export class Table {
  readonly #origin: Origin;
  readonly #name: string;
  readonly #values: Readonly<Record<string, unknown>>;

  constructor(origin: Origin, name: string, value: unknown, known?: readonly string[]) {
    this.#origin = origin;
    this.#name = name;
    if (value !== undefined && (typeof value !== "object" || value === null || Array.isArray(value)))
      throw this.#error(`${name} is ${JSON.stringify(value)}, wanted a table`);
    this.#values = (value ?? {}) as Record<string, unknown>;
    const stranger = known && Object.keys(this.#values).find((key) => !known.includes(key));
    if (stranger !== undefined)
      throw this.#error(
        `${name === "" ? `there is no table "${stranger}"` : `${name} has no key "${stranger}"`}; the nearest is "${nearest(stranger, known ?? [])}"`,
      );
  }

  #error(text: string): SampanError {
    return new SampanError("invalid_argument", `cannot use settings "${this.#origin.file}": ${text}`);
  }

  refuse(key: string, value: unknown, wanted: string): never {
    const name = this.#name ? `${this.#name}.${key}` : key;
    const is = JSON.stringify(value) ?? "missing";
    const flag = this.#origin.flags[name];
    if (flag !== undefined)
      throw new SampanError("invalid_argument", `cannot use ${flag}: it is ${is}, wanted ${wanted}`);
    throw this.#error(`${name} is ${is}, wanted ${wanted}`);
  }

  keys(): string[] {
    return Object.keys(this.#values);
  }

  value(key: string): unknown {
    return Object.hasOwn(this.#values, key) ? this.#values[key] : undefined;
  }

  table(key: string, known?: readonly string[]): Table {
    const quoted = /^[A-Za-z0-9_-]+$/.test(key) ? key : `"${key}"`;
    return new Table(this.#origin, this.#name ? `${this.#name}.${quoted}` : key, this.value(key), known);
  }

  text(key: string): string | undefined {
    const value = this.value(key);
    return value === undefined || typeof value === "string" ? value : this.refuse(key, value, "a string");
  }

  /** A text that fits; `wanted` says which do. */
  fitting(key: string, fits: (text: string) => boolean, wanted: string): string | undefined {
    const value = this.text(key);
    return value === undefined || fits(value) ? value : this.refuse(key, value, wanted);
  }

  among<const Word extends string>(key: string, words: readonly Word[]): Word | undefined {
    const value = this.value(key);
    if (value === undefined) return undefined;
    return words.find((word) => word === value) ?? this.refuse(key, value, words.join(", "));
  }

  path(key: string): string | undefined {
    return this.fitting(key, isAbsolute, "an absolute path");
  }

  flag(key: string): boolean | undefined {
    const value = this.value(key);
    return value === undefined || typeof value === "boolean"
      ? value
      : this.refuse(key, value, "true or false");
  }

  count(key: string, least: number, most = Number.MAX_SAFE_INTEGER): number | undefined {
    const value = this.value(key);
    if (value === undefined) return undefined;
    const fits = typeof value === "number" && Number.isSafeInteger(value) && value >= least && value <= most;
    const wanted = most === Number.MAX_SAFE_INTEGER ? `of at least ${least}` : `from ${least} to ${most}`;
    return fits ? value : this.refuse(key, value, `a whole number ${wanted}`);
  }

  /** Bytes: a number, or as `10GiB`. */
  size(key: string): number | undefined {
    const value = this.value(key);
    if (value === undefined || typeof value === "number") return this.count(key, 0);
    const parts = typeof value === "string" ? /^(\d+(?:\.\d+)?)\s*([A-Za-z]*)$/.exec(value) : null;
    const unit = units[(parts?.[2] ?? "").toUpperCase()];
    const bytes = Math.round(Number(parts?.[1]) * (unit ?? Number.NaN));
    return Number.isSafeInteger(bytes) ? bytes : this.refuse(key, value, `bytes, as 1073741824 or "10GiB"`);
  }

  /** A list of texts that all fit. */
  texts(key: string, fits: (text: string) => boolean, wanted: string): readonly string[] | undefined {
    const value = this.value(key);
    if (value === undefined) return undefined;
    const good = (item: unknown): item is string => typeof item === "string" && fits(item);
    if (!Array.isArray(value) || !value.every(good)) return this.refuse(key, value, `a list of ${wanted}`);
    return value;
  }

  /** An array of tables. */
  tables(key: string, known: readonly string[]): readonly Table[] {
    const value = this.value(key);
    if (value === undefined) return [];
    if (!Array.isArray(value)) return this.refuse(key, value, "a list of tables");
    const name = this.#name ? `${this.#name}.${key}` : key;
    return value.map((item: unknown) => new Table(this.#origin, name, item, known));
  }
}
