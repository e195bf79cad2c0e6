/**
 * The verbs on objects of every kind: one implementation, driven by Resource. HTTP requests and the controllers in this process come in by the same door; who may do what was decided
 * before. Rejects with KubeError.
 *
 * Order of a write: parse → strict/unknown fields → conversion to the storage version → defaults → prepareFor… → managed fields → schema → validate… → storage, all after the
 * parsing within the storage's write, so that it is atomic.
 */
import type {
  DeleteOptions,
  KubeClient,
  KubeList,
  KubeObject,
  ListOptions,
  ObjectKey,
  PatchOptions,
  WatchEvent,
  WatchOptions,
  WriteOptions,
} from "../../../spec/kubernetes/kube.ts";
import type { UserInfo } from "./auth/auth.ts";
import type { Resource } from "./resource.ts";

export interface RequestContext {
  readonly user: UserInfo;
  /** For managed fields when the request names no manager: the first part of the User-Agent. */
  readonly userAgent?: string;
  /** Called with each warning; becomes a Warning header. */
  readonly warn: (text: string) => void;
  readonly signal?: AbortSignal;
}

/** An object and, once for all who want it, its JSON as bytes in the version of `resource`. */
export interface Encodable {
  readonly object: KubeObject;
  json(): Uint8Array;
}

export interface RegistryWatchEvent {
  readonly type: WatchEvent["type"];
  readonly encodable: Encodable;
}

export interface Registry {
  get(resource: Resource, key: ObjectKey, context: RequestContext): Promise<Encodable>;
  list(
    resource: Resource,
    options: ListOptions,
    context: RequestContext,
  ): Promise<KubeList & { readonly encodables: readonly Encodable[] }>;
  watch(
    resource: Resource,
    options: WatchOptions,
    context: RequestContext,
  ): AsyncIterable<RegistryWatchEvent>;
  create(
    resource: Resource,
    place: { readonly namespace?: string },
    object: KubeObject,
    options: WriteOptions,
    context: RequestContext,
  ): Promise<Encodable>;
  /** `created` when the update made the object (only where the kind allows it). */
  update(
    resource: Resource,
    key: ObjectKey,
    object: KubeObject,
    options: WriteOptions,
    context: RequestContext,
  ): Promise<Encodable & { readonly created: boolean }>;
  /** `patch` is the parsed body. An apply may create. */
  patch(
    resource: Resource,
    key: ObjectKey,
    patch: unknown,
    options: PatchOptions,
    context: RequestContext,
  ): Promise<Encodable & { readonly created: boolean }>;
  /** `gone`: nothing is left of it. */
  delete(
    resource: Resource,
    key: ObjectKey,
    options: DeleteOptions,
    context: RequestContext,
  ): Promise<Encodable & { readonly gone: boolean }>;
  deleteCollection(
    resource: Resource,
    list: ListOptions,
    options: DeleteOptions,
    context: RequestContext,
  ): Promise<KubeList>;
  /** POST to a subresource: binding, eviction, token; PUT/PATCH of status and scale go through update and patch with key.subresource. */
  createSubresource(
    resource: Resource,
    key: ObjectKey,
    object: KubeObject,
    options: WriteOptions,
    context: RequestContext,
  ): Promise<KubeObject>;
  /** The same verbs for the controllers of this process, as `user`. */
  client(user: UserInfo): KubeClient;
}
