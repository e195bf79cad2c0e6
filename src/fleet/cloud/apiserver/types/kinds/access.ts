/** Who may do what, and questions about it. */
import type { Resource } from "../../resource.ts";
import { csrStrategy, csrTable } from "../access/certificates.ts";
import {
  bindingStrategy,
  bindingTable,
  clusterRoleStrategy,
  createdTable,
  roleStrategy,
} from "../access/roles.ts";
import type { KindRow } from "../builtin.ts";
import { pathSegment } from "../fields/names.ts";

/** The answers to reviews by plural name: `{ subjectaccessreviews: async (object, { user }) => … }`. */
export type Reviews = Readonly<Record<string, NonNullable<Resource["review"]>>>;

const role = { package: "rbac", name: pathSegment } as const;
const create = { namespaced: false, verbs: ["create"] } as const;

const stored: readonly KindRow[] = [
  { ...role, kind: "Role", strategy: roleStrategy, table: createdTable },
  { ...role, kind: "RoleBinding", strategy: bindingStrategy(["Role", "ClusterRole"]), table: bindingTable },
  { ...role, kind: "ClusterRole", namespaced: false, strategy: clusterRoleStrategy, table: createdTable },
  {
    ...role,
    kind: "ClusterRoleBinding",
    namespaced: false,
    strategy: bindingStrategy(["ClusterRole"]),
    table: bindingTable,
  },
  {
    package: "certificates",
    kind: "CertificateSigningRequest",
    shortNames: ["csr"],
    namespaced: false,
    status: true,
    strategy: csrStrategy,
    table: csrTable,
    subresources: [
      {
        name: "approval",
        kind: "CertificateSigningRequest",
        group: "certificates.k8s.io",
        version: "v1",
        verbs: ["get", "patch", "update"],
      },
    ],
  },
];

const asked: readonly KindRow[] = [
  { ...create, package: "authentication", kind: "TokenReview" },
  { ...create, package: "authentication", kind: "SelfSubjectReview" },
  { ...create, package: "authorization", kind: "SelfSubjectAccessReview" },
  { ...create, package: "authorization", kind: "SubjectAccessReview" },
  { ...create, package: "authorization", kind: "LocalSubjectAccessReview", namespaced: true },
  { ...create, package: "authorization", kind: "SelfSubjectRulesReview" },
];

/** Who am I: needs nothing but the request's user. */
const selfsubjectreviews: Reviews[string] = (object, { user }) => {
  const { name: username, uid, groups, extra } = user;
  const userInfo = { username, groups, ...(uid ? { uid } : {}), ...(extra ? { extra } : {}) };
  return Promise.resolve({ ...object, status: { userInfo } });
};

export function accessKinds(reviews: Reviews): readonly KindRow[] {
  const answers: Reviews = { selfsubjectreviews, ...reviews };
  const served = asked.flatMap((row) => {
    const review = answers[`${row.kind.toLowerCase()}s`];
    return review ? [{ ...row, review }] : [];
  });
  return [...stored, ...served];
}
