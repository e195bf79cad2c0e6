/** RBAC's rules and what they allow. https://kubernetes.io/docs/reference/access-authn-authz/rbac/ */
import type { Attributes } from "../auth.ts";

export interface PolicyRule {
  readonly verbs: readonly string[];
  readonly apiGroups?: readonly string[];
  readonly resources?: readonly string[];
  /** None: all of them. */
  readonly resourceNames?: readonly string[];
  readonly nonResourceURLs?: readonly string[];
}

/** What cluster-admin and system:masters have. */
export const everything: readonly PolicyRule[] = [
  { verbs: ["*"], apiGroups: ["*"], resources: ["*"] },
  { verbs: ["*"], nonResourceURLs: ["*"] },
];

const none: readonly string[] = [];

export function allows(rule: PolicyRule, { verb, resource, path }: Attributes): boolean {
  if (!hasOrAll(rule.verbs, verb)) return false;
  if (!resource)
    return path !== undefined && (rule.nonResourceURLs ?? none).some((url) => reaches(url, path));
  const { group, resource: plural, subresource, name } = resource;
  return (
    hasOrAll(rule.apiGroups ?? none, group) &&
    (rule.resources ?? none).some((each) => means(each, plural, subresource)) &&
    allowsName(rule.resourceNames ?? none, name)
  );
}

function hasOrAll(list: readonly string[], wanted: string): boolean {
  return list.includes("*") || list.includes(wanted);
}

/** `pods`, `pods/log`, `*` for everything, `*\/scale` for that subresource of everything. */
export function means(rule: string, resource: string, subresource: string | undefined): boolean {
  if (rule === "*") return true;
  if (subresource === undefined) return rule === resource;
  return rule === `${resource}/${subresource}` || rule === `*/${subresource}`;
}

/** Where names are given, what names nothing (create, list of all) is not allowed. */
function allowsName(names: readonly string[], name: string | undefined): boolean {
  return names.length === 0 || (name !== undefined && names.includes(name));
}

/** A `*` counts at the end alone. */
export function reaches(url: string, path: string): boolean {
  if (url === "*" || url === path) return true;
  return url.endsWith("*") && path.startsWith(url.replace(/\*+$/, ""));
}

/** A rule out of an object that somebody wrote: what is no list of texts is left out. */
export function readRules(value: unknown): PolicyRule[] {
  if (!Array.isArray(value)) return [];
  return value.flatMap((each: unknown) => {
    if (each === null || typeof each !== "object") return [];
    const rule = each as Record<string, unknown>;
    const fields = ["apiGroups", "resources", "resourceNames", "nonResourceURLs"] as const;
    const texts = (field: string) => {
      const list = rule[field];
      return Array.isArray(list) ? list.filter((item) => typeof item === "string") : [];
    };
    const filled = fields
      .map((field) => [field, texts(field)] as const)
      .filter(([, list]) => list.length > 0);
    return [{ verbs: texts("verbs"), ...Object.fromEntries(filled) }];
  });
}
