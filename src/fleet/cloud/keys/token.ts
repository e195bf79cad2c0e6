/**
 * The token by which an edge joins: `<SHA-256 of the authority's certificate, hex>.<JWT>`. The edge checks the authority that it is given by the first part; the JWT (RFC 7519) has an end and nothing
 * else, signed with HMAC over the bytes of the authority's key, as KubeEdge has it. It belongs to no node and may be used until it ends.
 */
import { createHmac, timingSafeEqual } from "node:crypto";
import { SampanError } from "../../../base/errors.ts";

const header = encode({ alg: "HS256", typ: "JWT" });
/** A token of ours has under 200 bytes. */
const longest = 2048;

/** `until`: seconds since 1970. */
export function makeToken(authority: string, key: Uint8Array, until: number): string {
  const signed = `${header}.${encode({ exp: until })}`;
  return `${authority}.${signed}.${signature(signed, key).toString("base64url")}`;
}

/** When a token ends, seconds since 1970; undefined for what is none. It is not checked otherwise. */
export function endOfToken(token: string): number | undefined {
  const claims = decode(token.split(".")[2]);
  return typeof claims?.["exp"] === "number" ? claims["exp"] : undefined;
}

/**
 * The JWT alone, as it comes in `Authorization: Bearer`.
 * @throws SampanError unauthenticated
 */
export function checkToken(jwt: string, key: Uint8Array, now: number): void {
  const [head = "", body = "", sum = "", ...more] = jwt.length <= longest ? jwt.split(".") : [];
  const given = Buffer.from(sum, "base64url");
  const wanted = signature(`${head}.${body}`, key);
  const isOurs = more.length === 0 && given.length === wanted.length && timingSafeEqual(given, wanted);
  if (!isOurs || decode(head)?.["alg"] !== "HS256") throw refused("it is not one of this cloud");
  const { exp: end, nbf: begin } = decode(body) ?? {};
  if (typeof end !== "number") throw refused("it has no end");
  if (now >= end * 1000) throw refused("it has expired; print a new one with: sampan cloud token");
  if (typeof begin === "number" && now < begin * 1000) throw refused("it is not good yet");
}

function refused(why: string): SampanError {
  return new SampanError("unauthenticated", `cannot use the token: ${why}`);
}

function signature(text: string, key: Uint8Array): Buffer {
  return createHmac("sha256", key).update(text).digest();
}

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

function decode(part: string | undefined): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part ?? "", "base64url").toString("utf8"));
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
