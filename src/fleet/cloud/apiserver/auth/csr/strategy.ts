/** What is particular to CertificateSigningRequests: who made one, who may approve and sign it, and what never changes. https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/certificate-signing-request-v1/ */
import type { KubeObject, StatusCause } from "../../../kube.ts";
import type { Strategy, StrategyContext } from "../../resource.ts";
import type { Authorizer, UserInfo } from "../auth.ts";
import { forbidden } from "../refusal.ts";
import { readRequest } from "./request.ts";

export const csrGroup = "certificates.k8s.io";

export interface Condition {
  readonly type: string;
  readonly status?: string;
  readonly reason?: string;
  readonly message?: string;
  readonly lastUpdateTime?: string;
  readonly lastTransitionTime?: string;
}

export interface RequestSpec {
  readonly request?: string;
  readonly signerName?: string;
  readonly usages?: readonly string[];
  readonly expirationSeconds?: number;
  readonly username?: string;
  readonly uid?: string;
  readonly groups?: readonly string[];
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

export interface RequestStatus {
  readonly certificate?: string;
  readonly conditions?: readonly Condition[];
}

export function specOf(object: KubeObject): RequestSpec {
  return (object["spec"] ?? {}) as RequestSpec;
}

export function statusOf(object: KubeObject): RequestStatus {
  return (object["status"] ?? {}) as RequestStatus;
}

export function hasCondition(object: KubeObject, type: string): boolean {
  return (statusOf(object).conditions ?? []).some((condition) => condition.type === type);
}

const apiClient = "kubernetes.io/kube-apiserver-client";
const leastSeconds = 600;
const signerName =
  /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)+\/[a-zA-Z0-9][-a-zA-Z0-9._/]*$/;

/** `certificates.k8s.io/v1` KeyUsage. */
const knownUsages = new Set([
  "signing",
  "digital signature",
  "content commitment",
  "key encipherment",
  "key agreement",
  "data encipherment",
  "cert sign",
  "crl sign",
  "encipher only",
  "decipher only",
  "any",
  "server auth",
  "client auth",
  "code signing",
  "email protection",
  "s/mime",
  "ipsec end system",
  "ipsec tunnel",
  "ipsec user",
  "timestamping",
  "ocsp signing",
  "microsoft sgc",
  "netscape sgc",
]);

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

function validateSpec({
  request,
  signerName: signer,
  usages,
  expirationSeconds,
}: RequestSpec): StatusCause[] {
  return [
    ...validateRequest(request),
    ...(signer !== undefined && signer !== "" && signer.length <= 571 && signerName.test(signer)
      ? []
      : [
          wrong(
            "spec.signerName",
            signer,
            'must be a fully qualified domain and path of the form "example.com/signer-name"',
          ),
        ]),
    ...validateUsages(usages),
    ...(expirationSeconds !== undefined && expirationSeconds < leastSeconds
      ? [
          wrong(
            "spec.expirationSeconds",
            expirationSeconds,
            `may not specify a duration less than ${leastSeconds} seconds`,
          ),
        ]
      : []),
  ];
}

function validateRequest(request: string | undefined): StatusCause[] {
  const parsed = readRequest(request ?? "");
  return typeof parsed === "string" ? [wrong("spec.request", undefined, parsed)] : [];
}

function validateUsages(usages: readonly string[] = []): StatusCause[] {
  if (usages.length === 0)
    return [
      {
        reason: "FieldValueRequired",
        message: "Required value: usages must be specified",
        field: "spec.usages",
      },
    ];
  return usages.flatMap((usage, index): StatusCause[] => {
    const field = `spec.usages[${index}]`;
    if (!knownUsages.has(usage))
      return [
        { reason: "FieldValueNotSupported", message: `Unsupported value: ${JSON.stringify(usage)}`, field },
      ];
    const again = usages.indexOf(usage) !== index;
    return again
      ? [{ reason: "FieldValueDuplicate", message: `Duplicate value: ${JSON.stringify(usage)}`, field }]
      : [];
  });
}

function wrong(field: string, value: unknown, why: string): StatusCause {
  const said = value === undefined ? "" : `${JSON.stringify(value)}: `;
  return { reason: "FieldValueInvalid", message: `Invalid value: ${said}${why}`, field };
}

function validateStatus(object: KubeObject, old: KubeObject, subresource: string | undefined): StatusCause[] {
  const { conditions = [], certificate } = statusOf(object);
  const field = "status.conditions";
  const causes = conditions.flatMap(({ type, status }, index): StatusCause[] =>
    ["Approved", "Denied", "Failed"].includes(type) && status !== "True"
      ? [
          {
            reason: "FieldValueNotSupported",
            message: `Unsupported value: ${JSON.stringify(status ?? "")}: supported values: "True"`,
            field: `${field}[${index}].status`,
          },
        ]
      : [],
  );
  if (hasCondition(object, "Approved") && hasCondition(object, "Denied"))
    causes.push(wrong(field, undefined, "Approved and Denied conditions are mutually exclusive"));
  for (const type of ["Approved", "Denied", "Failed"])
    if (hasCondition(old, type) && !hasCondition(object, type))
      causes.push({
        reason: "FieldValueForbidden",
        message: `Forbidden: updates may not remove a condition of type ${JSON.stringify(type)}`,
        field,
      });
  const before = statusOf(old).certificate;
  if (subresource === "status" && before !== undefined && before !== certificate)
    causes.push({
      reason: "FieldValueForbidden",
      message: "Forbidden: updates may not change the certificate",
      field: "status.certificate",
    });
  return causes;
}
