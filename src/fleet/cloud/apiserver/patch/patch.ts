/** Contract of the four kinds of patch. All are pure: they take what is there and what was sent, and give a new object. */
import type { KubeObject, ManagedFields } from "../../../../spec/kubernetes/kube.ts";
import type { Definitions, Schema } from "../schema/schema.ts";

/** RFC 6902. KubeError `Invalid` for an operation that cannot be done (a failed test, a path that is not there), `BadRequest` for one that is none. */
export type JsonPatch = (object: KubeObject, patch: unknown) => KubeObject;

/** RFC 7386. */
export type MergePatch = (object: KubeObject, patch: unknown) => KubeObject;

/** With merge keys, $patch, $retainKeys, $setElementOrder, $deleteFromPrimitiveList by the schema's x-kubernetes-patch-… */
export type StrategicMergePatch = (
  object: KubeObject,
  patch: unknown,
  schema: { readonly schema: Schema; readonly definitions: Definitions },
) => KubeObject;

export interface ApplyRequest {
  /** What is there; undefined when the apply creates it. */
  readonly live: KubeObject | undefined;
  readonly applied: KubeObject;
  readonly manager: string;
  readonly force: boolean;
  readonly subresource?: string;
  /** The kind has /status: then status is written through it alone, and other writers own nothing of it. */
  readonly hasStatus?: boolean;
  readonly now: string;
  readonly schema: { readonly schema: Schema; readonly definitions: Definitions };
}

/** Server-side apply. KubeError `Conflict` with causes FieldManagerConflict. The result has its managedFields. */
export type Apply = (request: ApplyRequest) => KubeObject;

export interface UpdateRequest {
  readonly old: KubeObject | undefined;
  readonly changed: KubeObject;
  readonly manager: string;
  readonly subresource?: string;
  /** The kind has /status: then status is written through it alone, and other writers own nothing of it. */
  readonly hasStatus?: boolean;
  readonly now: string;
  readonly schema: { readonly schema: Schema; readonly definitions: Definitions };
}

/** The managed fields after a create, an update or a patch that is no apply. */
export type ManagedAfterUpdate = (request: UpdateRequest) => ManagedFields[];
