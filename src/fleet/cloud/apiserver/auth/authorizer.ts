/**
 * Who may do what: system:masters everything, nodes what concerns them (the Node authorizer), all others by RBAC.
 * https://kubernetes.io/docs/reference/access-authn-authz/authorization/
 */
import type { Storage } from "../storage/storage.ts";
import type { Attributes, Authorizer, Decision, UserInfo } from "./auth.ts";
import { openNodeAuthorizer } from "./node/authorizer.ts";
import { openRoles, type Roles, type RoleRef } from "./rbac/bindings.ts";
import { allows, everything, type PolicyRule } from "./rbac/rules.ts";

export interface RoleAuthorizer extends Authorizer, AsyncDisposable {
  /** All that RBAC gives a user in a namespace ("": in the whole cluster). */
  rulesOf(user: UserInfo, namespace: string): readonly PolicyRule[];
  /** Undefined: there is no such role. */
  roleRules(role: RoleRef, namespace: string): readonly PolicyRule[] | undefined;
}

export type AuthorizerStorage = Pick<Storage, "revision" | "watch" | "list" | "get">;

export function openAuthorizer({ storage }: { readonly storage: AuthorizerStorage }): RoleAuthorizer {
  const stack = new AsyncDisposableStack();
  const roles = stack.use(openRoles(storage));
  const nodes = stack.use(openNodeAuthorizer(storage));
  const rulesOf: RoleAuthorizer["rulesOf"] = (user, namespace) => {
    if (isMaster(user)) return everything;
    return [...roles.bindings(user, namespace)].flatMap(
      (binding) => roles.rules(binding.role, binding.namespace) ?? [],
    );
  };
  return {
    authorize: (attributes) => {
      if (isMaster(attributes.user)) return { allowed: true, reason: "" };
      const byNode = nodes.authorize(attributes);
      return byNode?.allowed ? byNode : byRoles(roles, attributes, byNode?.reason);
    },
    rulesOf,
    roleRules: (role, namespace) => roles.rules(role, namespace),
    rulesFor: (user, namespace) => {
      const rules = rulesOf(user, namespace);
      return {
        resourceRules: rules.filter(({ resources = [] }) => resources.length > 0),
        nonResourceRules: rules
          .filter(({ nonResourceURLs = [] }) => nonResourceURLs.length > 0)
          .map(({ verbs, nonResourceURLs }) => ({ verbs, nonResourceURLs })),
      };
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

function isMaster({ groups }: UserInfo): boolean {
  return groups.includes("system:masters");
}

function byRoles(roles: Roles, attributes: Attributes, why: string | undefined): Decision {
  const missing = new Set<string>();
  for (const { name, namespace, role, subject } of roles.bindings(
    attributes.user,
    attributes.resource?.namespace,
  )) {
    // A path that is no resource is nothing of a namespace.
    if (!attributes.resource && namespace !== "") continue;
    const rules = roles.rules(role, namespace);
    if (!rules) missing.add(`${role.kind.toLowerCase()}.rbac.authorization.k8s.io "${role.name}" not found`);
    if (!rules?.some((rule) => allows(rule, attributes))) continue;
    const binding = namespace === "" ? `ClusterRoleBinding "${name}"` : `RoleBinding "${name}/${namespace}"`;
    return {
      allowed: true,
      reason: `RBAC: allowed by ${binding} of ${role.kind} "${role.name}" to ${subject}`,
    };
  }
  const reasons = [...(why ? [why] : []), ...(missing.size > 0 ? [`RBAC: ${[...missing].join(", ")}`] : [])];
  return { allowed: false, reason: reasons.join("; ") };
}
