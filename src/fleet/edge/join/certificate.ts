/** Gets a certificate from a cloud: the first by a token, each later one by the one before. */
import { SampanError } from "../../../base/errors.ts";
import type { KeyPair } from "../hub/keys.ts";
import { askCloud, certificateOf, type Answer } from "./https.ts";
import { isPair } from "./keys.ts";
import { newRequest } from "./_request.ts";
import { checkAuthority, type JoinToken } from "./token.ts";

export interface Applying {
  /** `<host>:<port>` of 10002. */
  readonly address: string;
  readonly node: string;
  readonly signal: AbortSignal;
}

/** Errors: `unauthenticated` for a token that is not of this cloud or has ended, `already_exists` when the cloud has such a node, `unavailable`. */
export async function joinByToken(applying: Applying, token: JoinToken): Promise<KeyPair> {
  const { address, signal } = applying;
  const { status, body } = await askCloud({ address, path: "/ca.crt", authority: undefined, signal });
  if (status !== 200) throw refusedWith(address, { status, body });
  // Whoever answered: it is the right one when the token says so.
  checkAuthority(body, token, address);
  const authority = certificateOf(body, "the cloud's authority");
  return apply(applying, authority, { headers: { Authorization: `Bearer ${token.jwt}` } });
}

/** With the certificate that is there, also one that has ended: clouds of Sampan take it for a while after. */
export function renew(applying: Applying, { authority, certificate, key }: KeyPair): Promise<KeyPair> {
  return apply(applying, authority, { identity: { certificate, key } });
}

interface Credentials {
  readonly headers?: Readonly<Record<string, string>>;
  readonly identity?: { readonly certificate: string; readonly key: string };
}

async function apply(applying: Applying, authority: string, credentials: Credentials): Promise<KeyPair> {
  const { address, node, signal } = applying;
  const request = await newRequest(node);
  const ask = (body: Uint8Array) =>
    askCloud({
      address,
      path: "/edge.crt",
      authority,
      body,
      signal,
      headers: { ...credentials.headers, NodeName: node },
      ...(credentials.identity ? { identity: credentials.identity } : {}),
    });
  let answer = await ask(request.named);
  // An old cloud that does not take the name of a node takes the one name that its edges have.
  if (isAboutRequest(answer)) answer = await ask(request.legacy);
  if (answer.status !== 200) throw refusedWith(address, answer);
  const certificate = certificateOf(answer.body, "the certificate");
  const pair = { authority, certificate, key: request.key };
  if (!isPair(pair))
    throw new SampanError(
      "unavailable",
      "cannot use the certificate: the cloud signed another key than ours",
    );
  return pair;
}

/** Up to 1.15 a request that does not read is answered with nothing, later with 500. */
function isAboutRequest({ status, body }: Pick<Answer, "status" | "body">): boolean {
  return (status === 200 && body.byteLength === 0) || status === 500;
}

function refusedWith(address: string, { status, body }: Pick<Answer, "status" | "body">): SampanError {
  const words = body.toString("utf8").trim().slice(0, 300);
  const code = status === 409 ? "already_exists" : status < 500 ? "unauthenticated" : "unavailable";
  return new SampanError(
    code,
    `cannot get a certificate from cloud "${address}": ${words || "it refused"} (status ${status})`,
  );
}
