/** The end of a container's log, for who wrote no message of its own: FallbackToLogsOnError. */
import { readLogs, type LogParts } from "../../../engine/containers/logs.ts";

/** As kubelet has it. */
const lines = 80;
const bytes = 2048;

export async function lastWords(engine: LogParts, id: string): Promise<string> {
  const pieces: Uint8Array[] = [];
  const signal = AbortSignal.timeout(5000);
  for await (const { text } of readLogs(engine, id, {
    stdout: true,
    stderr: true,
    follow: false,
    tail: lines,
    signal,
  }))
    pieces.push(text);
  const all = Buffer.concat(pieces);
  return all.subarray(Math.max(0, all.length - bytes)).toString("utf8");
}
