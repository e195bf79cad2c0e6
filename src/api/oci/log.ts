/** The log as runc writes it: to --log in --log-format, and an error at the top on standard error too. */
import { closeFd, openFile, writeAll } from "../../kernel/libc.ts";
import { O } from "../../kernel/linux.ts";

export type Level = "debug" | "info" | "warning" | "error";

export interface Logger {
  readonly log: (level: Level, text: string) => void;
}

export interface LogOptions {
  readonly path: string | undefined;
  readonly format: "text" | "json";
  readonly debug: boolean;
}

function line(format: "text" | "json", level: Level, msg: string): string {
  const time = new Date().toISOString().replace(/\.\d+Z$/, "Z");
  if (format === "json") return `${JSON.stringify({ level, msg, time })}\n`;
  return `time=${JSON.stringify(time)} level=${level} msg=${JSON.stringify(msg)}\n`;
}

function emit(fd: number, text: string): void {
  try {
    writeAll(fd, new TextEncoder().encode(text));
  } catch {
    // Nobody reads any more.
  }
}

/** Writes to standard output, without the start-up cost of process.stdout. */
export function print(text: string): void {
  writeAll(1, new TextEncoder().encode(text));
}

export function createLogger({ path, format, debug }: LogOptions): Logger {
  return {
    log: (level, text) => {
      if (level === "debug" && !debug) return;
      const entry = line(format, level, text);
      if (path === undefined || path === "") {
        emit(2, entry);
        return;
      }
      const fd = openFile(path, O.WRONLY | O.CREAT | O.APPEND, 0o666);
      if (fd >= 0) {
        emit(fd, entry);
        closeFd(fd);
      }
      // As runc: with a log file, an error is said to the person too.
      if (level === "error" || fd < 0) emit(2, line("text", level, text));
    },
  };
}
