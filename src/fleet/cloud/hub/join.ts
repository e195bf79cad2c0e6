/** What edges ask for over HTTPS: the authority, their certificates, and where reports of upgrades and tasks go (10002). */
import { X509Certificate } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { TLSSocket } from "node:tls";
import { SampanError } from "../../../base/errors.ts";
import { parseJson } from "../../link/json.ts";
import { isName, isNodeName } from "../../link/resources.ts";
import { readRequest } from "../apiserver/auth/csr/request.ts";
import { pemOf } from "../apiserver/auth/pki/pem.ts";
import type { Usage } from "../keys/certificates.ts";
import type { Keys } from "../keys/keys.ts";
import { identityOf, refuseIdentity } from "./admit.ts";
import { readBody } from "./body.ts";

/** What a node says of its upgrade or task; the body is JSON that was not looked at. */
export type Report = { readonly node: string; readonly body: Uint8Array } & (
  { readonly kind: "upgrade" } | { readonly kind: "task"; readonly type: string; readonly id: string }
);

export interface JoinOptions {
  readonly keys: Keys;
  readonly now: () => number;
  readonly log: (text: string) => void;
  readonly legacyCertificates: boolean;
  /** Days. */
  readonly certificateDays: number;
  /** Days that an expired certificate may still be changed for a new one. */
  readonly graceDays: number;
  /** Why a node may not join by a token, or undefined. */
  readonly refuseJoin: (node: string) => string | undefined;
  /** Whether the cluster has a node of this name. */
  readonly hasNode: (node: string) => Promise<boolean>;
  /** A node joined by a token. */
  readonly joined: (node: string) => void;
  readonly onReport: (report: Report) => void | Promise<void>;
}

interface Answer {
  readonly status: number;
  readonly body: string | Uint8Array;
}

const text = (status: number, body: string): Answer => ({ status, body });
const most = { request: 1 << 20, report: 3 << 20 } as const;
const day = 86_400_000;

class Refused extends Error {
  readonly answer: Answer;

  constructor(status: number, reason: string) {
    super(reason);
    this.answer = text(status, reason);
  }
}

type Endpoint = (request: IncomingMessage, parts: readonly string[], options: JoinOptions) => Promise<Answer>;

const endpoints: readonly (readonly [method: string, path: RegExp, endpoint: Endpoint])[] = [
  ["GET", /^\/ca\.crt$/, async (_request, _parts, { keys }) => ({ status: 200, body: keys.authority })],
  ["GET", /^\/edge\.crt$/, async (request, _parts, options) => await issue(request, options)],
  ["GET", /^\/node\/([^/]+)$/, async (_request, [node = ""], options) => await find(node, options)],
  ["POST", /^\/nodeupgrade$/, async (request, _parts, options) => await reportUpgrade(request, options)],
  [
    "POST",
    /^\/task\/([^/]+)\/name\/([^/]+)\/node\/([^/]+)\/status$/,
    async (request, parts, options) => await reportTask(request, parts, options),
  ],
];

/** Answers every request; never rejects. */
export async function answerJoin(
  request: IncomingMessage,
  response: ServerResponse,
  options: JoinOptions,
): Promise<void> {
  let answer: Answer;
  try {
    answer = await route(request, options);
  } catch (error) {
    answer = error instanceof Refused ? error.answer : failure(error, options);
  }
  const isBytes = typeof answer.body !== "string";
  response.on("error", () => {});
  // What was not read of a body is not waited for.
  if (!request.complete) response.setHeader("Connection", "close");
  response.writeHead(answer.status, {
    "Content-Type": isBytes ? "application/octet-stream" : "text/plain; charset=utf-8",
    "Content-Length": Buffer.byteLength(answer.body),
  });
  response.end(answer.body);
}

function failure(error: unknown, { log }: JoinOptions): Answer {
  const { code, message } = SampanError.from(error);
  const statuses: Partial<Record<typeof code, number>> = {
    unauthenticated: 401,
    permission_denied: 403,
    not_found: 404,
    invalid_argument: 400,
    resource_exhausted: 413,
    deadline_exceeded: 408,
    cancelled: 400,
  };
  const status = statuses[code];
  if (status !== undefined) return text(status, message);
  log(`cannot answer an edge: ${message}`);
  return text(500, "the cloud has an error of its own; its log says more");
}

async function route(request: IncomingMessage, options: JoinOptions): Promise<Answer> {
  const path = (request.url ?? "").split("?")[0] ?? "";
  for (const [method, pattern, endpoint] of endpoints) {
    const parts = pattern.exec(path);
    if (!parts) continue;
    if (request.method !== method) return text(405, "method not allowed");
    return await endpoint(request, parts.slice(1), options);
  }
  return text(404, "not found");
}

async function find(node: string, { hasNode }: JoinOptions): Promise<Answer> {
  if (!isNodeName(node)) return text(400, "it is no name of a node");
  return (await hasNode(node)) ? text(200, "Node found") : text(404, "Node not found");
}

async function issue(request: IncomingMessage, options: JoinOptions): Promise<Answer> {
  const { keys, certificateDays, joined, log } = options;
  const node = request.headers["nodename"];
  if (typeof node !== "string" || !isNodeName(node))
    throw new Refused(400, "header NodeName is not the name of a node");
  const usages = usagesOf(request.headers["extkeyusages"]);
  const isRenewal = await isKnown(request, node, options);
  if (!isRenewal) joinBy(request, node, options);
  const publicKey = await keyOf(await readBody(request, most.request), node);
  const certificate = await keys.signEdge({ node, publicKey, usages, days: certificateDays });
  log(`node "${node}" has a new certificate${isRenewal ? "" : ": it joined by a token"}`);
  if (!isRenewal) joined(node);
  return { status: 200, body: certificate };
}

/** Whether it shows a certificate by which it may have another one of the same name. */
async function isKnown(request: IncomingMessage, node: string, options: JoinOptions): Promise<boolean> {
  const shown = certificateOf(request);
  if (!shown) return false;
  const isGood = shown.isVerified || (await isForgiven(shown.certificate, node, options));
  const hasToken = request.headers.authorization !== undefined;
  if (!isGood) {
    if (hasToken) return false;
    throw new Refused(401, `cannot use the client certificate: ${shown.fault}; join again with a token`);
  }
  const identity = identityOf(shown.certificate.subject);
  const refusal = refuseIdentity(identity, node, options.legacyCertificates);
  // One that names no node yet may become one that does, by a token.
  if (refusal && identity === "legacy" && hasToken) return false;
  if (refusal) throw new Refused(refusal.status, refusal.reason);
  return true;
}

/** An edge that was offline for long has a certificate that ended meanwhile; as long as its node is wanted it gets another. */
async function isForgiven(
  certificate: X509Certificate,
  node: string,
  options: JoinOptions,
): Promise<boolean> {
  const { keys, now, graceDays, hasNode } = options;
  const ended = Date.parse(certificate.validTo);
  const isOurs = !certificate.ca && certificate.verify(keys.certificate.publicKey);
  const isClient = certificate.keyUsage?.includes("1.3.6.1.5.5.7.3.2") ?? false;
  const isLate = ended <= now() && now() < ended + graceDays * day;
  return (
    isOurs && isClient && isLate && identityOf(certificate.subject) !== "legacy" && (await hasNode(node))
  );
}

function joinBy(request: IncomingMessage, node: string, { keys, refuseJoin }: JoinOptions): void {
  const [, jwt] = /^Bearer ([\w.-]+)$/.exec(request.headers.authorization ?? "") ?? [];
  if (jwt === undefined) throw new Refused(401, "Invalid authorization token");
  try {
    keys.checkToken(jwt);
  } catch (error) {
    throw new Refused(401, `token validation failure, ${SampanError.from(error).message}`);
  }
  const reason = refuseJoin(node);
  if (reason !== undefined) throw new Refused(409, `node "${node}" cannot join: ${reason}`);
}

/** The key of a request that its own key signed. */
async function keyOf(body: Buffer, node: string): Promise<Uint8Array<ArrayBuffer>> {
  const request = readRequest(Buffer.from(pemOf("CERTIFICATE REQUEST", body)).toString("base64"));
  if (typeof request === "string") throw new Refused(400, `cannot read the certificate request: ${request}`);
  const lines = [...request.organizations.map((name) => `O=${name}`), `CN=${request.commonName}`];
  // An edge before 1.18 names nobody; what it gets names its node all the same, and it does not look.
  const refusal = refuseIdentity(identityOf(lines.join("\n")), node, true);
  if (refusal) throw new Refused(403, `cannot sign the certificate request: ${refusal.reason}`);
  if (!(await request.verify()))
    throw new Refused(400, "cannot sign the certificate request: its own key did not sign it");
  return request.publicKey;
}

/** Numbers of Go's x509.ExtKeyUsage. */
const usageNumbers: Readonly<Record<string, Usage>> = { 1: "server", 2: "client" };

function usagesOf(header: string | readonly string[] | undefined): readonly Usage[] {
  if (header === undefined || header === "") return ["client"];
  const [, list] = (typeof header === "string" && /^\s*\[([\s\d,]{1,64})\]\s*$/.exec(header)) || [];
  const usages = (list ?? "").split(",").map((each) => usageNumbers[each.trim()]);
  if (usages.includes(undefined)) throw new Refused(400, "header ExtKeyUsages is not a list of 1 and 2");
  return [...new Set(usages as Usage[])];
}

async function reportUpgrade(request: IncomingMessage, options: JoinOptions): Promise<Answer> {
  const { node, claims } = senderOf(request, options);
  const body = await readBody(request, most.report);
  const named = namedIn(body);
  if (!claims(named)) throw new Refused(403, "the report is of another node");
  await options.onReport({ kind: "upgrade", node: node ?? named, body });
  return text(200, "ok");
}

async function reportTask(
  request: IncomingMessage,
  [type = "", id = "", name = ""]: readonly string[],
  options: JoinOptions,
): Promise<Answer> {
  const { claims } = senderOf(request, options);
  if (!isName(type) || !isName(id) || !claims(name)) throw new Refused(403, "the report is of another node");
  await options.onReport({ kind: "task", type, id, node: name, body: await readBody(request, most.report) });
  return text(200, "ok");
}

/** Reports are of the node whose certificate is shown. `claims`: whether it may speak for that node. */
function senderOf(request: IncomingMessage, { legacyCertificates }: JoinOptions) {
  const shown = certificateOf(request);
  if (!shown?.isVerified) throw new Refused(401, "a client certificate of this cloud is needed");
  const identity = identityOf(shown.certificate.subject);
  if (identity === undefined) throw new Refused(403, "the certificate is not one of a node");
  const claims = (name: string) =>
    isNodeName(name) && refuseIdentity(identity, name, legacyCertificates) === undefined;
  return { node: identity === "legacy" ? undefined : identity.node, claims };
}

function namedIn(body: Buffer): string {
  try {
    const report = parseJson(body.toString("utf8"), "the report", 32, 50_000);
    const name = (report as { readonly NodeName?: unknown } | null)?.NodeName;
    return typeof name === "string" ? name : "";
  } catch {
    throw new Refused(400, "the report is no JSON");
  }
}

interface Shown {
  readonly certificate: X509Certificate;
  readonly isVerified: boolean;
  readonly fault: string;
}

function certificateOf(request: IncomingMessage): Shown | undefined {
  const socket = request.socket as TLSSocket;
  const certificate = socket.getPeerX509Certificate();
  if (!certificate) return undefined;
  return {
    certificate,
    isVerified: socket.authorized,
    fault: String(socket.authorizationError ?? ""),
  };
}
