/** Plain answers of kubelets (logs, figures), on their way to a client or read whole. */
import type { ServerResponse } from "node:http";
import { SampanError } from "../../../base/errors.ts";
import { readHead } from "../../../wire/channels/head.ts";
import { asKube, reached, refusal, type Target, withDeadline } from "./kubelet-answer.ts";
import type { Way } from "./way.ts";

export interface PlainRequest {
  readonly type: "logs" | "metrics";
  readonly target: Target;
  readonly signal: AbortSignal;
}

/** A plain answer, passed on as it comes. Errors: a KubeError before anything was written. */
export async function answerPlain(
  tunnel: Way,
  { type, target, signal }: PlainRequest,
  response: ServerResponse,
): Promise<void> {
  const channel = await reached(tunnel, tunnel.open({ type, ...target }));
  const stop = () => channel.destroy();
  signal.addEventListener("abort", stop, { once: true });
  if (signal.aborted) stop();
  try {
    let type = "text/plain; charset=utf-8";
    // KubeEdge's edges send the body alone, whatever the status was.
    if (tunnel.ours) {
      const head = await withDeadline(channel, signal, tunnel);
      if (head.status !== 200) throw await refusal(channel, head, signal);
      type = head.headers.get("content-type") ?? type;
    }
    response.writeHead(200, { "Content-Type": type });
    response.flushHeaders();
    for await (const piece of channel) if (!response.write(piece)) await drained(response);
    response.end();
  } catch (error) {
    if (!response.headersSent && !signal.aborted) throw asKube(error);
    // What was sent so far must not look whole.
    response.destroy();
  } finally {
    signal.removeEventListener("abort", stop);
    channel.destroy();
  }
}

/** The whole body of a plain answer. Errors: `resource_exhausted` when it is larger than `largest`. */
export async function fetchPlain(
  tunnel: Way,
  { type, target, signal }: PlainRequest,
  largest: number,
): Promise<string> {
  const channel = await tunnel.open({ type, ...target });
  const stop = () => channel.destroy(signal.reason as Error);
  signal.addEventListener("abort", stop, { once: true });
  if (signal.aborted) stop();
  try {
    if (tunnel.ours) {
      const head = await readHead(channel, signal);
      if (head.status !== 200) throw await refusal(channel, head, signal);
    }
    const pieces: Buffer[] = [];
    let size = 0;
    for await (const piece of channel) {
      size += (piece as Buffer).length;
      if (size > largest)
        throw new SampanError("resource_exhausted", `the answer has more than ${largest} bytes`);
      pieces.push(piece as Buffer);
    }
    signal.throwIfAborted();
    return Buffer.concat(pieces).toString();
  } finally {
    signal.removeEventListener("abort", stop);
    channel.destroy();
  }
}

async function drained(response: ServerResponse): Promise<void> {
  if (response.destroyed) throw new SampanError("unavailable", "the client went away");
  await new Promise<void>((resolve, reject) => {
    const done = () => finish(resolve);
    const gone = () => finish(() => reject(new SampanError("unavailable", "the client went away")));
    const finish = (settle: () => void) => {
      response.off("drain", done);
      response.off("close", gone);
      settle();
    };
    response.on("drain", done);
    response.on("close", gone);
  });
}
