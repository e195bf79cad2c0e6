/** Roles and bindings by whom they are for. Read from the storage when they changed, and not for every request. */
import type { KubeObject } from "../../../../../spec/kubernetes/kube.ts";
import type { Storage } from "../../storage/storage.ts";
import type { UserInfo } from "../auth.ts";
import { follow } from "../follow.ts";
import { type PolicyRule, readRules } from "./rules.ts";

export const rbacGroup = "rbac.authorization.k8s.io";
export const clusterRoles = { group: rbacGroup, version: "v1", resource: "clusterroles" } as const;

export interface RoleRef {
  readonly kind: "Role" | "ClusterRole";
  readonly name: string;
}

export interface Binding {
  readonly name: string;
  /** "" for a ClusterRoleBinding. */
  readonly namespace: string;
  readonly role: RoleRef;
  /** The subject in words, for the reason: `User "jane"`. */
  readonly subject: string;
}

export interface Roles extends AsyncDisposable {
  /** The bindings of a user that count in a namespace; "" or none: those for the whole cluster alone. */
  bindings(user: UserInfo, namespace: string | undefined): Iterable<Binding>;
  /** Undefined: the role is not there. */
  rules(role: RoleRef, namespace: string): readonly PolicyRule[] | undefined;
}

const kinds = ["roles", "clusterroles", "rolebindings", "clusterrolebindings"] as const;
type Kind = (typeof kinds)[number];

const storageOf = (kind: Kind) => `${rbacGroup}/${kind}`;

export function openRoles(storage: Pick<Storage, "revision" | "watch" | "list">): Roles {
  const stack = new AsyncDisposableStack();
  let roles: Map<string, readonly PolicyRule[]> | undefined;
  let bindings: Map<string, Binding[]> | undefined;
  const all = (kind: Kind) => storage.list(storageOf(kind)).items.map(({ object }) => object);
  for (const kind of kinds) {
    const stale = () => {
      if (kind.endsWith("bindings")) bindings = undefined;
      else roles = undefined;
    };
    stack.use(follow(storage, storageOf(kind), { reset: stale, change: stale }));
  }
  return {
    *bindings(user, namespace) {
      bindings ??= bySubject([...all("clusterrolebindings"), ...all("rolebindings")]);
      for (const subject of [`User ${user.name}`, ...user.groups.map((group) => `Group ${group}`)])
        for (const binding of bindings.get(subject) ?? [])
          if (binding.namespace === "" || binding.namespace === namespace) yield binding;
    },
    rules({ kind, name }, namespace) {
      roles ??= new Map(
        [...all("clusterroles"), ...all("roles")].map((each) => [keyOf(each), readRules(each["rules"])]),
      );
      return roles.get(kind === "ClusterRole" ? `/${name}` : `${namespace}/${name}`);
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

function keyOf({ metadata }: KubeObject): string {
  return `${metadata.namespace ?? ""}/${metadata.name}`;
}

function bySubject(objects: readonly KubeObject[]): Map<string, Binding[]> {
  const found = new Map<string, Binding[]>();
  for (const object of objects) {
    const { name = "", namespace = "" } = object.metadata;
    const role = object["roleRef"] as RoleRef | undefined;
    if (role?.kind !== "ClusterRole" && (role?.kind !== "Role" || namespace === "")) continue;
    for (const [key, subject] of subjectsOf(object, namespace)) {
      const list = found.get(key) ?? [];
      list.push({ name, namespace, role: { kind: role.kind, name: role.name }, subject });
      found.set(key, list);
    }
  }
  return found;
}

interface Subject {
  readonly kind?: string;
  readonly name?: string;
  readonly namespace?: string;
}

/** How a subject is looked up, and how it is said. */
function* subjectsOf(object: KubeObject, namespace: string): Generator<readonly [string, string]> {
  const subjects = object["subjects"];
  for (const { kind, name, namespace: of = namespace } of (Array.isArray(subjects)
    ? subjects
    : []) as Subject[]) {
    if (name === undefined || name === "") continue;
    if (kind === "User" || kind === "Group") yield [`${kind} ${name}`, `${kind} "${name}"`];
    // A service account has its namespace, of its own or of the binding; without one it is nobody.
    if (kind === "ServiceAccount" && of !== "")
      yield [`User system:serviceaccount:${of}:${name}`, `ServiceAccount "${name}/${of}"`];
  }
}
