/** Tokens of service accounts: JWTs that the authority's key signs (RFC 7515, 7519), and the key as others may look it up (OpenID Connect Discovery 1.0). */
import { createHash, createPublicKey, type KeyObject } from "node:crypto";
import { calculateJwkThumbprint, exportJWK, jwtVerify, SignJWT, type JWK, type JWTPayload } from "jose";
import { KubeError } from "../../../../../spec/kubernetes/kube.ts";

/** Who signs, and at the same time the audience of tokens that are for this API. */
export const issuer = "https://kubernetes.default.svc.cluster.local";

const algorithm = "ES256";
/** A clock may be off by so much, in seconds. */
const tolerance = 10;
/** Longer is none of ours. */
const limit = 16_384;
/** So many signatures are remembered as good: a client sends the same token with each request. */
const remembered = 1024;

export interface TokenSigner {
  readonly issuer: string;
  sign(claims: JWTPayload): Promise<string>;
  /** The claims of a token that our key signed, is valid now, and is for one of the audiences. KubeError `Unauthorized`. */
  verify(token: string, audiences: readonly string[]): Promise<JWTPayload>;
  /** The body of /openid/v1/jwks. */
  readonly jwks: { readonly keys: readonly JWK[] };
  /** The body of /.well-known/openid-configuration; `base` is the URL by which the server is reached. */
  discovery(base: string): Readonly<Record<string, unknown>>;
}

export async function openSigner(key: KeyObject, now: () => number): Promise<TokenSigner> {
  const publicKey = createPublicKey(key);
  const bare = await exportJWK(publicKey);
  const kid = await calculateJwkThumbprint(bare);
  const good = new Map<string, JWTPayload>();
  const check = async (token: string): Promise<JWTPayload> => {
    const print = createHash("sha256").update(token).digest("base64");
    const known = good.get(print);
    if (known) return known;
    // What the header says of the algorithm counts for nothing: it must be ours.
    const { payload } = await jwtVerify(token, publicKey, {
      algorithms: [algorithm],
      issuer,
      clockTolerance: tolerance,
      currentDate: new Date(now()),
      requiredClaims: ["exp", "aud", "sub"],
    });
    const oldest = good.size < remembered ? undefined : good.keys().next().value;
    if (oldest !== undefined) good.delete(oldest);
    good.set(print, payload);
    return payload;
  };
  return {
    issuer,
    jwks: { keys: [{ ...bare, kid, alg: algorithm, use: "sig" }] },
    discovery: (base) => ({
      issuer,
      jwks_uri: `${base}/openid/v1/jwks`,
      response_types_supported: ["id_token"],
      subject_types_supported: ["public"],
      id_token_signing_alg_values_supported: [algorithm],
    }),
    sign: (claims) =>
      new SignJWT(claims).setProtectedHeader({ alg: algorithm, kid }).setIssuer(issuer).sign(key),
    verify: async (token, audiences) => {
      const payload = token.length > limit ? undefined : await check(token).catch(() => undefined);
      if (!payload || !inTime(payload, now()) || !isFor(payload, audiences)) throw unauthorized();
      return payload;
    },
  };
}

/** What all who are not let in are told, and no more. */
export function unauthorized(): KubeError {
  return new KubeError("Unauthorized", "Unauthorized");
}

function inTime({ exp = 0, nbf = 0 }: JWTPayload, now: number): boolean {
  return exp * 1000 > now - tolerance * 1000 && nbf * 1000 <= now + tolerance * 1000;
}

function isFor({ aud = [] }: JWTPayload, audiences: readonly string[]): boolean {
  return [aud].flat().some((each) => audiences.includes(each));
}
