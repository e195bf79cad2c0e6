/**
 * Approves what nodes ask for themselves, signs what was approved, and takes away what is old.
 * https://kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests/
 */
import { KubeError, type KubeClient, type KubeObject } from "../../../../../spec/kubernetes/kube.ts";
import type { Authorizer, UserInfo } from "../auth.ts";
import type { Authority } from "../authority.ts";
import { type RequestSpec, csrGroup, hasCondition, specOf, statusOf, type Condition } from "./object.ts";
import { pause } from "../../../../../base/pause.ts";
import { readRequest } from "./request.ts";
import { refuseKubeletClient, signers } from "./signers.ts";

const resource = { group: csrGroup, version: "v1", resource: "certificatesigningrequests" };
const kubeletClient = "kubernetes.io/kube-apiserver-client-kubelet";
const hour = 3_600_000;
/** What is signed or denied, and what nobody judged, is kept so long. */
const judgedFor = hour;
const waitingFor = 24 * hour;
/** Milliseconds between two watches. */
const patience = 1000;
const sweepEvery = 10 * 60_000;
const usualSeconds = 365 * 86_400;
/** Clocks differ a little. */
const skew = 5 * 60_000;

export interface CertificatesOptions {
  /** As who may approve and sign everything. */
  readonly client: KubeClient;
  readonly authority: Pick<Authority, "sign">;
  readonly authorizer: Pick<Authorizer, "authorize">;
  readonly log: (text: string) => void;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
}

/** Runs until it is disposed of. */
export function startCertificates(options: CertificatesOptions): AsyncDisposable {
  const ending = new AbortController();
  const { signal } = ending;
  const running = run(options, signal);
  const timer = setInterval(() => void sweep(options, signal).catch(() => {}), sweepEvery);
  timer.unref();
  return {
    [Symbol.asyncDispose]: async () => {
      clearInterval(timer);
      ending.abort();
      await running;
    },
  };
}

async function run(options: CertificatesOptions, signal: AbortSignal): Promise<void> {
  const { client, log } = options;
  while (!signal.aborted) {
    try {
      const { items, resourceVersion } = await client.list(resource, { signal });
      for (const object of items) await attend(options, object);
      for await (const { type, object } of client.watch(resource, { resourceVersion, signal }))
        if (type === "ADDED" || type === "MODIFIED") await attend(options, object);
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof KubeError) || error.reason !== "Expired")
        log(`cannot watch certificate requests: ${String(error)}`);
    }
    await pause(patience, signal);
  }
}

async function attend(options: CertificatesOptions, object: KubeObject): Promise<void> {
  try {
    await attendOne(options, object);
  } catch (error) {
    // Somebody changed it meanwhile: that change comes by the watch.
    if (error instanceof KubeError && (error.reason === "Conflict" || error.reason === "NotFound")) return;
    options.log(`cannot answer certificate request "${object.metadata.name}": ${String(error)}`);
  }
}

/** One step; the change that it makes is what comes next. */
export async function attendOne(options: CertificatesOptions, object: KubeObject): Promise<void> {
  const spec = specOf(object);
  const signer = signers[spec.signerName ?? ""];
  if (!signer || hasCondition(object, "Denied") || hasCondition(object, "Failed")) return;
  if (statusOf(object).certificate !== undefined) return;
  if (!hasCondition(object, "Approved")) return approve(options, object);
  const request = readRequest(spec.request ?? "");
  if (typeof request === "string") return fail(options, object, request);
  const { usages = [], username = "", groups = [] } = spec;
  const asked = { request, usages, username, groups };
  const why = signer.refuse(asked) ?? ((await request.verify()) ? undefined : "its key did not sign it");
  if (why !== undefined) return fail(options, object, why);
  const now = (options.now ?? Date.now)();
  const seconds = Math.min(spec.expirationSeconds ?? usualSeconds, usualSeconds);
  const certificate = await options.authority.sign({
    subject: { commonName: request.commonName, organizations: request.organizations },
    publicKey: request.publicKey,
    validity: { from: now - skew, until: now + seconds * 1000 },
    usages: [signer.usage],
    names: { dns: request.dns, ip: request.ip },
    keyEncipherment: asked.usages.includes("key encipherment"),
  });
  const status = { ...statusOf(object), certificate: Buffer.from(certificate).toString("base64") };
  await options.client.update(resource, { ...object, status }, { subresource: "status" });
}

async function fail({ client }: CertificatesOptions, object: KubeObject, why: string): Promise<void> {
  const condition = { type: "Failed", status: "True", reason: "SignerValidationFailure", message: why };
  await client.update(resource, withCondition(object, condition), { subresource: "status" });
}

function withCondition(object: KubeObject, condition: Condition): KubeObject {
  const status = statusOf(object);
  return { ...object, status: { ...status, conditions: [...(status.conditions ?? []), condition] } };
}

/** Certificates for nodes to speak to the API by: their own anew, or their first by who may ask for any. */
async function approve({ client, authorizer }: CertificatesOptions, object: KubeObject): Promise<void> {
  const spec = specOf(object);
  if (spec.signerName !== kubeletClient) return;
  const request = readRequest(spec.request ?? "");
  if (typeof request === "string") return;
  const username = spec.username ?? "";
  if (refuseKubeletClient({ request, usages: spec.usages ?? [], username, groups: [] }) !== undefined) return;
  const user = userOf(spec);
  const may = (subresource: string) =>
    authorizer.authorize({
      user,
      verb: "create",
      resource: { ...resource, subresource },
    }).allowed;
  const self = username === request.commonName && may("selfnodeclient");
  if (!self && !may("nodeclient")) return;
  const message = `Auto approving ${self ? "self " : ""}kubelet client certificate after SubjectAccessReview.`;
  const condition = { type: "Approved", status: "True", reason: "AutoApproved", message };
  await client.update(resource, withCondition(object, condition), { subresource: "approval" });
}

function userOf({ username = "", uid, groups = [], extra }: RequestSpec): UserInfo {
  return { name: username, groups, ...(uid ? { uid } : {}), ...(extra ? { extra } : {}) };
}

/** Takes away requests that were judged an hour ago, or that nobody judged in a day. */
export async function sweep(
  { client, now = Date.now }: CertificatesOptions,
  signal: AbortSignal,
): Promise<void> {
  const { items } = await client.list(resource, { signal });
  for (const object of items) {
    const { conditions = [] } = statusOf(object);
    const since = (text: string | undefined) => now() - Date.parse(text ?? "");
    const judged = conditions.some(({ lastUpdateTime }) => since(lastUpdateTime) > judgedFor);
    const forgotten = since(object.metadata.creationTimestamp) > waitingFor;
    if (!judged && !(conditions.length === 0 && forgotten)) continue;
    const { name = "", uid } = object.metadata;
    const preconditions = uid === undefined ? {} : { preconditions: { uid } };
    await client.delete(resource, { name }, { ...preconditions, signal }).catch((error: unknown) => {
      if (!(error instanceof KubeError)) throw error;
    });
  }
}
