/** The daemon's own log: one short line an event on standard error, `2026-11-21T15:36:12.123Z info ready root=/var/lib/sampan`. */
import { writeSync } from "node:fs";
import { SampanError } from "../../base/errors.ts";
import { printable } from "../../base/printable.ts";
import { type LogLevel, logLevels } from "../../engine/settings.ts";

export interface Log {
  level: LogLevel;
  (level: LogLevel, text: string, fields?: Readonly<Record<string, unknown>>): void;
}

/** Control characters and spaces in a value are quoted, so that a line is a line whatever a client sent. */
function field([name, value]: readonly [string, unknown]): string {
  const text = typeof value === "string" ? value : String(value);
  return `${name}=${/^[\u0021\u0023-\u007e\u00a1-\uffff]+$/.test(text) ? text : JSON.stringify(text)}`;
}

export function logLine(
  level: LogLevel,
  text: string,
  fields: Readonly<Record<string, unknown>>,
  at: Date,
): string {
  return [
    at.toISOString(),
    level,
    printable(text).replaceAll("\n", " "),
    ...Object.entries(fields).map(field),
  ].join(" ");
}

export function openLog(level: LogLevel): Log {
  const log: Log = Object.assign(
    (of: LogLevel, text: string, fields: Readonly<Record<string, unknown>> = {}) => {
      if (logLevels.indexOf(of) < logLevels.indexOf(log.level)) return;
      try {
        writeSync(2, `${logLine(of, text, fields, new Date())}\n`);
      } catch {
        // Whoever read it has gone, or a full disk: a daemon does not end for that.
      }
    },
    { level },
  );
  return log;
}

/** What went wrong first: an error while closing what was open hides it (SuppressedError). */
export function wordsOf(error: unknown): string {
  if (error instanceof SuppressedError)
    return `${wordsOf(error.suppressed)}; then, closing: ${wordsOf(error.error)}`;
  return SampanError.from(error).message;
}
