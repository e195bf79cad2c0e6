/**
 * The default roles and bindings, reconciled at each start: what is missing is added, what somebody added stays, and what carries
 * `rbac.authorization.kubernetes.io/autoupdate: "false"` is left alone. https://kubernetes.io/docs/reference/access-authn-authz/rbac/#auto-reconciliation
 */
import {
  KubeError,
  type KubeClient,
  type KubeObject,
  type ResourceId,
} from "../../../../../spec/kubernetes/kube.ts";
import { aggregateRoles } from "./aggregate.ts";
import { clusterRoles, rbacGroup } from "./bindings.ts";
import { missingOf } from "./cover.ts";
import { defaultBindings } from "./defaults/bindings.ts";
import type { DefaultBinding, DefaultRole } from "./defaults/rule.ts";
import { systemRoles } from "./defaults/system-roles.ts";
import { userRoles } from "./defaults/user-roles.ts";
import { readRules } from "./rules.ts";

export const autoupdate = "rbac.authorization.kubernetes.io/autoupdate";
const bootstrapping = { "kubernetes.io/bootstrapping": "rbac-defaults" } as const;
const apiVersion = `${rbacGroup}/v1`;

const clusterBindings = { group: rbacGroup, version: "v1", resource: "clusterrolebindings" };

/** When it resolves the aggregated roles have their rules. */
export async function bootstrapRoles(client: KubeClient, signal?: AbortSignal): Promise<void> {
  const options = signal ? { signal } : {};
  const [roles, bindings] = await Promise.all([
    client.list(clusterRoles, options),
    client.list(clusterBindings, options),
  ]);
  const rolesThere = byName(roles.items);
  const bindingsThere = byName(bindings.items);
  await Promise.all([
    ...[...userRoles, ...systemRoles].map((role) =>
      settle(client, clusterRoles, {
        there: rolesThere.get(role.name),
        wanted: roleObject(role),
        merge: mergeRole,
      }),
    ),
    ...defaultBindings.map((binding) =>
      settle(client, clusterBindings, {
        there: bindingsThere.get(binding.name),
        wanted: bindingObject(binding),
        merge: mergeBinding,
      }),
    ),
  ]);
  await aggregateRoles(client, signal);
}

function byName(objects: readonly KubeObject[]): Map<string, KubeObject> {
  return new Map(objects.map((object) => [object.metadata.name ?? "", object]));
}

interface Settling {
  readonly there: KubeObject | undefined;
  readonly wanted: KubeObject;
  /** Undefined: nothing is missing. */
  readonly merge: (there: KubeObject, wanted: KubeObject) => KubeObject | undefined;
}

async function settle(
  client: KubeClient,
  resource: ResourceId,
  { there, wanted, merge }: Settling,
): Promise<void> {
  if (!there) {
    await client.create(resource, wanted).catch(unless("AlreadyExists"));
    return;
  }
  if (there.metadata.annotations?.[autoupdate] === "false") return;
  const roleRef = JSON.stringify(wanted["roleRef"]);
  // What a binding binds cannot be changed, only made anew.
  if (!sameRef(there, wanted) && roleRef !== undefined) {
    await client.delete(resource, { name: wanted.metadata.name ?? "" }).catch(unless("NotFound"));
    await client.create(resource, wanted);
    return;
  }
  const merged = merge(there, wanted);
  // Somebody else who changes it at the same time is an administrator: the next start looks again.
  if (merged) await client.update(resource, merged).catch(unless("Conflict"));
}

function unless(reason: string): (error: unknown) => void {
  return (error) => {
    if (!(error instanceof KubeError) || error.reason !== reason) throw error;
  };
}

function sameRef(there: KubeObject, wanted: KubeObject): boolean {
  const [a, b] = [there, wanted].map((each) => each["roleRef"] as Record<string, unknown> | undefined);
  return a?.["kind"] === b?.["kind"] && a?.["name"] === b?.["name"];
}

function metadataOf(name: string, labels: Readonly<Record<string, string>> = {}) {
  return { name, labels: { ...bootstrapping, ...labels }, annotations: { [autoupdate]: "true" } };
}

function roleObject({ name, rules, labels, from }: DefaultRole): KubeObject {
  const aggregation =
    from === undefined ? undefined : { clusterRoleSelectors: [{ matchLabels: { [from]: "true" } }] };
  return {
    apiVersion,
    kind: "ClusterRole",
    metadata: metadataOf(name, labels),
    ...(aggregation ? { aggregationRule: aggregation } : {}),
    rules: structuredClone(rules ?? []),
  };
}

function bindingObject({ name, role, users = [], groups = [], accounts = [] }: DefaultBinding): KubeObject {
  const named = (kind: string) => (each: string) => ({ apiGroup: rbacGroup, kind, name: each });
  const subjects = [
    ...users.map(named("User")),
    ...groups.map(named("Group")),
    ...accounts.map((each) => {
      const [namespace = "", account = ""] = each.split("/");
      return { kind: "ServiceAccount", namespace, name: account };
    }),
  ];
  return {
    apiVersion,
    kind: "ClusterRoleBinding",
    metadata: metadataOf(name),
    roleRef: { apiGroup: rbacGroup, kind: "ClusterRole", name: role },
    ...(subjects.length > 0 ? { subjects } : {}),
  };
}

/** Undefined where labels and annotations are all there. */
function withMetadata(there: KubeObject, wanted: KubeObject): KubeObject | undefined {
  const lacks = (field: "labels" | "annotations") =>
    Object.keys(wanted.metadata[field] ?? {}).some((key) => there.metadata[field]?.[key] === undefined);
  if (!lacks("labels") && !lacks("annotations")) return undefined;
  const merged = structuredClone(there);
  for (const field of ["labels", "annotations"] as const)
    merged.metadata[field] = { ...wanted.metadata[field], ...there.metadata[field] };
  return merged;
}

function mergeRole(there: KubeObject, wanted: KubeObject): KubeObject | undefined {
  const merged = withMetadata(there, wanted);
  // Rules of an aggregated role are the aggregation's.
  const missing = wanted["aggregationRule"]
    ? []
    : missingOf(readRules(there["rules"]), readRules(wanted["rules"]));
  const unselected = wanted["aggregationRule"] !== undefined && there["aggregationRule"] === undefined;
  if (!merged && missing.length === 0 && !unselected) return undefined;
  return {
    ...(merged ?? structuredClone(there)),
    ...(missing.length > 0 ? { rules: [...readRules(there["rules"]), ...missing] } : {}),
    ...(unselected ? { aggregationRule: wanted["aggregationRule"] } : {}),
  };
}

function mergeBinding(there: KubeObject, wanted: KubeObject): KubeObject | undefined {
  const merged = withMetadata(there, wanted);
  const key = (subject: unknown) => {
    const { kind, name, namespace = "" } = subject as Record<string, unknown>;
    return [kind, namespace, name].map(String).join("/");
  };
  const list = (object: KubeObject) =>
    Array.isArray(object["subjects"]) ? (object["subjects"] as unknown[]) : [];
  const known = new Set(list(there).map(key));
  const missing = list(wanted).filter((subject) => !known.has(key(subject)));
  if (!merged && missing.length === 0) return undefined;
  const base = merged ?? structuredClone(there);
  return missing.length === 0 ? base : { ...base, subjects: [...list(there), ...missing] };
}
