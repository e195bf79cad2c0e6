/**
 * The language in which fields are described, one for built-in kinds and for those of CustomResourceDefinitions: structural schemas, OpenAPI v3 with Kubernetes' extensions
 * (https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema). As data, so that validation, defaulting,
 * pruning, strategic merge, server-side apply, `kubectl explain` and the OpenAPI documents all come from the same tables.
 */
import type { Json } from "../../../../spec/kubernetes/kube.ts";

export interface Schema {
  readonly type?: "object" | "array" | "string" | "integer" | "number" | "boolean";
  readonly format?: string;
  readonly title?: string;
  readonly description?: string;
  readonly default?: Json;
  readonly nullable?: boolean;
  readonly enum?: readonly Json[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema | boolean;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: boolean;
  readonly exclusiveMaximum?: boolean;
  readonly multipleOf?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly uniqueItems?: boolean;
  readonly minProperties?: number;
  readonly maxProperties?: number;
  readonly allOf?: readonly Schema[];
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly not?: Schema;
  readonly "x-kubernetes-int-or-string"?: boolean;
  readonly "x-kubernetes-preserve-unknown-fields"?: boolean;
  readonly "x-kubernetes-embedded-resource"?: boolean;
  readonly "x-kubernetes-list-type"?: "atomic" | "set" | "map";
  readonly "x-kubernetes-list-map-keys"?: readonly string[];
  readonly "x-kubernetes-map-type"?: "atomic" | "granular";
  /** Strategic merge of built-in kinds. */
  readonly "x-kubernetes-patch-merge-key"?: string;
  /** `merge`, `replace`, `merge,retainKeys`, `retainKeys`. */
  readonly "x-kubernetes-patch-strategy"?: string;
  readonly "x-kubernetes-validations"?: readonly {
    readonly rule: string;
    readonly message?: string;
    readonly [name: string]: unknown;
  }[];
  /** A definition by name (`io.k8s.api.core.v1.PodSpec`); only in built-in tables, which resolve it by definitionOf. */
  readonly $ref?: string;
}

/** Resolves `$ref`. */
export type Definitions = (name: string) => Schema | undefined;
