import { afterEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  KubeError,
  type KubeClient,
  type KubeObject,
  type ResourceId,
} from "../../../../spec/kubernetes/kube.ts";
import { loopback } from "../auth/auth.ts";
import { openRegistry } from "../registry/open.ts";
import type { Registry } from "../registry.ts";
import type { Resource, Resources } from "../resource.ts";
import { openStorage } from "../storage/open.ts";
import type { Storage } from "../storage/storage.ts";
import { builtInResources } from "../types/resources.ts";
import { isEstablished } from "./definition.ts";
import { openResources } from "./open.ts";

const definitions: ResourceId = {
  group: "apiextensions.k8s.io",
  version: "v1",
  resource: "customresourcedefinitions",
};
const widgets: ResourceId = { group: "example.com", version: "v1", resource: "widgets" };
const now = Date.parse("2026-01-01T00:00:00Z");

type Spec = Record<string, unknown>;
const schema: Spec = {
  type: "object",
  properties: {
    spec: {
      type: "object",
      required: ["size"],
      properties: {
        size: { type: "integer", minimum: 1 },
        color: { type: "string", default: "red", enum: ["red", "blue"] },
        replicas: { type: "integer" },
        parts: {
          type: "array",
          "x-kubernetes-list-type": "map",
          "x-kubernetes-list-map-keys": ["name"],
          items: {
            type: "object",
            required: ["name"],
            properties: { name: { type: "string" }, weight: { type: "integer" } },
          },
        },
      },
      "x-kubernetes-validations": [
        { rule: "self.size < 100", message: "too large" },
        { rule: "self.size >= oldSelf.size", message: "may not shrink" },
      ],
    },
    status: {
      type: "object",
      properties: {
        replicas: { type: "integer" },
        conditions: {
          type: "array",
          items: { type: "object", properties: { type: { type: "string" }, status: { type: "string" } } },
        },
      },
    },
  },
};

const version = (name: string, more: Spec = {}): Spec => ({
  name,
  served: true,
  storage: name === "v1",
  schema: { openAPIV3Schema: schema },
  subresources: {
    status: {},
    scale: { specReplicasPath: ".spec.replicas", statusReplicasPath: ".status.replicas" },
  },
  additionalPrinterColumns: [
    { name: "Size", type: "integer", jsonPath: ".spec.size" },
    { name: "Ready", type: "string", jsonPath: '.status.conditions[?(@.type=="Ready")].status' },
    { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp", priority: 1 },
  ],
  selectableFields: [{ jsonPath: ".spec.color" }],
  ...more,
});

const definition = (spec: Spec = {}, name = "widgets.example.com"): KubeObject => ({
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name },
  spec: {
    group: "example.com",
    scope: "Namespaced",
    names: { plural: "widgets", kind: "Widget", shortNames: ["wd"] },
    versions: [version("v1")],
    ...spec,
  },
});

const widget = (spec: Spec, name = "a", more: Spec = {}): KubeObject => ({
  apiVersion: "example.com/v1",
  kind: "Widget",
  metadata: { name, namespace: "default" },
  spec,
  ...more,
});

interface World extends AsyncDisposable {
  readonly storage: Storage;
  readonly resources: Resources;
  readonly registry: Registry;
  readonly client: KubeClient;
}

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), "sampan-crd-"));
  folders.push(made);
  return made;
}

async function open(at = folder()): Promise<World> {
  const storage = openStorage({ folder: join(at, "objects") });
  const resources = openResources({ builtIn: builtInResources(), storage, now: () => now });
  const registry = openRegistry({ storage, resources, now: () => now });
  const client = registry.client(loopback);
  if (!storage.get({ resource: "namespaces", namespace: "", name: "default" }))
    await client.create(
      { group: "", version: "v1", resource: "namespaces" },
      { apiVersion: "v1", kind: "Namespace", metadata: { name: "default" } },
    );
  return {
    storage,
    resources,
    registry,
    client,
    [Symbol.asyncDispose]: async () => {
      await resources[Symbol.asyncDispose]();
      await storage[Symbol.asyncDispose]();
    },
  };
}

async function refusal(promise: Promise<unknown>): Promise<KubeError> {
  const error = await promise.then(
    () => undefined,
    (caught: unknown) => caught,
  );
  expect(error).toBeInstanceOf(KubeError);
  return error as KubeError;
}

function served(resources: Resources, id = widgets): Resource {
  const found = resources.find(id.group, id.version, id.resource);
  if (!found) throw new Error("not served");
  return found;
}

/** Resolves when the object is gone. */
async function gone(world: World, resource: string, namespace: string, name: string): Promise<void> {
  await using watcher = world.storage.watch(resource, { after: world.storage.revision });
  if (!world.storage.get({ resource, namespace, name })) return;
  for await (const { type, stored } of watcher) if (type === "delete" && stored.key.name === name) return;
}

describe("a CustomResourceDefinition", () => {
  test("is established when it is made, and its kind is served at once", async () => {
    await using world = await open();
    const before = world.resources.generation;
    const made = await world.client.create(definitions, definition());
    expect(made["status"]).toEqual({
      conditions: [
        {
          type: "NamesAccepted",
          status: "True",
          reason: "NoConflicts",
          message: "no conflicts found",
          lastTransitionTime: "2026-01-01T00:00:00Z",
        },
        {
          type: "Established",
          status: "True",
          reason: "InitialNamesAccepted",
          message: "the initial names have been accepted",
          lastTransitionTime: "2026-01-01T00:00:00Z",
        },
      ],
      acceptedNames: {
        plural: "widgets",
        singular: "widget",
        kind: "Widget",
        listKind: "WidgetList",
        shortNames: ["wd"],
      },
      storedVersions: ["v1"],
    });
    const resource = served(world.resources);
    expect(resource).toMatchObject({
      kind: "Widget",
      singular: "widget",
      listKind: "WidgetList",
      namespaced: true,
      status: true,
      strategicMerge: false,
      definition: "com.example.v1.Widget",
    });
    expect(resource.scale).toEqual({ spec: ".spec.replicas", status: ".status.replicas" });
    expect(world.resources.all()).toContain(resource);
    expect(world.resources.byKind("example.com", "Widget")).toBe(resource);
    expect(world.resources.generation).toBeGreaterThan(before);
  });

  test("is served again by a server that starts", async () => {
    const at = folder();
    {
      await using first = await open(at);
      await first.client.create(definitions, definition());
      await first.client.create(widgets, widget({ size: 1 }));
    }
    await using second = await open(at);
    expect((await second.client.get(widgets, { namespace: "default", name: "a" }))["spec"]).toEqual({
      size: 1,
      color: "red",
    });
  });

  test("serves several versions of the same objects, and not those that are not served", async () => {
    await using world = await open();
    const versions = [
      version("v1"),
      version("v1beta1", { deprecated: true }),
      version("v1alpha1", { served: false }),
    ];
    await world.client.create(definitions, definition({ versions }));
    await world.client.create(widgets, widget({ size: 1 }));
    const beta = await world.client.get(
      { ...widgets, version: "v1beta1" },
      { namespace: "default", name: "a" },
    );
    expect(beta.apiVersion).toBe("example.com/v1beta1");
    expect(served(world.resources, { ...widgets, version: "v1beta1" }).strategy.warnings?.(beta)).toEqual([
      "example.com/v1beta1 Widget is deprecated",
    ]);
    expect(world.resources.find("example.com", "v1alpha1", "widgets")).toBeUndefined();
  });

  test("whose names another has is not established", async () => {
    await using world = await open();
    await world.client.create(definitions, definition());
    const names = { plural: "gadgets", kind: "Widget" };
    const made = await world.client.create(definitions, definition({ names }, "gadgets.example.com"));
    expect(made["status"]).toMatchObject({
      conditions: [
        {
          type: "NamesAccepted",
          status: "False",
          reason: "ListKindConflict",
          message: '"WidgetList" is already in use',
        },
        { type: "Established", status: "False", reason: "NotAccepted" },
      ],
    });
    expect(world.resources.find("example.com", "v1", "gadgets")).toBeUndefined();
  });

  test("gets names that another gave up", async () => {
    await using world = await open();
    await world.client.create(definitions, definition());
    const names = { plural: "gadgets", kind: "Widget" };
    await world.client.create(definitions, definition({ names }, "gadgets.example.com"));
    await using watcher = world.storage.watch("apiextensions.k8s.io/customresourcedefinitions", {
      after: world.storage.revision,
    });
    await world.client.delete(definitions, { name: "widgets.example.com" });
    for await (const { stored, type } of watcher)
      if (type === "put" && stored.key.name === "gadgets.example.com" && isEstablished(stored.object)) break;
    expect(world.resources.find("example.com", "v1", "gadgets")?.kind).toBe("Widget");
  });

  test("keeps the versions in which objects may be stored", async () => {
    await using world = await open();
    const made = await world.client.create(definitions, definition());
    const moved = structuredClone(made) as KubeObject & { spec: Spec };
    moved.spec["versions"] = [version("v1", { storage: false }), version("v2", { storage: true })];
    const updated = await world.client.update(definitions, moved);
    expect(updated["status"]).toMatchObject({ storedVersions: ["v1", "v2"] });
    expect(served(world.resources, { ...widgets, version: "v2" }).storageVersion).toBe("v2");
    const without = structuredClone(updated) as KubeObject & { spec: Spec };
    without.spec["versions"] = [version("v2", { storage: true })];
    expect((await refusal(world.client.update(definitions, without))).message).toContain(
      'status.storedVersions[0]: Invalid value: "v1": missing from spec.versions',
    );
  });

  test("changes what is served when it is changed", async () => {
    await using world = await open();
    const made = await world.client.create(definitions, definition());
    const changed = structuredClone(made) as KubeObject & { spec: Spec };
    changed.spec["versions"] = [version("v1", { additionalPrinterColumns: [] })];
    await using watcher = world.storage.watch("apiextensions.k8s.io/customresourcedefinitions", {
      after: world.storage.revision,
    });
    await world.client.update(definitions, changed);
    for await (const _ of watcher) break;
    expect(served(world.resources).table.columns.map(({ name }) => name)).toEqual(["Name", "Age"]);
  });

  test("may not change its kind or scope once it is established", async () => {
    await using world = await open();
    const made = (await world.client.create(definitions, definition())) as KubeObject & { spec: Spec };
    const other = {
      ...made,
      spec: { ...made.spec, scope: "Cluster", names: { plural: "widgets", kind: "Other" } },
    };
    const { details, reason } = await refusal(world.client.update(definitions, other));
    expect(reason).toBe("Invalid");
    expect(details?.causes?.map(({ field, message }) => `${field}: ${message}`)).toEqual([
      'spec.names.kind: Invalid value: "Other": field is immutable',
      'spec.scope: Invalid value: "Cluster": field is immutable',
    ]);
  });
});

describe("objects of a CustomResourceDefinition", () => {
  async function prepared(): Promise<World> {
    const world = await open();
    await world.client.create(definitions, definition());
    return world;
  }

  test("get defaults, lose unknown fields and nulls, and count their generation", async () => {
    await using world = await prepared();
    const made = await world.client.create(
      widgets,
      widget({ size: 1, replicas: null, nobody: 1 }, "a", { extra: true }),
    );
    expect(made["spec"]).toEqual({ size: 1, color: "red" });
    expect(made).not.toHaveProperty("extra");
    expect(made.metadata.generation).toBe(1);
  });

  const refused: readonly (readonly [string, Spec, string])[] = [
    [
      "a wrong type",
      { size: "1" },
      'Widget.example.com "a" is invalid: spec.size: Invalid value: "string": spec.size in body must be of type integer: "string"',
    ],
    ["a missing field", {}, 'Widget.example.com "a" is invalid: spec.size: Required value'],
    [
      "a value out of bounds",
      { size: 0 },
      'Widget.example.com "a" is invalid: spec.size: Invalid value: 0: spec.size in body should be greater than or equal to 1',
    ],
    [
      "an unsupported value",
      { size: 1, color: "x" },
      'Widget.example.com "a" is invalid: spec.color: Unsupported value: "x": supported values: "red", "blue"',
    ],
    [
      "keys twice",
      { size: 1, parts: [{ name: "p" }, { name: "p" }] },
      'Widget.example.com "a" is invalid: spec.parts[1]: Duplicate value: {"name":"p"}',
    ],
    [
      "a rule that fails",
      { size: 100 },
      'Widget.example.com "a" is invalid: spec: Invalid value: "object": too large',
    ],
  ];
  for (const [name, spec, message] of refused)
    test(`are refused for ${name}`, async () => {
      await using world = await prepared();
      const error = await refusal(world.client.create(widgets, widget(spec)));
      expect(error.reason).toBe("Invalid");
      expect(error.message).toBe(message);
    });

  test("are asked their rules once, with the old object beside when there is one", async () => {
    await using world = await prepared();
    const made = await world.client.create(widgets, widget({ size: 5 }));
    const resized = (size: number) => refusal(world.client.update(widgets, { ...made, spec: { size } }));
    expect((await resized(4)).details?.causes?.map(({ message }) => message)).toEqual([
      'Invalid value: "object": may not shrink',
    ]);
    expect((await resized(100)).details?.causes?.map(({ message }) => message)).toEqual([
      'Invalid value: "object": too large',
    ]);
  });

  test("are refused unknown fields when the client is strict", async () => {
    await using world = await prepared();
    const error = await refusal(
      world.client.create(widgets, widget({ size: 1, foo: 1 }), { fieldValidation: "Strict" }),
    );
    expect(error.message).toContain('unknown field "spec.foo"');
  });

  test("have a status of their own, and a scale", async () => {
    await using world = await prepared();
    const made = await world.client.create(
      widgets,
      widget({ size: 1, replicas: 2 }, "a", { status: { replicas: 9 } }),
    );
    expect(made).not.toHaveProperty("status");
    const status = { replicas: 2, conditions: [{ type: "Ready", status: "True" }] };
    const told = await world.client.update(
      widgets,
      { ...made, spec: { size: 7 }, status },
      { subresource: "status" },
    );
    expect(told).toMatchObject({ spec: { size: 1, replicas: 2 }, status });
    const scale = await world.client.get(widgets, { namespace: "default", name: "a", subresource: "scale" });
    expect(scale).toMatchObject({ spec: { replicas: 2 }, status: { replicas: 2 } });
    const { table } = served(world.resources);
    expect(table.columns.map(({ name, priority }) => [name, priority])).toEqual([
      ["Name", 0],
      ["Size", 0],
      ["Ready", 0],
      ["Age", 1],
    ]);
    expect(table.cells(told, now + 5000)).toEqual(["a", 1, "True", "5s"]);
  });

  test("are found by the fields that may be selected", async () => {
    await using world = await prepared();
    await world.client.create(widgets, widget({ size: 1, color: "blue" }, "b"));
    await world.client.create(widgets, widget({ size: 1 }, "r"));
    const { items } = await world.client.list(widgets, {
      namespace: "default",
      fieldSelector: "spec.color=blue",
    });
    expect(items.map(({ metadata }) => metadata.name)).toEqual(["b"]);
  });

  test("are applied by keys of lists, and patched by merge", async () => {
    await using world = await prepared();
    const key = { namespace: "default", name: "a" };
    const applied = (manager: string, parts: Spec[], size = 1) =>
      world.client.patch(widgets, key, widget({ size, parts }), {
        type: "application/apply-patch+yaml",
        fieldManager: manager,
      });
    await applied("one", [{ name: "p", weight: 1 }]);
    const both = await applied("two", [{ name: "q", weight: 2 }]);
    expect(both["spec"]).toMatchObject({
      parts: [
        { name: "p", weight: 1 },
        { name: "q", weight: 2 },
      ],
    });
    const conflict = await refusal(applied("two", [{ name: "q" }], 5));
    expect(conflict.message).toBe('Apply failed with 1 conflict: conflict with "one": .spec.size');
    const merged = await world.client.patch(
      widgets,
      key,
      { spec: { color: null, size: 3 } },
      { type: "application/merge-patch+json" },
    );
    expect(merged["spec"]).toMatchObject({ size: 3, color: "red" });
  });
});

describe("the end of a CustomResourceDefinition", () => {
  test("is that of its objects", async () => {
    await using world = await open();
    await world.client.create(definitions, definition());
    for (let count = 0; count < 450; count++)
      await world.storage.write((transaction) =>
        transaction.put(
          { resource: "example.com/widgets", namespace: "default", name: `w${count}` },
          widget({ size: 1 }, `w${count}`),
        ),
      );
    await world.client.delete(definitions, { name: "widgets.example.com" });
    await gone(world, "apiextensions.k8s.io/customresourcedefinitions", "", "widgets.example.com");
    expect(world.storage.list("example.com/widgets").items).toEqual([]);
    expect(world.resources.find("example.com", "v1", "widgets")).toBeUndefined();
  });

  test("waits for the finalizers of its objects, and lets nothing new in", async () => {
    await using world = await open();
    await world.client.create(definitions, definition());
    const held = widget({ size: 1 });
    held.metadata.finalizers = ["example.com/hold"];
    await world.client.create(widgets, held);
    await using watcher = world.storage.watch("example.com/widgets", { after: world.storage.revision });
    await world.client.delete(definitions, { name: "widgets.example.com" });
    for await (const { stored } of watcher) if (stored.object.metadata.deletionTimestamp !== undefined) break;
    const error = await refusal(world.client.create(widgets, widget({ size: 1 }, "b")));
    expect([error.reason, error.message]).toEqual([
      "MethodNotAllowed",
      "create not allowed while custom resource definition is terminating",
    ]);
    expect((await world.client.get(definitions, { name: "widgets.example.com" }))["status"]).toMatchObject({
      conditions: [
        { type: "NamesAccepted" },
        { type: "Established" },
        { type: "Terminating", status: "True" },
      ],
    });
    await world.client.patch(
      widgets,
      { namespace: "default", name: "a" },
      { metadata: { finalizers: null } },
      { type: "application/merge-patch+json" },
    );
    await gone(world, "apiextensions.k8s.io/customresourcedefinitions", "", "widgets.example.com");
    expect(world.storage.list("example.com/widgets").items).toEqual([]);
  });

  test("goes on in a server that starts", async () => {
    const at = folder();
    {
      await using first = await open(at);
      await first.client.create(definitions, definition());
      const held = widget({ size: 1 });
      held.metadata.finalizers = ["example.com/hold"];
      await first.client.create(widgets, held);
      await first.client.delete(definitions, { name: "widgets.example.com" });
    }
    await using second = await open(at);
    await second.client.patch(
      widgets,
      { namespace: "default", name: "a" },
      { metadata: { finalizers: null } },
      { type: "application/merge-patch+json" },
    );
    await gone(second, "apiextensions.k8s.io/customresourcedefinitions", "", "widgets.example.com");
    expect(second.resources.find("example.com", "v1", "widgets")).toBeUndefined();
  });
});
