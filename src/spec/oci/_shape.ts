/**
 * A small language for the shape of a JSON document, and its interpreter. The specification's rules are written as data
 * in it, one file per chapter. What is wrong comes back as a value: nothing is thrown or built while all is well.
 */

export type Shape = TextShape | FlagShape | IntegerShape | NameShape | ListShape | MapShape | ObjectShape;

/** A string without NUL bytes. */
export interface TextShape {
  is: "text";
  /** A part that it begins with: cheaper than `like` for the fields that are many. */
  begins?: string;
  filled?: boolean;
  like?: RegExp;
  /** Completes "wanted …". */
  wanted?: string;
}

export interface FlagShape {
  is: "flag";
}

/** With bigint bounds, values above 2^53 are taken too, as bigint. */
export interface IntegerShape {
  is: "integer";
  from: number | bigint;
  to: number | bigint;
}

/** One of a closed set of strings. */
export interface NameShape {
  is: "name";
  of: readonly string[];
  /** "" means the same as a property that is left out. */
  blank?: boolean;
}

export interface ListShape {
  is: "list";
  of: Shape;
  least?: number;
  most?: number;
}

/** An object whose keys are data. */
export interface MapShape {
  is: "map";
  keys: TextShape | NameShape;
  of: Shape;
}

/** An object with known properties. Others are passed over: the specification says so ("Extensibility"). */
export interface ObjectShape {
  is: "object";
  fields: Record<string, Shape>;
  needs: readonly string[];
}

/** An ObjectShape that has exactly the properties of T, and needs exactly those that T cannot do without. */
export interface ShapeOf<T> extends ObjectShape {
  fields: { [K in keyof T]-?: Shape };
  needs: readonly NeededKeys<T>[];
}

type NeededKeys<T> = { [K in keyof T]-?: object extends Pick<T, K> ? never : K }[keyof T] & string;

/** What is wrong (`is`), and where: `at` is a path like ".linux.namespaces[0].type". */
export interface Fault {
  at: string;
  is: string;
}

export const text: TextShape = { is: "text" };
export const textList: ListShape = { is: "list", of: text };
export const textMap: MapShape = { is: "map", keys: text, of: text };
export const flag: FlagShape = { is: "flag" };
export const path: TextShape = { is: "text", filled: true, wanted: "a path" };
export const absolutePath: TextShape = { is: "text", begins: "/", wanted: "an absolute path" };
export const uint16: IntegerShape = { is: "integer", from: 0, to: 65_535 };
export const uint32: IntegerShape = { is: "integer", from: 0, to: 4_294_967_295 };
export const int32: IntegerShape = { is: "integer", from: -2_147_483_648, to: 2_147_483_647 };
/** For 64-bit fields in which no kernel takes values above 2^53: they stay plain numbers. */
export const int53: IntegerShape = { is: "integer", from: -9_007_199_254_740_991, to: 9_007_199_254_740_991 };
export const uint53: IntegerShape = { is: "integer", from: 0, to: 9_007_199_254_740_991 };
export const uint64: IntegerShape = { is: "integer", from: 0n, to: 18_446_744_073_709_551_615n };

/**
 * The first place where `value` does not have the shape, or undefined. A property that is null counts as left out, as
 * it does for every runtime written in Go, and is removed from the document.
 */
export function findFault(value: unknown, shape: Shape): Fault | undefined {
  switch (shape.is) {
    case "text":
      return isText(value, shape) ? undefined : refuse(value, shape);
    case "flag":
      return typeof value === "boolean" ? undefined : refuse(value, shape);
    case "integer":
      return isInteger(value, shape) ? undefined : refuse(value, shape);
    case "name":
      return shape.of.includes(value as string) ? undefined : refuse(value, shape);
    case "list":
      return findInList(value, shape);
    case "map":
      return findInMap(value, shape);
    case "object":
      return findInObject(value, shape);
  }
}

function isText(value: unknown, shape: TextShape): boolean {
  if (typeof value !== "string" || value.includes("\0")) return false;
  if (shape.filled === true && value === "") return false;
  if (shape.begins !== undefined && !value.startsWith(shape.begins)) return false;
  return shape.like === undefined || shape.like.test(value);
}

function isInteger(value: unknown, { from, to }: IntegerShape): boolean {
  const exact = typeof value === "bigint" ? typeof to === "bigint" : Number.isSafeInteger(value);
  return exact && (value as number) >= from && (value as number) <= to;
}

function findInList(value: unknown, shape: ListShape): Fault | undefined {
  if (!Array.isArray(value)) return refuse(value, shape);
  if (value.length < (shape.least ?? 0)) return { at: "", is: "is empty, wanted at least one entry" };
  if (value.length > (shape.most ?? Infinity)) return refuse(value, shape);
  const { of } = shape;
  for (let index = 0; index < value.length; index++) {
    const item: unknown = value[index];
    // Texts are checked in place: see findInObject.
    if (of.is === "text" && of.like === undefined && typeof item === "string" && !item.includes("\0")) {
      if (item.startsWith(of.begins ?? "") && (item !== "" || of.filled !== true)) continue;
    }
    const fault = of.is === "object" ? findInObject(item, of) : findFault(item, of);
    if (fault !== undefined) return { at: `[${index}]${fault.at}`, is: fault.is };
  }
  return undefined;
}

function findInMap(value: unknown, shape: MapShape): Fault | undefined {
  if (!isObject(value)) return refuse(value, shape);
  for (const key of Object.keys(value)) {
    const fault = findFault(key, shape.keys) ?? findFault(value[key], shape.of);
    if (fault !== undefined) return { at: `[${show(key)}]${fault.at}`, is: fault.is };
  }
  return undefined;
}

/**
 * What has no parts and fits is passed over without a call: this runs once, in a process that lives for milliseconds, and there a function that
 * is called some dozens of times costs its compilation.
 */
function findInObject(value: unknown, shape: ObjectShape): Fault | undefined {
  if (!isObject(value)) return refuse(value, shape);
  for (const name in value) {
    if (!Object.hasOwn(shape.fields, name)) continue;
    const item = value[name];
    if (item === undefined) continue;
    const field = shape.fields[name] as Shape;
    if (item === null || (item === "" && field.is === "name" && field.blank === true)) {
      delete value[name];
      continue;
    }
    if (typeof item === "string") {
      if (field.is === "name" && field.of.includes(item)) continue;
      if (field.is === "text" && field.like === undefined && !item.includes("\0")) {
        if (item.startsWith(field.begins ?? "") && (item !== "" || field.filled !== true)) continue;
      }
    } else if (typeof item === "boolean" && field.is === "flag") continue;
    const fault = findFault(item, field);
    if (fault !== undefined) return { at: `.${name}${fault.at}`, is: fault.is };
  }
  for (const name of shape.needs) {
    if (value[name] !== undefined) continue;
    return { at: `.${name}`, is: `is missing, wanted ${wanted(shape.fields[name] as Shape)}` };
  }
  return undefined;
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function refuse(value: unknown, shape: Shape): Fault {
  return { at: "", is: `${show(value)} ${complaint(value, shape)}, wanted ${wanted(shape)}` };
}

const jsonTypes: Record<Shape["is"], string> = {
  text: "string",
  flag: "boolean",
  integer: "number",
  name: "string",
  list: "list",
  map: "object",
  object: "object",
};

function complaint(value: unknown, shape: Shape): string {
  const type = jsonType(value);
  if (type !== jsonTypes[shape.is]) return type === "null" ? "is no value" : `is ${article(type)} ${type}`;
  if (typeof value === "string" && value.includes("\0")) return "has a NUL byte";
  if (shape.is === "name") return "is unknown";
  if (shape.is === "integer") return numberComplaint(value as number | bigint, shape);
  return "does not fit";
}

function numberComplaint(value: number | bigint, { from, to }: IntegerShape): string {
  if (value < from || value > to) return "is out of range";
  return Number.isInteger(value) ? "is not exact" : "is not whole";
}

function jsonType(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "list";
  return typeof value === "bigint" ? "number" : typeof value;
}

function article(noun: string): string {
  return /^[aeiou]/.test(noun) ? "an" : "a";
}

function wanted(shape: Shape): string {
  switch (shape.is) {
    case "text":
      return shape.wanted ?? "a string";
    case "flag":
      return "true or false";
    case "integer":
      return `an integer from ${shape.from} to ${shape.to}`;
    case "name":
      return `one of ${shape.of.join(", ")}`;
    case "list":
      return shape.most === 0 ? "an empty list" : "a list";
    case "map":
    case "object":
      return "an object";
  }
}

const longest = 80;

/** A value for an error message: JSON, cut to a readable length. */
export function show(value: unknown): string {
  if (Array.isArray(value)) return "[…]";
  if (typeof value === "object" && value !== null) return "{…}";
  const plain = typeof value === "string" ? JSON.stringify(value) : String(value);
  return plain.length <= longest ? plain : `${plain.slice(0, longest)}…`;
}
