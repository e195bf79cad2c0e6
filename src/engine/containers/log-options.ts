/** The words of --log-driver and --log-opt. */
import { invalid } from "../../base/errors.ts";
import type { HostConfig } from "../../spec/docker/create.ts";

const drivers = ["json-file", "local", "none"];
/** Docker's for its drivers that keep files; those beside the sizes are about what a line is told with, and change nothing here. */
const options = [
  "max-size",
  "max-file",
  "compress",
  "mode",
  "max-buffer-size",
  "labels",
  "labels-regex",
  "env",
  "env-regex",
  "tag",
];
const units: Readonly<Record<string, number>> = { "": 1, b: 1, k: 1 << 10, m: 1 << 20, g: 1 << 30 };

export interface LogLimits {
  /** Bytes a file. */
  readonly maxSize?: number;
  readonly maxFiles?: number;
}

/** Undefined: nothing is kept. Names of drivers that keep files all mean ours. Errors: `invalid_argument`. */
export function checkLog(log: HostConfig["LogConfig"]): LogLimits | undefined {
  const { Type, Config } = log ?? {};
  if (Type && !drivers.includes(Type))
    throw invalid(`cannot use log driver "${Type}": wanted ${drivers.join(", ")}`);
  if (Type === "none") return undefined;
  const unknown = Object.keys(Config ?? {}).find((name) => !options.includes(name));
  if (unknown !== undefined)
    throw invalid(`cannot use log option "${unknown.slice(0, 150)}": wanted one of ${options.join(", ")}`);
  const size = Config?.["max-size"];
  const files = Config?.["max-file"];
  return {
    ...(size !== undefined && { maxSize: sizeOf(size) }),
    ...(files !== undefined && { maxFiles: countOf(files) }),
  };
}

/** `10m`; -1 is no limit. */
function sizeOf(text: string): number {
  if (text === "-1") return Number.MAX_SAFE_INTEGER;
  const [, number, unit] = /^(\d{1,12})\s*([kmg]?)b?$/i.exec(text) ?? [];
  const size = Number(number) * (units[(unit ?? "").toLowerCase()] ?? 1);
  if (Number.isSafeInteger(size) && size > 0) return size;
  throw invalid(`cannot use log option "max-size=${text}": wanted a size like 10m`);
}

function countOf(text: string): number {
  const count = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  if (count > 0) return count;
  throw invalid(`cannot use log option "max-file=${text}": wanted a number from 1 to 9999`);
}
