/** What a value of a property may be. The texts are those that KubeEdge's edges answer with: programs look at them. */
import { invalid } from "../../../base/errors.ts";
import { isTwinKey, isTwinValue } from "../../link/kinds/twin.ts";

export const texts = {
  int: "the value is not int or integer",
  float: "the value is not float",
  boolean: "the bool value must be true or false",
  type: "the value type is not allowed",
  unknownDevice: "update rejected due to the device is not existed",
  unreadable: "Unmarshal update request body failed, please check the request",
  noTwin: "Update twin error, key:twin does not exist",
  key: "The key of twin must only include upper or lowercase letters, number, english, and special letter - _ . , : / @ # and the length of key should be less than 128 bytes",
  value:
    "The value of twin must only include upper or lowercase letters, number, english, and special letter - _ . , : / @ # and the length of value should be less than 512 bytes",
} as const;

/** What a model says of a property, in the words of a twin. */
export interface PropertyType {
  readonly type: string;
  readonly minimum?: string;
  readonly maximum?: string;
}

const int64 = { least: -(2n ** 63n), most: 2n ** 63n - 1n } as const;
const number = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,9})?$/;
/** Go reads these words as numbers too. */
const words = /^[+-]?(?:inf|infinity|nan)$/i;

const isInt = (value: string) => {
  if (!/^[+-]?\d{1,40}$/.test(value)) return false;
  const read = BigInt(value.replace(/^\+/, ""));
  return read >= int64.least && read <= int64.most;
};
const isFloat = (value: string) =>
  words.test(value) || (number.test(value) && Number.isFinite(Number(value)));

type Check = readonly [fits: (value: string) => boolean, text: string];
const any: Check = [() => true, ""];

const checks: Readonly<Record<string, Check>> = {
  string: any,
  bytes: any,
  stream: any,
  deleted: any,
  int: [isInt, texts.int],
  integer: [isInt, texts.int],
  float: [isFloat, texts.float],
  double: [isFloat, texts.float],
  boolean: [(value) => value === "true" || value === "false", texts.boolean],
};

/** @throws SampanError invalid_argument whose message is KubeEdge's. */
export function checkValue(type: string, value: string): void {
  const [fits, text] = (Object.hasOwn(checks, type) ? checks[type] : undefined) ?? [() => false, texts.type];
  if (!fits(value)) throw invalid(text);
}

/** @throws SampanError invalid_argument */
export function checkType(type: string): void {
  if (!Object.hasOwn(checks, type)) throw invalid(texts.type);
}

/**
 * Whether a wanted value lies within what the model allows. Measured values are taken as they are: a sensor beyond its range is what someone wants to see.
 * @throws SampanError invalid_argument
 */
export function checkRange({ type, minimum, maximum }: PropertyType, value: string): void {
  if (!["int", "integer", "float", "double"].includes(type)) return;
  const [least, most, given] = [limit(minimum, -Infinity), limit(maximum, Infinity), Number(value)];
  if (given < least || given > most)
    throw invalid(`the value ${value} is out of range, wanted ${minimum || "any"} to ${maximum || "any"}`);
}

function limit(text: string | undefined, otherwise: number): number {
  const value = text === undefined || text === "" ? otherwise : Number(text);
  return Number.isNaN(value) ? otherwise : value;
}

/** Of what comes by MQTT. */
export function checkWords(key: string, values: readonly (string | undefined)[]): void {
  if (!isTwinKey(key)) throw invalid(texts.key);
  for (const value of values) if (value !== undefined && !isTwinValue(value)) throw invalid(texts.value);
}

/** `INT` of a model is `int` of a twin. */
export function typeOfModel(type: string | undefined): string {
  const lower = (type ?? "string").toLowerCase();
  return Object.hasOwn(checks, lower) && lower !== "deleted" ? lower : "string";
}
