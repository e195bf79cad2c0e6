import type { KubeObject } from "../../../spec/kubernetes/kube.ts";

/** Of each object, by uid, the version of its last change that an edge has to know of: with it the hub does not take a change of no concern for news. */
export class Versions {
  private readonly known = new Map<string, string>();

  set({ metadata: { uid = "", resourceVersion = "" } }: KubeObject): void {
    this.known.set(uid, resourceVersion);
  }

  forget({ metadata: { uid = "" } }: KubeObject): void {
    this.known.delete(uid);
  }

  apply(object: KubeObject): KubeObject {
    const resourceVersion = this.known.get(object.metadata.uid ?? "");
    if (resourceVersion === undefined || resourceVersion === object.metadata.resourceVersion) return object;
    return { ...object, metadata: { ...object.metadata, resourceVersion } };
  }
}
