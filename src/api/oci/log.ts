/** The log as runc writes it: to --log in --log-format, and an error at the top on standard error too. */
import { printableJson } from "../../base/printable.ts";
import { appendTo, writeTo } from "../../runtime/native/caller.ts";

export type Level = "debug" | "info" | "warning" | "error";

export interface Logger {
  readonly log: (level: Level, text: string) => void;
}

export interface LogOptions {
  readonly path: string | undefined;
  readonly format: "text" | "json";
  readonly debug: boolean;
  /** Errors go to the log file alone: whoever called reads it, and tells the person. */
  readonly fileOnly?: boolean;
}

function line(format: "text" | "json", level: Level, msg: string): string {
  const time = new Date().toISOString().replace(/\.\d+Z$/, "Z");
  if (format === "json") return `${printableJson(JSON.stringify({ level, msg, time }))}\n`;
  return `time=${JSON.stringify(time)} level=${level} msg=${printableJson(JSON.stringify(msg))}\n`;
}

function emit(fd: number, text: string): void {
  try {
    writeTo(fd, text);
  } catch {
    // Nobody reads any more.
  }
}

/** Writes to standard output, without the start-up cost of process.stdout. */
export function print(text: string): void {
  writeTo(1, text);
}

export function createLogger({ path: given, format, debug, fileOnly = false }: LogOptions): Logger {
  // create leaves the working directory for the bundle's.
  const path = given && !given.startsWith("/") ? `${process.cwd()}/${given}` : given;
  return {
    log: (level, text) => {
      if (level === "debug" && !debug) return;
      const entry = line(format, level, text);
      if (path === undefined || path === "") {
        emit(2, entry);
        return;
      }
      const kept = appendTo(path, entry);
      // As runc: with a log file, an error is said to the person too.
      if ((level === "error" && !fileOnly) || !kept) emit(2, line("text", level, text));
    },
  };
}
