/** The OpenAPI v2 document: https://swagger.io/specification/v2/ with Kubernetes' extensions. kubectl before 1.27 explains and validates by it. */
import type { Resource } from "../../resource.ts";
import type { Schema } from "../../schema/schema.ts";
import { intOrStringName, quantityName } from "../notation.ts";
import { operationsOf, type Operation, type Parameter } from "./_paths.ts";
import { schemasOf } from "./_schemas.ts";

/** A document of everything that is served. */
export function openApiV2(resources: readonly Resource[]): object {
  const definitions: Record<string, object> = {};
  for (const { name, schema, kinds } of schemasOf(resources)) {
    definitions[name] = {
      ...(special[name] ?? render(schema)),
      ...(kinds.length > 0 ? { "x-kubernetes-group-version-kind": kinds } : {}),
    };
  }
  const paths: Record<string, Record<string, object>> = {};
  for (const operation of resources.flatMap(operationsOf)) {
    (paths[operation.path] ??= {})[operation.method] = renderOperation(operation);
  }
  return {
    swagger: "2.0",
    info: { title: "Kubernetes", version: "v1" },
    paths,
    definitions,
  };
}

const special: Readonly<Record<string, object>> = {
  [quantityName]: { description: "A number with a unit: 100m, 1.5, 64Mi, 2G.", type: "string" },
  [intOrStringName]: {
    description: "A number, or a string such as 25% or a port's name.",
    type: "string",
    format: "int-or-string",
  },
};

/** What v2 has no words for; a type that allows null or several types is said as no type. */
const dropped = [
  "$ref",
  "nullable",
  "anyOf",
  "oneOf",
  "not",
  "allOf",
  "properties",
  "items",
  "additionalProperties",
];

function render(schema: Schema): object {
  const { $ref, properties, items, additionalProperties } = schema;
  const open = schema["x-kubernetes-preserve-unknown-fields"] === true;
  const untyped = open || schema.nullable === true || schema["x-kubernetes-int-or-string"] === true;
  const kept = Object.entries(schema).filter(
    ([name]) => !dropped.includes(name) && !(name === "type" && untyped),
  );
  return {
    ...Object.fromEntries(kept),
    ...($ref ? { $ref: `#/definitions/${$ref}` } : {}),
    ...(properties && !open ? { properties: renderAll(properties) } : {}),
    ...(items && !untyped ? { items: render(items) } : {}),
    ...(typeof additionalProperties === "object" && !untyped
      ? { additionalProperties: render(additionalProperties) }
      : {}),
  };
}

function renderAll(properties: Readonly<Record<string, Schema>>): Record<string, object> {
  return Object.fromEntries(Object.entries(properties).map(([name, schema]) => [name, render(schema)]));
}

function renderOperation(operation: Operation): object {
  const { action, id, kind, method, parameters, consumes, body, answer } = operation;
  const schema = answer ? { $ref: `#/definitions/${answer}` } : { type: "string" };
  return {
    operationId: id,
    consumes,
    produces: ["application/json", "application/yaml"],
    parameters: [...parameters.map(renderParameter), ...(body ? [renderBody(body, method)] : [])],
    responses: { "200": { description: "OK", schema }, "401": { description: "Unauthorized" } },
    "x-kubernetes-action": action,
    "x-kubernetes-group-version-kind": kind,
  };
}

function renderParameter({ name, in: place, type, description }: Parameter): object {
  return {
    name,
    in: place,
    type,
    description,
    uniqueItems: true,
    ...(place === "path" ? { required: true } : {}),
  };
}

function renderBody(type: string, method: string): object {
  return {
    name: "body",
    in: "body",
    required: method !== "delete",
    schema: { $ref: `#/definitions/${type}` },
  };
}
