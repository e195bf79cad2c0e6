/**
 * Values of unit properties as text, in the annotations `org.systemd.property.NAME`: GVariant's text format (GLib, "GVariant Text
 * Format"), as far as properties use it: booleans, numbers with or without their type, strings, and arrays of these. Pure.
 */
import { invalid } from "../../../../base/errors.ts";

/** A property as D-Bus carries it: `signature` is the type of `value`. 64-bit numbers are bigint. */
export interface Property {
  readonly name: string;
  readonly signature: string;
  readonly value: unknown;
}

const integerTypes: Readonly<Record<string, string>> = {
  byte: "y",
  int16: "n",
  uint16: "q",
  int32: "i",
  uint32: "u",
  int64: "x",
  uint64: "t",
};
const prefix = "org.systemd.property.";

/**
 * The properties that the annotations set. A time whose name ends in "Sec" is given in seconds, where systemd's bus has
 * microseconds under "USec". Errors: `invalid_argument` naming the annotation.
 */
export function annotatedProperties(annotations: Readonly<Record<string, string>>): Property[] {
  const properties: Property[] = [];
  for (const [key, text] of Object.entries(annotations)) {
    if (!key.startsWith(prefix)) continue;
    const name = key.slice(prefix.length);
    if (!/^[A-Za-z]{3,}$/.test(name)) {
      throw invalid(`cannot use annotation "${key}": a property's name of at least three letters was wanted`);
    }
    const value = parseVariant(text);
    if (value === undefined) {
      throw invalid(
        `cannot use annotation "${key}": "${text}" is no value like true, 5, uint64 5, 'text' or ['a', 'b']`,
      );
    }
    properties.push(inMicroseconds({ name, ...value }, key));
  }
  return properties;
}

function inMicroseconds(property: Property, key: string): Property {
  const match = /^(.*[a-z])Sec$/.exec(property.name);
  if (match === null) return property;
  const { value } = property;
  if (typeof value !== "number" && typeof value !== "bigint") {
    throw invalid(`cannot use annotation "${key}": a number of seconds was wanted`);
  }
  const microseconds = typeof value === "bigint" ? value * 1_000_000n : BigInt(Math.trunc(value * 1_000_000));
  return { name: `${match[1]}USec`, signature: "t", value: BigInt.asUintN(64, microseconds) };
}

type Value = Pick<Property, "signature" | "value">;

/** Undefined for what is no value. */
export function parseVariant(text: string): Value | undefined {
  const trimmed = text.trim();
  if (trimmed.startsWith("[") && trimmed.endsWith("]")) return parseArray(trimmed.slice(1, -1));
  return parseScalar(trimmed);
}

function parseScalar(text: string): Value | undefined {
  if (text === "true" || text === "false") return { signature: "b", value: text === "true" };
  const quoted = /^(['"])((?:[^\\]|\\.)*)\1$/s.exec(text);
  if (quoted !== null) return { signature: "s", value: (quoted[2] ?? "").replace(/\\(.)/gs, "$1") };
  const number = /^(?:(\w+)\s+)?([-+]?(?:0x[0-9a-f]+|\d+)|[-+]?\d*\.\d+(?:e[-+]?\d+)?)$/i.exec(text);
  return number === null ? undefined : parseNumber(number[1], number[2] ?? "");
}

function parseNumber(type: string | undefined, digits: string): Value | undefined {
  if (type === "double" || (type === undefined && digits.includes("."))) {
    return { signature: "d", value: Number(digits) };
  }
  const signature = integerTypes[type ?? "int32"];
  if (signature === undefined || digits.includes(".")) return undefined;
  const negative = digits.startsWith("-");
  const size = BigInt(digits.replace(/^[-+]/, ""));
  const value = negative ? -size : size;
  return { signature, value: signature === "x" || signature === "t" ? value : Number(value) };
}

/** Elements of one type; an empty array is one of strings. */
function parseArray(text: string): Value | undefined {
  const elements = splitElements(text).map(parseScalar);
  const signature = elements[0]?.signature ?? "s";
  const values: unknown[] = [];
  for (const element of elements) {
    if (element === undefined || element.signature !== signature) return undefined;
    values.push(element.value);
  }
  return { signature: `a${signature}`, value: values };
}

/** At commas that are not in quotes. */
function splitElements(text: string): string[] {
  if (text.trim() === "") return [];
  const elements = text.match(/(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[^,'"])+/gs) ?? [];
  return elements.map((element) => element.trim());
}
