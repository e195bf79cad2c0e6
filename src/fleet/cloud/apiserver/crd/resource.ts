/** A version of a CustomResourceDefinition as a kind that is served. */
import { KubeError, type KubeObject, type StatusCause } from "../../../../spec/kubernetes/kube.ts";
import type { Resource, Strategy } from "../resource.ts";
import { dropNulls } from "../schema/coerce.ts";
import { validateRules } from "../schema/rules.ts";
import type { Definitions, Schema } from "../schema/schema.ts";
import { printerTable } from "./columns.ts";
import {
  type Definition,
  definitionName,
  definitionsName,
  isTerminating,
  readDefinition,
  type Version,
} from "./definition.ts";
import { findByPath, parseJsonPath } from "./json-path.ts";
import { wholeSchema } from "./schema.ts";

const verbs = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];
/** Custom resources name no other types. */
const noDefinitions: Definitions = () => undefined;

/** One for each served version. */
export function customResources(object: KubeObject): readonly Resource[] {
  const definition = readDefinition(object);
  const storage = definition.versions.find((version) => version.storage);
  if (!storage) return [];
  return definition.versions
    .filter(({ served }) => served)
    .map((version) => customResource(definition, version, storage.name));
}

function customResource(definition: Definition, version: Version, storageVersion: string): Resource {
  const { group, names, namespaced } = definition;
  const schema = wholeSchema(version.schema);
  return {
    group,
    version: version.name,
    storageVersion,
    plural: names.plural,
    singular: names.singular,
    kind: names.kind,
    listKind: names.listKind,
    shortNames: names.shortNames,
    categories: names.categories,
    namespaced,
    verbs,
    schema,
    definitions: noDefinitions,
    status: version.status,
    ...(version.scale ? { scale: version.scale } : {}),
    subresources: [],
    strategy: customStrategy(definition, version, schema),
    table: printerTable(version.columns),
    hasGeneration: true,
    strategicMerge: false,
    definition: `${group.split(".").toReversed().join(".")}.${version.name}.${names.kind}`,
  };
}

function customStrategy(definition: Definition, version: Version, schema: Schema): Strategy {
  const name = definitionName(definition);
  const rules = (object: KubeObject, old?: KubeObject): readonly StatusCause[] =>
    validateRules(object, old, schema);
  return {
    default: (object) => removeNulls(object, schema),
    prepareForCreate(_object, context) {
      const owner = context.find(definitionsName, "", name);
      // Else there would be no end to their deletion.
      if (!owner || isTerminating(owner))
        throw new KubeError(
          "MethodNotAllowed",
          "create not allowed while custom resource definition is terminating",
        );
    },
    // An update asks the same rules with the old object beside, and only then; what is new has no version yet.
    validate: (object) => (object.metadata.resourceVersion === undefined ? rules(object) : []),
    validateUpdate: (object, old) => rules(object, old),
    selectableFields: selectable(version.selectableFields),
    ...(version.deprecated ? { warnings: () => [deprecation(definition, version)] } : {}),
  };
}

/** Nulls that the schema does not allow count as missing, but for those in lists. */
function removeNulls(object: KubeObject, schema: Schema): void {
  const cleaned = dropNulls(object, schema, noDefinitions);
  if (cleaned === object) return;
  for (const field of Object.keys(object)) if (!Object.hasOwn(cleaned, field)) delete object[field];
  Object.assign(object, cleaned);
}

function selectable(paths: readonly string[]): (object: KubeObject) => Readonly<Record<string, string>> {
  const parsed = paths.flatMap((path) => {
    const steps = parseJsonPath(path);
    return typeof steps === "string" ? [] : [[path.replace(/^\./, ""), steps] as const];
  });
  return (object) =>
    Object.fromEntries(
      parsed.map(([name, steps]) => {
        const [value] = findByPath(object, steps);
        const plain = typeof value === "string" || typeof value === "number" || typeof value === "boolean";
        return [name, plain ? String(value) : ""];
      }),
    );
}

function deprecation({ group, names }: Definition, { name, deprecationWarning }: Version): string {
  return deprecationWarning ?? `${group}/${name} ${names.kind} is deprecated`;
}
