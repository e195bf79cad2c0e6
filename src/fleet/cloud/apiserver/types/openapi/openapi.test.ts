import { describe, expect, test } from "bun:test";
import type { Resource } from "../../resource.ts";
import { builtInResources } from "../resources.ts";
import { namedTable } from "../fields/columns.ts";
import { operationsOf } from "./_paths.ts";
import { openApiV2 } from "./v2.ts";
import { openApiV3 } from "./v3.ts";

interface Documented {
  readonly paths: Record<string, Record<string, { operationId: string; parameters: { name: string }[] }>>;
  readonly definitions: Record<string, { properties?: Record<string, object>; [name: string]: unknown }>;
  readonly components: { schemas: Documented["definitions"] };
}

const resources = builtInResources();
const v2 = openApiV2(resources) as Documented;
const core = openApiV3(resources, { group: "", version: "v1" }) as Documented;

function dangling(document: object, prefix: string, known: object): string[] {
  const references = JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g);
  return [...references]
    .map(([, reference = ""]) => reference)
    .filter(
      (reference) => !reference.startsWith(prefix) || !Object.hasOwn(known, reference.slice(prefix.length)),
    );
}

const widget: Resource = {
  ...(resources[0] as Resource),
  group: "example.com",
  plural: "widgets",
  singular: "widget",
  kind: "Widget",
  listKind: "WidgetList",
  namespaced: true,
  status: false,
  subresources: [],
  strategicMerge: false,
  table: namedTable(),
  definition: "com.example.v1.Widget",
  schema: {
    type: "object",
    properties: {
      spec: {
        type: "object",
        properties: {
          size: { type: "integer", nullable: true },
          open: { type: "object", "x-kubernetes-preserve-unknown-fields": true },
        },
      },
    },
  },
};

describe("OpenAPI documents", () => {
  test("every reference of the v2 document leads to a definition", () => {
    expect(dangling(v2, "#/definitions/", v2.definitions)).toEqual([]);
  });

  test("every reference of each v3 document leads to a schema", () => {
    for (const { group, version } of resources) {
      const document = openApiV3(resources, { group, version }) as Documented;
      expect([group, dangling(document, "#/components/schemas/", document.components.schemas)]).toEqual([
        group,
        [],
      ]);
    }
  });

  test("no two operations have the same id", () => {
    const ids = Object.values(v2.paths).flatMap((path) =>
      Object.values(path).map(({ operationId }) => operationId),
    );
    expect(ids.filter((id, index) => ids.indexOf(id) !== index)).toEqual([]);
  });

  test("a patch says that it knows dry runs and field validation", () => {
    for (const { paths } of [v2, core]) {
      const names = paths["/api/v1/namespaces/{namespace}/pods/{name}"]?.patch?.parameters.map(
        ({ name }) => name,
      );
      expect(names).toEqual(expect.arrayContaining(["dryRun", "fieldValidation", "fieldManager", "force"]));
    }
  });

  test("strategic merge patches are named only where they are taken", () => {
    const strategic = "application/strategic-merge-patch+json";
    const [pods] = resources.filter(({ plural }) => plural === "pods");
    const custom = { ...(pods as Resource), strategicMerge: false, group: "example.com" };
    const [ours, theirs] = [pods as Resource, custom].map((resource) =>
      operationsOf(resource).filter(({ consumes }) => consumes.includes(strategic)),
    );
    expect(ours?.map(({ method }) => method)).toContain("patch");
    expect(theirs).toEqual([]);
  });

  test("kinds are told by group, version and kind", () => {
    const kinds = (name: string): unknown => v2.definitions[name]?.["x-kubernetes-group-version-kind"];
    expect(kinds("io.k8s.api.apps.v1.Deployment")).toEqual([
      { group: "apps", version: "v1", kind: "Deployment" },
    ]);
    expect(kinds("io.k8s.api.apps.v1.DeploymentList")).toEqual([
      { group: "apps", version: "v1", kind: "DeploymentList" },
    ]);
  });

  test("merge keys are told for strategic merge patches", () => {
    expect(v2.definitions["io.k8s.api.core.v1.PodSpec"]?.properties?.containers).toMatchObject({
      type: "array",
      "x-kubernetes-patch-merge-key": "name",
      "x-kubernetes-patch-strategy": "merge",
      "x-kubernetes-list-type": "map",
    });
  });

  test("in v3 a reference has no siblings", () => {
    const spec = core.components.schemas["io.k8s.api.core.v1.Pod"]?.properties?.spec;
    expect(spec).toEqual({
      description: "What is wanted.",
      allOf: [{ $ref: "#/components/schemas/io.k8s.api.core.v1.PodSpec" }],
    });
  });

  test("a custom kind has metadata and, in v2, no types that v2 cannot say", () => {
    const document = openApiV2([widget]) as Documented;
    const { properties } = document.definitions["com.example.v1.Widget"] ?? {};
    expect(properties?.metadata).toEqual({
      $ref: "#/definitions/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta",
    });
    expect(properties?.spec).toEqual({
      type: "object",
      properties: { size: {}, open: { "x-kubernetes-preserve-unknown-fields": true } },
    });
    expect(document.paths["/apis/example.com/v1/namespaces/{namespace}/widgets"]?.post?.operationId).toBe(
      "createComExampleV1NamespacedWidget",
    );
  });
});
