/** Which types a document has: those of the kinds that it is about, their lists, what they refer to, and what every request and answer may hold. */
import type { Resource } from "../../resource.ts";
import type { Schema } from "../../schema/schema.ts";
import { definitions, typePackages } from "../definitions.ts";

const meta = typePackages.meta.name;
export const metaName = (type: string): string => `${meta}.${type}`;

export interface GroupVersionKind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

/** A type of a document, and the kinds that it is the type of. */
export interface NamedSchema {
  readonly name: string;
  readonly schema: Schema;
  readonly kinds: readonly GroupVersionKind[];
}

const envelope: Readonly<Record<string, Schema>> = {
  apiVersion: { type: "string", description: "Group and version of this form of the object." },
  kind: { type: "string", description: "The kind of the object." },
};

export function listName({ definition }: Resource): string {
  return `${definition}List`;
}

/** In the order of their names. */
export function schemasOf(resources: readonly Resource[]): NamedSchema[] {
  const found = new Map<string, NamedSchema>();
  for (const resource of resources) {
    const { group, version, kind, listKind, definition } = resource;
    found.set(definition, { name: definition, schema: whole(resource), kinds: [{ group, version, kind }] });
    if (!resource.verbs.includes("list")) continue;
    const name = listName(resource);
    found.set(name, { name, schema: listOf(resource), kinds: [{ group, version, kind: listKind }] });
  }
  const subresources = resources.flatMap((resource) => [
    ...resource.subresources.map(({ group, kind }) => subresourceType(resource, group, kind)),
    ...(resource.scale ? [scaleName] : []),
  ]);
  const roots = [
    metaName("Status"),
    metaName("DeleteOptions"),
    ...subresources.filter((name) => name !== undefined),
  ];
  const waiting = [...roots, ...[...found.values()].flatMap(({ schema }) => references(schema))];
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    if (found.has(name)) continue;
    const schema = definitions(name);
    if (!schema) continue;
    found.set(name, { name, schema, kinds: extraKinds[name] ?? [] });
    waiting.push(...references(schema));
  }
  found.set(patchName, { name: patchName, schema: patchSchema, kinds: [] });
  return [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

export const scaleName = "io.k8s.api.autoscaling.v1.Scale";
export const patchName = metaName("Patch");
const patchSchema: Schema = { type: "object", description: "A change, in one of the forms of patches." };

const extraKinds: Readonly<Record<string, readonly GroupVersionKind[]>> = {
  [scaleName]: [{ group: "autoscaling", version: "v1", kind: "Scale" }],
  "io.k8s.api.policy.v1.Eviction": [{ group: "policy", version: "v1", kind: "Eviction" }],
  "io.k8s.api.core.v1.Binding": [{ group: "", version: "v1", kind: "Binding" }],
  "io.k8s.api.authentication.v1.TokenRequest": [
    { group: "authentication.k8s.io", version: "v1", kind: "TokenRequest" },
  ],
  [metaName("DeleteOptions")]: [{ group: "", version: "v1", kind: "DeleteOptions" }],
  [metaName("Status")]: [{ group: "", version: "v1", kind: "Status" }],
};

/** Undefined for what has no type of its own (options of streams, log). */
export function subresourceType(resource: Resource, group: string, kind: string): string | undefined {
  if (kind === resource.kind && group === resource.group) return resource.definition;
  return Object.entries(extraKinds).find(([, kinds]) =>
    kinds.some((each) => each.group === group && each.kind === kind),
  )?.[0];
}

/** The type of a kind; those of CustomResourceDefinitions say nothing of what every object has. */
function whole({ schema, strategicMerge }: Resource): Schema {
  if (strategicMerge) return schema;
  const { metadata: _metadata, ...own } = schema.properties ?? {};
  return {
    ...schema,
    properties: { ...envelope, metadata: { $ref: metaName("ObjectMeta") }, ...own },
  };
}

function listOf({ definition, kind }: Resource): Schema {
  return {
    description: `A list of objects of the kind ${kind}.`,
    type: "object",
    required: ["items"],
    properties: {
      ...envelope,
      items: { type: "array", items: { $ref: definition } },
      metadata: { $ref: metaName("ListMeta") },
    },
  };
}

/** The names of the types that a type refers to. */
function references(schema: Schema): string[] {
  const inner = [
    ...Object.values(schema.properties ?? {}),
    ...(schema.items ? [schema.items] : []),
    ...(typeof schema.additionalProperties === "object" ? [schema.additionalProperties] : []),
  ];
  return [...(schema.$ref ? [schema.$ref] : []), ...inner.flatMap(references)];
}
