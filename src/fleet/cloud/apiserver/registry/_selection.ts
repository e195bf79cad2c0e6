/** Which objects of a kind a list or watch is about. */
import type { KubeObject } from "../../../../spec/kubernetes/kube.ts";
import type { Resource } from "../resource.ts";
import { badRequest } from "../../../../spec/kubernetes/errors.ts";
import { parseFieldSelector, parseLabelSelector } from "../../../../spec/kubernetes/selectors.ts";

export interface Selection {
  /** No selector: nothing has to be looked at. */
  readonly all: boolean;
  /** The one name that can match, where the selector says one. */
  readonly name: string | undefined;
  matches(object: KubeObject): boolean;
}

/** Throws BadRequest for what cannot be parsed, and for fields that the kind does not offer. */
export function selection(
  resource: Resource,
  options: { readonly labelSelector?: string; readonly fieldSelector?: string },
): Selection {
  const labels = parseLabelSelector(options.labelSelector);
  const fields = parseFieldSelector(options.fieldSelector);
  const known = fieldsOf(resource, { apiVersion: "", kind: resource.kind, metadata: {} });
  for (const { field } of fields.requirements)
    if (!Object.hasOwn(known, field)) throw badRequest(`field label not supported: ${field}`);
  return {
    all: labels.empty && fields.empty,
    name: fields.requirements.find(({ field, equal }) => equal && field === "metadata.name")?.value,
    matches: (object) =>
      labels.matches(object.metadata.labels) && (fields.empty || fields.matches(fieldsOf(resource, object))),
  };
}

function fieldsOf(resource: Resource, object: KubeObject): Readonly<Record<string, string>> {
  const { name = "", namespace = "" } = object.metadata;
  return {
    ...resource.strategy.selectableFields?.(object),
    "metadata.name": name,
    ...(resource.namespaced ? { "metadata.namespace": namespace } : {}),
  };
}
