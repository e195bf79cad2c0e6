/** The query of a request, read as dockerd reads it. */
import { invalid } from "../../base/errors.ts";

export type Filters = Readonly<Record<string, readonly string[]>>;

/** What dockerd takes for no; everything else that is there is yes. */
const no: ReadonlySet<string> = new Set(["", "0", "no", "false", "none"]);

export class Query {
  readonly #parameters: URLSearchParams;

  constructor(parameters: URLSearchParams | string | Readonly<Record<string, string>> = "") {
    this.#parameters = new URLSearchParams(parameters);
  }

  has(name: string): boolean {
    return this.#parameters.has(name);
  }

  /** Undefined for one that is not there or empty. */
  string(name: string): string | undefined {
    return this.#parameters.get(name) || undefined;
  }

  /** All of one that is repeated. */
  strings(name: string): string[] {
    return this.#parameters.getAll(name).filter(Boolean);
  }

  bool(name: string, otherwise = false): boolean {
    const value = this.#parameters.get(name);
    return value === null ? otherwise : !no.has(value.trim().toLowerCase());
  }

  /** Whole numbers only. */
  int(name: string): number | undefined {
    const value = this.string(name);
    if (value === undefined) return undefined;
    const number = Number(value);
    if (/^[+-]?\d+$/.test(value) && Number.isSafeInteger(number)) return number;
    throw invalid(`cannot read parameter "${name}": it is ${JSON.stringify(value)}, wanted a whole number`);
  }

  /** `{"label":{"a=b":true}}` and the older `{"label":["a=b"]}`; with `known`, others are refused. */
  filters(known?: readonly string[], name = "filters"): Filters {
    const value = this.string(name);
    if (value === undefined) return {};
    const filters = Object.fromEntries(
      Object.entries(objectOf(value)).map(([key, values]) => [key, valuesOf(key, values)]),
    );
    const strange = Object.keys(filters).find((key) => known && !known.includes(key));
    if (strange !== undefined) throw invalid(`invalid filter '${strange}'`);
    return filters;
  }
}

function objectOf(value: string): Record<string, unknown> {
  const parsed = attempt(value);
  if (typeof parsed === "object" && parsed !== null && !Array.isArray(parsed))
    return parsed as Record<string, unknown>;
  throw invalid("invalid filter: wanted an object of JSON");
}

function attempt(value: string): unknown {
  try {
    return JSON.parse(value);
  } catch {
    return undefined;
  }
}

function valuesOf(key: string, values: unknown): string[] {
  if (Array.isArray(values) && values.every((each) => typeof each === "string")) return values;
  if (typeof values === "object" && values !== null && !Array.isArray(values))
    return Object.entries(values).flatMap(([each, wanted]) => (wanted === true ? each : []));
  throw invalid(`invalid filter '${key}': wanted a list or a map of values`);
}
