/** OpenAPI v3 documents, one for each group and version: https://spec.openapis.org/oas/v3.0.0 with Kubernetes' extensions. */
import type { Resource } from "../../resource.ts";
import type { Schema } from "../../schema/schema.ts";
import { intOrStringName, quantityName } from "../notation.ts";
import { operationsOf, type Operation, type Parameter } from "./_paths.ts";
import { schemasOf } from "./_schemas.ts";

/** A document of what is served in one version of one group. */
export function openApiV3(
  resources: readonly Resource[],
  { group, version }: { readonly group: string; readonly version: string },
): object {
  const served = resources.filter((each) => each.group === group && each.version === version);
  const schemas: Record<string, object> = {};
  for (const { name, schema, kinds } of schemasOf(served)) {
    schemas[name] = {
      ...(special[name] ?? render(schema)),
      ...(kinds.length > 0 ? { "x-kubernetes-group-version-kind": kinds } : {}),
    };
  }
  const paths: Record<string, Record<string, object>> = {};
  for (const operation of served.flatMap(operationsOf)) {
    (paths[operation.path] ??= {})[operation.method] = renderOperation(operation);
  }
  return { openapi: "3.0.0", info: { title: "Kubernetes", version: "v1" }, paths, components: { schemas } };
}

const special: Readonly<Record<string, object>> = {
  [quantityName]: {
    description: "A number with a unit: 100m, 1.5, 64Mi, 2G.",
    oneOf: [{ type: "string" }, { type: "number" }],
  },
  [intOrStringName]: {
    description: "A number, or a string such as 25% or a port's name.",
    format: "int-or-string",
    oneOf: [{ type: "integer" }, { type: "string" }],
  },
};

const inner = ["$ref", "properties", "items", "additionalProperties", "allOf", "anyOf", "oneOf", "not"];

function render(schema: Schema): object {
  const { $ref, properties, items, additionalProperties: rest, allOf, anyOf, oneOf, not } = schema;
  const kept = Object.fromEntries(Object.entries(schema).filter(([name]) => !inner.includes(name)));
  const reference = $ref ? { $ref: `#/components/schemas/${$ref}` } : undefined;
  // A reference has no siblings in v3.0.
  if (reference) return Object.keys(kept).length === 0 ? reference : { ...kept, allOf: [reference] };
  return {
    ...kept,
    ...(properties ? { properties: renderAll(properties) } : {}),
    ...(items ? { items: render(items) } : {}),
    ...(rest === undefined ? {} : { additionalProperties: typeof rest === "object" ? render(rest) : rest }),
    ...(allOf ? { allOf: allOf.map(render) } : {}),
    ...(anyOf ? { anyOf: anyOf.map(render) } : {}),
    ...(oneOf ? { oneOf: oneOf.map(render) } : {}),
    ...(not ? { not: render(not) } : {}),
  };
}

function renderAll(properties: Readonly<Record<string, Schema>>): Record<string, object> {
  return Object.fromEntries(Object.entries(properties).map(([name, schema]) => [name, render(schema)]));
}

function renderOperation(operation: Operation): object {
  const { action, id, kind, method, parameters, consumes, body, answer } = operation;
  const content = answer
    ? {
        "application/json": { schema: referenceTo(answer) },
        "application/yaml": { schema: referenceTo(answer) },
      }
    : { "text/plain": { schema: { type: "string" } } };
  return {
    operationId: id,
    parameters: parameters.map(renderParameter),
    ...(body
      ? {
          requestBody: {
            content: Object.fromEntries(consumes.map((type) => [type, { schema: referenceTo(body) }])),
            ...(method === "delete" ? {} : { required: true }),
          },
        }
      : {}),
    responses: { "200": { description: "OK", content }, "401": { description: "Unauthorized" } },
    "x-kubernetes-action": action,
    "x-kubernetes-group-version-kind": kind,
  };
}

function referenceTo(name: string): object {
  return { $ref: `#/components/schemas/${name}` };
}

function renderParameter({ name, in: place, type, description }: Parameter): object {
  return {
    name,
    in: place,
    description,
    schema: { type, uniqueItems: true },
    ...(place === "path" ? { required: true } : {}),
  };
}
