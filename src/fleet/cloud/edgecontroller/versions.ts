import type { KubeObject } from "../../../spec/kubernetes/kube.ts";

/** Of each object, by uid, the version of its last change that an edge has to know of: with it the hub does not take a change of no concern for news. */
export class Versions {
  /** As numbers, which take no memory of their own; they grow by one with each write to the API. */
  private readonly known = new Map<string, number>();

  set({ metadata: { uid = "", resourceVersion = "" } }: KubeObject): void {
    if (resourceVersion) this.known.set(uid, Number(resourceVersion));
  }

  forget({ metadata: { uid = "" } }: KubeObject): void {
    this.known.delete(uid);
  }

  apply(object: KubeObject): KubeObject {
    const known = this.known.get(object.metadata.uid ?? "");
    const resourceVersion = String(known);
    if (known === undefined || resourceVersion === object.metadata.resourceVersion) return object;
    return { ...object, metadata: { ...object.metadata, resourceVersion } };
  }
}
