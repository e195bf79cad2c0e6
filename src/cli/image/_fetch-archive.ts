/** An archive from the web, as it comes. */
import { SampanError } from "../../base/errors.ts";

/** Milliseconds that a server may be silent, before its answer and within it. */
const patience = 60_000;

export interface FetchOptions {
  readonly signal: AbortSignal;
  readonly patience?: number;
}

/** Errors: `unavailable`, `deadline_exceeded` for a server that falls silent. */
export async function* fetchArchive(source: string, options: FetchOptions): AsyncGenerator<Uint8Array> {
  const silence = new Silence(options.patience ?? patience);
  try {
    const answer = await silence.during(
      fetch(source, { signal: AbortSignal.any([options.signal, silence.signal]) }),
    );
    if (!answer.ok || !answer.body)
      throw new SampanError("unavailable", `the server answered with status ${answer.status}`);
    const reader = answer.body.getReader();
    try {
      for (;;) {
        const { done, value } = await silence.during(reader.read());
        if (done) return;
        yield value;
      }
    } finally {
      await reader.cancel().catch(() => {});
    }
  } catch (error) {
    options.signal.throwIfAborted();
    throw SampanError.wrap(`cannot fetch "${source}"`, silence.reason ?? unavailable(error));
  }
}

function unavailable(error: unknown): SampanError {
  if (error instanceof SampanError) return error;
  const why = error instanceof Error ? error.message : String(error);
  return new SampanError("unavailable", why, { cause: error });
}

/** Ends what it watches when that takes too long. */
class Silence {
  readonly #controller = new AbortController();
  readonly #limit: number;
  reason: SampanError | undefined;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  async during<T>(work: Promise<T>): Promise<T> {
    const timer = setTimeout(() => {
      this.reason = new SampanError("deadline_exceeded", `no byte for ${this.#limit / 1000} s`);
      this.#controller.abort(this.reason);
    }, this.#limit);
    try {
      return await work;
    } finally {
      clearTimeout(timer);
    }
  }
}
