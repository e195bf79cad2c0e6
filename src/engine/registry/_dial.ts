/** Whether a server can be connected to in time: Bun's fetch has no deadline for that alone. */
import { connect } from "node:net";
import { SampanError } from "../../base/errors.ts";
import { shown } from "./_exchange.ts";
import { cancelled } from "./_patience.ts";

/** Errors: `unavailable`, `cancelled`. */
export async function dial(url: URL, milliseconds: number, signal?: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const fail = (why: string, cause?: unknown) =>
    reject(new SampanError("unavailable", `${shown(url)}: ${why}`, { cause }));
  const port = Number(url.port || (url.protocol === "http:" ? 80 : 443));
  const socket = connect({ host: url.hostname.replace(/^\[|\]$/g, ""), port }, resolve);
  const timer = setTimeout(
    () => fail(`no connection for ${milliseconds / 1000} s (dial_timeout)`),
    milliseconds,
  );
  const stop = () => reject(cancelled(signal?.reason));
  socket.on("error", (error) => fail(error.message, error));
  signal?.addEventListener("abort", stop, { once: true });
  if (signal?.aborted) stop();
  try {
    await promise;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", stop);
    socket.destroy();
  }
}
