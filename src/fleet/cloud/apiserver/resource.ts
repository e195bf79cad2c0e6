/** One kind of object that the server serves: what the registry, discovery, OpenAPI, tables and the authorizer have to know of it. Built-in ones are data in types/, others come from CRDs. */
import {
  patchTypes,
  type KubeObject,
  type PatchType,
  type StatusCause,
} from "../../../spec/kubernetes/kube.ts";
import type { UserInfo } from "./auth/auth.ts";
import type { Definitions, Schema } from "./schema/schema.ts";

/** A column of `kubectl get` (metav1.TableColumnDefinition). */
export interface Column {
  readonly name: string;
  readonly type: "string" | "integer" | "number" | "boolean" | "date";
  readonly format?: string;
  readonly description?: string;
  /** 0 is always shown, 1 with -o wide. */
  readonly priority: number;
}

export interface Table {
  readonly columns: readonly Column[];
  /** The cells of one object, in the columns' order. `now` in milliseconds since 1970, for ages. */
  cells(object: KubeObject, now: number): readonly unknown[];
}

/** What a request is about, for strategies. */
export interface StrategyContext {
  readonly user: UserInfo;
  /** ISO 8601 in seconds, as metav1.Time. */
  readonly now: string;
  readonly subresource?: string;
  /** Looks at other objects as they are in the same transaction: `find("namespaces", "", "a")`; the resource with its group: `apps/deployments`. */
  find(resource: string, namespace: string, name: string): KubeObject | undefined;
  /**
   * Keeps a record of the server's own in the same transaction, undone with it: `keep("ranges/clusterips", "10.96.0.10", owner)`. `find` with namespace "" sees it; no kind is served from
   * it. A record whose owner is gone may be taken over, so that nobody has to take it away.
   */
  keep(resource: string, name: string, record: KubeObject): void;
}

/** What is particular to a kind. All take whole objects that they may change (copies), and are synchronous: they run within the write. */
export interface Strategy {
  /** Values that the server gives where the client gave none (beyond the schema's `default`). Idempotent. */
  default?(object: KubeObject): void;
  /** Before the first write, after `default` and before the schema is looked at, so that types may be wrong; throws KubeError to refuse as admission does. Drops what a client may not set (status), sets generation-like fields. */
  prepareForCreate?(object: KubeObject, context: StrategyContext): void;
  /** Before a change: takes from `old` what this (sub)resource may not change. */
  prepareForUpdate?(object: KubeObject, old: KubeObject, context: StrategyContext): void;
  /** Each complaint with its field; none is valid. The schema (types, required, enum) was checked before. */
  validate?(object: KubeObject, context: StrategyContext): readonly StatusCause[];
  /** Besides `validate`, which is asked at each update too: what may not change. */
  validateUpdate?(object: KubeObject, old: KubeObject, context: StrategyContext): readonly StatusCause[];
  /** After validation, before a deletion: seconds of grace (pods) or undefined for at once. */
  gracePeriod?(object: KubeObject, wanted: number | undefined): number | undefined;
  /** Fields that a field selector may name besides metadata.name and metadata.namespace: path → value. */
  selectableFields?(object: KubeObject): Readonly<Record<string, string>>;
  /** The warnings of a create or update: sent as Warning headers. */
  warnings?(object: KubeObject): readonly string[];
}

export interface ScalePaths {
  /** JSON paths without `$`: `.spec.replicas`. */
  readonly spec: string;
  readonly status: string;
  readonly selector?: string;
}

/** Where subresources other than status and scale are served: by the registry's own handlers (binding, eviction, token, approval, ephemeralcontainers, finalize) or by the port for pods (log, exec, …). */
export interface Subresource {
  readonly name: string;
  readonly kind: string;
  readonly group: string;
  readonly version: string;
  readonly verbs: readonly string[];
}

/** Another form of stored objects: events.k8s.io/v1 over the events of v1. Both ways give a new object. */
export interface Form {
  /** The storage's name of the kind that is stored: `events`. */
  readonly of: string;
  toStored(object: KubeObject): KubeObject;
  fromStored(object: KubeObject): KubeObject;
}

/** Objects that are made when they are asked for and never stored, those of one namespace or all. `find` looks at what is stored: `find("nodes", "", "a")`. */
export type Virtual = (asked: {
  readonly namespace: string | undefined;
  readonly find: (resource: string, namespace: string, name: string) => KubeObject | undefined;
}) => readonly KubeObject[];

export interface Resource {
  readonly group: string;
  /** The version that this entry serves. Several entries may stand for the same stored objects. */
  readonly version: string;
  /** The version that objects are stored in. */
  readonly storageVersion: string;
  /** `pods` */
  readonly plural: string;
  readonly singular: string;
  readonly kind: string;
  readonly listKind: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly namespaced: boolean;
  /** get, list, watch, create, update, patch, delete, deletecollection; fewer for reviews (create). */
  readonly verbs: readonly string[];
  readonly schema: Schema;
  readonly definitions: Definitions;
  /** Has /status; and then only that changes `status`. */
  readonly status: boolean;
  readonly scale?: ScalePaths;
  readonly subresources: readonly Subresource[];
  readonly strategy: Strategy;
  readonly table: Table;
  /** Created but never stored: the answer comes from here (reviews). */
  readonly review?: (object: KubeObject, context: { readonly user: UserInfo }) => Promise<KubeObject>;
  /** Got and listed, but never stored: the answers come from here (metrics). */
  readonly virtual?: Virtual;
  /** What is waited for before they are made. */
  readonly prepare?: () => Promise<void>;
  /** Absent for nearly all: what is served is what is stored. */
  readonly form?: Form;
  /** metadata.generation counts changes outside of metadata and status. */
  readonly hasGeneration: boolean;
  /** Not for CRDs: strategic merge patches are accepted. */
  readonly strategicMerge: boolean;
  /** The name of its schema in the OpenAPI documents: `io.k8s.api.core.v1.Pod`, `com.example.v1.Widget`. */
  readonly definition: string;
}

/** Everything that is served at the moment. CRDs come and go. */
export interface Resources {
  all(): readonly Resource[];
  find(group: string, version: string, plural: string): Resource | undefined;
  /** By kind, for owner references, scale and apply. */
  byKind(group: string, kind: string): Resource | undefined;
  /** Counts the changes of what is served: for caches of discovery and OpenAPI. */
  readonly generation: number;
}

/** `pods`, `apps/deployments`: the storage's name of a kind. */
export function storageName({ group, plural, form }: Pick<Resource, "group" | "plural" | "form">): string {
  if (form) return form.of;
  return group === "" ? plural : `${group}/${plural}`;
}

/** The kinds of patch that are taken for it. */
export function patchTypesOf({ strategicMerge }: Pick<Resource, "strategicMerge">): readonly PatchType[] {
  return patchTypes.filter((type) => strategicMerge || type !== "application/strategic-merge-patch+json");
}
