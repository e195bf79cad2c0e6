/** The cloud as a process: what ends it, and what must not. */
import { SampanError } from "../../base/errors.ts";
import { type Log, wordsOf } from "../daemon/log.ts";

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

/** The first SIGTERM or SIGINT ends it in order, a second one, or more than `deadline` milliseconds, at once. */
export function stopSignals(log: Log, deadline: number): Stop {
  const controller = new AbortController();
  const { promise: stopped, resolve } = Promise.withResolvers<void>();
  for (const name of ["SIGTERM", "SIGINT"] as const)
    process.on(name, () => {
      const status = name === "SIGTERM" ? 143 : 130;
      if (controller.signal.aborted) process.exit(status);
      log("info", "told to end", { signal: name });
      setTimeout(() => {
        log("error", "it did not end in time, and ends now", { ms: deadline });
        process.exit(status);
      }, deadline).unref();
      controller.abort(new SampanError("unavailable", "the server ends"));
      resolve();
    });
  // Nothing is read again: without a listener this would end it.
  process.on("SIGHUP", () => log("info", "settings are read at the start alone"));
  return { signal: controller.signal, stopped };
}
