/** One HTTP request and its answer: no redirect followed, nothing tried again. Each step has a deadline. */
import type { Patience } from "./_patience.ts";
import { SampanError } from "../../base/errors.ts";
import { cancelled } from "./_patience.ts";

export interface TlsOptions {
  /** In PEM form: all that are trusted. */
  readonly ca: readonly string[];
  readonly cert?: string;
  readonly key?: string;
  readonly rejectUnauthorized: boolean;
}

/** A body as a function, since a redirect or a second try needs it anew. It calls `touch` as bytes go out and, with true, after the last. */
export type MakeBody = (touch: (finished: boolean) => void) => Bun.BodyInit;

export interface HttpRequest {
  readonly method: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: MakeBody;
  readonly tls: TlsOptions;
  /** In the place of what the environment names. */
  readonly proxy?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface Answer {
  /** The address that answered in the end. */
  readonly url: URL;
  readonly status: number;
  readonly headers: Headers;
  /** Errors: `resource_exhausted` over `limit` bytes. */
  bytes(limit: number): Promise<Uint8Array>;
  /** For large bodies; fails with `deadline_exceeded` when no byte comes for the idle time. */
  stream(): ReadableStream<Uint8Array>;
  /** The body is not wanted. */
  drop(): Promise<void>;
}

/** Errors: `unavailable` (network), `deadline_exceeded`, `cancelled`. */
export async function exchange(request: HttpRequest, patience: Patience): Promise<Answer> {
  if (request.signal?.aborted) throw cancelled(request.signal.reason);
  const watch = new Watch(request, patience);
  let timer = watch.start(patience.head, "no answer");
  const touch = (finished: boolean) => {
    clearTimeout(timer);
    timer = finished ? watch.start(patience.head, "no answer") : watch.start(patience.idle, "no byte taken");
  };
  try {
    const body = request.body?.(touch);
    const response = await fetch(request.url, {
      method: request.method,
      // Only what is signed for is wanted: a packed transfer would have other bytes than the digest says.
      headers: { "User-Agent": "sampan", "Accept-Encoding": "identity", ...request.headers },
      ...(body === undefined ? {} : { body }),
      redirect: "manual",
      decompress: false,
      tls: request.tls as Bun.TLSOptions,
      ...(request.proxy === undefined ? {} : { proxy: request.proxy }),
      signal: watch.signal,
    });
    return new Received(request.url, response, watch);
  } catch (error) {
    throw watch.explain(error);
  } finally {
    clearTimeout(timer);
  }
}

/** What the resolver's and the kernel's errors mean to the person at the keyboard. */
const networkFaults: Readonly<Record<string, (host: string) => string>> = {
  EAI_AGAIN: (host) =>
    `cannot find the address of "${host}": no name server answers; is this machine on a network, and is /etc/resolv.conf right?`,
  ENOTFOUND: (host) => `cannot find the address of "${host}": there is no host of that name`,
  ECONNREFUSED: (host) => `connection refused: nothing listens at "${host}"`,
  ENETUNREACH: (host) => `this machine has no route to "${host}"`,
  EHOSTUNREACH: (host) => `this machine does not reach "${host}"`,
};

/** What may end an exchange from outside: the caller's signal and the deadline of the step it is in. */
class Watch {
  readonly #own = new AbortController();
  readonly #request: HttpRequest;
  readonly patience: Patience;
  readonly signal: AbortSignal;
  #late: string | undefined;

  constructor(request: HttpRequest, patience: Patience) {
    this.#request = request;
    this.patience = patience;
    this.signal = request.signal ? AbortSignal.any([request.signal, this.#own.signal]) : this.#own.signal;
  }

  start(milliseconds: number, what: string): NodeJS.Timeout {
    return setTimeout(() => {
      this.#late = `${what} for ${milliseconds / 1000} s`;
      this.#own.abort();
    }, milliseconds);
  }

  explain(error: unknown): SampanError {
    if (error instanceof SampanError) return error;
    if (this.#request.signal?.aborted) return cancelled(error);
    const address = `${this.#request.method} ${shown(this.#request.url)}`;
    if (this.#late !== undefined)
      return new SampanError("deadline_exceeded", `${address}: ${this.#late}`, { cause: error });
    const code = (error as { code?: unknown } | null)?.code;
    const told = typeof code === "string" ? networkFaults[code] : undefined;
    const why = told?.(this.#request.url.host) ?? (error instanceof Error ? error.message : String(error));
    return new SampanError("unavailable", `${address}: ${why}`, { cause: error });
  }
}

class Received implements Answer {
  readonly url: URL;
  readonly status: number;
  readonly headers: Headers;
  readonly #response: Response;
  readonly #watch: Watch;

  constructor(url: URL, response: Response, watch: Watch) {
    this.url = url;
    this.status = response.status;
    this.headers = response.headers;
    this.#response = response;
    this.#watch = watch;
  }

  async bytes(limit: number): Promise<Uint8Array> {
    const parts: Uint8Array[] = [];
    let size = 0;
    for await (const part of this.stream()) {
      size += part.length;
      if (size > limit)
        throw new SampanError(
          "resource_exhausted",
          `${shown(this.url)}: the answer has more than ${limit} bytes`,
        );
      parts.push(part);
    }
    return Buffer.concat(parts);
  }

  stream(): ReadableStream<Uint8Array> {
    const reader = this.#response.body?.getReader();
    const watch = this.#watch;
    return new ReadableStream<Uint8Array>(
      {
        async pull(controller) {
          const timer = watch.start(watch.patience.idle, "no byte");
          try {
            const step = await reader?.read();
            if (step === undefined || step.done) controller.close();
            else controller.enqueue(step.value);
          } catch (error) {
            controller.error(watch.explain(error));
          } finally {
            clearTimeout(timer);
          }
        },
        async cancel() {
          await reader?.cancel();
        },
      },
      { highWaterMark: 0 },
    );
  }

  async drop(): Promise<void> {
    await this.#response.body?.cancel().catch(() => undefined);
  }
}

/** Without its query: signed addresses of object stores carry rights there. */
export function shown(url: URL): string {
  return `${url.protocol}//${url.host}${url.pathname}`;
}

/** Certificates do not get better by trying again, and plain HTTP is no answer to them. */
export function isCertificateFault(error: unknown): boolean {
  return /CERT|SELF_SIGNED|VERIFY|ISSUER|ALTNAME|SIGNATURE|PEM/.test(errorCodeOf(error));
}

/** The code that the network's error has: `ECONNRESET`. */
export function errorCodeOf(error: unknown): string {
  const cause = error instanceof SampanError ? error.cause : error;
  const code = (cause as { code?: unknown } | undefined)?.code;
  return typeof code === "string" ? code : "";
}
