/**
 * The contract of MetaManager: what the cloud said, on this node's disk, and the way to ask for more. All that a pod needs to start again without the cloud is here. Secrets and tokens are
 * encrypted at rest with a key of the node.
 */
import type { KubeObject } from "../../../spec/kubernetes/kube.ts";

/** `{ namespace: "default", type: "pod", name: "web-1" }`; types as on the wire, without namespace for objects of the cluster. */
export interface MetaKey {
  readonly namespace?: string;
  readonly type: string;
  readonly name: string;
}

export interface MetaChange {
  readonly key: MetaKey;
  /** undefined: it was deleted. */
  readonly object: KubeObject | undefined;
}

export interface Meta {
  get(key: MetaKey): KubeObject | undefined;
  /** Of one type, in all namespaces without one. */
  list(type: string, namespace?: string): readonly KubeObject[];
  /** After a change is on the disk; in order. What is there already is not told. */
  follow(types: readonly string[], handler: (change: MetaChange) => void): Disposable;
  /**
   * The object from the store when it is there; otherwise the cloud is asked, and its answer kept. Errors: `not_found` when the cloud says so, `unavailable` when it is not here and the cloud
   * cannot be asked; within 5 s in any case.
   */
  fetch(key: MetaKey, signal: AbortSignal): Promise<KubeObject>;
  /**
   * A token of a service account for a pod: the stored one while it is good, renewed by the cloud after 80 % of its life; when the cloud cannot be asked, the last one that there is, expired or not.
   * `request` is a TokenRequest with spec.audiences, spec.expirationSeconds and spec.boundObjectRef; so is the answer, with status.
   */
  token(
    account: { readonly namespace: string; readonly name: string },
    request: KubeObject,
    signal: AbortSignal,
  ): Promise<KubeObject>;
  /** Writes an object that the edge itself answers for: its Node, static pods, patches of status that wait. Durable when it resolves. */
  keep(key: MetaKey, object: KubeObject): Promise<void>;
  forget(key: MetaKey): Promise<void>;
}
