/** What holds of the metadata of every kind. https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/object-meta/ */
import type { KubeObject, ObjectMeta, StatusCause } from "../../../../spec/kubernetes/kube.ts";
import type { Resource } from "../resource.ts";
import { labelKeyFault, labelValueFault, nameFault } from "../../../../spec/kubernetes/names.ts";

/** Bytes of all annotations of an object. */
const annotationBytes = 256 * 1024;
/** Finalizers without a domain are the garbage collector's and the namespace's own. */
const plainFinalizers = new Set(["orphan", "foregroundDeletion", "kubernetes"]);

/** Built-in kinds look at it with their strategies. */
export function metadataCauses(resource: Resource, { metadata }: KubeObject): StatusCause[] {
  if (resource.strategicMerge) return [];
  const { name = "" } = metadata;
  const fault = nameFault(name);
  return [
    ...(name === "" || fault === undefined ? [] : [bad("metadata.name", name, fault)]),
    ...labelCauses(metadata),
    ...annotationCauses(metadata),
    ...ownerCauses(metadata),
    ...finalizerCauses(metadata),
  ];
}

function bad(field: string, value: unknown, fault: string): StatusCause {
  return { reason: "FieldValueInvalid", message: `Invalid value: ${JSON.stringify(value)}: ${fault}`, field };
}

function labelCauses({ labels = {} }: ObjectMeta): StatusCause[] {
  return Object.entries(labels).flatMap(([key, value]) => {
    const [ofKey, ofValue] = [labelKeyFault(key), labelValueFault(value)];
    return [
      ...(ofKey === undefined ? [] : [bad("metadata.labels", key, ofKey)]),
      ...(ofValue === undefined ? [] : [bad("metadata.labels", value, ofValue)]),
    ];
  });
}

function annotationCauses({ annotations = {} }: ObjectMeta): StatusCause[] {
  const causes = Object.keys(annotations).flatMap((key) => {
    const fault = labelKeyFault(key.toLowerCase());
    return fault === undefined ? [] : [bad("metadata.annotations", key, fault)];
  });
  const bytes = Object.entries(annotations).reduce(
    (sum, [key, value]) => sum + Buffer.byteLength(key) + Buffer.byteLength(value),
    0,
  );
  if (bytes <= annotationBytes) return causes;
  const message = `Too long: may not be more than ${annotationBytes} bytes`;
  return [...causes, { reason: "FieldValueTooLong", message, field: "metadata.annotations" }];
}

function ownerCauses({ ownerReferences = [] }: ObjectMeta): StatusCause[] {
  const causes = ownerReferences.flatMap((owner, index) =>
    (["apiVersion", "kind", "name", "uid"] as const)
      .filter((field) => owner[field] === undefined || owner[field] === "")
      .map((field) => ({
        reason: "FieldValueInvalid",
        message: `Invalid value: "": ${field} must not be empty`,
        field: `metadata.ownerReferences[${index}].${field}`,
      })),
  );
  const controllers = ownerReferences.filter(({ controller }) => controller === true);
  if (controllers.length < 2) return causes;
  const fault = `Only one reference can have Controller set to true. Found "true" in references for ${controllers[0]?.name} and ${controllers[1]?.name}`;
  return [...causes, bad("metadata.ownerReferences", controllers, fault)];
}

function finalizerCauses({ finalizers = [] }: ObjectMeta): StatusCause[] {
  return finalizers.flatMap((finalizer) => {
    const fault = labelKeyFault(finalizer);
    if (fault !== undefined) return [bad("metadata.finalizers", finalizer, fault)];
    if (finalizer.includes("/") || plainFinalizers.has(finalizer)) return [];
    return [
      bad(
        "metadata.finalizers",
        finalizer,
        "name is neither a standard finalizer name nor is it fully qualified",
      ),
    ];
  });
}

/** What may not change, or only in one direction. */
export function metadataUpdateCauses({ metadata }: KubeObject, { metadata: old }: KubeObject): StatusCause[] {
  const causes: StatusCause[] = [];
  for (const field of ["name", "namespace"] as const)
    if (metadata[field] !== old[field])
      causes.push(bad(`metadata.${field}`, metadata[field] ?? "", "field is immutable"));
  const added = (metadata.finalizers ?? []).filter((finalizer) => !old.finalizers?.includes(finalizer));
  if (old.deletionTimestamp !== undefined && added.length > 0)
    causes.push({
      reason: "FieldValueForbidden",
      message: `Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{${added.map((each) => JSON.stringify(each)).join(", ")}}`,
      field: "metadata.finalizers",
    });
  return causes;
}
