/**
 * What a cloud is known by to its edges, all of it in three secrets of namespace `kubeedge`, as KubeEdge's own cloudcore keeps them, so that either can take over from the other:
 *
 *     casecret         cadata cakeydata                  the authority
 *     cloudcoresecret  cloudcoredata cloudcorekeydata    what CloudHub shows
 *     tokensecret      tokendata                         the token to join by
 *
 * Any number of processes may open them at once and agree.
 */
import { X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import type { Clock } from "../../../base/clock.ts";
import { SampanError } from "../../../base/errors.ts";
import type { KubeClient } from "../../../spec/kubernetes/kube.ts";
import { pemOf } from "../apiserver/auth/pki/pem.ts";
import {
  type Authority,
  type EdgeRequest,
  fingerprint,
  makeAuthority,
  makeEdge,
  makePeer,
  makeServer,
} from "./certificates.ts";
import { keyBytes, keyText, newKey, readCertificate, readKey } from "./der.ts";
import { type Content, type Kept, openSecrets, type Secrets } from "./secrets.ts";
import { checkToken, endOfToken, makeToken } from "./token.ts";

export interface KeysOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Names and addresses that edges dial; those that are in the certificate already stay there. */
  readonly names: readonly string[];
  /** Hours; 12. A token is good for twice as long. */
  readonly tokenHours?: number;
}

/** PEM. */
export interface TlsPair {
  readonly certificate: string;
  readonly key: string;
}

export interface Keys {
  /** DER. */
  readonly authority: Buffer;
  /** PEM. */
  readonly authorityText: string;
  readonly certificate: X509Certificate;
  readonly server: TlsPair;
  /** The present token; a new one is made when less than half of its time is left. */
  token(): Promise<string>;
  /** @throws SampanError unauthenticated */
  checkToken(jwt: string): void;
  /** DER. The name must have been checked. */
  signEdge(request: EdgeRequest): Promise<Buffer>;
}

const hour = 3600;
/** More names than this are of the past: then only those of now are kept. */
const mostNames = 100;
const tries = 10;

/** Errors: `data_loss` for a secret that is damaged; those of the API. */
export async function openKeys(options: KeysOptions): Promise<Keys> {
  const { client, clock, signal, names, tokenHours = 12 } = options;
  const secrets = openSecrets(client, signal);
  const { authority, keyDer } = await openAuthority(secrets, clock.now());
  const server = await openServer(secrets, authority, { names, now: clock.now() });
  const sum = fingerprint(authority.certificate);
  return {
    authority: authority.certificate.raw,
    authorityText: pemOf("CERTIFICATE", authority.certificate.raw),
    certificate: authority.certificate,
    server,
    token: () => currentToken(secrets, { clock, hours: tokenHours, sum, key: keyDer }),
    checkToken: (jwt) => checkToken(jwt, keyDer, clock.now()),
    signEdge: (request) => makeEdge(authority, request, clock.now()),
  };
}

/** A pair of this process alone, by which the others of the same cloud know it, and their authority, PEM. Undefined: no cloud has made an authority yet. */
export async function peerPair({
  client,
  clock,
  signal,
}: Pick<KeysOptions, "client" | "clock" | "signal">): Promise<
  (TlsPair & { readonly ca: string }) | undefined
> {
  const kept = await openSecrets(client, signal).read("casecret");
  if (!kept) return undefined;
  const { authority } = authorityOf(kept.content);
  const key = newKey();
  return {
    certificate: pemOf("CERTIFICATE", await makePeer(authority, key, clock.now())),
    key: keyText(key),
    ca: pemOf("CERTIFICATE", authority.certificate.raw),
  };
}

async function openAuthority(secrets: Secrets, now: number) {
  const { content } = await secrets.ensure("casecret", async () => {
    const key = newKey();
    return { cadata: await makeAuthority(key, now), cakeydata: keyBytes(key) };
  });
  return authorityOf(content);
}

function authorityOf(content: Content) {
  const certificate = readCertificate(content["cadata"], "secret kubeedge/casecret, cadata");
  const key = readKey(content["cakeydata"], "secret kubeedge/casecret, cakeydata");
  if (!certificate.checkPrivateKey(key))
    throw new SampanError("data_loss", "cannot use secret kubeedge/casecret: key and certificate do not fit");
  return { authority: { certificate, key }, keyDer: content["cakeydata"] ?? Buffer.alloc(0) };
}

interface ServerWanted {
  readonly names: readonly string[];
  readonly now: number;
}

async function openServer(secrets: Secrets, authority: Authority, wanted: ServerWanted): Promise<TlsPair> {
  let kept: Kept | undefined;
  for (let attempt = 0; attempt < tries; attempt++) {
    kept ??= await secrets.ensure("cloudcoresecret", async () => await newServer(authority, wanted));
    const found = readServer(kept.content, authority, wanted);
    if (found.pair) return found.pair;
    // Several clouds with addresses of their own share it: each adds what it lacks.
    const names = [...new Set([...found.names, ...wanted.names.map(canonical)])];
    const all = names.length > mostNames ? wanted.names : names;
    kept = await secrets.replace(kept, await newServer(authority, { ...wanted, names: all }));
  }
  throw new SampanError("aborted", "cannot renew secret kubeedge/cloudcoresecret: others change it as well");
}

async function newServer(authority: Authority, { names, now }: ServerWanted): Promise<Content> {
  const key = newKey();
  const unique = [...new Set(names.map(canonical))];
  return {
    cloudcoredata: await makeServer(authority, key, unique, now),
    cloudcorekeydata: keyBytes(key),
  };
}

/** The pair when it is good for these names; otherwise the names that it has. */
function readServer(content: Content, authority: Authority, { names, now }: ServerWanted) {
  try {
    const certificate = new X509Certificate(content["cloudcoredata"] ?? Buffer.alloc(0));
    const key = readKey(content["cloudcorekeydata"], "secret kubeedge/cloudcoresecret");
    const isGood =
      certificate.verify(authority.certificate.publicKey) &&
      certificate.checkPrivateKey(key) &&
      Date.parse(certificate.validFrom) <= now &&
      Date.parse(certificate.validTo) > now + 30 * 86_400_000;
    const present = namesOf(certificate);
    if (!isGood) return { names: [] };
    if (!names.every((name) => present.includes(canonical(name)))) return { names: present };
    const pair = { certificate: pemOf("CERTIFICATE", certificate.raw), key: keyText(key) };
    return { pair, names: present };
  } catch {
    return { names: [] };
  }
}

function namesOf(certificate: X509Certificate): string[] {
  return (certificate.subjectAltName ?? "")
    .split(", ")
    .flatMap((name) => /^(?:DNS|IP Address):(.+)$/.exec(name)?.[1] ?? [])
    .map(canonical);
}

/** One spelling for each: an IPv6 address has many. */
function canonical(name: string): string {
  return isIP(name) === 6 ? new URL(`http://[${name}]`).hostname.slice(1, -1) : name.toLowerCase();
}

interface TokenWanted {
  readonly clock: Clock;
  readonly hours: number;
  readonly sum: string;
  readonly key: Buffer;
}

async function currentToken(secrets: Secrets, { clock, hours, sum, key }: TokenWanted): Promise<string> {
  const make = (): Content => ({
    tokendata: Buffer.from(makeToken(sum, key, Math.floor(clock.now() / 1000) + 2 * hours * hour)),
  });
  for (let attempt = 0; attempt < tries; attempt++) {
    const kept = await secrets.ensure("tokensecret", async () => make());
    const token = kept.content["tokendata"]?.toString("latin1") ?? "";
    if (isFresh(token, { clock, hours, sum, key })) return token;
    const replaced = await secrets.replace(kept, make());
    if (replaced) return replaced.content["tokendata"]?.toString("latin1") ?? "";
  }
  throw new SampanError("aborted", "cannot renew secret kubeedge/tokensecret: others change it as well");
}

/** Of our authority, with at least half of its time left. */
function isFresh(token: string, { clock, hours, sum, key }: TokenWanted): boolean {
  if (!token.startsWith(`${sum}.`)) return false;
  try {
    checkToken(token.slice(sum.length + 1), key, clock.now());
  } catch {
    return false;
  }
  return (endOfToken(token) ?? 0) * 1000 - clock.now() >= hours * hour * 1000;
}
