/**
 * The Authorization header for one registry: Basic, or Bearer by the token protocol of the distribution project (GET, and POST as in OAuth 2 for refresh tokens).
 * What the registry asked for is remembered, and tokens until they expire.
 */
import type { Challenge } from "./_challenge.ts";
import type { Patience } from "./_patience.ts";
import type { CallerCredentials } from "./registry.ts";
import { SampanError } from "../../base/errors.ts";
import { parseChallenges } from "./_challenge.ts";
import { exchange, shown, type Answer, type MakeBody, type TlsOptions } from "./_exchange.ts";

export interface AuthorizationParts {
  /** The registry as errors name it. */
  readonly name: string;
  readonly patience: Patience;
  /** Asked when the registry wants somebody; undefined is anonymous. */
  credentials(signal?: AbortSignal): Promise<CallerCredentials | undefined>;
  tlsOf(url: URL): TlsOptions;
  /** Whether a token server may be asked without TLS. */
  mayBePlain(url: URL): boolean;
}

const mostToken = 1 << 20;
/** A token that says nothing lives so long (distribution, "Token Authentication Specification"). */
const usualLife = 60;
/** Seconds before its end in which a token is not used: it has to arrive. */
const margin = 10;

interface Token {
  readonly value: string;
  /** Milliseconds of performance.now(): wall clocks jump. */
  readonly until: number;
}

export class Authorization {
  readonly #parts: AuthorizationParts;
  readonly #tokens = new Map<string, Promise<Token>>();
  #challenge: Challenge | undefined;

  constructor(parts: AuthorizationParts) {
    this.#parts = parts;
  }

  /** What is known without a new challenge; undefined before the first. */
  async header(scopes: readonly string[], signal?: AbortSignal): Promise<string | undefined> {
    return this.#challenge && (await this.#headerFor(this.#challenge, scopes, signal));
  }

  /** After a 401: undefined when nothing new can be said. `refused` is the header that it came to. */
  async answer(
    challenged: Answer,
    scopes: readonly string[],
    refused: string | undefined,
    signal?: AbortSignal,
  ): Promise<string | undefined> {
    const challenges = parseChallenges(challenged.headers.get("WWW-Authenticate") ?? "");
    const challenge =
      challenges.find(({ scheme, parameters }) => scheme === "bearer" && parameters.has("realm")) ??
      challenges.find(({ scheme }) => scheme === "basic");
    if (!challenge) return undefined;
    this.#challenge = challenge;
    await this.#forget(keyOf(challenge, scopes), refused);
    const header = await this.#headerFor(challenge, scopes, signal);
    return header === refused ? undefined : header;
  }

  /** A token can end before its time. One that another call has got meanwhile stays. */
  async #forget(key: string, refused: string | undefined): Promise<void> {
    const kept = this.#tokens.get(key);
    const token = await kept?.catch(() => undefined);
    if (token && bearer(token) === refused && this.#tokens.get(key) === kept) this.#tokens.delete(key);
  }

  async #headerFor(
    challenge: Challenge,
    scopes: readonly string[],
    signal?: AbortSignal,
  ): Promise<string | undefined> {
    if (challenge.scheme === "bearer") return bearer(await this.#token(challenge, scopes, signal));
    const known = await this.#parts.credentials(signal);
    return known && known.kind === "password" ? basic(known) : undefined;
  }

  /** Those who want the same token at the same time wait for one request. */
  async #token(challenge: Challenge, scopes: readonly string[], signal?: AbortSignal): Promise<Token> {
    const key = keyOf(challenge, scopes);
    const known = this.#tokens.get(key);
    if (known) {
      const token = await known.catch(() => undefined);
      if (token && token.until > performance.now()) return token;
    }
    const current = this.#tokens.get(key);
    const asked = current === known || !current ? this.#ask(challenge, scopes, signal) : current;
    this.#tokens.set(key, asked);
    try {
      return await asked;
    } catch (error) {
      if (this.#tokens.get(key) === asked) this.#tokens.delete(key);
      throw error;
    }
  }

  async #ask(challenge: Challenge, scopes: readonly string[], signal?: AbortSignal): Promise<Token> {
    const known = await this.#parts.credentials(signal);
    if (known?.kind === "bearer") return { value: known.secret, until: Number.POSITIVE_INFINITY };
    const realm = this.#realm(challenge);
    const wanted = scopes.length > 0 ? scopes : [challenge.parameters.get("scope") ?? ""].filter(Boolean);
    const service = challenge.parameters.get("service");
    const answer = await (known?.kind === "identity"
      ? this.#post(realm, { service, scopes: wanted, refresh: known.secret }, signal)
      : this.#get(realm, { service, scopes: wanted, known }, signal));
    if (answer.status !== 200) throw await this.#refusal(answer, known !== undefined);
    return tokenOf(await answer.bytes(mostToken), shown(realm));
  }

  #realm(challenge: Challenge): URL {
    const text = challenge.parameters.get("realm") ?? "";
    const url = URL.parse(text);
    const fits =
      url &&
      url.username === "" &&
      (url.protocol === "https:" || (url.protocol === "http:" && this.#parts.mayBePlain(url)));
    if (fits) return url;
    throw new SampanError(
      "permission_denied",
      `cannot ask the token server "${text.slice(0, 200)}" of ${this.#parts.name}: its address is not https`,
    );
  }

  #get(
    realm: URL,
    {
      service,
      scopes,
      known,
    }: { service: string | undefined; scopes: readonly string[]; known: CallerCredentials | undefined },
    signal?: AbortSignal,
  ): Promise<Answer> {
    const url = new URL(realm);
    if (service !== undefined) url.searchParams.set("service", service);
    for (const scope of scopes) url.searchParams.append("scope", scope);
    if (known) url.searchParams.set("account", known.username);
    return this.#send("GET", url, known ? { Authorization: basic(known) } : {}, undefined, signal);
  }

  #post(
    realm: URL,
    { service, scopes, refresh }: { service: string | undefined; scopes: readonly string[]; refresh: string },
    signal?: AbortSignal,
  ): Promise<Answer> {
    const form = new URLSearchParams({
      grant_type: "refresh_token",
      client_id: "sampan",
      refresh_token: refresh,
    });
    if (service !== undefined) form.set("service", service);
    if (scopes.length > 0) form.set("scope", scopes.join(" "));
    const headers = { "Content-Type": "application/x-www-form-urlencoded" };
    return this.#send("POST", realm, headers, () => form.toString(), signal);
  }

  #send(
    method: "GET" | "POST",
    url: URL,
    headers: Record<string, string>,
    body: MakeBody | undefined,
    signal?: AbortSignal,
  ): Promise<Answer> {
    const tls = this.#parts.tlsOf(url);
    return exchange({ method, url, headers, tls, signal, ...(body ? { body } : {}) }, this.#parts.patience);
  }

  async #refusal(answer: Answer, known: boolean): Promise<SampanError> {
    const { status } = answer;
    await answer.drop();
    const code = status === 401 || status === 403 || status === 400 ? "unauthenticated" : "unavailable";
    const who = known ? "the credentials" : "an anonymous client";
    return new SampanError(
      code,
      `the token server ${shown(answer.url)} of ${this.#parts.name} answered ${who} with status ${status}`,
    );
  }
}

function keyOf(challenge: Challenge, scopes: readonly string[]): string {
  const { parameters } = challenge;
  return JSON.stringify([
    parameters.get("realm"),
    parameters.get("service"),
    scopes,
    scopes.length === 0 && parameters.get("scope"),
  ]);
}

function basic({ username, secret }: CallerCredentials): string {
  return `Basic ${Buffer.from(`${username}:${secret}`).toString("base64")}`;
}

function bearer({ value }: Token): string {
  return `Bearer ${value}`;
}

function tokenOf(bytes: Uint8Array, server: string): Token {
  const answer = attempt(bytes);
  const value = answer["token"] || answer["access_token"];
  // A token goes into a header: anything but visible ASCII could end that.
  if (typeof value !== "string" || !/^[\x21-\x7e]+$/.test(value))
    throw new SampanError("unavailable", `the answer of the token server ${server} holds no token`);
  const said = answer["expires_in"];
  const life = typeof said === "number" && said > 0 ? said : usualLife;
  return { value, until: performance.now() + Math.max(life - margin, life / 2) * 1000 };
}

function attempt(bytes: Uint8Array): Record<string, unknown> {
  try {
    return (JSON.parse(new TextDecoder().decode(bytes)) ?? {}) as Record<string, unknown>;
  } catch {
    return {};
  }
}
