/** What makes a CustomResourceDefinition valid, beyond the types of its fields. */
import type { KubeObject, StatusCause } from "../../../../spec/kubernetes/kube.ts";
import { ruleCauses } from "../schema/rules.ts";
import { immutableRule, invalid, notSupported, required } from "../types/fields/complaints.ts";
import { label1035, label, subdomain } from "../types/fields/names.ts";
import {
  type Definition,
  definitionName,
  fields,
  isEstablished,
  list,
  readDefinition,
  text,
  type Version,
} from "./definition.ts";
import { parseJsonPath } from "./json-path.ts";
import { wholeSchema } from "./schema.ts";
import { structuralCauses } from "./structural.ts";

export function definitionCauses(object: KubeObject): readonly StatusCause[] {
  const definition = readDefinition(object);
  const spec = fields(object["spec"]);
  const { name } = object.metadata;
  const wanted = definitionName(definition);
  return [
    ...(name === wanted ? [] : [invalid("metadata.name", name, `must be spec.names.plural+"."+spec.group`)]),
    ...groupCauses(object, definition.group),
    ...namesCauses(definition),
    ...versionsCauses(definition),
    ...definition.versions.flatMap((version, index) => versionCauses(version, `spec.versions[${index}]`)),
    ...conversionCauses(spec),
    ...storedCauses(object, definition),
  ];
}

const approved = "api-approved.kubernetes.io";

function groupCauses({ metadata }: KubeObject, group: string): readonly StatusCause[] {
  if (group === "") return [required("spec.group")];
  const causes = subdomain(group).map((detail) => invalid("spec.group", group, detail));
  if (!group.includes("."))
    causes.push(invalid("spec.group", group, "should be a domain with at least one dot"));
  const isProtected = /(?:^|\.)(?:k8s|kubernetes)\.io$/.test(group);
  if (isProtected && !metadata.annotations?.[approved])
    causes.push(
      required(
        `metadata.annotations[${approved}]`,
        `protected groups must have approval annotation "${approved}", see https://github.com/kubernetes/enhancements/pull/1111`,
      ),
    );
  return causes;
}

function namesCauses({ names }: Definition): readonly StatusCause[] {
  const at = (
    field: string,
    value: string,
    rule: (value: string) => readonly string[],
  ): readonly StatusCause[] => rule(value).map((detail) => invalid(`spec.names.${field}`, value, detail));
  const mixed = (value: string): readonly string[] =>
    label1035(value.toLowerCase()).map(
      (detail) => `may have mixed case, but should otherwise match: ${detail}`,
    );
  return [
    ...(names.plural === "" ? [required("spec.names.plural")] : at("plural", names.plural, label1035)),
    ...at("singular", names.singular, label1035),
    ...at("kind", names.kind, mixed),
    ...at("listKind", names.listKind, mixed),
    ...names.shortNames.flatMap((name, index) => at(`shortNames[${index}]`, name, label)),
    ...names.categories.flatMap((name, index) => at(`categories[${index}]`, name, label1035)),
    ...(names.kind !== "" && names.kind === names.listKind
      ? [invalid("spec.names.listKind", names.listKind, "kind and listKind may not be the same")]
      : []),
  ];
}

function versionsCauses({ versions }: Definition): readonly StatusCause[] {
  const names = versions.map(({ name }) => name);
  const causes: StatusCause[] = [];
  if (new Set(names).size < names.length)
    causes.push(invalid("spec.versions", names, "must contain unique version names"));
  if (versions.filter(({ storage }) => storage).length !== 1)
    causes.push(invalid("spec.versions", names, "must have exactly one version marked as storage version"));
  return causes;
}

function versionCauses(version: Version, path: string): readonly StatusCause[] {
  const { name, schema } = version;
  const schemaPath = `${path}.schema.openAPIV3Schema`;
  const structural = schema
    ? structuralCauses(schema, schemaPath)
    : [required(schemaPath, "schemas are required")];
  return [
    ...label1035(name).map((detail) => invalid(`${path}.name`, name, detail)),
    ...structural,
    // Rules are read only where the schema is one.
    ...(schema && structural.length === 0 ? ruleCauses(wholeSchema(schema), schemaPath) : []),
    ...columnCauses(version, path),
    ...scaleCauses(version, path),
    ...version.selectableFields.flatMap((field, index) =>
      pathCauses(field, `${path}.selectableFields[${index}].jsonPath`),
    ),
    ...(version.deprecationWarning !== undefined && !version.deprecated
      ? [
          invalid(
            `${path}.deprecationWarning`,
            version.deprecationWarning,
            "can only be set for deprecated versions",
          ),
        ]
      : []),
  ];
}

const columnTypes = ["boolean", "date", "integer", "number", "string"];

function columnCauses({ columns }: Version, path: string): readonly StatusCause[] {
  return columns.flatMap((column, index) => {
    const at = `${path}.additionalPrinterColumns[${index}]`;
    return [
      ...(column.name ? [] : [required(`${at}.name`)]),
      ...(columnTypes.includes(column.type)
        ? []
        : [notSupported(`${at}.type`, column.type ?? "", columnTypes)]),
      ...pathCauses(column.jsonPath, `${at}.jsonPath`),
    ];
  });
}

function pathCauses(path: string | undefined, field: string): readonly StatusCause[] {
  if (!path) return [required(field)];
  const parsed = parseJsonPath(path);
  return typeof parsed === "string" ? [invalid(field, path, `must be a valid JSON path: ${parsed}`)] : [];
}

const simplePath = /^(?:\.[A-Za-z_$][\w$-]*)+$/;

function scaleCauses({ scale }: Version, path: string): readonly StatusCause[] {
  if (!scale) return [];
  const at = `${path}.subresources.scale`;
  const under = (value: string, field: string, roots: readonly string[]): readonly StatusCause[] => {
    if (value === "") return [required(`${at}.${field}`)];
    if (!simplePath.test(value))
      return [invalid(`${at}.${field}`, value, "should be a simple json path without arrays")];
    const inside = roots.some((root) => value.startsWith(`${root}.`));
    return inside
      ? []
      : [invalid(`${at}.${field}`, value, `should be a json path under ${roots.join(" or ")}`)];
  };
  return [
    ...under(scale.spec, "specReplicasPath", [".spec"]),
    ...under(scale.status, "statusReplicasPath", [".status"]),
    ...(scale.selector === undefined ? [] : under(scale.selector, "labelSelectorPath", [".spec", ".status"])),
  ];
}

/** Objects are not converted: only their apiVersion differs between versions. */
function conversionCauses(spec: Readonly<Record<string, unknown>>): readonly StatusCause[] {
  const strategy = text(fields(spec["conversion"])["strategy"]);
  const causes: StatusCause[] = [];
  if (strategy !== "" && strategy !== "None")
    causes.push(notSupported("spec.conversion.strategy", strategy, ["None"]));
  if (spec["preserveUnknownFields"] === true)
    causes.push(
      invalid(
        "spec.preserveUnknownFields",
        true,
        "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead",
      ),
    );
  return causes;
}

function storedCauses(object: KubeObject, { versions }: Definition): readonly StatusCause[] {
  const stored = list(fields(object["status"])["storedVersions"]).map(text);
  return stored.flatMap((name, index) =>
    versions.some((version) => version.name === name)
      ? []
      : [
          invalid(
            `status.storedVersions[${index}]`,
            name,
            `missing from spec.versions; ${name} was previously a storage version, and must remain in spec.versions until a storage migration ensures no data remains persisted in ${name} and removes ${name} from status.storedVersions`,
          ),
        ],
  );
}

export function definitionUpdateCauses(object: KubeObject, old: KubeObject): readonly StatusCause[] {
  if (!isEstablished(old)) return [];
  const [now, before] = [readDefinition(object), readDefinition(old)];
  return [
    ...(now.group === before.group ? [] : [invalid("spec.group", now.group, immutableRule)]),
    ...(now.names.plural === before.names.plural
      ? []
      : [invalid("spec.names.plural", now.names.plural, immutableRule)]),
    ...(now.names.kind === before.names.kind
      ? []
      : [invalid("spec.names.kind", now.names.kind, immutableRule)]),
    ...(now.namespaced === before.namespaced
      ? []
      : [invalid("spec.scope", now.namespaced ? "Namespaced" : "Cluster", immutableRule)]),
  ];
}
