/**
 * Nobody gives away more than he has: who writes a role must hold all of it (or have the verb `escalate` on it), who writes a binding must hold its role (or have `bind` on it).
 * https://kubernetes.io/docs/reference/access-authn-authz/rbac/#privilege-escalation-prevention-and-bootstrapping
 */
import { KubeError, type KubeObject } from "../../../../../spec/kubernetes/kube.ts";
import type { UserInfo } from "../auth.ts";
import type { RoleAuthorizer } from "../authorizer.ts";
import { forbidden } from "../refusal.ts";
import { rbacGroup, type RoleRef } from "./bindings.ts";
import { canBeCompared, missingOf, wordsOf } from "./cover.ts";
import { everything, type PolicyRule, readRules } from "./rules.ts";

export type RoleKind = "Role" | "ClusterRole" | "RoleBinding" | "ClusterRoleBinding";

export interface RoleWrite {
  readonly kind: RoleKind;
  readonly user: UserInfo;
  readonly object: KubeObject;
  /** Undefined: it is made. */
  readonly old?: KubeObject;
}

type Holder = Pick<RoleAuthorizer, "authorize" | "rulesOf" | "roleRules">;

/** KubeError `Forbidden`; `NotFound` for a binding to a role that is not there: it may be any later. */
export function checkRoleWrite(authorizer: Holder, write: RoleWrite): void {
  if (write.user.groups.includes("system:masters")) return;
  if (write.kind === "Role" || write.kind === "ClusterRole") checkRole(authorizer, write);
  else checkBinding(authorizer, write);
}

function checkRole(authorizer: Holder, { kind, user, object, old }: RoleWrite): void {
  const { name = "", namespace = "" } = object.metadata;
  const same = (field: string) =>
    old !== undefined && JSON.stringify(object[field]) === JSON.stringify(old[field]);
  if (same("rules") && same("aggregationRule")) return;
  const resource = kind === "Role" ? "roles" : "clusterroles";
  if (may(authorizer, { user, verb: "escalate", resource, namespace, name })) return;
  const held = authorizer.rulesOf(user, namespace);
  const place = { group: rbacGroup, resource, name };
  // Rules that come from other roles may be any.
  if (object["aggregationRule"] !== undefined && missingOf(held, everything).length > 0)
    throw forbidden(place, "must have cluster-admin privileges to use an aggregationRule");
  const wanted = readRules(object["rules"]);
  mustBeComparable(place, wanted);
  refuseMissing(place, user, missingOf(held, wanted));
}

function checkBinding(authorizer: Holder, { kind, user, object, old }: RoleWrite): void {
  const { name = "", namespace = "" } = object.metadata;
  const same = (field: string) =>
    old !== undefined && JSON.stringify(object[field]) === JSON.stringify(old[field]);
  if (same("roleRef") && same("subjects")) return;
  const role = object["roleRef"] as Partial<RoleRef> | undefined;
  // What is no role is for the validation to refuse.
  if (role?.name === undefined || (role.kind !== "Role" && role.kind !== "ClusterRole")) return;
  const of = { kind: role.kind, name: role.name };
  const resource = of.kind === "Role" ? "roles" : "clusterroles";
  if (may(authorizer, { user, verb: "bind", resource, namespace, name: of.name })) return;
  const place = {
    group: rbacGroup,
    resource: kind === "RoleBinding" ? "rolebindings" : "clusterrolebindings",
    name,
  };
  const rules = authorizer.roleRules(of, namespace);
  if (!rules) throw new KubeError("NotFound", `${of.kind.toLowerCase()}.${rbacGroup} "${of.name}" not found`);
  mustBeComparable(place, rules);
  refuseMissing(place, user, missingOf(authorizer.rulesOf(user, namespace), rules));
}

/** Only with `escalate` or `bind` are there roles of any size. */
function mustBeComparable(
  place: { group: string; resource: string; name: string },
  rules: readonly PolicyRule[],
): void {
  if (!canBeCompared(rules))
    throw forbidden(place, "its rules are too many to be compared with those of the user");
}

interface Question {
  readonly user: UserInfo;
  readonly verb: string;
  readonly resource: string;
  readonly namespace: string;
  readonly name: string;
}

function may(authorizer: Holder, { user, verb, ...rest }: Question): boolean {
  const resource = { group: rbacGroup, version: "v1", ...rest };
  return authorizer.authorize({ user, verb, resource }).allowed;
}

function refuseMissing(
  place: { group: string; resource: string; name: string },
  user: UserInfo,
  missing: readonly PolicyRule[],
): void {
  if (missing.length === 0) return;
  const groups = user.groups.map((group) => JSON.stringify(group)).join(" ");
  throw forbidden(
    place,
    `user ${JSON.stringify(user.name)} (groups=[${groups}]) is attempting to grant RBAC permissions not currently held:\n${missing.map(wordsOf).join("\n")}`,
  );
}
