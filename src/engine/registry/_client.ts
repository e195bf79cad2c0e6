/** Requests to one registry or mirror: signed for when it asks, redirected by hand, tried again where that is safe. */
import type { CallerCredentials } from "./registry.ts";
import type { EngineSettings } from "../settings.ts";
import { SampanError } from "../../base/errors.ts";
import { mayBePlain, settingsOf, tlsOf, type Address } from "./_address.ts";
import { Authorization } from "./_authorization.ts";
import {
  errorCodeOf,
  exchange,
  isCertificateFault,
  shown,
  type Answer,
  type HttpRequest,
  type MakeBody,
  type TlsOptions,
} from "./_exchange.ts";
import { dial } from "./_dial.ts";
import { isTransientStatus, pauseBefore, retryAfter, type Patience } from "./_patience.ts";
import { refusal } from "./_refusal.ts";

export interface ClientParts {
  readonly settings: EngineSettings["registries"];
  readonly patience: Patience;
  credentials(name: string, signal?: AbortSignal): Promise<CallerCredentials | undefined>;
}

export interface Call {
  readonly method: HttpRequest["method"];
  /** `/v2/…` with its query, or a whole address that the registry gave. */
  readonly target: string | URL;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: MakeBody;
  /** `repository:library/alpine:pull`. */
  readonly scopes?: readonly string[];
  /** Statuses that are answers; any other is an error. */
  readonly expect: readonly number[];
  /** Tries in all; without it what the patience says for safe methods, else one. */
  readonly tries?: number;
  /** The end of an upload, which is waited for longer. */
  readonly commits?: boolean;
  readonly signal?: AbortSignal | undefined;
}

const mostRedirects = 10;
/** What a port says that does not speak TLS. */
const notTls: ReadonlySet<string> = new Set(["EPROTO", "ECONNRESET", "ERR_SSL_WRONG_VERSION_NUMBER"]);
/** Milliseconds for which a connection that was made speaks for the next. */
const dialAge = 10_000;
/** Milliseconds for a port to say that it does not. */
const probeDeadline = 5000;

export class Client {
  readonly address: Address;
  readonly #parts: ClientParts;
  readonly #authorization: Authorization;
  #base: Promise<URL> | undefined;
  /** When it was last reached: milliseconds of performance.now(). */
  #reached = Number.NEGATIVE_INFINITY;

  constructor(address: Address, parts: ClientParts) {
    this.address = address;
    this.#parts = parts;
    this.#authorization = new Authorization({
      name: address.name,
      patience: parts.patience,
      credentials: (signal) => parts.credentials(address.name, signal),
      tlsOf: (url) => this.#tlsOf(url),
      // Who is spoken to in the open may ask for the secret in the open.
      mayBePlain: (url) =>
        mayBePlain(url, address.host, parts.settings) ||
        (address.scheme === "http" && url.host === address.host),
    });
  }

  /** Errors: as the contract's list. */
  async send(call: Call): Promise<Answer> {
    const safe = call.method === "GET" || call.method === "HEAD";
    const tries = call.tries ?? (safe ? this.#parts.patience.tries : 1);
    for (let number = 1; ; number++) {
      const last = number >= tries;
      const answer = await this.#once(call).catch((error: unknown) => {
        if (last || !isTransient(error)) throw error;
        return undefined;
      });
      if (answer && call.expect.includes(answer.status)) return answer;
      const wait = this.#pause(answer, number + 1);
      if (answer && (last || !isTransientStatus(answer.status) || wait > this.#parts.patience.longestPause))
        throw await refusal(answer, this.address.name);
      await answer?.drop();
      await this.#parts.patience.wait(wait, call.signal);
    }
  }

  /** A document as a whole: one that is cut is asked for again. Errors: `resource_exhausted` over `limit` bytes. */
  async read(call: Call, limit: number): Promise<{ answer: Answer; bytes: Uint8Array }> {
    const { patience } = this.#parts;
    for (let number = 1; ; number++) {
      const answer = await this.send(call);
      try {
        return { answer, bytes: await answer.bytes(limit) };
      } catch (error) {
        if (number >= (call.tries ?? patience.tries) || !isTransient(error)) throw error;
        await patience.wait(pauseBefore(number + 1, patience), call.signal);
      }
    }
  }

  #pause(answer: Answer | undefined, number: number): number {
    const asked = answer && retryAfter(answer.headers.get("Retry-After"), Date.now());
    return Math.max(asked ?? 0, pauseBefore(number, this.#parts.patience));
  }

  /** The address of a target; `base` is asked for the scheme once. */
  async resolve(target: string | URL, signal?: AbortSignal): Promise<URL> {
    if (typeof target !== "string") return target;
    const base = await this.#origin(signal);
    const { path, root, namespace } = this.address;
    const url = new URL(
      root !== undefined && target.startsWith("/v2/")
        ? `${base.origin}${root}${target.slice("/v2".length)}`
        : `${base.origin}${path}${target}`,
    );
    if (namespace !== undefined) url.searchParams.set("ns", namespace);
    return url;
  }

  async #once(call: Call): Promise<Answer> {
    const url = await this.resolve(call.target, call.signal);
    // Secrets go to the registry's own address, wherever the target came from.
    const own = url.origin === (await this.#origin(call.signal)).origin;
    const scopes = call.scopes ?? [];
    const known = own ? await this.#authorization.header(scopes, call.signal) : undefined;
    const answer = await this.#follow(call, url, known);
    if (answer.status !== 401 || !own || answer.url.origin !== url.origin) return answer;
    await answer.drop();
    const better = await this.#authorization.answer(answer, scopes, known, call.signal);
    if (better === undefined) throw this.#unauthenticated(known);
    const second = await this.#follow(call, url, better);
    if (second.status !== 401) return second;
    await second.drop();
    throw this.#unauthenticated(better);
  }

  #unauthenticated(tried: string | undefined): SampanError {
    const why = tried === undefined ? "it wants a login" : "it refuses the credentials";
    return new SampanError("unauthenticated", `cannot use registry "${this.address.name}": ${why}`);
  }

  /** Redirects by hand: the Authorization header never goes to another origin (CVE-2020-15157), and never from https to http. */
  async #follow(call: Call, start: URL, authorization: string | undefined): Promise<Answer> {
    const { origin } = await this.#origin(call.signal);
    let url = start;
    for (let count = 0; count <= mostRedirects; count++) {
      const signed = authorization !== undefined && url.origin === start.origin;
      const own = url.origin === origin ? this.#headers(signed) : {};
      await this.#dial(url, call.signal);
      const answer = await exchange(
        {
          method: call.method,
          url,
          headers: { ...own, ...call.headers, ...(signed ? { Authorization: authorization } : {}) },
          ...(call.body ? { body: call.body } : {}),
          tls: this.#tlsOf(url),
          proxy: this.address.proxy,
          signal: call.signal,
        },
        call.commits ? { ...this.#parts.patience, head: this.#parts.patience.commit } : this.#parts.patience,
      );
      const location = answer.headers.get("Location");
      const redirected = answer.status >= 301 && answer.status <= 308 && answer.status !== 304;
      if (!redirected || location === null || (call.method !== "GET" && call.method !== "HEAD"))
        return answer;
      await answer.drop();
      url = this.next(url, location);
    }
    throw new SampanError("unavailable", `${shown(start)}: more than ${mostRedirects} redirects`);
  }

  /** The address that a Location header means. Errors: `permission_denied` when it leads from https to http. */
  next(from: URL, location: string): URL {
    const url = URL.parse(location, from.href);
    if (!url || (url.protocol !== "https:" && url.protocol !== "http:"))
      throw new SampanError(
        "unavailable",
        `${shown(from)}: it leads to "${location.slice(0, 200)}", which is no address`,
      );
    const down = from.protocol === "https:" && url.protocol === "http:";
    if (down && !settingsOf(url.host, this.#parts.settings).http)
      throw new SampanError("permission_denied", `${shown(from)}: it leads from https to ${shown(url)}`);
    url.username = "";
    url.password = "";
    return url;
  }

  /** What the server's entry says is sent to it; where we sign, it is we who sign. */
  #headers(signed: boolean): Readonly<Record<string, string>> {
    const { authorization, ...others } = this.address.headers ?? {};
    return authorization === undefined || signed ? others : { ...others, authorization };
  }

  #tlsOf(url: URL): TlsOptions {
    const { host, tls, authorities = [] } = this.address;
    if (url.host === host) return tls;
    const other = tlsOf(url.host, settingsOf(url.host, this.#parts.settings));
    return authorities.length === 0 ? other : { ...other, ca: [...other.ca, ...authorities] };
  }

  /** A server of which nothing is heard is given up sooner than one that thinks. */
  async #dial(url: URL, signal: AbortSignal | undefined): Promise<void> {
    const { dialTimeout, host, proxy } = this.address;
    if (dialTimeout === undefined || url.host !== host || this.#reached + dialAge > performance.now()) return;
    await dial(proxy === undefined ? url : new URL(proxy), dialTimeout, signal);
    this.#reached = performance.now();
  }

  #origin(signal?: AbortSignal): Promise<URL> {
    this.#base ??= this.#findScheme(signal).catch((error: unknown) => {
      this.#base = undefined;
      throw error;
    });
    return this.#base;
  }

  async #findScheme(signal?: AbortSignal): Promise<URL> {
    const { host, path, root, scheme, tls, proxy } = this.address;
    if (scheme !== "either") return new URL(`${scheme}://${host}`);
    const url = new URL(`https://${host}${root === undefined ? `${path}/v2` : root}/`);
    await this.#dial(url, signal);
    const patience = { ...this.#parts.patience, head: Math.min(this.#parts.patience.head, probeDeadline) };
    try {
      const answer = await exchange(
        { method: "GET", url, headers: this.#headers(false), tls, proxy, signal },
        patience,
      );
      await answer.drop();
      return url;
    } catch (error) {
      const late = error instanceof SampanError && error.code === "deadline_exceeded";
      // A certificate that is wrong is none of these: it ends the call.
      if (!late && !notTls.has(errorCodeOf(error))) throw error;
      return new URL(`http://${host}`);
    }
  }
}

function isTransient(error: unknown): boolean {
  if (!(error instanceof SampanError) || isCertificateFault(error)) return false;
  // The name servers have answered: there is no host of that name.
  if (errorCodeOf(error) === "ENOTFOUND") return false;
  return error.code === "unavailable" || error.code === "deadline_exceeded";
}
