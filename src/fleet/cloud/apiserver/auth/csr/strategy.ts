/** What is particular to CertificateSigningRequests: who made one, who may approve and sign it, and what never changes. https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/certificate-signing-request-v1/ */
import type { KubeObject } from "../../../../../spec/kubernetes/kube.ts";
import type { Strategy, StrategyContext } from "../../resource.ts";
import type { Authorizer, UserInfo } from "../auth.ts";
import { forbidden } from "../refusal.ts";
import { type Condition, csrGroup, hasCondition, specOf, statusOf } from "./object.ts";
import { readRequest } from "./request.ts";
import { validateSpec, validateStatus } from "./validate.ts";

const apiClient = "kubernetes.io/kube-apiserver-client";
export function requestStrategy(inner: Strategy, authorizer: Pick<Authorizer, "authorize">): Strategy {
  return {
    ...inner,
    prepareForCreate: (object, context) => {
      sayWho(object, context.user);
      delete object["status"];
      refuseMasters(object);
      inner.prepareForCreate?.(object, context);
    },
    prepareForUpdate: (object, old, context) => {
      inner.prepareForUpdate?.(object, old, context);
      object["spec"] = structuredClone(old["spec"]);
      if (context.subresource === "approval") approving(object, old, { context, authorizer });
      if (context.subresource === "status") signing(object, old, { context, authorizer });
    },
    validate: (object, context) => [
      ...(inner.validate?.(object, context) ?? []),
      ...validateSpec(specOf(object)),
    ],
    validateUpdate: (object, old, context) => [
      ...(inner.validateUpdate?.(object, old, context) ?? []),
      ...validateStatus(object, old, context.subresource),
    ],
  };
}

/** What a client says of itself counts for nothing. */
function sayWho(object: KubeObject, { name, uid, groups, extra }: UserInfo): void {
  const { username: _username, uid: _uid, groups: _groups, extra: _extra, ...rest } = specOf(object);
  object["spec"] = {
    ...rest,
    username: name,
    ...(uid === undefined ? {} : { uid }),
    groups: [...groups],
    ...(extra ? { extra: structuredClone(extra) } : {}),
  };
}

/** CertificateSubjectRestriction: nobody becomes what no binding can take away again. */
function refuseMasters(object: KubeObject): void {
  const { signerName: signer, request } = specOf(object);
  if (signer !== apiClient || typeof request !== "string") return;
  const parsed = readRequest(request);
  if (typeof parsed === "string" || !parsed.organizations.includes("system:masters")) return;
  const place = { group: csrGroup, resource: "certificatesigningrequests", name: object.metadata.name ?? "" };
  throw forbidden(place, `use of ${apiClient} signer with system:masters group is not allowed`);
}

interface Judging {
  readonly context: StrategyContext;
  readonly authorizer: Pick<Authorizer, "authorize">;
}

/** CertificateApproval: who may approve for a signer. */
function approving(object: KubeObject, old: KubeObject, { context, authorizer }: Judging): void {
  mustBeFor("approve", old, { context, authorizer });
  const { conditions: _, ...kept } = statusOf(old);
  const conditions = dated(statusOf(object).conditions ?? [], context.now);
  object["status"] = { ...structuredClone(kept), ...(conditions.length > 0 ? { conditions } : {}) };
}

/** CertificateSigning: who may put the certificate in, or say that it failed. */
function signing(object: KubeObject, old: KubeObject, { context, authorizer }: Judging): void {
  const changed = statusOf(object).certificate !== statusOf(old).certificate;
  if (changed || hasCondition(object, "Failed") !== hasCondition(old, "Failed"))
    mustBeFor("sign", old, { context, authorizer });
  // Approving has its own subresource.
  const given = (statusOf(object).conditions ?? []).filter(({ type }) => !isVerdict(type));
  const verdicts = (statusOf(old).conditions ?? []).filter(({ type }) => isVerdict(type));
  const { conditions: _, ...rest } = statusOf(object);
  const conditions = dated([...verdicts, ...given], context.now);
  object["status"] = { ...rest, ...(conditions.length > 0 ? { conditions } : {}) };
}

function isVerdict(type: string): boolean {
  return type === "Approved" || type === "Denied";
}

function dated(conditions: readonly Condition[], now: string): Condition[] {
  return conditions.map((condition) => ({ lastUpdateTime: now, lastTransitionTime: now, ...condition }));
}

function mustBeFor(verb: "approve" | "sign", old: KubeObject, { context, authorizer }: Judging): void {
  const { user } = context;
  const { signerName: signer = "" } = specOf(old);
  const may = (name: string) =>
    authorizer.authorize({
      user,
      verb,
      resource: { group: csrGroup, version: "v1", resource: "signers", name },
    }).allowed;
  if (may(signer) || may(`${signer.split("/")[0]}/*`)) return;
  const place = { group: csrGroup, resource: "certificatesigningrequests", name: old.metadata.name ?? "" };
  throw forbidden(place, `user not permitted to ${verb} requests with signerName "${signer}"`);
}
