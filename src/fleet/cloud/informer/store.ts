import type { KubeObject } from "../../../spec/kubernetes/kube.ts";

/** Objects in several groups, by a text that belongs to each. */
class Index {
  private readonly groups = new Map<string, Map<string, KubeObject>>();

  add(group: string, key: string, object: KubeObject): void {
    const members = this.groups.get(group);
    if (members) members.set(key, object);
    else this.groups.set(group, new Map([[key, object]]));
  }

  remove(group: string, key: string): void {
    const members = this.groups.get(group);
    members?.delete(key);
    if (members?.size === 0) this.groups.delete(group);
  }

  members(group: string): readonly KubeObject[] {
    return [...(this.groups.get(group)?.values() ?? [])];
  }
}

function nodeOf(object: KubeObject): string | undefined {
  return (object["spec"] as { readonly nodeName?: string } | undefined)?.nodeName;
}

function key(namespace: string | undefined, name: string | undefined): string {
  return `${namespace ?? ""}/${name ?? ""}`;
}

/** What an informer knows: objects by place, and indexes by namespace, owner and node. */
export class Store {
  private readonly objects = new Map<string, KubeObject>();
  private readonly namespaces = new Index();
  private readonly owners = new Index();
  private readonly nodes = new Index();

  get size(): number {
    return this.objects.size;
  }

  get(namespace: string | undefined, name: string): KubeObject | undefined {
    return this.objects.get(key(namespace, name));
  }

  all(): readonly KubeObject[] {
    return [...this.objects.values()];
  }

  inNamespace(namespace: string): readonly KubeObject[] {
    return this.namespaces.members(namespace);
  }

  /** Objects with an owner reference to this uid. */
  ownedBy(uid: string): readonly KubeObject[] {
    return this.owners.members(uid);
  }

  /** Objects whose spec.nodeName is this. */
  onNode(name: string): readonly KubeObject[] {
    return this.nodes.members(name);
  }

  put(object: KubeObject): KubeObject | undefined {
    const { namespace, name } = object.metadata;
    const place = key(namespace, name);
    const before = this.remove(namespace, name);
    this.objects.set(place, object);
    if (namespace) this.namespaces.add(namespace, place, object);
    for (const { uid } of object.metadata.ownerReferences ?? []) this.owners.add(uid, place, object);
    const node = nodeOf(object);
    if (node) this.nodes.add(node, place, object);
    return before;
  }

  remove(namespace: string | undefined, name: string | undefined): KubeObject | undefined {
    const place = key(namespace, name);
    const before = this.objects.get(place);
    if (!before) return undefined;
    this.objects.delete(place);
    if (namespace) this.namespaces.remove(namespace, place);
    for (const { uid } of before.metadata.ownerReferences ?? []) this.owners.remove(uid, place);
    const node = nodeOf(before);
    if (node) this.nodes.remove(node, place);
    return before;
  }
}
