/** Fields of configData, read with refusals that name them. */
import { invalid } from "../base/errors.ts";
import type { ConfigData } from "../wire/dmi/config-data.ts";

export interface Range {
  readonly least?: number;
  readonly most?: number;
}

/** A text; `otherwise` where there is none. */
export function textOf(data: ConfigData, field: string, otherwise?: string): string {
  const value = data[field] ?? otherwise;
  if (typeof value === "string" && value !== "") return value;
  throw invalid(`configData.${field}: it is ${JSON.stringify(value)}, wanted a text`);
}

/** A number, also one that is written as text. */
export function numberOf(
  data: ConfigData,
  field: string,
  { least = -Infinity, most = Infinity, otherwise }: Range & { otherwise?: number } = {},
): number {
  const value = data[field] ?? otherwise;
  const number = typeof value === "string" && value.trim() !== "" ? Number(value) : value;
  if (typeof number === "number" && number >= least && number <= most) return number;
  throw invalid(
    `configData.${field}: it is ${JSON.stringify(value)}, wanted a number from ${least} to ${most}`,
  );
}

export function flagOf(data: ConfigData, field: string, otherwise = false): boolean {
  const value = data[field] ?? otherwise;
  if (value === true || value === "true") return true;
  if (value === false || value === "false") return false;
  throw invalid(`configData.${field}: it is ${JSON.stringify(value)}, wanted true or false`);
}

export function wordOf<Word extends string>(
  data: ConfigData,
  field: string,
  words: readonly Word[],
  otherwise?: Word,
): Word {
  const value = data[field] ?? otherwise;
  const found = words.find((word) => word.toLowerCase() === String(value).toLowerCase());
  if (found !== undefined) return found;
  throw invalid(`configData.${field}: it is ${JSON.stringify(value)}, wanted one of ${words.join(", ")}`);
}
