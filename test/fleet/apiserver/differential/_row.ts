/** One request and what a Kubernetes API answers to it: data that can be held against any server. */
export interface Row {
  readonly says: string;
  /** `GET /api/v1/namespaces/{ns}/configmaps/a`; `{ns}` is the scenario's own namespace, other braces are what earlier rows kept. */
  readonly ask: string;
  /** An object is sent as JSON; a string as it is. */
  readonly body?: unknown;
  /** The body's media type; JSON when there is a body and none is said. */
  readonly type?: string;
  readonly accept?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** The status that must come; of several, one. */
  readonly status: number | readonly number[];
  /** What the answer must have in it: fields that are not named may be anything. See `differenceOf`. */
  readonly shape?: unknown;
  /** The events of a watch, in their order, as far as they are named. */
  readonly events?: readonly unknown[];
  /** A regular expression on the answer as text. */
  readonly text?: string;
  /** Headers of the answer: regular expressions. */
  readonly answers?: Readonly<Record<string, string>>;
  /** Keeps fields of the answer for later rows: `{ revision: "metadata.resourceVersion" }`. */
  readonly keep?: Readonly<Record<string, string>>;
}

/** Rows in their order, in a namespace of their own. */
export interface Scenario {
  readonly name: string;
  readonly rows: readonly Row[];
}

/** In a shape: a text that matches, anything of a type, a list that has these in it, or nothing at all. */
export const like = (pattern: string) => ({ $like: pattern });
export const a = (type: "string" | "number" | "array" | "object") => ({ $a: type });
export const has = (...items: unknown[]) => ({ $has: items });
export const absent = { $absent: true };

/** A Status of a failure. */
export const failure = (code: number, reason: string, message?: unknown, details?: unknown) => ({
  kind: "Status",
  apiVersion: "v1",
  status: "Failure",
  code,
  reason,
  ...(message === undefined ? {} : { message }),
  ...(details === undefined ? {} : { details }),
});

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** The first place where a value is not of the shape; undefined when it is. */
export function differenceOf(shape: unknown, value: unknown, path = "$"): string | undefined {
  const wrong = (wanted: string) =>
    `${path}: wanted ${wanted}, found ${JSON.stringify(value)?.slice(0, 300)}`;
  if (!isRecord(shape)) {
    if (!Array.isArray(shape)) return shape === value ? undefined : wrong(JSON.stringify(shape));
    if (!Array.isArray(value) || value.length !== shape.length) return wrong(`a list of ${shape.length}`);
    return first(shape.map((each, index) => () => differenceOf(each, value[index], `${path}[${index}]`)));
  }
  if ("$absent" in shape) return value === undefined ? undefined : wrong("nothing");
  if ("$like" in shape)
    return typeof value === "string" && new RegExp(String(shape["$like"])).test(value)
      ? undefined
      : wrong(`a text like /${String(shape["$like"])}/`);
  if ("$a" in shape) {
    const type = Array.isArray(value) ? "array" : typeof value;
    return type === shape["$a"] ? undefined : wrong(`a ${String(shape["$a"])}`);
  }
  if ("$has" in shape) return differenceOfList(shape["$has"] as unknown[], value, path);
  if (!isRecord(value)) return wrong("an object");
  return first(Object.keys(shape).map((key) => () => differenceOf(shape[key], value[key], `${path}.${key}`)));
}

function differenceOfList(items: readonly unknown[], value: unknown, path: string): string | undefined {
  if (!Array.isArray(value)) return `${path}: wanted a list, found ${JSON.stringify(value)}`;
  const missing = items.find((item) => !value.some((each) => differenceOf(item, each) === undefined));
  return missing === undefined
    ? undefined
    : `${path}: wanted ${JSON.stringify(missing)} among ${JSON.stringify(value).slice(0, 600)}`;
}

function first(checks: readonly (() => string | undefined)[]): string | undefined {
  for (const check of checks) {
    const found = check();
    if (found !== undefined) return found;
  }
  return undefined;
}
