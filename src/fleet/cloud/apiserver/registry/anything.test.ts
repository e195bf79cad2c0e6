/** Whatever is sent, in whatever order: a refusal that says why, never a failure of the server. */
import { expect, test } from "bun:test";
import { KubeError, type KubeObject, type PatchType } from "../../../../spec/kubernetes/kube.ts";
import type { Resource } from "../resource.ts";
import { anything, oddValue, one, randomOf, type Random } from "./_anything.ts";
import { openExample, resources, type Example } from "./_example.ts";

const usual =
  /^(BadRequest|Invalid|NotFound|AlreadyExists|Conflict|Forbidden|UnsupportedMediaType|MethodNotAllowed)$/;
const patchTypes: readonly PatchType[] = [
  "application/merge-patch+json",
  "application/strategic-merge-patch+json",
  "application/apply-patch+yaml",
  "application/json-patch+json",
];

test.each([1, 2, 3])("odd objects of every kind are refused as such, seed %d", async (seed) => {
  const random = randomOf(seed);
  await using example = await openExample();
  const unusual: string[] = [];
  let done = 0;
  for (let round = 0; round < 500; round++) {
    const resource = one(random, resources.all());
    const verb = one(random, Object.keys(verbs));
    try {
      await verbs[verb]?.(random, example, resource);
      done++;
    } catch (error) {
      if (!(error instanceof KubeError) || !usual.test(error.reason))
        unusual.push(`${verb} ${resource.kind}: ${String(error)}`);
    }
  }
  expect(unusual).toEqual([]);
  expect(done).toBeGreaterThan(10);
});

const names = ["a", "b", "c"];

function keyOf(random: Random, resource: Resource) {
  const subresource = resource.status && random(4) === 0 ? { subresource: "status" } : {};
  return { ...placeOf(resource), name: one(random, names), ...subresource };
}

function placeOf({ namespaced }: Resource) {
  return namespaced ? { namespace: "default" } : {};
}

function objectOf(random: Random, resource: Resource): KubeObject {
  const { group, version, kind } = resource;
  const made = anything(random, resource) as KubeObject;
  const metadata = made?.metadata;
  const named = random(5) === 0 ? metadata : { ...metadata, ...placeOf(resource), name: one(random, names) };
  return { ...made, apiVersion: group === "" ? version : `${group}/${version}`, kind, metadata: named };
}

const verbs: Readonly<
  Record<string, (random: Random, example: Example, resource: Resource) => Promise<unknown>>
> = {
  create: async (random, { registry, context }, resource) =>
    resource.review ??
    (await registry.create(resource, placeOf(resource), objectOf(random, resource), {}, context)),
  update: async (random, { registry, context }, resource) =>
    await registry.update(resource, keyOf(random, resource), objectOf(random, resource), {}, context),
  patch: async (random, { registry, context }, resource) => {
    const type = one(random, patchTypes);
    const apply =
      type === "application/apply-patch+yaml"
        ? { fieldManager: one(random, names), force: random(2) === 0 }
        : {};
    const patch = type === "application/json-patch+json" ? operations(random) : objectOf(random, resource);
    return await registry.patch(resource, keyOf(random, resource), patch, { type, ...apply }, context);
  },
  delete: async (random, { registry, context }, resource) =>
    await registry.delete(
      resource,
      keyOf(random, resource),
      random(2) === 0 ? { gracePeriodSeconds: 0 } : {},
      context,
    ),
  list: async (random, { registry, context }, resource) => {
    const list = await registry.list(
      resource,
      { labelSelector: one(random, ["", "a", "!a"]), limit: random(3) },
      context,
    );
    return list.items.map((object) => resource.table.cells(object, Date.now()));
  },
};

function operations(random: Random): unknown {
  return [
    {
      op: one(random, ["add", "replace", "remove", "test", "copy", "move"]),
      path: one(random, [
        "/spec",
        "/metadata/labels",
        "/metadata/name",
        "/status",
        "/metadata/finalizers/0",
        "",
      ]),
      value: oddValue(random),
      from: "/metadata",
    },
  ];
}
