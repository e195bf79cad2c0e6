/** Certificate signing requests: https://kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests/ */
import type { KubeObject, StatusCause } from "../../../kube.ts";
import type { Strategy } from "../../resource.ts";
import { duration } from "../fields/age.ts";
import { namedTable } from "../fields/columns.ts";
import { forbidden, invalid, notSupported, required } from "../fields/complaints.ts";
import { same } from "../fields/metadata.ts";
import { at, entries, give, made, number, text, texts } from "../fields/read.ts";
import { immutableCauses } from "../workloads/counts.ts";

const usages = [
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
];
const shortestSeconds = 600;
const decisions = ["Approved", "Denied"];

export const csrStrategy: Strategy = {
  prepareForCreate(request, { user }) {
    const spec = made(request, "spec");
    for (const name of ["username", "uid", "groups", "extra"]) delete spec[name];
    const { name: username, uid, groups, extra } = user;
    Object.assign(spec, {
      username,
      groups: [...groups],
      ...(uid ? { uid } : {}),
      ...(extra ? { extra } : {}),
    });
    request.status = {};
  },
  prepareForUpdate(request, _old, { now }) {
    for (const condition of entries(at(request.status).conditions)) {
      give(condition, "lastUpdateTime", now);
      give(condition, "lastTransitionTime", now);
    }
  },
  validate({ spec: given, status }) {
    const spec = at(given);
    const { signerName, expirationSeconds, request } = spec;
    return [
      ...(isPem(text(request))
        ? []
        : [invalid("spec.request", request, "PEM block type must be CERTIFICATE REQUEST")]),
      ...signerCauses(text(signerName)),
      ...(texts(spec.usages).length === 0 ? [required("spec.usages")] : []),
      ...texts(spec.usages)
        .filter((usage) => !usages.includes(usage))
        .map((usage) => notSupported("spec.usages", usage, usages)),
      ...(expirationSeconds !== undefined && number(expirationSeconds) < shortestSeconds
        ? [
            invalid(
              "spec.expirationSeconds",
              expirationSeconds,
              `may not specify a duration less than ${shortestSeconds} seconds (10 minutes)`,
            ),
          ]
        : []),
      ...bothCauses(status),
    ];
  },
  validateUpdate(request, old, { subresource }) {
    return [
      ...immutableCauses(request, old, ["spec"]),
      ...keptCauses(request, old),
      ...(subresource === "status" && at(old.status).certificate !== undefined
        ? immutableCauses(request, old, ["status.certificate"])
        : []),
    ];
  },
  selectableFields: ({ spec }) => ({ "spec.signerName": text(at(spec).signerName) }),
};

function isPem(encoded: string): boolean {
  const decoded = Buffer.from(encoded, "base64").toString("latin1").trim();
  return /^-----BEGIN (NEW )?CERTIFICATE REQUEST-----\r?\n[\s\S]+\n-----END (NEW )?CERTIFICATE REQUEST-----$/.test(
    decoded,
  );
}

function signerCauses(name: string): StatusCause[] {
  const field = "spec.signerName";
  if (name === "") return [required(field)];
  if (name === "kubernetes.io/legacy-unknown") {
    return [invalid(field, name, "the legacy signerName is not allowed via this API version")];
  }
  const [domain = "", path = ""] = name.split("/");
  return domain.includes(".") && path !== "" && name.split("/").length === 2
    ? []
    : [
        invalid(
          field,
          name,
          "must be a fully qualified domain and path of the form 'example.com/signer-name'",
        ),
      ];
}

function bothCauses(status: unknown): StatusCause[] {
  const types = entries(at(status).conditions).map(({ type }) => text(type));
  return decisions.every((type) => types.includes(type))
    ? [invalid("status.conditions", "Approved", "Approved and Denied conditions are mutually exclusive")]
    : [];
}

/** A decision stands. */
function keptCauses({ status }: KubeObject, { status: old }: KubeObject): StatusCause[] {
  const now = entries(at(status).conditions);
  return entries(at(old).conditions)
    .filter(({ type }) => [...decisions, "Failed"].includes(text(type)))
    .filter(
      (before) =>
        !now.some((each) =>
          same({ type: each.type, status: each.status }, { type: before.type, status: before.status }),
        ),
    )
    .map(({ type }) =>
      forbidden("status.conditions", `updates may not remove a condition of type "${text(type)}"`),
    );
}

export const csrTable = namedTable([
  {
    name: "SignerName",
    afterAge: true,
    description: "Who should sign.",
    cell: ({ spec }) => text(at(spec).signerName),
  },
  {
    name: "Requestor",
    afterAge: true,
    description: "Who asked.",
    cell: ({ spec }) => text(at(spec).username),
  },
  {
    name: "RequestedDuration",
    afterAge: true,
    description: "How long it should be valid.",
    cell: ({ spec }) => {
      const { expirationSeconds } = at(spec);
      return typeof expirationSeconds === "number" ? duration(expirationSeconds * 1000) : "<none>";
    },
  },
  {
    name: "Condition",
    afterAge: true,
    description: "What became of it.",
    cell: ({ status }) => {
      const types = entries(at(status).conditions).map(({ type }) => text(type));
      const words = [
        ...types.filter((type) => decisions.includes(type)),
        ...types.filter((type) => type === "Failed"),
      ];
      if (text(at(status).certificate) !== "") words.push("Issued");
      return words.length === 0 ? "Pending" : words.join(",");
    },
  },
]);
