/** Bounds of numbers, texts, lists and maps. */
import type { StatusCause } from "../../../../spec/kubernetes/kube.ts";
import type { Schema } from "./schema.ts";
import { body, cause, invalidValue } from "./_causes.ts";
import { inRange } from "./coerce.ts";
import { hasFormat } from "./formats.ts";
import { equal, type Fields } from "./json.ts";
import { type Effort, matches } from "./pattern.ts";

const none: readonly StatusCause[] = [];

/** Most values have no complaint: then nothing is made. */
function only(...causes: readonly (StatusCause | undefined)[]): readonly StatusCause[] {
  const found = causes.filter((one) => one !== undefined);
  return found.length === 0 ? none : found;
}

export function boundsOfNumber(value: number, schema: Schema, path: string): readonly StatusCause[] {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf, format, type } = schema;
  const say = (text: string) => invalidValue(path, value, `${body(path)} ${text}`);
  const low = minimum !== undefined && (exclusiveMinimum ? value <= minimum : value < minimum);
  const high = maximum !== undefined && (exclusiveMaximum ? value >= maximum : value > maximum);
  const uneven = multipleOf !== undefined && multipleOf > 0 && !isMultiple(value, multipleOf);
  return only(
    low ? say(`should be greater than ${exclusiveMinimum ? "" : "or equal to "}${minimum}`) : undefined,
    high ? say(`should be less than ${exclusiveMaximum ? "" : "or equal to "}${maximum}`) : undefined,
    uneven ? say(`should be a multiple of ${multipleOf}`) : undefined,
    type === "integer" && !inRange(value, format)
      ? say(`must be of type ${format ?? "int64"}: ${value}`)
      : undefined,
  );
}

/** 0.3 is a multiple of 0.1, though not in binary. */
function isMultiple(value: number, unit: number): boolean {
  const quotient = value / unit;
  return Math.abs(quotient - Math.round(quotient)) <= Number.EPSILON * Math.max(1, Math.abs(quotient)) * 4;
}

export function boundsOfText(
  value: string,
  schema: Schema,
  { path, effort }: { readonly path: string; readonly effort: Effort },
): readonly StatusCause[] {
  const { minLength, maxLength, pattern, format } = schema;
  const counted = minLength !== undefined || maxLength !== undefined ? Array.from(value).length : 0;
  const tooLong = maxLength !== undefined && counted > maxLength;
  const tooShort = minLength !== undefined && counted < minLength;
  const unlike = pattern !== undefined && !tooLong && !matches(pattern, value, effort);
  const malformed = format !== undefined && !tooLong && !hasFormat(value, format);
  return only(
    tooLong ? cause("FieldValueTooLong", path, `Too long: may not be longer than ${maxLength}`) : undefined,
    tooShort
      ? invalidValue(path, value, `${body(path)} should be at least ${minLength} chars long`)
      : undefined,
    unlike ? invalidValue(path, value, `${body(path)} should match '${pattern}'`) : undefined,
    malformed
      ? invalidValue(path, value, `${body(path)} must be of type ${format}: ${JSON.stringify(value)}`)
      : undefined,
  );
}

export function boundsOfList(
  value: readonly unknown[],
  schema: Schema,
  path: string,
): readonly StatusCause[] {
  const { minItems, maxItems, uniqueItems } = schema;
  const tooFew = minItems !== undefined && value.length < minItems;
  const tooMany = maxItems !== undefined && value.length > maxItems;
  const repeated = uniqueItems === true && !tooMany && value.length < 1000 && hasTwins(value);
  return only(
    tooFew
      ? invalidValue(path, value.length, `${body(path)} should have at least ${minItems} items`)
      : undefined,
    tooMany ? tooManyCause(path, value.length, maxItems) : undefined,
    repeated ? invalidValue(path, value, `${body(path)} shouldn't contain duplicates`) : undefined,
  );
}

function hasTwins(value: readonly unknown[]): boolean {
  return value.some((element, at) => value.slice(0, at).some((other) => equal(element, other)));
}

export function boundsOfMap(value: Fields, schema: Schema, path: string): readonly StatusCause[] {
  const { minProperties, maxProperties } = schema;
  const count = Object.keys(value).length;
  const tooFew = minProperties !== undefined && count < minProperties;
  const tooMany = maxProperties !== undefined && count > maxProperties;
  return only(
    tooFew
      ? invalidValue(path, count, `${body(path)} should have at least ${minProperties} properties`)
      : undefined,
    tooMany ? tooManyCause(path, count, maxProperties) : undefined,
  );
}

function tooManyCause(path: string, count: number, most: number): StatusCause {
  return cause("FieldValueTooMany", path, `Too many: ${count}: must have at most ${most} items`);
}
