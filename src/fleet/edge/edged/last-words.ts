/** What containers that have ended said last: in the file of their own, or, where the pod wants it so, at the end of their log (terminationMessagePolicy). */
import { readLogs, type LogParts } from "../../../engine/containers/logs.ts";
import type { Pod } from "../../../spec/kubernetes/pod.ts";
import { messageFile, readMessage } from "./observe.ts";
import { allContainers, type Seen } from "./view.ts";

/** As kubelet has it. */
const lines = 80;
const bytes = 2048;

export interface LastWordsParts {
  readonly engine: LogParts;
  /** The pod's, where the files lie. */
  readonly folder: string;
  /** Something has come. */
  readonly changed: () => void;
}

export class LastWords {
  readonly #parts: LastWordsParts;
  readonly #known = new Map<string, string>();

  constructor(parts: LastWordsParts) {
    this.#parts = parts;
  }

  /** With their messages; those of others are forgotten. */
  of(pod: Pod, seen: readonly Seen[]): Seen[] {
    const ids = new Set(seen.map(({ id }) => id));
    for (const id of this.#known.keys()) if (!ids.has(id)) this.#known.delete(id);
    return seen.map((each) => {
      const message = each.state === "ended" ? (this.#known.get(each.id) ?? this.#read(pod, each)) : "";
      return message === "" ? each : { ...each, message };
    });
  }

  #read(pod: Pod, { id, name, attempt, exitCode }: Seen): string {
    const message = readMessage(messageFile(this.#parts.folder, name, attempt));
    this.#known.set(id, message);
    const wanted = allContainers(pod).find(({ container }) => container.name === name);
    const policy = wanted?.container.terminationMessagePolicy;
    if (message === "" && exitCode !== 0 && policy === "FallbackToLogsOnError") void this.#fromLog(id);
    return message;
  }

  async #fromLog(id: string): Promise<void> {
    const { engine, changed } = this.#parts;
    try {
      this.#known.set(id, await endOfLog(engine, id));
      changed();
    } catch {
      // Its log has gone with it: it said nothing.
    }
  }
}

async function endOfLog(engine: LogParts, id: string): Promise<string> {
  const pieces: Uint8Array[] = [];
  const signal = AbortSignal.timeout(5000);
  const query = { stdout: true, stderr: true, follow: false, tail: lines, signal };
  for await (const { text } of readLogs(engine, id, query)) pieces.push(text);
  const all = Buffer.concat(pieces);
  return all.subarray(Math.max(0, all.length - bytes)).toString("utf8");
}
