/**
 * `configData` of protocols and visitors as DMI carries it: a map of google.protobuf.Any, each a wrapper of protobuf.
 * KubeEdge writes every number as a float of 32 bits, which is what mappers of today read. A number that such a float would change in its decimal form goes as one of 64 bits.
 */
import { create } from "@bufbuild/protobuf";
import {
  type Any,
  anyPack,
  anyUnpack,
  BoolValueSchema,
  BytesValueSchema,
  DoubleValueSchema,
  FloatValueSchema,
  Int32ValueSchema,
  Int64ValueSchema,
  StringValueSchema,
  UInt32ValueSchema,
  UInt64ValueSchema,
} from "@bufbuild/protobuf/wkt";
import { createRegistry } from "@bufbuild/protobuf";
import { invalid } from "../../base/errors.ts";
import { CustomizedValueSchema, type CustomizedValue } from "./dmi_pb.ts";

export type ConfigValue = string | number | boolean;
export type ConfigData = Readonly<Record<string, ConfigValue>>;

const wrappers = createRegistry(
  BoolValueSchema,
  BytesValueSchema,
  DoubleValueSchema,
  FloatValueSchema,
  Int32ValueSchema,
  Int64ValueSchema,
  StringValueSchema,
  UInt32ValueSchema,
  UInt64ValueSchema,
);

/** A float of 32 bits as the shortest decimal that means it: 0.1 and not 0.10000000149011612. */
export function shortest(float: number): number {
  for (let digits = 1; digits <= 9; digits++) {
    const short = Number(float.toPrecision(digits));
    if (Math.fround(short) === Math.fround(float)) return short;
  }
  return float;
}

function packed(value: unknown, name: string): Any {
  if (typeof value === "string") return anyPack(StringValueSchema, create(StringValueSchema, { value }));
  if (typeof value === "boolean") return anyPack(BoolValueSchema, create(BoolValueSchema, { value }));
  if (typeof value === "number")
    return shortest(Math.fround(value)) === value
      ? anyPack(FloatValueSchema, create(FloatValueSchema, { value }))
      : anyPack(DoubleValueSchema, create(DoubleValueSchema, { value }));
  throw invalid(
    `cannot send configData.${name}: it is ${Array.isArray(value) ? "a list" : typeof value}, wanted a text, a number or a truth value`,
  );
}

/** Errors: `invalid_argument` that names what is neither a text, a number nor a truth value. */
export function encodeConfigData(data: Readonly<Record<string, unknown>>): CustomizedValue {
  return create(CustomizedValueSchema, {
    data: Object.fromEntries(Object.entries(data).map(([name, value]) => [name, packed(value, name)])),
  });
}

/** Errors: `invalid_argument` that names what cannot be read. */
export function decodeConfigData(custom: CustomizedValue | undefined): ConfigData {
  const entries = Object.entries(custom?.data ?? {}).map(
    ([name, any]) => [name, unpacked(any, name)] as const,
  );
  return Object.fromEntries(entries);
}

function unpacked(any: Any, name: string): ConfigValue {
  const found = anyUnpack(any, wrappers) as
    { readonly $typeName: string; readonly value?: unknown } | undefined;
  if (!found) throw invalid(`cannot read configData.${name}: it is a "${any.typeUrl.slice(0, 80)}"`);
  const { value } = found;
  if (found.$typeName === FloatValueSchema.typeName) return shortest(value as number);
  if (typeof value === "bigint") return Number(value);
  return value instanceof Uint8Array ? Buffer.from(value).toString() : (value as ConfigValue);
}
