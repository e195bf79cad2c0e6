/**
 * Tokens of service accounts, kept by what they were asked for: a pod that starts again offline asks the same, and gets the one that there is. KubeEdge keeps them by what the answer says, and so
 * finds none.
 */
import { createHash } from "node:crypto";
import { SampanError } from "../../../base/errors.ts";
import { milliseconds, type Clock } from "../../../base/clock.ts";
import type { KubeObject } from "../../../spec/kubernetes/kube.ts";
import { tokenReply, type TokenRequest } from "../../link/kinds/tokens.ts";
import { message } from "../../link/envelope.ts";
import type { CloudLink } from "../hub/hub.ts";
import type { Cipher } from "../store/cipher.ts";
import type { EdgeDatabase } from "../store/open.ts";
import { patience } from "./_ask.ts";

export interface Account {
  readonly namespace: string;
  readonly name: string;
}

export interface Tokens {
  token(account: Account, request: KubeObject, signal: AbortSignal): Promise<KubeObject>;
  /** Those of a pod that is gone. Within a transaction. */
  forget(podUid: string): void;
  /** Whose token this is, among those that are kept and not past their end. */
  ownerOf(token: string): Account | undefined;
}

export interface TokensOptions {
  readonly database: EdgeDatabase;
  readonly cipher: Cipher;
  readonly link: CloudLink;
  readonly clock: Clock;
  readonly log: (text: string) => void;
  readonly signal: AbortSignal;
}

interface Stored {
  readonly key: string;
  readonly since: number;
  readonly until: number;
  readonly value: Uint8Array;
}

/** The part of a token's life after which another is asked for. */
const renewal = 0.8;
const largest = 64 << 10;

export function openTokens({ database, cipher, link, clock, log, signal: end }: TokensOptions): Tokens {
  const { db } = database;
  const one = db.query<Stored, [string]>("SELECT key, since, until, value FROM token WHERE key = ?");
  const all = db.query<Stored & { namespace: string; account: string }, [number]>(
    "SELECT key, namespace, account, since, until, value FROM token WHERE until > ?",
  );
  const put = db.query(
    "INSERT OR REPLACE INTO token (key, namespace, account, pod_uid, since, until, value) VALUES (?, ?, ?, ?, ?, ?, ?)",
  );
  const remove = db.query("DELETE FROM token WHERE pod_uid = ? AND pod_uid <> ''");
  /** Questions on their way: two volumes of a pod ask for the same. */
  const asked = new Map<string, Promise<KubeObject>>();

  function read({ key, value }: Stored): KubeObject | undefined {
    try {
      return JSON.parse(cipher.open(value, `token ${key}`)) as KubeObject;
    } catch (error) {
      log(`a stored token is left out: ${SampanError.from(error).message}`);
      return undefined;
    }
  }

  function stored(key: string) {
    const row = one.get(key);
    const request = row ? read(row) : undefined;
    return row && request ? { ...row, request } : undefined;
  }

  async function renew(account: Account, request: KubeObject, key: string): Promise<KubeObject> {
    const resource = `${account.namespace}/serviceaccounttoken/${account.name}`;
    const question = message({ source: "edged", group: "meta", operation: "query", resource }, request, {
      now: clock.now(),
    });
    const since = clock.now();
    const { content } = await link.ask(question, { signal: end, deadline: patience });
    const answer = objectOf(account, content);
    const until = milliseconds(answer.status?.expirationTimestamp) ?? since;
    const value = JSON.stringify(answer);
    if (value.length > largest) throw refused(account, "its answer is too large");
    const uid = answer.spec.boundObjectRef?.uid ?? boundTo(request);
    database.transaction(() =>
      put.run(key, account.namespace, account.name, uid, since, until, cipher.seal(value, `token ${key}`)),
    );
    return answer as unknown as KubeObject;
  }

  function once(account: Account, request: KubeObject, key: string): Promise<KubeObject> {
    const running = asked.get(key);
    if (running) return running;
    const mine = renew(account, request, key).finally(() => asked.delete(key));
    asked.set(key, mine);
    return mine;
  }

  return {
    async token(account, request, signal) {
      const key = digest(account, request);
      const known = stored(key);
      const now = clock.now();
      if (known && now < known.since + (known.until - known.since) * renewal) return known.request;
      const asking = once(account, request, key);
      // One that is still good is used while another is fetched.
      if (known && now < known.until) {
        asking.catch(() => {});
        return known.request;
      }
      try {
        return await orAborted(asking, signal);
      } catch (error) {
        if (known && SampanError.from(error).code !== "cancelled") return known.request;
        throw unavailable(account, error);
      }
    },
    forget: (uid) => void remove.run(uid),
    ownerOf(token) {
      const wanted = sha256(token);
      for (const row of all.iterate(clock.now())) {
        const request = read(row);
        const { token: given } = (request?.["status"] ?? {}) as { token?: unknown };
        // Digests, so that the time of the comparison says nothing about the token.
        if (typeof given === "string" && sha256(given) === wanted)
          return { namespace: row.namespace, name: row.account };
      }
      return undefined;
    },
  };
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/** By what is asked, not by what is answered: an audience that is left out is filled in by the API. */
function digest({ namespace, name }: Account, request: KubeObject): string {
  const spec = (request["spec"] ?? {}) as Partial<TokenRequest["spec"]>;
  const { kind = "", apiVersion = "", name: of = "", uid = "" } = spec.boundObjectRef ?? {};
  const audiences = [...(spec.audiences ?? [])].toSorted();
  return sha256(
    JSON.stringify([namespace, name, audiences, spec.expirationSeconds ?? 0, kind, apiVersion, of, uid]),
  );
}

function boundTo(request: KubeObject): string {
  const { boundObjectRef } = (request["spec"] ?? {}) as Partial<TokenRequest["spec"]>;
  return boundObjectRef?.uid ?? "";
}

function objectOf(account: Account, content: unknown): TokenRequest {
  const answer = tokenReply.parse(content);
  if (answer.is === "object" && answer.object.status !== undefined && answer.object.status.token !== "")
    return answer.object;
  const status = answer.is === "error" ? answer.status : undefined;
  if (status?.code === 404)
    throw new SampanError(
      "not_found",
      `cannot get a token of "${account.name}": ${status.message ?? "not found"}`,
    );
  throw refused(account, status?.message ?? "the cloud has none");
}

function refused({ namespace, name }: Account, why: string): SampanError {
  return new SampanError(
    "unavailable",
    `cannot get a token of service account "${namespace}/${name}": ${why}`,
  );
}

function unavailable(account: Account, error: unknown): SampanError {
  const inner = SampanError.from(error);
  return inner.code === "not_found" || inner.code === "cancelled" ? inner : refused(account, inner.message);
}

/** The question goes on for others who wait for it. */
export async function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = () => reject(new SampanError("cancelled", "it was called off"));
  if (signal.aborted) abort();
  signal.addEventListener("abort", abort, { once: true });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
