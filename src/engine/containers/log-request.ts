/** What a container's monitor is to write of its output, and how much of it is kept. */
import { invalid } from "../../base/errors.ts";
import type { MonitorRequest } from "../../runtime/runtime.ts";
import type { CreateBody } from "../../spec/docker/create.ts";
import { logPath } from "./logs.ts";
import type { LifeParts } from "./parts.ts";
import { hostConfig } from "./request.ts";

const units: Readonly<Record<string, number>> = { "": 1, b: 1, k: 1 << 10, m: 1 << 20, g: 1 << 30 };

/** Undefined: none is kept. Names of log drivers that keep files all mean ours. Errors: `invalid_argument`. */
export function logRequest(
  engine: Pick<LifeParts, "settings" | "store">,
  id: string,
  body: CreateBody,
): MonitorRequest["log"] {
  const { Type = "", Config } = hostConfig(body).LogConfig ?? {};
  if (Type === "none") return undefined;
  if (!["", "json-file", "local"].includes(Type))
    throw invalid(`cannot use log driver "${Type}": there are json-file, local and none`);
  const { logs } = engine.settings;
  const size = Config?.["max-size"];
  const files = Config?.["max-file"];
  return {
    path: logPath(engine.store.root, id),
    maxSize: size === undefined ? logs.maxSize : sizeOf(size),
    maxFiles: files === undefined ? logs.maxFiles : countOf(files),
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
