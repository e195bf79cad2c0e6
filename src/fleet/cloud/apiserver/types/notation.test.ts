import { describe, expect, test } from "bun:test";
import type { Schema } from "../schema/schema.ts";
import { definitions } from "./definitions.ts";
import { openDefinitions } from "./notation.ts";

const sample = `
Thing atomic -- Something.
  name*  string                  -- Its name.
  kind   B|A|                    =A
  parts  [Part]                  merge(id):merge,retainKeys map(id,other)
  labels {string}                mapatomic
  other  more.Part               retainKeys ={}
  meta   ObjectMeta

Part
  id   int
  size Quantity
`;

const packages = {
  meta: { name: "org.meta", tables: ["ObjectMeta\n  name string"] },
  own: { name: "org.own", tables: [sample] },
  more: { name: "org.more", tables: ["Part\n  at time"] },
};

describe("the notation of type tables", () => {
  const find = openDefinitions(packages);

  test("a type expands with its fields, marks and references", () => {
    expect(find("org.own.Thing")).toEqual({
      description: "Something.",
      type: "object",
      required: ["name"],
      "x-kubernetes-map-type": "atomic",
      properties: {
        name: { type: "string", description: "Its name." },
        kind: { type: "string", enum: ["", "A", "B"], default: "A" },
        parts: {
          type: "array",
          items: { $ref: "org.own.Part" },
          "x-kubernetes-patch-merge-key": "id",
          "x-kubernetes-patch-strategy": "merge,retainKeys",
          "x-kubernetes-list-type": "map",
          "x-kubernetes-list-map-keys": ["id", "other"],
        },
        labels: {
          type: "object",
          additionalProperties: { type: "string" },
          "x-kubernetes-map-type": "atomic",
        },
        other: { $ref: "org.more.Part", "x-kubernetes-patch-strategy": "retainKeys", default: {} },
        meta: { $ref: "org.meta.ObjectMeta" },
      },
    });
  });

  test("a type that no table has is not found", () => {
    expect(find("org.own.Nothing")).toBeUndefined();
  });
});

describe("the tables", () => {
  const refs = (schema: Schema | undefined): string[] =>
    JSON.stringify(schema ?? {})
      .split('"$ref":"')
      .slice(1)
      .map((rest) => rest.slice(0, rest.indexOf('"')));

  test("every reference leads to a type", () => {
    const dangling = definitions
      .names()
      .flatMap((name) => refs(definitions(name)).filter((reference) => !definitions(reference)));
    expect(dangling).toEqual([]);
  });

  test("fields that a list is keyed by exist and are no lists", () => {
    const odd: string[] = [];
    for (const name of definitions.names()) {
      for (const [field, schema] of Object.entries(definitions(name)?.properties ?? {})) {
        const item = definitions(schema.items?.$ref ?? "");
        for (const key of schema["x-kubernetes-list-map-keys"] ?? []) {
          if (item?.properties?.[key]?.type === undefined) odd.push(`${name}.${field} ${key}`);
        }
      }
    }
    expect(odd).toEqual([]);
  });
});
