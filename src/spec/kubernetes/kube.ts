/**
 * Objects of a Kubernetes API and the one contract by which all of the cloud half uses one: the embedded server in this process, or a real cluster over HTTP.
 * Shapes: https://kubernetes.io/docs/reference/kubernetes-api/ ; semantics: https://kubernetes.io/docs/reference/using-api/api-concepts/
 */
import { SampanError, type Code } from "../../base/errors.ts";

export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };

export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
  readonly blockOwnerDeletion?: boolean;
}

export interface ManagedFields {
  readonly manager?: string;
  readonly operation?: "Apply" | "Update";
  readonly apiVersion?: string;
  readonly time?: string;
  readonly fieldsType?: "FieldsV1";
  readonly fieldsV1?: { readonly [name: string]: unknown };
  readonly subresource?: string;
}

export interface ObjectMeta {
  name?: string;
  generateName?: string;
  namespace?: string;
  uid?: string;
  resourceVersion?: string;
  generation?: number;
  creationTimestamp?: string;
  deletionTimestamp?: string;
  deletionGracePeriodSeconds?: number;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  ownerReferences?: OwnerReference[];
  finalizers?: string[];
  managedFields?: ManagedFields[];
  selfLink?: string;
}

/** Any object: what is known of it without its type. Objects that came out of a store or a client are shared: never changed, only copied (structuredClone). */
export interface KubeObject {
  apiVersion: string;
  kind: string;
  metadata: ObjectMeta;
  [field: string]: unknown;
}

/** Which kind of object: `{ group: "", version: "v1", resource: "pods" }`. */
export interface ResourceId {
  readonly group: string;
  readonly version: string;
  readonly resource: string;
}

/** metav1.Status, the body of every failure. */
export interface Status {
  readonly kind: "Status";
  readonly apiVersion: "v1";
  readonly metadata: { readonly continue?: string; readonly remainingItemCount?: number };
  readonly status: "Failure" | "Success";
  readonly message?: string;
  readonly reason?: Reason;
  readonly details?: StatusDetails;
  readonly code: number;
}

export interface StatusCause {
  /** metav1.CauseType: FieldValueRequired, FieldValueInvalid, FieldValueNotSupported, FieldValueDuplicate, FieldManagerConflict, … */
  readonly reason?: string;
  readonly message?: string;
  /** The path of the field: `spec.containers[0].image`. */
  readonly field?: string;
}

export interface StatusDetails {
  readonly name?: string;
  readonly group?: string;
  /** The resource's plural name, or the kind where a validation failed. */
  readonly kind?: string;
  readonly uid?: string;
  readonly causes?: readonly StatusCause[];
  readonly retryAfterSeconds?: number;
}

/** metav1.StatusReason with the HTTP status that goes with it, and our code. */
export const reasons = {
  BadRequest: { code: 400, ours: "invalid_argument" },
  Unauthorized: { code: 401, ours: "unauthenticated" },
  Forbidden: { code: 403, ours: "permission_denied" },
  NotFound: { code: 404, ours: "not_found" },
  MethodNotAllowed: { code: 405, ours: "unimplemented" },
  NotAcceptable: { code: 406, ours: "invalid_argument" },
  AlreadyExists: { code: 409, ours: "already_exists" },
  Conflict: { code: 409, ours: "aborted" },
  Gone: { code: 410, ours: "out_of_range" },
  Expired: { code: 410, ours: "out_of_range" },
  RequestEntityTooLarge: { code: 413, ours: "resource_exhausted" },
  UnsupportedMediaType: { code: 415, ours: "invalid_argument" },
  Invalid: { code: 422, ours: "invalid_argument" },
  TooManyRequests: { code: 429, ours: "resource_exhausted" },
  InternalError: { code: 500, ours: "internal" },
  NotImplemented: { code: 501, ours: "unimplemented" },
  ServiceUnavailable: { code: 503, ours: "unavailable" },
  Timeout: { code: 504, ours: "deadline_exceeded" },
} as const satisfies Readonly<Record<string, { code: number; ours: Code }>>;

export type Reason = keyof typeof reasons;

/** A refusal with what a client of Kubernetes is told of it. The message is metav1's wording, since scripts look at it: `pods "a" not found`. */
export class KubeError extends SampanError {
  readonly reason: Reason;
  readonly details: StatusDetails | undefined;
  /** Of a list that went too old: a token that goes on from there in the present state. */
  readonly continue: string | undefined;

  constructor(
    reason: Reason,
    message: string,
    details?: StatusDetails,
    options?: { cause?: unknown; continue?: string },
  ) {
    super(reasons[reason].ours, message, options);
    this.reason = reason;
    this.details = details;
    this.continue = options?.continue;
  }

  get status(): Status {
    const { message, reason, details } = this;
    return {
      kind: "Status",
      apiVersion: "v1",
      metadata: this.continue === undefined ? {} : { continue: this.continue },
      status: "Failure",
      message,
      reason,
      ...(details ? { details } : {}),
      code: reasons[reason].code,
    };
  }
}

export interface ListOptions {
  readonly namespace?: string;
  /** In the form of a query: `app=a,tier!=b`, `metadata.name=x`. */
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly limit?: number;
  readonly continue?: string;
  readonly resourceVersion?: string;
  readonly resourceVersionMatch?: "Exact" | "NotOlderThan";
  readonly signal?: AbortSignal;
}

export interface KubeList {
  readonly items: readonly KubeObject[];
  readonly resourceVersion: string;
  readonly continue?: string;
  readonly remainingItemCount?: number;
}

export interface WatchOptions extends Omit<ListOptions, "limit" | "continue"> {
  readonly allowWatchBookmarks?: boolean;
  readonly sendInitialEvents?: boolean;
  readonly timeoutSeconds?: number;
}

export interface WatchEvent {
  readonly type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK";
  readonly object: KubeObject;
}

export interface WriteOptions {
  readonly dryRun?: boolean;
  readonly fieldManager?: string;
  readonly fieldValidation?: "Ignore" | "Warn" | "Strict";
  readonly signal?: AbortSignal;
}

export const patchTypes = [
  "application/json-patch+json",
  "application/merge-patch+json",
  "application/strategic-merge-patch+json",
  "application/apply-patch+yaml",
] as const;

export type PatchType = (typeof patchTypes)[number];

export interface PatchOptions extends WriteOptions {
  readonly type: PatchType;
  /** Only with apply. */
  readonly force?: boolean;
}

export interface DeleteOptions {
  readonly gracePeriodSeconds?: number;
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string };
  readonly propagationPolicy?: "Orphan" | "Background" | "Foreground";
  readonly dryRun?: boolean;
  readonly signal?: AbortSignal;
}

/** An object's place: `{ namespace, name }`; without namespace for what has none. */
export interface ObjectKey {
  readonly namespace?: string | undefined;
  readonly name: string;
  /** `status`, `scale`, `binding`, … */
  readonly subresource?: string;
}

/** The verbs, the same in process and over HTTP. Every method rejects with a KubeError. */
export interface KubeClient {
  get(resource: ResourceId, key: ObjectKey, signal?: AbortSignal): Promise<KubeObject>;
  list(resource: ResourceId, options?: ListOptions): Promise<KubeList>;
  /** Ends when the signal aborts or the server ends it; throws `Expired` when the revision is too old. */
  watch(resource: ResourceId, options: WatchOptions): AsyncIterable<WatchEvent>;
  create(
    resource: ResourceId,
    object: KubeObject,
    options?: WriteOptions & { readonly subresourceOf?: ObjectKey },
  ): Promise<KubeObject>;
  /** With a resourceVersion in it only over that version. */
  update(
    resource: ResourceId,
    object: KubeObject,
    options?: WriteOptions & { readonly subresource?: string },
  ): Promise<KubeObject>;
  patch(resource: ResourceId, key: ObjectKey, patch: unknown, options: PatchOptions): Promise<KubeObject>;
  /** The object as it was or, where finalizers or a grace period hold it, as it is. */
  delete(resource: ResourceId, key: ObjectKey, options?: DeleteOptions): Promise<KubeObject>;
}
