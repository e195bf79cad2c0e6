import { describe, expect, test } from "bun:test";
import type { KubeObject } from "../../../../spec/kubernetes/kube.ts";
import { definitionCauses, definitionUpdateCauses } from "./validate.ts";

type Spec = Record<string, unknown>;
const schemaPath = "spec.versions[0].schema.openAPIV3Schema";

function definition(spec: Spec = {}, more: Spec = {}, name = "widgets.example.com"): KubeObject {
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name },
    spec: {
      group: "example.com",
      scope: "Namespaced",
      names: { plural: "widgets", kind: "Widget" },
      versions: [version({ type: "object" })],
      ...spec,
    },
    ...more,
  };
}

function version(schema: Spec | undefined, more: Spec = {}): Spec {
  return {
    name: "v1",
    served: true,
    storage: true,
    ...(schema ? { schema: { openAPIV3Schema: schema } } : {}),
    ...more,
  };
}

const told = (object: KubeObject): string[] =>
  definitionCauses(object).map(({ field, message }) => `${field}: ${message}`);
const withSchema = (schema: Spec): KubeObject => definition({ versions: [version(schema)] });
const field = (schema: Spec): KubeObject => withSchema({ type: "object", properties: { f: schema } });
const at = `${schemaPath}.properties[f]`;

describe("a schema that is structural", () => {
  const rows: readonly (readonly [string, Spec])[] = [
    ["plain types", { type: "string", minLength: 1, pattern: "^a", enum: ["a"], nullable: true }],
    [
      "an int or string",
      {
        "x-kubernetes-int-or-string": true,
        anyOf: [{ type: "integer" }, { type: "string" }],
        pattern: "^[0-9]+$",
      },
    ],
    ["a map", { type: "object", additionalProperties: { type: "string" } }],
    ["an open object", { type: "object", "x-kubernetes-preserve-unknown-fields": true }],
    ["anything", { "x-kubernetes-preserve-unknown-fields": true }],
    [
      "an embedded resource",
      {
        type: "object",
        "x-kubernetes-embedded-resource": true,
        "x-kubernetes-preserve-unknown-fields": true,
      },
    ],
    [
      "a list with keys",
      {
        type: "array",
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["a", "b"],
        items: {
          type: "object",
          required: ["a"],
          properties: { a: { type: "string" }, b: { type: "string", default: "x" } },
        },
      },
    ],
    ["a set", { type: "array", "x-kubernetes-list-type": "set", items: { type: "string" } }],
    ["an atomic map", { type: "object", "x-kubernetes-map-type": "atomic", properties: {} }],
    [
      "restrictions in all ways",
      {
        type: "object",
        properties: { a: { type: "integer" } },
        oneOf: [{ required: ["a"] }, { properties: { a: { minimum: 1 } } }],
        not: { required: ["b"] },
      },
    ],
    ["a default that fits", { type: "object", default: { a: 1 }, properties: { a: { type: "integer" } } }],
    [
      "rules",
      {
        type: "object",
        properties: { a: { type: "integer" } },
        "x-kubernetes-validations": [{ rule: "self.a > 0" }],
      },
    ],
  ];
  for (const [name, schema] of rows)
    test(`with ${name} is accepted`, () => {
      expect(told(field(schema))).toEqual([]);
    });
});

describe("a schema that is not structural is refused:", () => {
  const rows: readonly (readonly [KubeObject, string])[] = [
    [withSchema({}), `${schemaPath}.type: Required value: must not be empty at the root`],
    [
      withSchema({ type: "string" }),
      `${schemaPath}.type: Invalid value: "string": must be object at the root`,
    ],
    [
      withSchema({
        type: "object",
        properties: { metadata: { type: "object", properties: { labels: { type: "object" } } } },
      }),
      `${schemaPath}.properties[metadata]: Forbidden: must not specify anything other than name and generateName, but metadata is implicitly specified`,
    ],
    [field({}), `${at}.type: Required value: must not be empty for specified object fields`],
    [
      field({ type: "text" }),
      `${at}.type: Unsupported value: "text": supported values: "array", "boolean", "integer", "number", "object", "string"`,
    ],
    [field({ type: "array" }), `${at}.items: Required value: must be specified`],
    [
      field({ type: "array", items: {} }),
      `${at}.items.type: Required value: must not be empty for specified array items`,
    ],
    [
      field({ type: "integer", "x-kubernetes-int-or-string": true }),
      `${at}.type: Invalid value: "integer": must be empty if x-kubernetes-int-or-string is true`,
    ],
    [field({ type: "object", $ref: "#/x" }), `${at}.$ref: Forbidden: $ref is not supported`],
    [
      field({ type: "object", patternProperties: {} }),
      `${at}.patternProperties: Forbidden: patternProperties is not supported`,
    ],
    [
      field({ type: "array", items: { type: "string" }, uniqueItems: true }),
      `${at}.uniqueItems: Forbidden: uniqueItems cannot be set to true since the runtime complexity becomes quadratic`,
    ],
    [
      field({ type: "object", additionalProperties: false }),
      `${at}.additionalProperties: Forbidden: additionalProperties cannot be set to false`,
    ],
    [
      field({
        type: "object",
        properties: { a: { type: "string" } },
        additionalProperties: { type: "string" },
      }),
      `${at}.additionalProperties: Forbidden: additionalProperties and properties are mutual exclusive`,
    ],
    [
      field({ type: "object", "x-kubernetes-preserve-unknown-fields": false }),
      `${at}.x-kubernetes-preserve-unknown-fields: Invalid value: false: must be true or undefined`,
    ],
    [
      field({ type: "object", "x-kubernetes-embedded-resource": true }),
      `${at}.properties: Required value: must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields`,
    ],
    [
      field({ type: "string", "x-kubernetes-list-type": "set" }),
      `${at}.type: Invalid value: "string": must be array if x-kubernetes-list-type is specified`,
    ],
    [
      field({ type: "array", items: { type: "object" }, "x-kubernetes-list-type": "map" }),
      `${at}.x-kubernetes-list-map-keys: Required value: must not be empty if x-kubernetes-list-type is map`,
    ],
    [
      field({
        type: "array",
        items: { type: "object" },
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["a"],
      }),
      `${at}.x-kubernetes-list-map-keys[0]: Invalid value: "a": entries must all be names of item properties`,
    ],
    [
      field({
        type: "array",
        items: { type: "object", properties: { a: { type: "string" } } },
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["a"],
      }),
      `${at}.items.properties[a].default: Required value: this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property`,
    ],
    [
      field({ type: "string", "x-kubernetes-map-type": "atomic" }),
      `${at}.type: Invalid value: "string": must be object if x-kubernetes-map-type is specified`,
    ],
    [
      field({ type: "string", anyOf: [{ type: "string", minLength: 1 }] }),
      `${at}.anyOf[0].type: Forbidden: must be empty to be structural`,
    ],
    [
      field({ type: "object", allOf: [{ properties: { a: { description: "x" } } }] }),
      `${at}.allOf[0].properties[a].description: Forbidden: must be empty to be structural`,
    ],
    [
      field({ type: "string", not: { nullable: true } }),
      `${at}.not.nullable: Forbidden: must be false to be structural`,
    ],
    [
      field({ type: "integer", default: "x" }),
      `${at}.default: Invalid value: "string": ${at}.default in body must be of type integer: "string"`,
    ],
    [
      field({ type: "object", default: { b: 1 }, properties: { a: { type: "integer" } } }),
      `${at}.default.b: Invalid value: "b": must not have unknown fields`,
    ],
    [
      field({ type: "string", default: null }),
      `${at}.default: Invalid value: null: must not be null unless nullable is true`,
    ],
  ];
  for (const [object, message] of rows)
    test(message, () => {
      expect(told(object)).toContain(message);
    });

  test("for a pattern that is none", () => {
    expect(told(field({ type: "string", pattern: "(" }))[0]).toStartWith(
      `${at}.pattern: Invalid value: "(": must be a valid regular expression, but isn't: `,
    );
  });

  test("for a rule that is none", () => {
    expect(told(field({ type: "string", "x-kubernetes-validations": [{ rule: "self >" }] }))[0]).toStartWith(
      `${at}.x-kubernetes-validations[0].rule: Invalid value: "self >": compilation failed: `,
    );
  });

  test("when it is nested without end", () => {
    const deep = Array.from({ length: 1000 }).reduce<Spec>(
      (inner) => ({ type: "object", properties: { a: inner } }),
      { type: "string" },
    );
    expect(told(withSchema(deep))[0]).toContain("schemas nested deeper than 200 levels are not supported");
  });
});

describe("a definition is refused:", () => {
  const columns = (column: Spec): KubeObject =>
    definition({ versions: [version({ type: "object" }, { additionalPrinterColumns: [column] })] });
  const scale = (paths: Spec): KubeObject =>
    definition({
      versions: [
        version(
          { type: "object" },
          {
            subresources: {
              scale: { specReplicasPath: ".spec.replicas", statusReplicasPath: ".status.replicas", ...paths },
            },
          },
        ),
      ],
    });
  const rows: readonly (readonly [KubeObject, string])[] = [
    [
      definition({}, {}, "gadgets.example.com"),
      'metadata.name: Invalid value: "gadgets.example.com": must be spec.names.plural+"."+spec.group',
    ],
    [definition({ group: "" }, {}, "widgets."), "spec.group: Required value"],
    [
      definition({ group: "example" }, {}, "widgets.example"),
      'spec.group: Invalid value: "example": should be a domain with at least one dot',
    ],
    [
      definition({ group: "my.k8s.io" }, {}, "widgets.my.k8s.io"),
      'metadata.annotations[api-approved.kubernetes.io]: Required value: protected groups must have approval annotation "api-approved.kubernetes.io", see https://github.com/kubernetes/enhancements/pull/1111',
    ],
    [
      definition({ names: { plural: "widgets", kind: "Widget", listKind: "Widget" } }),
      'spec.names.listKind: Invalid value: "Widget": kind and listKind may not be the same',
    ],
    [
      definition({ versions: [version({ type: "object" }, { storage: false })] }),
      'spec.versions: Invalid value: ["v1"]: must have exactly one version marked as storage version',
    ],
    [
      definition({ versions: [version({ type: "object" }), version({ type: "object" })] }),
      'spec.versions: Invalid value: ["v1","v1"]: must contain unique version names',
    ],
    [definition({ versions: [version(undefined)] }), `${schemaPath}: Required value: schemas are required`],
    [
      columns({ name: "X", type: "text", jsonPath: ".a" }),
      'spec.versions[0].additionalPrinterColumns[0].type: Unsupported value: "text": supported values: "boolean", "date", "integer", "number", "string"',
    ],
    [
      columns({ name: "X", type: "string", jsonPath: ".a[" }),
      'spec.versions[0].additionalPrinterColumns[0].jsonPath: Invalid value: ".a[": must be a valid JSON path: unrecognized at "["',
    ],
    [
      scale({ specReplicasPath: ".status.replicas" }),
      'spec.versions[0].subresources.scale.specReplicasPath: Invalid value: ".status.replicas": should be a json path under .spec',
    ],
    [
      scale({ statusReplicasPath: ".status.list[0]" }),
      'spec.versions[0].subresources.scale.statusReplicasPath: Invalid value: ".status.list[0]": should be a simple json path without arrays',
    ],
    [
      scale({ labelSelectorPath: ".metadata.x" }),
      'spec.versions[0].subresources.scale.labelSelectorPath: Invalid value: ".metadata.x": should be a json path under .spec or .status',
    ],
    [
      definition({ conversion: { strategy: "Webhook" } }),
      'spec.conversion.strategy: Unsupported value: "Webhook": supported values: "None"',
    ],
    [
      definition({ preserveUnknownFields: true }),
      "spec.preserveUnknownFields: Invalid value: true: cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead",
    ],
    [
      definition({ versions: [version({ type: "object" }, { deprecationWarning: "x" })] }),
      'spec.versions[0].deprecationWarning: Invalid value: "x": can only be set for deprecated versions',
    ],
  ];
  for (const [object, message] of rows)
    test(message, () => {
      expect(told(object)).toContain(message);
    });

  test("with nothing in it, in complaints", () => {
    const empty = { apiVersion: "v1", kind: "X", metadata: { name: "x" } };
    expect(told(empty).length).toBeGreaterThan(2);
    expect(definitionUpdateCauses(empty, empty)).toEqual([]);
  });

  test("for names that are none", () => {
    const fields = told(
      definition(
        { names: { plural: "Widgets", singular: "a b", kind: "9", shortNames: ["A"], categories: ["_"] } },
        {},
        "Widgets.example.com",
      ),
    );
    for (const name of ["plural", "singular", "kind", "shortNames[0]", "categories[0]"])
      expect(fields.some((text) => text.startsWith(`spec.names.${name}: Invalid value`))).toBe(true);
  });
});
