/** Roles and their bindings: https://kubernetes.io/docs/reference/access-authn-authz/rbac/ */
import type { StatusCause } from "../../../../../spec/kubernetes/kube.ts";
import type { Strategy, Table } from "../../resource.ts";
import { namedTable, nameColumn, table, type ColumnRow } from "../fields/columns.ts";
import { forbidden, invalid, notSupported, required } from "../fields/complaints.ts";
import { same } from "../fields/metadata.ts";
import { pathSegment, subdomain } from "../fields/names.ts";
import { at, entries, entryOf, give, made, text, texts, type Fields } from "../fields/read.ts";
import { selectorCauses } from "../fields/selectors.ts";

const group = "rbac.authorization.k8s.io";

/** Those who read it count on a list. */
const withRules: Strategy["default"] = (role) => give(role, "rules", []);

export const roleStrategy: Strategy = {
  default: withRules,
  validate: ({ rules }) => entries(rules).flatMap((rule, index) => ruleCauses(rule, `rules[${index}]`, true)),
};

export const clusterRoleStrategy: Strategy = {
  default: withRules,
  validate({ rules, aggregationRule }) {
    const selectors = entries(at(aggregationRule).clusterRoleSelectors);
    const field = "aggregationRule.clusterRoleSelectors";
    return [
      ...entries(rules).flatMap((rule, index) => ruleCauses(rule, `rules[${index}]`, false)),
      ...(aggregationRule !== undefined && selectors.length === 0
        ? [required(field, "at least one clusterRoleSelector required if aggregationRule is non-nil")]
        : []),
      ...selectors.flatMap((selector, index) => selectorCauses(selector, `${field}[${index}]`)),
    ];
  },
};

function ruleCauses(rule: Fields, field: string, namespaced: boolean): StatusCause[] {
  const [verbs, groups, resources, paths] = ["verbs", "apiGroups", "resources", "nonResourceURLs"].map(
    (name) => texts(rule[name]),
  ) as [string[], string[], string[], string[]];
  const noVerbs =
    verbs.length === 0 ? [required(`${field}.verbs`, "verbs must contain at least one value")] : [];
  if (paths.length > 0) {
    const both = groups.length > 0 || resources.length > 0 || texts(rule.resourceNames).length > 0;
    return [
      ...noVerbs,
      ...(namespaced
        ? [invalid(`${field}.nonResourceURLs`, paths, "namespaced rules cannot apply to non-resource URLs")]
        : []),
      ...(both
        ? [
            invalid(
              `${field}.nonResourceURLs`,
              paths,
              "rules cannot apply to both regular resources and non-resource URLs",
            ),
          ]
        : []),
    ];
  }
  return [
    ...noVerbs,
    ...(groups.length === 0
      ? [required(`${field}.apiGroups`, "resource rules must supply at least one api group")]
      : []),
    ...(resources.length === 0
      ? [required(`${field}.resources`, "resource rules must supply at least one resource")]
      : []),
  ];
}

/** Roles have no age in the reference implementation, but the time they were made. */
export const createdTable: Table = table([
  nameColumn,
  {
    name: "Created At",
    type: "date",
    description: "When it was made.",
    cell: ({ metadata }) => metadata.creationTimestamp ?? "<unknown>",
  },
]);

const ofSubject: Readonly<Record<string, string>> = { User: group, Group: group, ServiceAccount: "" };

export function bindingStrategy(roles: readonly string[]): Strategy {
  return {
    default(binding) {
      if (binding.roleRef !== undefined) give(made(binding, "roleRef"), "apiGroup", group);
      for (const subject of entries(binding.subjects)) {
        const own = entryOf(ofSubject, text(subject.kind));
        if (own !== undefined && own !== "") give(subject, "apiGroup", own);
      }
    },
    validate({ roleRef, subjects }) {
      const { apiGroup, kind, name } = at(roleRef);
      return [
        ...(apiGroup === group ? [] : [notSupported("roleRef.apiGroup", apiGroup, [group])]),
        ...(roles.includes(text(kind)) ? [] : [notSupported("roleRef.kind", kind, roles)]),
        ...(name === ""
          ? [required("roleRef.name")]
          : pathSegment(text(name)).map((detail) => invalid("roleRef.name", name, detail))),
        ...entries(subjects).flatMap((subject, index) => subjectCauses(subject, `subjects[${index}]`)),
      ];
    },
    validateUpdate: ({ roleRef }, old) =>
      same(roleRef, old.roleRef) ? [] : [invalid("roleRef", roleRef, "cannot change roleRef")],
  };
}

function subjectCauses(subject: Fields, field: string): StatusCause[] {
  const { kind, name, namespace, apiGroup } = subject;
  const wanted = entryOf(ofSubject, text(kind));
  if (wanted === undefined) return [notSupported(`${field}.kind`, kind, Object.keys(ofSubject))];
  const isAccount = kind === "ServiceAccount";
  return [
    ...(name === "" ? [required(`${field}.name`)] : []),
    ...(isAccount && text(name) !== ""
      ? subdomain(text(name)).map((detail) => invalid(`${field}.name`, name, detail))
      : []),
    ...(text(apiGroup) === wanted ? [] : [notSupported(`${field}.apiGroup`, apiGroup, [wanted])]),
    ...(isAccount && text(namespace) === "" ? [required(`${field}.namespace`)] : []),
    ...(!isAccount && text(namespace) !== ""
      ? [forbidden(`${field}.namespace`, `may not be set for ${text(kind)}`)]
      : []),
  ];
}

const names = (kind: string, title: string, description: string): ColumnRow => ({
  name: title,
  wide: true,
  description,
  cell: ({ subjects }) =>
    entries(subjects)
      .filter((subject) => subject.kind === kind)
      .map(({ name, namespace }) =>
        kind === "ServiceAccount" ? `${text(namespace)}/${text(name)}` : text(name),
      )
      .join(", "),
});

export const bindingTable = namedTable([
  {
    name: "Role",
    description: "The role that is given.",
    cell: ({ roleRef }) => `${text(at(roleRef).kind)}/${text(at(roleRef).name)}`,
  },
  names("User", "Users", "Users who get it."),
  names("Group", "Groups", "Groups who get it."),
  names("ServiceAccount", "ServiceAccounts", "Service accounts that get it."),
]);
