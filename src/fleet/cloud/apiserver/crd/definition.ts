/** CustomResourceDefinitions as data. https://kubernetes.io/docs/reference/kubernetes-api/extend-resources/custom-resource-definition-v1/ */
import type { KubeObject } from "../../../../spec/kubernetes/kube.ts";
import type { Resource } from "../resource.ts";
import { isFields } from "../schema/json.ts";
import type { Schema } from "../schema/schema.ts";

/** The storage's name of the kind. */
export const definitionsName = "apiextensions.k8s.io/customresourcedefinitions";
/** Holds a definition until its objects are gone. */
export const cleanupFinalizer = "customresourcecleanup.apiextensions.k8s.io";

export type Names = Pick<Resource, "plural" | "singular" | "kind" | "listKind" | "shortNames" | "categories">;

export interface PrinterColumn {
  readonly name: string;
  readonly type: string;
  readonly format?: string;
  readonly description?: string;
  readonly priority?: number;
  readonly jsonPath: string;
}

export interface Version {
  readonly name: string;
  readonly served: boolean;
  readonly storage: boolean;
  readonly deprecated: boolean;
  readonly deprecationWarning: string | undefined;
  readonly schema: Schema | undefined;
  readonly status: boolean;
  readonly scale: { readonly spec: string; readonly status: string; readonly selector?: string } | undefined;
  readonly columns: readonly PrinterColumn[];
  readonly selectableFields: readonly string[];
}

export interface Definition {
  readonly group: string;
  readonly namespaced: boolean;
  readonly names: Names;
  readonly versions: readonly Version[];
}

type Fields = Readonly<Record<string, unknown>>;

/** What a definition says, with names that it leaves out. The types were checked when it was decoded, so what is missing here is empty. */
export function readDefinition(object: KubeObject): Definition {
  const spec = fields(object["spec"]);
  return {
    group: text(spec["group"]),
    namespaced: spec["scope"] === "Namespaced",
    names: readNames(fields(spec["names"])),
    versions: list(spec["versions"]).map((version) => readVersion(fields(version))),
  };
}

export function readNames(names: Fields): Names {
  const kind = text(names["kind"]);
  return {
    plural: text(names["plural"]),
    singular: text(names["singular"]) || kind.toLowerCase(),
    kind,
    listKind: text(names["listKind"]) || `${kind}List`,
    shortNames: list(names["shortNames"]).map(text),
    categories: list(names["categories"]).map(text),
  };
}

function readVersion(version: Fields): Version {
  const subresources = fields(version["subresources"]);
  const warning = version["deprecationWarning"];
  const schema = fields(version["schema"])["openAPIV3Schema"];
  return {
    name: text(version["name"]),
    served: version["served"] === true,
    storage: version["storage"] === true,
    deprecated: version["deprecated"] === true,
    deprecationWarning: typeof warning === "string" ? warning : undefined,
    schema: isFields(schema) ? (schema as Schema) : undefined,
    status: isFields(subresources["status"]),
    scale: readScale(subresources["scale"]),
    columns: list(version["additionalPrinterColumns"]).map(
      (column) => fields(column) as unknown as PrinterColumn,
    ),
    selectableFields: list(version["selectableFields"]).map((field) => text(fields(field)["jsonPath"])),
  };
}

function readScale(scale: unknown): Version["scale"] {
  if (!isFields(scale)) return undefined;
  const selector = scale["labelSelectorPath"];
  return {
    spec: text(scale["specReplicasPath"]),
    status: text(scale["statusReplicasPath"]),
    ...(typeof selector === "string" && selector !== "" ? { selector } : {}),
  };
}

/** The name that a definition must have. */
export function definitionName({ group, names }: Pick<Definition, "group" | "names">): string {
  return `${names.plural}.${group}`;
}

export function isTerminating(object: KubeObject): boolean {
  return object.metadata.deletionTimestamp !== undefined;
}

/** The names are its own and it is served. */
export function isEstablished(object: KubeObject): boolean {
  return conditionsOf(object).some(({ type, status }) => type === "Established" && status === "True");
}

export interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
  readonly lastTransitionTime?: string;
}

export function conditionsOf(object: KubeObject): readonly Condition[] {
  return list(fields(object["status"])["conditions"]).map(
    (condition) => fields(condition) as unknown as Condition,
  );
}

export function fields(value: unknown): Fields {
  return isFields(value) ? value : {};
}

export function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

export function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}
