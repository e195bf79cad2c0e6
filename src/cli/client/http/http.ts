/** Requests of one daemon: its address, the version that both speak, JSON in both directions, and streams. */
import { SampanError } from "../../../base/errors.ts";
import type { Address } from "./address.ts";
import { refusal, unreachable } from "./failure.ts";
import { hijack, type Hijacked, type HijackRequest } from "./hijack.ts";
import { type Query, queryString } from "./query.ts";

export interface Asked {
  readonly query?: Query;
  /** Sent as JSON. */
  readonly json?: unknown;
  /** Sent as it comes, as a tar archive. */
  readonly upload?: AsyncIterable<Uint8Array>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/** The newest version that the command line knows. */
export const newestVersion = "1.51";
/** What a daemon speaks that does not say. */
const oldestVersion = "1.24";

type Method = "GET" | "POST" | "PUT" | "DELETE" | "HEAD";

export class Http {
  readonly address: Address;
  private readonly wanted: string | undefined;
  private negotiated: Promise<string> | undefined;

  constructor(address: Address, wanted?: string) {
    this.address = address;
    this.wanted = wanted;
  }

  /** Both sides know it: asked once, by /_ping, unless an answer has told it. */
  version(): Promise<string> {
    if (this.wanted !== undefined) return Promise.resolve(this.wanted);
    this.negotiated ??= this.negotiate().catch((error: unknown) => {
      // A daemon that is being started may answer the next time.
      this.negotiated = undefined;
      throw error;
    });
    return this.negotiated;
  }

  private async negotiate(): Promise<string> {
    const answer = await this.fetch("HEAD", "/_ping", {});
    return spoken(answer.headers.get("api-version") ?? oldestVersion);
  }

  /**
   * The first request is sent as if the daemon knew the newest version, which spares a question: one that does not refuses it with 400 before it looks at anything
   * else, and is asked again in its own. Every answer tells the daemon's version.
   */
  private async ask(method: Method, path: string, asked: Asked): Promise<Response> {
    // What is sent as it comes cannot be sent again.
    const isKnown = this.wanted !== undefined || this.negotiated !== undefined || asked.upload !== undefined;
    const version = isKnown ? await this.version() : newestVersion;
    const answer = await this.fetch(method, `/v${version}${path}`, asked);
    if (isKnown) return answer;
    if (answer.status !== 400) {
      const theirs = answer.headers.get("api-version");
      if (theirs !== null) this.negotiated ??= Promise.resolve(spoken(theirs));
      return answer;
    }
    const agreed = await this.version();
    if (agreed === newestVersion) return answer;
    await answer.body?.cancel();
    return this.fetch(method, `/v${agreed}${path}`, asked);
  }

  /** The answer, whose status is 2xx or 304. Errors: the daemon's refusal. */
  async send(method: Method, path: string, asked: Asked = {}): Promise<Response> {
    const answer = await this.ask(method, path, asked);
    if (answer.ok || answer.status === 304) return answer;
    throw refusal(answer.status, method === "HEAD" ? "" : await answer.text());
  }

  async json<T>(method: Method, path: string, asked: Asked = {}): Promise<T> {
    const answer = await this.send(method, path, asked);
    const text = await answer.text();
    try {
      return JSON.parse(text) as T;
    } catch (error) {
      throw new SampanError("unavailable", `cannot read the answer to ${path}: it is not JSON`, {
        cause: error,
      });
    }
  }

  /** For what answers nothing. */
  async order(method: Method, path: string, asked: Asked = {}): Promise<void> {
    await (await this.send(method, path, asked)).arrayBuffer();
  }

  /** The answer's bytes as they come; leaving the loop closes the connection. */
  async *bytes(method: Method, path: string, asked: Asked = {}): AsyncGenerator<Uint8Array> {
    yield* bodyOf(await this.send(method, path, asked));
  }

  async hijack(
    path: string,
    { query = {}, ...rest }: Omit<HijackRequest, "path"> & { query?: Query },
  ): Promise<Hijacked> {
    const whole = `/v${await this.version()}${path}${queryString(query)}`;
    return hijack(this.address, { path: whole, ...rest });
  }

  private async fetch(method: Method, path: string, asked: Asked): Promise<Response> {
    const { unix, tls, host, port, base } = this.address;
    const { query = {}, json, upload, headers = {}, signal } = asked;
    const body = json === undefined ? upload : JSON.stringify(json);
    try {
      return await fetch(
        `${tls ? "https" : "http"}://${unix === undefined ? `${host}:${port}` : "localhost"}${base}${path}${queryString(query)}`,
        {
          method,
          redirect: "manual",
          headers: { ...(json === undefined ? {} : { "content-type": "application/json" }), ...headers },
          ...(body === undefined ? {} : { body }),
          ...(signal ? { signal } : {}),
          ...(unix === undefined ? {} : { unix }),
          ...(tls
            ? { tls: { rejectUnauthorized: tls.verify, ca: tls.ca, cert: tls.cert, key: tls.key } }
            : {}),
          // A container may run, and say nothing, for years.
          timeout: false,
        } as RequestInit,
      );
    } catch (error) {
      signal?.throwIfAborted();
      throw unreachable(this.address, error);
    }
  }
}

export async function* bodyOf(answer: Response): AsyncGenerator<Uint8Array> {
  const reader = answer.body?.getReader();
  if (!reader) return;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}

/** Of theirs and ours the older one. */
function spoken(theirs: string): string {
  return older(theirs, newestVersion) ? theirs : newestVersion;
}

/** Whether the first version of the API is older than the second. */
export function older(a: string, b: string): boolean {
  const [majorA = 0, minorA = 0] = a.split(".").map(Number);
  const [majorB = 0, minorB = 0] = b.split(".").map(Number);
  return majorA === majorB ? minorA < minorB : majorA < majorB;
}
