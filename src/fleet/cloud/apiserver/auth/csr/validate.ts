/** What a CertificateSigningRequest must be, and what of its status may change. */
import type { KubeObject, StatusCause } from "../../../../../spec/kubernetes/kube.ts";
import { hasCondition, type RequestSpec, statusOf } from "./object.ts";
import { readRequest } from "./request.ts";

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

export function validateSpec({
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

export function validateStatus(
  object: KubeObject,
  old: KubeObject,
  subresource: string | undefined,
): StatusCause[] {
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
