/** What a monitor has left when its process had ended. */
import { SampanError } from "../../base/errors.ts";
import { readTextIfThere } from "../../kernel/files.ts";
import type { Exit } from "../runtime.ts";
import { exitName } from "./protocol.ts";

/** Errors: `data_loss` for a file that no monitor wrote. */
export function readExit(folder: string): Exit | undefined {
  const text = readTextIfThere(`${folder}/${exitName}`);
  if (text === undefined) return undefined;
  const refusal = `cannot read "${folder}/${exitName}": it is not what a monitor writes`;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new SampanError("data_loss", refusal, { cause: error });
  }
  if (isExit(value)) return value;
  throw new SampanError("data_loss", refusal);
}

function isExit(value: unknown): value is Exit {
  if (typeof value !== "object" || value === null) return false;
  const { code, signal, at } = value as Readonly<Record<string, unknown>>;
  return Number.isInteger(code) && Number.isInteger(at) && (signal === undefined || Number.isInteger(signal));
}
