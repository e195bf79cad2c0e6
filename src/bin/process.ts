/** A server as a process: what ends it, and what must not. */
import { SampanError } from "../base/errors.ts";
import { type Log, wordsOf } from "./daemon/log.ts";

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
