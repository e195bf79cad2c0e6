/** Docker's progress stream, a JSON value a line, as steps; an error in it ends the call. */
import type { LongCall } from "../../../spec/docker/progress.ts";
import { SampanError } from "../../../base/errors.ts";
import { type Asked, bodyOf, type Http } from "./http.ts";
import { codeOf } from "./failure.ts";
import { jsonLines } from "./lines.ts";

interface Line {
  readonly id?: string;
  readonly status?: string;
  readonly stream?: string;
  readonly progressDetail?: { readonly current?: number; readonly total?: number } | null;
  readonly error?: string;
  readonly errorDetail?: { readonly code?: number; readonly message?: string } | null;
  readonly aux?: unknown;
}

export interface Told {
  /** What the stream says besides progress. */
  readonly aux?: unknown;
  readonly text?: string;
}

export type ProgressCall = LongCall & {
  /** Told first of each line; true: it is dealt with and is no step. */
  readonly onLine?: (told: Told) => boolean;
};

/** Errors: what the stream tells, by its code. */
export async function progress(http: Http, path: string, asked: Asked, call: ProgressCall): Promise<void> {
  const answer = await http.send("POST", path, { ...asked, ...(call.signal ? { signal: call.signal } : {}) });
  for await (const line of jsonLines<Line>(bodyOf(answer))) {
    const { id, status, stream, aux, errorDetail } = line;
    const error = errorDetail?.message ?? line.error;
    if (error !== undefined)
      throw new SampanError(errorDetail?.code === undefined ? "unknown" : codeOf(errorDetail.code), error);
    const text = status ?? stream?.replace(/\n$/, "");
    const told = { ...(aux === undefined ? {} : { aux }), ...(text === undefined ? {} : { text }) };
    if (call.onLine?.(told) || text === undefined) continue;
    const { current, total } = line.progressDetail ?? {};
    call.onStep?.({
      status: text,
      ...(id === undefined ? {} : { id }),
      ...(current === undefined ? {} : { current }),
      ...(total === undefined ? {} : { total }),
    });
  }
}
