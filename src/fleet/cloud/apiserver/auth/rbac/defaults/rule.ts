/** Short forms for the tables of default roles. */
import type { PolicyRule } from "../rules.ts";

export const read = "get list watch";
export const write = "create delete deletecollection patch update";
export const readWrite = `${write} ${read}`;

/** `rule("apps", "deployments replicasets", "get list")`; a group "" is the core's, several are separated by spaces, with `core` for the core's. */
export function rule(groups: string, resources: string, verbs: string, names?: string): PolicyRule {
  return {
    verbs: words(verbs),
    apiGroups: groups === "" ? [""] : words(groups).map((group) => (group === "core" ? "" : group)),
    resources: words(resources),
    ...(names === undefined ? {} : { resourceNames: words(names) }),
  };
}

export function urls(paths: string, verbs = "get"): PolicyRule {
  return { verbs: words(verbs), nonResourceURLs: words(paths) };
}

function words(text: string): string[] {
  return text.split(" ");
}

export interface DefaultRole {
  readonly name: string;
  readonly rules?: readonly PolicyRule[];
  readonly labels?: Readonly<Record<string, string>>;
  /** The rules of all roles with this label: aggregated. */
  readonly from?: string;
}

export interface DefaultBinding {
  readonly name: string;
  readonly role: string;
  readonly users?: readonly string[];
  readonly groups?: readonly string[];
  /** `namespace/name` */
  readonly accounts?: readonly string[];
}
