/** A server as a process: what ends it, and what must not. */
import { SampanError } from "../base/errors.ts";
import { type Log, openLog, wordsOf } from "./daemon/log.ts";

/** Exit statuses, docker's. */
export const failed = 1;
export const misused = 125;

export interface Program<Settings> {
  readonly help: () => string;
  /** Undefined: help was asked for. What it throws is a misuse. */
  readonly read: () => Settings | undefined;
  /** Resolves with the exit status when it was told to end. */
  readonly serve: (settings: Settings, log: Log) => Promise<number>;
}

/** A server from its words to its exit status. */
export async function runProgram<Settings>({ help, read, serve }: Program<Settings>): Promise<number> {
  const log = openLog("info");
  let settings: Settings | undefined;
  try {
    settings = read();
  } catch (error) {
    log("error", wordsOf(error));
    return misused;
  }
  if (settings === undefined) {
    process.stdout.write(help());
    return 0;
  }
  try {
    return await serve(settings, log);
  } catch (error) {
    log("error", wordsOf(error));
    return failed;
  }
}

/** What nobody caught ends a request, not the server: what matters is in transactions. */
export function surviveErrors(log: Log): void {
  const tell = (error: unknown) =>
    log("error", `nobody caught: ${wordsOf(error)}`, {
      stack: error instanceof Error ? (error.stack ?? "") : "",
    });
  process.on("uncaughtException", tell);
  process.on("unhandledRejection", tell);
}

export interface Stop {
  readonly signal: AbortSignal;
  /** Resolves when it was told to end. */
  readonly stopped: Promise<void>;
}

export interface Stopping {
  /** What is logged when it is told to end. */
  readonly words: string;
  /** What those are told who still wait for it: `the daemon ends`. */
  readonly reason: string;
  /** Milliseconds after which it ends at once; for ever without it. */
  readonly deadline?: number;
}

/** The first SIGTERM or SIGINT ends it in order, a second one at once. */
export function stopSignals(log: Log, { words, reason, deadline }: Stopping): Stop {
  const controller = new AbortController();
  const { promise: stopped, resolve } = Promise.withResolvers<void>();
  for (const name of ["SIGTERM", "SIGINT"] as const)
    process.on(name, () => {
      const status = name === "SIGTERM" ? 143 : 130;
      if (controller.signal.aborted) process.exit(status);
      log("info", words, { signal: name });
      if (deadline !== undefined)
        setTimeout(() => {
          log("error", "it did not end in time, and ends now", { ms: deadline });
          process.exit(status);
        }, deadline).unref();
      controller.abort(new SampanError("unavailable", reason));
      resolve();
    });
  return { signal: controller.signal, stopped };
}
