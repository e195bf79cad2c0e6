/** What metadata must be, the same for every kind. */
import { isDeepStrictEqual } from "node:util";
import type { KubeObject, StatusCause } from "../../../../../spec/kubernetes/kube.ts";
import { invalid, required, tooLong } from "./complaints.ts";
import { labelValue, qualified, type NameRule } from "./names.ts";
import { at, entries, isFields, text, texts } from "./read.ts";

/** All annotations of an object together, in bytes. */
const annotationBytes = 256 * 1024;

export function validateMetadata({ metadata }: KubeObject, rule: NameRule): StatusCause[] {
  return [
    ...nameCauses(metadata, rule),
    ...labelCauses(metadata.labels, "metadata.labels"),
    ...annotationCauses(metadata.annotations, "metadata.annotations"),
    ...texts(metadata.finalizers).flatMap((name) =>
      qualified(name).map((detail) => invalid("metadata.finalizers", name, detail)),
    ),
    ...ownerCauses(metadata.ownerReferences),
  ];
}

export function labelCauses(labels: unknown, field: string): StatusCause[] {
  return Object.entries(at(labels)).flatMap(([key, value]) => [
    ...qualified(key).map((detail) => invalid(field, key, detail)),
    ...labelValue(text(value)).map((detail) => invalid(field, value, detail)),
  ]);
}

export function annotationCauses(annotations: unknown, field: string): StatusCause[] {
  const pairs = Object.entries(at(annotations));
  const bytes = pairs.reduce(
    (sum, [key, value]) => sum + Buffer.byteLength(key) + Buffer.byteLength(text(value)),
    0,
  );
  return [
    ...pairs.flatMap(([key]) => qualified(key.toLowerCase()).map((detail) => invalid(field, key, detail))),
    ...(bytes > annotationBytes ? [tooLong(field, annotationBytes)] : []),
  ];
}

function nameCauses(metadata: KubeObject["metadata"], rule: NameRule): StatusCause[] {
  const { name = "", generateName = "" } = metadata;
  // What will follow the prefix is five letters and digits.
  const ofPrefix = generateName === "" ? [] : rule(`${generateName}aaaaa`);
  return [
    ...ofPrefix.map((detail) => invalid("metadata.generateName", generateName, detail)),
    ...(name === ""
      ? [required("metadata.name", "name or generateName is required")]
      : rule(name).map((detail) => invalid("metadata.name", name, detail))),
  ];
}

function ownerCauses(references: unknown): StatusCause[] {
  const field = "metadata.ownerReferences";
  const owners = entries(references);
  const controllers = owners.filter(({ controller }) => controller === true);
  return [
    ...owners.flatMap((owner, index) =>
      ["apiVersion", "kind", "name", "uid"].flatMap((name) =>
        owner[name] === "" ? [invalid(`${field}[${index}].${name}`, "", "must not be empty")] : [],
      ),
    ),
    ...(controllers.length > 1
      ? [
          invalid(
            field,
            references,
            `Only one reference can have Controller set to true. Found "true" in references for ${text(controllers[0]?.name)} and ${text(controllers[1]?.name)}`,
          ),
        ]
      : []),
  ];
}

/** Whether two values are the same, where absent, null and empty are one. */
export function same(a: unknown, b: unknown): boolean {
  return isDeepStrictEqual(bare(a), bare(b));
}

function bare(value: unknown): unknown {
  if (value === null || value === undefined) return undefined;
  if (Array.isArray(value)) return value.length === 0 ? undefined : value.map(bare);
  if (!isFields(value)) return value;
  const pairs = Object.entries(value)
    .map(([name, inner]) => [name, bare(inner)] as const)
    .filter(([, inner]) => inner !== undefined);
  return Object.fromEntries(pairs);
}
