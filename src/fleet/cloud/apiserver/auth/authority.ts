/**
 * The cloud's own authority: who signs the server's certificate, those of users and nodes, and the tokens of service accounts. All of it lies in one folder:
 *
 *     ca.crt ca.key          the certificate authority, ten years
 *     sa.key                 signs service accounts' tokens (ES256)
 *     server.crt server.key  what the server shows; made again when it nears its end or the machine is called otherwise
 *
 * Keys are for their owner alone. Made once, in an order that a power cut may end anywhere: `ca.crt` comes last, and without it nothing was given out.
 */
import { chmodSync } from "node:fs";
import { join } from "node:path";
import type { X509Certificate } from "node:crypto";
import { SampanError } from "../../../../base/errors.ts";
import { makeFolder, readText, writeWhole } from "./pki/files.ts";
import { type AlternativeNames, issue, makeAuthority, makeKeyPair, type Wanted } from "./pki/issue.ts";
import { serverNames } from "./pki/names.ts";
import { beginOf, checkPair, damaged, endOf, hasNames, type Pair, readKey } from "./pki/pair.ts";
import { openSigner, type TokenSigner } from "./tokens/signer.ts";

const day = 86_400_000;
/** Clocks differ a little. */
const skew = 5 * 60_000;
const authorityDays = 3650;
const yearSeconds = 365 * 86_400;
/** A server's certificate with less left than this is made again. */
const renewalDays = 60;
/** Before it no clock is right: this program did not exist. */
const leastClock = Date.UTC(2026, 0, 1);

export interface AuthorityOptions {
  /** Made where it is missing, with mode 0700. */
  readonly folder: string;
  /** Further names and addresses of the server. */
  readonly names?: readonly string[];
  /** Milliseconds since 1970. */
  readonly now?: () => number;
}

export interface ClientRequest {
  readonly user: string;
  readonly groups?: readonly string[];
  /** From now on; a year where it is left out. Never longer than the authority itself. */
  readonly seconds?: number;
}

export interface Authority {
  /** The certificate authority, PEM: what clients trust, and what clients' certificates are checked with. */
  readonly ca: string;
  /** Of service accounts. */
  readonly tokens: TokenSigner;
  /** What the server shows now. Made again when less than 60 days of it are left: ask once a day. */
  server(): Promise<Pair>;
  issueClient(request: ClientRequest): Promise<Pair>;
  /** Signs for a key that somebody else has; the validity is cut to the authority's own. */
  sign(wanted: Wanted): Promise<string>;
}

/**
 * Errors: `invalid_argument` for a name that is none; `data_loss` for a damaged file; `failed_precondition` when the clock is so wrong that no certificate would
 * be valid.
 */
export async function openAuthority({
  folder,
  names = [],
  now = Date.now,
}: AuthorityOptions): Promise<Authority> {
  const wanted = serverNames(names);
  makeFolder(folder);
  chmodSync(folder, 0o700);
  const root = await openRoot(folder, now());
  const tokens = await openTokens(folder, now);
  const sign = (request: Wanted) => signBy(root, request);
  const make = async ({ subject, usages, names: of, seconds }: Making): Promise<Pair> => {
    const { key, publicKey } = await makeKeyPair();
    const validity = { from: now() - skew, until: now() + seconds * 1000 };
    const certificate = await sign({ subject, publicKey, validity, usages, ...(of ? { names: of } : {}) });
    return { key, certificate };
  };
  return {
    ca: root.pair.certificate,
    tokens,
    sign,
    server: async () => {
      const paths = pathsOf(folder, "server");
      const found = readServer(paths, { root: root.certificate, names: wanted, at: now() });
      if (found) return found;
      const subject = { commonName: "kube-apiserver" };
      const pair = await make({ subject, usages: ["server"], names: wanted, seconds: yearSeconds });
      writeWhole(paths.key, pair.key, 0o600);
      writeWhole(paths.certificate, pair.certificate, 0o644);
      return pair;
    },
    issueClient: ({ user, groups = [], seconds = yearSeconds }) =>
      make({ subject: { commonName: user, organizations: groups }, usages: ["client"], seconds }),
  };
}

interface Making extends Pick<Wanted, "subject" | "usages" | "names"> {
  readonly seconds: number;
}

interface Root {
  readonly pair: Pair;
  readonly certificate: X509Certificate;
}

async function signBy({ pair, certificate }: Root, request: Wanted): Promise<string> {
  const from = Math.max(request.validity.from, beginOf(certificate));
  const until = Math.min(request.validity.until, endOf(certificate));
  return issue(pair, { ...request, validity: { from, until } });
}

async function openTokens(folder: string, now: () => number): Promise<TokenSigner> {
  const path = join(folder, "sa.key");
  const text = readText(path);
  if (text === undefined) throw damaged(path, "it is not there, but the authority is");
  return openSigner(readKey(text, path), now);
}

function pathsOf(folder: string, name: string): Pair {
  return { certificate: join(folder, `${name}.crt`), key: join(folder, `${name}.key`) };
}

async function openRoot(folder: string, at: number): Promise<Root> {
  const paths = pathsOf(folder, "ca");
  const pair = readRoot(paths) ?? (await makeRoot(folder, at));
  const certificate = checkPair(pair, paths);
  if (!certificate.ca) throw damaged(paths.certificate, "it is not the certificate of an authority");
  checkClock(certificate, paths.certificate, at);
  return { pair, certificate };
}

function readRoot(paths: Pair): Pair | undefined {
  const certificate = readText(paths.certificate);
  if (certificate === undefined) return undefined;
  const key = readText(paths.key);
  if (key === undefined) throw damaged(paths.key, "it is not there, but its certificate is");
  return { certificate, key };
}

async function makeRoot(folder: string, at: number): Promise<Pair> {
  if (at < leastClock)
    throw clockError(
      `the clock says ${new Date(at).toISOString()}, which is before this program was written`,
    );
  const paths = pathsOf(folder, "ca");
  const keys = await makeKeyPair();
  const validity = { from: at - skew, until: at + authorityDays * day };
  const certificate = await makeAuthority("sampan-cloud", keys, validity);
  writeWhole(join(folder, "sa.key"), (await makeKeyPair()).key, 0o600);
  writeWhole(paths.key, keys.key, 0o600);
  writeWhole(paths.certificate, certificate, 0o644);
  return { certificate, key: keys.key };
}

function checkClock(certificate: X509Certificate, path: string, at: number): void {
  const clock = new Date(at).toISOString();
  const begin = beginOf(certificate);
  if (at < begin)
    throw clockError(
      `the clock says ${clock}, but the authority in "${path}" was made later, ${new Date(begin).toISOString()}`,
    );
  const end = endOf(certificate);
  if (at > end)
    throw clockError(
      `the clock says ${clock}, but the authority in "${path}" ended ${new Date(end).toISOString()}`,
    );
}

function clockError(what: string): SampanError {
  return new SampanError("failed_precondition", `cannot use certificates: ${what}; set the clock`);
}

/** Undefined when another one has to be made, for whatever reason: it is ours to make. */
function readServer(
  paths: Pair,
  { root, names, at }: { root: X509Certificate; names: AlternativeNames; at: number },
): Pair | undefined {
  const certificate = readText(paths.certificate);
  const key = readText(paths.key);
  if (certificate === undefined || key === undefined) return undefined;
  try {
    const parsed = checkPair({ certificate, key }, paths);
    const good =
      parsed.verify(root.publicKey) &&
      hasNames(parsed, names) &&
      beginOf(parsed) <= at &&
      // Near the authority's own end a new one would be no longer.
      endOf(parsed) >= Math.min(at + renewalDays * day, endOf(root));
    return good ? { certificate, key } : undefined;
  } catch (error) {
    if (SampanError.from(error).code === "data_loss") return undefined;
    throw error;
  }
}
