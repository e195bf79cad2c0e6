import type { KubeObject } from "../../../spec/kubernetes/kube.ts";

/** What an informer keeps objects in. */
export interface Shelf {
  get(namespace: string | undefined, name: string): KubeObject | undefined;
  all(): readonly KubeObject[];
  /** Gives what was there before. */
  put(object: KubeObject): KubeObject | undefined;
  remove(namespace: string | undefined, name: string | undefined): KubeObject | undefined;
}

/** Objects in several groups, by texts that belong to each. Made when it is first asked for: of most kinds nobody ever does, and a fleet has tens of thousands of objects. */
class Index {
  private readonly groupsOf: (object: KubeObject) => readonly string[];
  private groups: Map<string, Group> | undefined;

  constructor(groupsOf: (object: KubeObject) => readonly string[]) {
    this.groupsOf = groupsOf;
  }

  add(key: string, object: KubeObject): void {
    if (this.groups) this.enter(this.groups, key, object);
  }

  remove(key: string, object: KubeObject): void {
    if (!this.groups) return;
    for (const name of this.groupsOf(object)) {
      const group = this.groups.get(name);
      if (group && withoutMember(group, key, object) === 0) this.groups.delete(name);
    }
  }

  members(group: string, objects: ReadonlyMap<string, KubeObject>): readonly KubeObject[] {
    this.groups ??= this.made(objects);
    return [...(this.groups.get(group)?.values() ?? [])];
  }

  private made(objects: ReadonlyMap<string, KubeObject>): Map<string, Group> {
    const groups = new Map<string, Group>();
    for (const [key, object] of objects) this.enter(groups, key, object);
    return groups;
  }

  private enter(groups: Map<string, Group>, key: string, object: KubeObject): void {
    for (const name of this.groupsOf(object))
      groups.set(name, withMember(groups.get(name) ?? [], { key, object }));
  }
}

/** Small groups are lists: there are thousands, and a Map takes several times as much. */
type Group = KubeObject[] | Map<string, KubeObject>;
const mostInList = 24;

interface Member {
  readonly key: string;
  readonly object: KubeObject;
}

/** The group with one more, which may be another group than before. */
function withMember(group: Group, { key: place, object }: Member): Group {
  if (group instanceof Map) return group.set(place, object);
  if (group.length < mostInList) {
    group.push(object);
    return group;
  }
  const entries = [...group, object].map(
    (one) => [key(one.metadata.namespace, one.metadata.name), one] as const,
  );
  return new Map(entries);
}

/** How many are left. */
function withoutMember(group: Group, place: string, object: KubeObject): number {
  if (group instanceof Map) {
    group.delete(place);
    return group.size;
  }
  const at = group.indexOf(object);
  if (at >= 0) group.splice(at, 1);
  return group.length;
}

/** Of no node, as spec.nodeName says it before a pod is placed. */
const nowhere = "";

function nodesOf(object: KubeObject): readonly string[] {
  return [(object["spec"] as { readonly nodeName?: string } | undefined)?.nodeName ?? nowhere];
}

function namespacesOf({ metadata: { namespace } }: KubeObject): readonly string[] {
  return namespace ? [namespace] : [];
}

function ownersOf({ metadata: { ownerReferences = [] } }: KubeObject): readonly string[] {
  return ownerReferences.map(({ uid }) => uid);
}

function key(namespace: string | undefined, name: string | undefined): string {
  return `${namespace ?? ""}/${name ?? ""}`;
}

/** What an informer knows: objects by place, and indexes by namespace, owner and node. */
export class Store implements Shelf {
  private readonly objects = new Map<string, KubeObject>();
  private readonly namespaces = new Index(namespacesOf);
  private readonly owners = new Index(ownersOf);
  private readonly nodes = new Index(nodesOf);

  get size(): number {
    return this.objects.size;
  }

  get(namespace: string | undefined, name: string): KubeObject | undefined {
    return this.objects.get(key(namespace, name));
  }

  all(): readonly KubeObject[] {
    return [...this.objects.values()];
  }

  /** One after the other, without a list of all: for who may stop at the first. */
  values(): Iterable<KubeObject> {
    return this.objects.values();
  }

  inNamespace(namespace: string): readonly KubeObject[] {
    return this.namespaces.members(namespace, this.objects);
  }

  /** Objects with an owner reference to this uid. */
  ownedBy(uid: string): readonly KubeObject[] {
    return this.owners.members(uid, this.objects);
  }

  /** Objects whose spec.nodeName is this. */
  onNode(name: string): readonly KubeObject[] {
    return this.nodes.members(name, this.objects);
  }

  /** Objects without a spec.nodeName. */
  onNoNode(): readonly KubeObject[] {
    return this.nodes.members(nowhere, this.objects);
  }

  put(object: KubeObject): KubeObject | undefined {
    const { namespace, name } = object.metadata;
    const place = key(namespace, name);
    const before = this.remove(namespace, name);
    this.objects.set(place, object);
    for (const index of [this.namespaces, this.owners, this.nodes]) index.add(place, object);
    return before;
  }

  remove(namespace: string | undefined, name: string | undefined): KubeObject | undefined {
    const place = key(namespace, name);
    const before = this.objects.get(place);
    if (!before) return undefined;
    this.objects.delete(place);
    for (const index of [this.namespaces, this.owners, this.nodes]) index.remove(place, before);
    return before;
  }
}
