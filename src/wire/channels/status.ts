/** Reads how a command ended from one who may say anything: only known fields are kept. */
import { invalid } from "../../base/errors.ts";
import type { CommandStatus } from "./command.ts";

type Fields = Readonly<Record<string, unknown>>;
const mostCauses = 16;

export function parseStatus(text: string): CommandStatus {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw invalid("cannot read how the command ended: it is no JSON");
  }
  const { status, reason, message, details, code } = fields(value);
  if (status !== "Success" && status !== "Failure")
    throw invalid("cannot read how the command ended: wanted the status Success or Failure");
  const { causes } = fields(details);
  const kept = Array.isArray(causes) ? causes.slice(0, mostCauses).map(cause) : undefined;
  return {
    metadata: {},
    status,
    ...textOf("reason", reason),
    ...textOf("message", message),
    ...(kept ? { details: { causes: kept } } : {}),
    ...(Number.isInteger(code) ? { code: code as number } : {}),
  };
}

function cause(value: unknown) {
  const { reason, message } = fields(value);
  return { ...textOf("reason", reason), ...textOf("message", message) };
}

function fields(value: unknown): Fields {
  return typeof value === "object" && value !== null ? (value as Fields) : {};
}

function textOf<const N extends string>(name: N, value: unknown): { readonly [K in N]?: string } {
  return (typeof value === "string" ? { [name]: value } : {}) as { readonly [K in N]?: string };
}
