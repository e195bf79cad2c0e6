/** Complaints about fields in the words that users of kubectl know: the cause's message is what follows the field's name in the status's message. */
import type { StatusCause } from "../../../../../spec/kubernetes/kube.ts";

function cause(reason: string, field: string, parts: readonly string[]): StatusCause {
  return { reason, message: parts.filter((part) => part !== "").join(": "), field };
}

export function required(field: string, detail = ""): StatusCause {
  return cause("FieldValueRequired", field, ["Required value", detail]);
}

export function invalid(field: string, value: unknown, detail: string): StatusCause {
  return cause("FieldValueInvalid", field, ["Invalid value", shown(value), detail]);
}

export function duplicate(field: string, value: unknown): StatusCause {
  return cause("FieldValueDuplicate", field, ["Duplicate value", shown(value)]);
}

export function notFound(field: string, value: unknown): StatusCause {
  return cause("FieldValueNotFound", field, ["Not found", shown(value)]);
}

export function forbidden(field: string, detail: string): StatusCause {
  return cause("FieldValueForbidden", field, ["Forbidden", detail]);
}

export function tooLong(field: string, bytes: number): StatusCause {
  return cause("FieldValueTooLong", field, ["Too long", `may not be more than ${bytes} bytes`]);
}

export function notSupported(field: string, value: unknown, supported: readonly string[]): StatusCause {
  const names = [...supported].sort().map((name) => JSON.stringify(name));
  return cause("FieldValueNotSupported", field, [
    "Unsupported value",
    shown(value),
    `supported values: ${names.join(", ")}`,
  ]);
}

export const immutableRule = "field is immutable";

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? "null";
  return text.length > 2000 ? `${text.slice(0, 2000)}…` : text;
}
