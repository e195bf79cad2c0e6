/**
 * What depends on who writes, around the kinds' own strategies: nobody gives away more than he has, a node writes of itself alone, a certificate request says who made it.
 */
import type { KubeObject } from "../../../../spec/kubernetes/kube.ts";
import { type Resource, storageName, type Strategy, type StrategyContext } from "../resource.ts";
import type { RoleAuthorizer } from "./authorizer.ts";
import { requestStrategy } from "./csr/strategy.ts";
import { isRestricted, restrictNode } from "./node/restriction.ts";
import { rbacGroup } from "./rbac/bindings.ts";
import { checkRoleWrite, type RoleKind } from "./rbac/escalation.ts";

type Admitting = Pick<RoleAuthorizer, "authorize" | "rulesOf" | "roleRules">;

/** Sees each write before the kind's own strategy prepares it; throws a KubeError to refuse it. */
type Check = (object: KubeObject, old: KubeObject | undefined, context: StrategyContext) => void;

/** The same kinds, with their writes checked. */
export function withAdmission(resources: readonly Resource[], authorizer: Admitting): readonly Resource[] {
  return resources.map((resource) => {
    const checks = checksOf(resource, authorizer);
    const csr = resource.kind === "CertificateSigningRequest" && resource.group === "certificates.k8s.io";
    const strategy = csr ? requestStrategy(resource.strategy, authorizer) : resource.strategy;
    if (checks.length === 0 && !csr) return resource;
    return { ...resource, strategy: checked(strategy, checks) };
  });
}

const roleKinds = [
  "Role",
  "ClusterRole",
  "RoleBinding",
  "ClusterRoleBinding",
] as const satisfies readonly RoleKind[];

function checksOf(resource: Resource, authorizer: Admitting): Check[] {
  const name = storageName(resource);
  const roleKind =
    resource.group === rbacGroup ? roleKinds.find((kind) => kind === resource.kind) : undefined;
  const restricted: Check = (object, old, { user, subresource }) =>
    restrictNode({
      user,
      resource: name,
      object,
      ...(old ? { old } : {}),
      ...(subresource === undefined ? {} : { subresource }),
    });
  const escalating: Check = (object, old, { user }) => {
    if (roleKind) checkRoleWrite(authorizer, { kind: roleKind, user, object, ...(old ? { old } : {}) });
  };
  return [...(isRestricted(name) ? [restricted] : []), ...(roleKind ? [escalating] : [])];
}

function checked(strategy: Strategy, checks: readonly Check[]): Strategy {
  return {
    ...strategy,
    prepareForCreate: (object, context) => {
      for (const check of checks) check(object, undefined, context);
      strategy.prepareForCreate?.(object, context);
    },
    prepareForUpdate: (object, old, context) => {
      for (const check of checks) check(object, old, context);
      strategy.prepareForUpdate?.(object, old, context);
    },
  };
}
