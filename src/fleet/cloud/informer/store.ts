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
  private groups: Map<string, Map<string, KubeObject>> | undefined;

  constructor(groupsOf: (object: KubeObject) => readonly string[]) {
    this.groupsOf = groupsOf;
  }

  add(key: string, object: KubeObject): void {
    if (this.groups) this.enter(this.groups, key, object);
  }

  remove(key: string, object: KubeObject): void {
    if (!this.groups) return;
    for (const group of this.groupsOf(object)) {
      const members = this.groups.get(group);
      members?.delete(key);
      if (members?.size === 0) this.groups.delete(group);
    }
  }

  members(group: string, objects: ReadonlyMap<string, KubeObject>): readonly KubeObject[] {
    this.groups ??= this.made(objects);
    return [...(this.groups.get(group)?.values() ?? [])];
  }

  private made(objects: ReadonlyMap<string, KubeObject>): Map<string, Map<string, KubeObject>> {
    const groups = new Map<string, Map<string, KubeObject>>();
    for (const [key, object] of objects) this.enter(groups, key, object);
    return groups;
  }

  private enter(groups: Map<string, Map<string, KubeObject>>, key: string, object: KubeObject): void {
    for (const group of this.groupsOf(object)) {
      const members = groups.get(group);
      if (members) members.set(key, object);
      else groups.set(group, new Map([[key, object]]));
    }
  }
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
