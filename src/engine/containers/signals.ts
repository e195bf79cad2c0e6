/** Signals by the names and numbers that people write. */
import { constants } from "node:os";
import { invalid } from "../../base/errors.ts";
import type { ContainerInfo } from "./containers.ts";

const numbers: Readonly<Record<string, number>> = constants.signals;
const first = { realtime: 34, lastRealtime: 64 } as const;

export const SIGKILL = 9;

/** `KILL`, `SIGKILL`, `9`, `SIGRTMIN+3`. Errors: `invalid_argument`. */
export function signalNumber(text: string): number {
  if (/^\d{1,2}$/.test(text)) {
    const number = Number(text);
    if (number >= 1 && number <= first.lastRealtime) return number;
    throw invalid(`Invalid signal: ${text}`);
  }
  const name = text.toUpperCase().replace(/^(?:SIG)?/, "SIG");
  const known = numbers[name];
  if (known !== undefined) return known;
  const [, edge, sign, digits] = /^SIGRT(MIN|MAX)(?:([+-])(\d{1,2}))?$/.exec(name) ?? [];
  const offset = Number(digits ?? 0) * (sign === "-" ? -1 : 1);
  const number = (edge === "MAX" ? first.lastRealtime : first.realtime) + offset;
  if (edge !== undefined && number >= first.realtime && number <= first.lastRealtime) return number;
  throw invalid(`Invalid signal: ${text.slice(0, 50)}`);
}

/** What a stop sends first. One of an image that is no signal is passed over. */
export function stopSignal({ body, imageConfig }: Pick<ContainerInfo, "body" | "imageConfig">): number {
  if (body.StopSignal) return signalNumber(body.StopSignal);
  try {
    return signalNumber(imageConfig.StopSignal || "SIGTERM");
  } catch {
    return numbers["SIGTERM"] ?? 15;
  }
}
