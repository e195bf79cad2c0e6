/** Causes of a refusal, in the words of metav1's field errors. */
import type { StatusCause } from "../../../../spec/kubernetes/kube.ts";

export function cause(reason: string, field: string, message: string): StatusCause {
  return { reason, message, field: field === "" ? "<nil>" : field };
}

/** How a value's place begins a sentence. */
export function body(path: string): string {
  return path === "" ? "body" : `${path} in body`;
}

export function invalidValue(path: string, value: unknown, text: string): StatusCause {
  return cause("FieldValueInvalid", path, `Invalid value: ${show(value)}: ${text}`);
}

export function required(path: string, detail?: string): StatusCause {
  return cause(
    "FieldValueRequired",
    path,
    detail === undefined ? "Required value" : `Required value: ${detail}`,
  );
}

export function notSupported(path: string, value: unknown, supported: readonly unknown[]): StatusCause {
  const values = supported.map(show).join(", ");
  return cause(
    "FieldValueNotSupported",
    path,
    `Unsupported value: ${show(value)}: supported values: ${values}`,
  );
}

export function duplicate(path: string, value: unknown): StatusCause {
  return cause("FieldValueDuplicate", path, `Duplicate value: ${show(value)}`);
}

const maxShown = 1024;

/** A value in a message: strings with quotes, the rest as JSON; bounded. */
export function show(value: unknown): string {
  const text = JSON.stringify(value) ?? "null";
  return text.length > maxShown ? `${text.slice(0, maxShown)}…` : text;
}
