/** Logs as kubelet gives them: lines as they were written, with their times where these are wanted. */
import { readLogs, type LogParts } from "../../../engine/containers/logs.ts";
import type { LogOptions } from "./access.ts";

const lineEnd = Buffer.from("\n");

export async function* readPodLogs(
  engine: LogParts,
  id: string,
  options: LogOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { follow = false, timestamps = false, tailLines, limitBytes, since, signal } = options;
  const query = {
    stdout: true,
    stderr: true,
    follow,
    ...(since !== undefined && { since: BigInt(Math.trunc(since)) * 1_000_000n }),
    ...(tailLines !== undefined && { tail: tailLines }),
    signal,
  };
  let left = limitBytes ?? Number.POSITIVE_INFINITY;
  let begins = true;
  for await (const { time, text } of readLogs(engine, id, query)) {
    const line = timestamps && begins ? Buffer.concat([Buffer.from(`${time} `), text]) : text;
    // A piece of a longer line has no end: what follows is the same line.
    begins = text.at(-1) === lineEnd[0];
    if (left <= 0) return;
    yield line.length > left ? line.subarray(0, left) : line;
    left -= line.length;
  }
}
