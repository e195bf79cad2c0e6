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

  add(object: KubeObject): void {
    if (this.groups) this.enter(this.groups, object);
  }

  remove(object: KubeObject): void {
    if (!this.groups) return;
    for (const name of this.groupsOf(object)) {
      const group = this.groups.get(name);
      if (group && without(group, object) === 0) this.groups.delete(name);
    }
  }

  /** `objects`: all that there are. */
  members(name: string, objects: Iterable<KubeObject>): readonly KubeObject[] {
    this.groups ??= this.made(objects);
    return [...(this.groups.get(name)?.values() ?? [])];
  }

  private made(objects: Iterable<KubeObject>): Map<string, Group> {
    const groups = new Map<string, Group>();
    for (const object of objects) this.enter(groups, object);
    return groups;
  }

  private enter(groups: Map<string, Group>, object: KubeObject): void {
    for (const name of this.groupsOf(object)) groups.set(name, joined(groups.get(name) ?? [], object));
  }
}

/** Small groups are lists: there are thousands, and a Set takes several times as much. */
type Group = KubeObject[] | Set<KubeObject>;
const mostInList = 24;

/** The group with one more, which may be another group than before. */
function joined(group: Group, object: KubeObject): Group {
  if (group instanceof Set) return group.add(object);
  if (group.length >= mostInList) return new Set([...group, object]);
  group.push(object);
  return group;
}

/** How many are left. */
function without(group: Group, object: KubeObject): number {
  if (group instanceof Set) {
    group.delete(object);
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

function ownersOf({ metadata: { ownerReferences = [] } }: KubeObject): readonly string[] {
  return ownerReferences.map(({ uid }) => uid);
}

/** What an informer knows: objects by place, and indexes by owner and node. */
export class Store implements Shelf {
  /** By namespace, "" for none, and name. */
  private readonly namespaces = new Map<string, Map<string, KubeObject>>();
  private readonly indexes = { owners: new Index(ownersOf), nodes: new Index(nodesOf) };

  get size(): number {
    let sum = 0;
    for (const { size } of this.namespaces.values()) sum += size;
    return sum;
  }

  get(namespace = "", name: string): KubeObject | undefined {
    return this.namespaces.get(namespace)?.get(name);
  }

  all(): readonly KubeObject[] {
    return [...this.values()];
  }

  /** One after the other, without a list of all: for who may stop at the first. */
  *values(): Iterable<KubeObject> {
    for (const objects of this.namespaces.values()) yield* objects.values();
  }

  inNamespace(namespace: string): readonly KubeObject[] {
    return [...(this.namespaces.get(namespace)?.values() ?? [])];
  }

  /** Objects with an owner reference to this uid. */
  ownedBy(uid: string): readonly KubeObject[] {
    return this.indexes.owners.members(uid, this.values());
  }

  /** Objects whose spec.nodeName is this. */
  onNode(name: string): readonly KubeObject[] {
    return this.indexes.nodes.members(name, this.values());
  }

  /** Objects without a spec.nodeName. */
  onNoNode(): readonly KubeObject[] {
    return this.onNode(nowhere);
  }

  put(object: KubeObject): KubeObject | undefined {
    const { namespace = "", name = "" } = object.metadata;
    const before = this.remove(namespace, name);
    const objects = this.namespaces.get(namespace);
    if (objects) objects.set(name, object);
    else this.namespaces.set(namespace, new Map([[name, object]]));
    for (const index of Object.values(this.indexes)) index.add(object);
    return before;
  }

  remove(namespace = "", name = ""): KubeObject | undefined {
    const objects = this.namespaces.get(namespace);
    const before = objects?.get(name);
    if (!objects || !before) return undefined;
    objects.delete(name);
    if (objects.size === 0) this.namespaces.delete(namespace);
    for (const index of Object.values(this.indexes)) index.remove(before);
    return before;
  }
}
