/** Objects as `kubectl get` wants them: metav1.Table, and metadata alone. https://kubernetes.io/docs/reference/using-api/api-concepts/#receiving-resources-as-tables */
import { KubeError, type KubeList, type KubeObject } from "../../../../spec/kubernetes/kube.ts";
import type { Resource } from "../resource.ts";
import type { Form } from "./accept.ts";

/** What each row of a table carries besides its cells. */
export type IncludeObject = "None" | "Metadata" | "Object";

export function includeObject(query: URLSearchParams): IncludeObject {
  const wanted = query.get("includeObject") ?? "";
  if (wanted === "" || wanted === "Metadata") return "Metadata";
  if (wanted === "None" || wanted === "Object") return wanted;
  throw new KubeError("BadRequest", `unrecognized includeObject value: ${JSON.stringify(wanted)}`);
}

export interface Rendering {
  readonly resource: Resource;
  readonly form: Form;
  readonly include: IncludeObject;
  /** In milliseconds since 1970, for ages. */
  readonly now: number;
}

interface ListMetadata {
  readonly resourceVersion?: string;
  readonly continue?: string;
  readonly remainingItemCount?: number;
}

/** `withColumns` is false for what follows the first event of a watch. */
export function tableOf(
  objects: readonly KubeObject[],
  metadata: ListMetadata,
  { resource, form, include, now, withColumns = true }: Rendering & { readonly withColumns?: boolean },
): object {
  const { columns } = resource.table;
  return {
    kind: "Table",
    apiVersion: `meta.k8s.io/${form.version ?? "v1"}`,
    metadata,
    columnDefinitions: withColumns
      ? columns.map(({ name, type, format = "", description = "", priority }) => ({
          name,
          type,
          format,
          description,
          priority,
        }))
      : null,
    rows: objects.map((object) => ({
      cells: resource.table.cells(object, now),
      ...carried(object, include, form),
    })),
  };
}

function carried(object: KubeObject, include: IncludeObject, form: Form): { object?: object } {
  if (include === "None") return {};
  return { object: include === "Object" ? object : metadataOf(object, form) };
}

/** PartialObjectMetadata of one object. */
export function metadataOf(object: KubeObject, form: Form): object {
  return {
    kind: "PartialObjectMetadata",
    apiVersion: `meta.k8s.io/${form.version ?? "v1"}`,
    metadata: object.metadata,
  };
}

/** One object in the wanted form. */
export function renderObject(object: KubeObject, rendering: Rendering): object {
  const { as } = rendering.form;
  if (as === undefined || object.kind === "Status") return object;
  if (as === "Table") return tableOf([object], revisionOf(object), rendering);
  if (as === "PartialObjectMetadata") return metadataOf(object, rendering.form);
  throw new KubeError(
    "NotAcceptable",
    `you requested ${as}, but the requested object is not a list (${object.kind})`,
  );
}

function revisionOf({ metadata }: KubeObject): ListMetadata {
  return metadata.resourceVersion === undefined ? {} : { resourceVersion: metadata.resourceVersion };
}

/** A list in another form than its own. */
export function renderList(list: KubeList, rendering: Rendering): object {
  const { as, version = "v1" } = rendering.form;
  const metadata = listMetadata(list);
  if (as === "Table") return tableOf(list.items, metadata, rendering);
  if (as === "PartialObjectMetadataList")
    return {
      kind: "PartialObjectMetadataList",
      apiVersion: `meta.k8s.io/${version}`,
      metadata,
      items: list.items.map((object) => metadataOf(object, rendering.form)),
    };
  throw new KubeError(
    "NotAcceptable",
    `you requested ${as}, but the requested object is a list (${rendering.resource.listKind})`,
  );
}

export function listMetadata(list: KubeList): ListMetadata {
  return {
    resourceVersion: list.resourceVersion,
    ...(list.continue === undefined ? {} : { continue: list.continue }),
    ...(list.remainingItemCount === undefined ? {} : { remainingItemCount: list.remainingItemCount }),
  };
}
