/** GET /containers/{id}/logs. */
import { invalid } from "../../../base/errors.ts";
import type { ContainerInfo } from "../../../engine/containers/containers.ts";
import type { LogEntry, LogQuery } from "../../../engine/containers/life.ts";
import { readLogBatches } from "../../../engine/containers/logs.ts";
import type { LiveEngine } from "../../../engine/engine.ts";
import { multiplexedStream, rawStream } from "../answer.ts";
import { notThere } from "../errors.ts";
import type { Query } from "../query.ts";
import type { Answer, Call } from "../route.ts";
import { momentOf } from "../time.ts";
import { findContainer } from "./find.ts";
import { encodeFrames, type Piece } from "./frames.ts";

export function containerLogs(engine: LiveEngine, { param, query, signal, version }: Call): Answer {
  const container = findContainer(engine, param("id"));
  const asked = logQuery(query, signal);
  if (!keepsLog(container)) throw notThere("configured logging driver does not support reading");
  const tty = container.body.Tty === true;
  const shown = shownAs({ timestamps: query.bool("timestamps"), details: query.bool("details") });
  return {
    kind: "stream",
    type: !tty && version >= 42 ? multiplexedStream : rawStream,
    write: async (out) => {
      out.begin();
      for await (const entries of readLogBatches(engine, container.id, asked)) {
        const pieces = shown(entries);
        await out.write(tty ? Buffer.concat(pieces.map(({ bytes }) => bytes)) : encodeFrames(pieces));
      }
    },
  };
}

export function keepsLog({ body }: Pick<ContainerInfo, "body">): boolean {
  return body.HostConfig?.LogConfig?.Type !== "none";
}

/** Errors: `invalid_argument`. */
export function logQuery(query: Query, signal: AbortSignal): LogQuery {
  const stdout = query.bool("stdout");
  const stderr = query.bool("stderr");
  if (!stdout && !stderr) throw invalid("Bad parameters: you must choose at least one stream");
  const since = moment(query, "since");
  const until = moment(query, "until");
  const tail = tailOf(query.string("tail"));
  return {
    stdout,
    stderr,
    follow: query.bool("follow"),
    signal,
    ...(since === undefined ? {} : { since }),
    // 0 is no end, as dockerd has it.
    ...(until === undefined || until === 0n ? {} : { until }),
    ...(tail === undefined ? {} : { tail }),
  };
}

function moment(query: Query, name: string): bigint | undefined {
  const value = query.string(name);
  return value === undefined ? undefined : momentOf(name, value);
}

/** What is no number is `all`. */
function tailOf(value: string | undefined): number | undefined {
  return value !== undefined && /^\d{1,15}$/.test(value) ? Number(value) : undefined;
}

/** The time stands at the beginning of each line, also of one of several pieces. */
function shownAs({ timestamps, details }: { timestamps: boolean; details: boolean }) {
  const open = { stdout: false, stderr: false };
  return (entries: readonly LogEntry[]): Piece[] =>
    entries.map(({ stream, time, text }) => {
      const begins = !open[stream];
      open[stream] = text.at(-1) !== 0x0a;
      if (!begins || !(timestamps || details)) return { stream, bytes: text };
      const words = `${timestamps ? `${fullTime(time)} ` : ""}${details ? " " : ""}`;
      return { stream, bytes: Buffer.concat([Buffer.from(words), text]) };
    });
}

/** With all nine digits, so that columns stand below each other. */
function fullTime(time: string): string {
  const [, seconds = time, fraction = "", zone = ""] =
    /^([^.Z+]+?)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/.exec(time) ?? [];
  return `${seconds}.${fraction.padEnd(9, "0")}${zone}`;
}
