/** Numbers and percentages in workloads. */
import type { StatusCause } from "../../../../../spec/kubernetes/kube.ts";
import { invalid, immutableRule } from "../fields/complaints.ts";
import { same } from "../fields/metadata.ts";
import { valueAt, type Fields } from "../fields/read.ts";

export const notNegative = "must be greater than or equal to 0";

export function notNegativeCauses(holder: Fields, field: string, names: readonly string[]): StatusCause[] {
  return names.flatMap((name) => {
    const value = holder[name];
    return typeof value === "number" && value < 0 ? [invalid(`${field}.${name}`, value, notNegative)] : [];
  });
}

/** A number of pods, or their part: 3, `25%`. */
export function shareCauses(value: unknown, field: string, most?: number): StatusCause[] {
  if (typeof value === "number") return value < 0 ? [invalid(field, value, notNegative)] : [];
  if (typeof value !== "string") return [];
  if (!/^[0-9]+%$/.test(value)) {
    return [
      invalid(
        field,
        value,
        "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')",
      ),
    ];
  }
  return most !== undefined && Number.parseInt(value, 10) > most
    ? [invalid(field, value, `must not be greater than ${most}%`)]
    : [];
}

export const isZero = (value: unknown): boolean => value === 0 || value === "0%" || value === "0";

export function immutableCauses(object: object, old: object, paths: readonly string[]): StatusCause[] {
  return paths.flatMap((path) => {
    const names = path.split(".");
    const value = valueAt(object, ...names);
    return same(value, valueAt(old, ...names)) ? [] : [invalid(path, value ?? null, immutableRule)];
  });
}
