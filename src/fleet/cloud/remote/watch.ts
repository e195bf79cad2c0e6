/** A watch over HTTP: JSON objects, a line each. */
import type { IncomingMessage } from "node:http";
import { KubeError, type KubeObject, type WatchEvent } from "../../../spec/kubernetes/kube.ts";
import { statusFailure } from "./failure.ts";

/** Of one event: etcd takes no object of more than some MiB. */
const largest = 16 << 20;

/** Ends with the answer or when the signal aborts. Errors: the KubeError of an ERROR event; `ServiceUnavailable` when the connection breaks. */
export async function* readEvents(
  answer: IncomingMessage,
  signal: AbortSignal,
): AsyncGenerator<WatchEvent, void, undefined> {
  const stop = () => answer.destroy();
  signal.addEventListener("abort", stop, { once: true });
  if (signal.aborted) stop();
  let pieces: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of answer) {
      let rest = chunk as Buffer;
      for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10)) {
        const line = Buffer.concat([...pieces, rest.subarray(0, end)]).toString();
        pieces = [];
        size = 0;
        rest = rest.subarray(end + 1);
        if (line.trim() !== "") yield eventOf(line);
      }
      size += rest.length;
      if (size > largest)
        throw new KubeError("InternalError", `a watch event has more than ${largest} bytes`);
      if (rest.length > 0) pieces.push(rest);
    }
  } catch (error) {
    if (signal.aborted) return;
    if (error instanceof KubeError) throw error;
    throw new KubeError("ServiceUnavailable", `the watch broke: ${String(error)}`, undefined, {
      cause: error,
    });
  } finally {
    signal.removeEventListener("abort", stop);
    answer.destroy();
  }
}

const types = new Set(["ADDED", "MODIFIED", "DELETED", "BOOKMARK"]);

function eventOf(line: string): WatchEvent {
  let event: { readonly type?: unknown; readonly object?: unknown };
  try {
    event = JSON.parse(line) as typeof event;
  } catch {
    throw new KubeError("InternalError", "cannot read a watch event: it is no JSON");
  }
  const { type, object } = event;
  if (typeof object !== "object" || object === null)
    throw new KubeError("InternalError", "cannot read a watch event: it has no object");
  if (type === "ERROR") throw statusFailure(object as Record<string, unknown>, 500);
  if (typeof type !== "string" || !types.has(type))
    throw new KubeError("InternalError", `cannot read a watch event of type ${JSON.stringify(type)}`);
  return { type: type as WatchEvent["type"], object: object as KubeObject };
}
