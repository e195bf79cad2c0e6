/** Whether rules give everything that other rules give: nobody may hand out more than he has. */
import { means, reaches, type PolicyRule } from "./rules.ts";

/** What of `wanted` is not covered by `held`, put together again where only verbs differ; none: nothing is missing. */
export function missingOf(held: readonly PolicyRule[], wanted: readonly PolicyRule[]): PolicyRule[] {
  const parts = wanted.flatMap(split);
  return together(parts.filter((part) => !held.some((rule) => covers(rule, part))));
}

/** Verbs times groups times resources times names grow beyond any memory; no role that is used comes near. */
const maxParts = 10_000;

/** Of how many single permissions the rules speak; whether they are few enough to be held one by one against what somebody has. */
export function canBeCompared(rules: readonly PolicyRule[]): boolean {
  return rules.reduce((sum, rule) => sum + partsOf(rule), 0) <= maxParts;
}

function partsOf({
  verbs,
  apiGroups = [],
  resources = [],
  resourceNames = [],
  nonResourceURLs = [],
}: PolicyRule) {
  const things = apiGroups.length * resources.length * Math.max(1, resourceNames.length);
  return verbs.length * (things + nonResourceURLs.length);
}

/** A rule as many that each speak of one verb on one thing. */
function split(rule: PolicyRule): PolicyRule[] {
  const { verbs, apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [] } = rule;
  return verbs.flatMap((verb) => [
    ...apiGroups.flatMap((group) =>
      resources.flatMap((resource): PolicyRule[] => {
        const part = { verbs: [verb], apiGroups: [group], resources: [resource] };
        if (resourceNames.length === 0) return [part];
        return resourceNames.map((name) => ({ ...part, resourceNames: [name] }));
      }),
    ),
    ...nonResourceURLs.map((url): PolicyRule => ({ verbs: [verb], nonResourceURLs: [url] })),
  ]);
}

/** `part` speaks of one thing. Its own `*` is covered by a `*` alone. */
function covers(rule: PolicyRule, part: PolicyRule): boolean {
  const [verb = ""] = part.verbs;
  if (!rule.verbs.includes("*") && !rule.verbs.includes(verb)) return false;
  const [url] = part.nonResourceURLs ?? [];
  if (url !== undefined) return (rule.nonResourceURLs ?? []).some((each) => reaches(each, url));
  const [group = ""] = part.apiGroups ?? [];
  const groups = rule.apiGroups ?? [];
  if (!groups.includes("*") && !groups.includes(group)) return false;
  const [full = ""] = part.resources ?? [];
  if (!(rule.resources ?? []).some((each) => coversResource(each, full))) return false;
  const names = rule.resourceNames ?? [];
  const [name] = part.resourceNames ?? [];
  return names.length === 0 || (name !== undefined && names.includes(name));
}

function coversResource(rule: string, full: string): boolean {
  if (rule === full) return true;
  const [resource = "", subresource] = full.split("/");
  return means(rule, resource, subresource);
}

function together(parts: readonly PolicyRule[]): PolicyRule[] {
  const found = new Map<string, PolicyRule>();
  for (const { verbs, ...rest } of parts) {
    const key = JSON.stringify(rest);
    const before = found.get(key)?.verbs ?? [];
    found.set(key, { ...rest, verbs: [...new Set([...before, ...verbs])] });
  }
  return [...found.values()];
}

/** As the real server writes it: `{APIGroups:[""], Resources:["pods"], Verbs:["get" "list"]}`. */
export function wordsOf(rule: PolicyRule): string {
  const list = (name: string, values: readonly string[] = []) =>
    values.length === 0 ? [] : [`${name}:[${values.map((value) => JSON.stringify(value)).join(" ")}]`];
  const fields = [
    ...list("APIGroups", rule.apiGroups),
    ...list("Resources", rule.resources),
    ...list("ResourceNames", rule.resourceNames),
    ...list("NonResourceURLs", rule.nonResourceURLs),
    ...list("Verbs", rule.verbs),
  ];
  return `{${fields.join(", ")}}`;
}
