/** RBAC as the API has it, by whom roles are for. Read anew after a change, and not for each question. */
import type { KubeObject, ResourceId } from "../../../spec/kubernetes/kube.ts";
import { readRules, type PolicyRule } from "../apiserver/auth/rbac/rules.ts";
import type { Informer } from "../informer/informer.ts";
import type { Informers } from "../informer/informers.ts";

const group = "rbac.authorization.k8s.io";
const id = (resource: string): ResourceId => ({ group, version: "v1", resource });

export const roleIds = {
  roles: id("roles"),
  clusterRoles: id("clusterroles"),
  roleBindings: id("rolebindings"),
  clusterRoleBindings: id("clusterrolebindings"),
} as const;

export interface Grant {
  /** A RoleBinding, with its namespace, or a ClusterRoleBinding. */
  readonly binding: KubeObject;
  /** undefined: the whole cluster. */
  readonly namespace: string | undefined;
  readonly rules: readonly PolicyRule[];
}

interface Fields {
  readonly subjects?: readonly {
    readonly kind?: string;
    readonly name?: string;
    readonly namespace?: string;
  }[];
  readonly roleRef?: { readonly kind?: string; readonly name?: string };
}

export function serviceAccountUser(namespace: string, name: string): string {
  return `User system:serviceaccount:${namespace}:${name}`;
}

/** All that a service account is, as subjects of bindings are looked up. */
export function subjectsOfAccount(namespace: string, name: string): readonly string[] {
  return [
    serviceAccountUser(namespace, name),
    "Group system:serviceaccounts",
    `Group system:serviceaccounts:${namespace}`,
    "Group system:authenticated",
  ];
}

const known = new WeakMap<Informers, Roles>();

export class Roles {
  readonly informers: readonly Informer[];
  private readonly roles: Informer;
  private readonly clusterRoles: Informer;
  private readonly bindings: readonly Informer[];
  private readonly handlers: (() => void)[] = [];
  private bySubject: ReadonlyMap<string, readonly KubeObject[]> | undefined;
  private count = 0;

  private constructor(informers: Informers) {
    this.roles = informers.of(roleIds.roles);
    this.clusterRoles = informers.of(roleIds.clusterRoles);
    this.bindings = [informers.of(roleIds.clusterRoleBindings), informers.of(roleIds.roleBindings)];
    this.informers = [this.roles, this.clusterRoles, ...this.bindings];
    for (const informer of this.informers)
      informer.onChange(() => {
        this.bySubject = undefined;
        this.count++;
        for (const handler of this.handlers) handler();
      });
  }

  /** The one of these informers. */
  static of(informers: Informers): Roles {
    const found = known.get(informers) ?? new Roles(informers);
    known.set(informers, found);
    return found;
  }

  /** A number that is another one after each change. */
  get generation(): number {
    return this.count;
  }

  onChange(handler: () => void): void {
    this.handlers.push(handler);
  }

  /** What bindings give to any of the subjects: `User jane`, `Group system:nodes`. */
  *grants(subjects: Iterable<string>): Iterable<Grant> {
    this.bySubject ??= this.read();
    const seen = new Set<KubeObject>();
    for (const subject of subjects)
      for (const binding of this.bySubject.get(subject) ?? []) {
        if (seen.has(binding)) continue;
        seen.add(binding);
        const rules = this.rulesOf(binding);
        if (rules) yield { binding, namespace: binding.metadata.namespace, rules };
      }
  }

  private rulesOf(binding: KubeObject): readonly PolicyRule[] | undefined {
    const { kind, name = "" } = (binding as Fields).roleRef ?? {};
    const { namespace } = binding.metadata;
    const role =
      kind === "ClusterRole"
        ? this.clusterRoles.store.get(undefined, name)
        : namespace === undefined
          ? undefined
          : this.roles.store.get(namespace, name);
    return role ? readRules(role["rules"]) : undefined;
  }

  private read(): ReadonlyMap<string, readonly KubeObject[]> {
    const found = new Map<string, KubeObject[]>();
    for (const binding of this.bindings.flatMap(({ store }) => store.all()))
      for (const subject of subjectsOf(binding)) {
        const list = found.get(subject) ?? [];
        if (list.length === 0) found.set(subject, list);
        list.push(binding);
      }
    return found;
  }
}

function* subjectsOf(binding: KubeObject): Iterable<string> {
  const { subjects } = binding as Fields;
  if (!Array.isArray(subjects)) return;
  for (const { kind, name, namespace = binding.metadata.namespace } of subjects as NonNullable<
    Fields["subjects"]
  >) {
    if (!name) continue;
    if (kind === "User" || kind === "Group") yield `${kind} ${name}`;
    if (kind === "ServiceAccount" && namespace) yield serviceAccountUser(namespace, name);
  }
}
