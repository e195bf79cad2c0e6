import { describe, expect, test } from "bun:test";
import type { PatchOptions } from "../../../../spec/kubernetes/kube.ts";
import {
  at,
  configMap,
  configMaps,
  deployment,
  deployments,
  merge,
  openExample,
  resourceOf,
  widgetObject,
  widgets,
} from "./_example.ts";

const json: PatchOptions = { type: "application/json-patch+json" };
const strategic: PatchOptions = { type: "application/strategic-merge-patch+json" };
const apply = (fieldManager: string, force?: boolean): PatchOptions => ({
  type: "application/apply-patch+yaml",
  fieldManager,
  ...(force === undefined ? {} : { force }),
});

test("each kind of patch does its own", async () => {
  await using example = await openExample();
  const { client } = example;
  await client.create(deployments, deployment("a"));
  expect(
    await client.patch(deployments, at("a"), [{ op: "replace", path: "/spec/replicas", value: 2 }], json),
  ).toMatchObject({ spec: { replicas: 2 } });
  expect(
    await client.patch(deployments, at("a"), { spec: { replicas: 3, paused: true } }, merge),
  ).toMatchObject({ spec: { replicas: 3, paused: true } });
  const containers = [{ name: "side", image: "nginx" }];
  const merged = await client.patch(
    deployments,
    at("a"),
    { spec: { template: { spec: { containers } } } },
    strategic,
  );
  expect(merged).toMatchObject({
    spec: { template: { spec: { containers: [{ name: "side" }, { name: "main" }] } } },
  });
});

test("patches at the same time all count", async () => {
  await using example = await openExample();
  const { client } = example;
  await client.create(configMaps, configMap("a"));
  await Promise.all(
    Array.from({ length: 20 }, (_, index) =>
      client.patch(configMaps, at("a"), { data: { [`k${index}`]: "v" } }, merge),
    ),
  );
  expect(Object.keys((await client.get(configMaps, at("a")))["data"] as object)).toHaveLength(20);
});

test("a patch that says a version is only over that one", async () => {
  await using example = await openExample();
  const { client } = example;
  const { metadata } = await client.create(configMaps, configMap("a"));
  const { resourceVersion = "" } = metadata;
  await client.patch(configMaps, at("a"), { data: { k: "1" } }, merge);
  expect(
    client.patch(configMaps, at("a"), { data: { k: "2" }, metadata: { resourceVersion } }, merge),
  ).rejects.toMatchObject({ reason: "Conflict" });
});

describe("is refused:", () => {
  const cases: readonly (readonly [what: string, patch: unknown, options: PatchOptions, reason: string])[] = [
    ["another name", { metadata: { name: "b" } }, merge, "Invalid"],
    ["another kind", { kind: "Secret" }, merge, "BadRequest"],
    ["what is no patch", "x", merge, "BadRequest"],
    ["a test that fails", [{ op: "test", path: "/data/k", value: "other" }], json, "Invalid"],
    ["a path that is not there", [{ op: "remove", path: "/data/none" }], json, "Invalid"],
    ["what makes it no object", [{ op: "replace", path: "", value: 5 }], json, "Invalid"],
    ["force without an apply", { data: {} }, { ...merge, force: true }, "Invalid"],
    ["an apply without a manager", configMap("a"), { type: "application/apply-patch+yaml" }, "Invalid"],
    ["an apply of another name", configMap("b"), apply("me"), "BadRequest"],
    ["an apply of another kind", { ...configMap("a"), kind: "Secret" }, apply("me"), "BadRequest"],
    ["an apply of a text", "x", apply("me"), "BadRequest"],
  ];
  test.each(cases)("%s", async (_what, patch, options, reason) => {
    await using example = await openExample();
    const made = await example.client.create(configMaps, configMap("a", { k: "v" }));
    expect(example.client.patch(configMaps, at("a"), patch, options)).rejects.toMatchObject({ reason });
    expect(await example.client.get(configMaps, at("a"))).toEqual(made);
  });

  test("a patch of what is not there", async () => {
    await using example = await openExample();
    expect(example.client.patch(configMaps, at("a"), {}, merge)).rejects.toMatchObject({
      reason: "NotFound",
    });
  });

  test("a strategic merge of a kind that has no merge keys", async () => {
    await using example = await openExample();
    await example.client.create(widgets, widgetObject("a"));
    expect(example.client.patch(widgets, at("a"), {}, strategic)).rejects.toMatchObject({
      reason: "UnsupportedMediaType",
    });
  });
});

describe("apply", () => {
  test("makes what is not there, and changes it from then on", async () => {
    await using example = await openExample();
    const { registry, context } = example;
    const resource = resourceOf(configMaps);
    const made = await registry.patch(resource, at("a"), configMap("a", { k: "1" }), apply("me"), context);
    expect(made.created).toBe(true);
    expect(made.object.metadata.managedFields).toMatchObject([{ manager: "me", operation: "Apply" }]);
    const again = await registry.patch(resource, at("a"), configMap("a", { k: "1" }), apply("me"), context);
    expect(again.created).toBe(false);
    expect(again.object.metadata.resourceVersion).toBe(made.object.metadata.resourceVersion ?? "");
    const changed = await registry.patch(resource, at("a"), configMap("a", { l: "2" }), apply("me"), context);
    expect(changed.object["data"]).toEqual({ l: "2" });
  });

  test("conflicts with another manager's value, unless it takes it by force", async () => {
    await using example = await openExample();
    const { client } = example;
    await client.patch(configMaps, at("a"), configMap("a", { k: "1" }), apply("one"));
    expect(client.patch(configMaps, at("a"), configMap("a", { k: "2" }), apply("two"))).rejects.toMatchObject(
      {
        reason: "Conflict",
        message: `Apply failed with 1 conflict: conflict with "one": .data.k`,
      },
    );
    expect(
      await client.patch(configMaps, at("a"), configMap("a", { k: "2" }), apply("two", true)),
    ).toMatchObject({ data: { k: "2" } });
  });

  test("into a namespace that is not there is refused", async () => {
    await using example = await openExample();
    const key = { namespace: "nowhere", name: "a" };
    expect(
      example.client.patch(configMaps, key, configMap("a", {}, { namespace: "nowhere" }), apply("me")),
    ).rejects.toMatchObject({ reason: "NotFound" });
  });

  test("over the status changes that alone", async () => {
    await using example = await openExample();
    const { client } = example;
    await client.create(widgets, widgetObject("a", { size: 2 }));
    const applied = await client.patch(
      widgets,
      at("a", "status"),
      { ...widgetObject("a", { size: 5 }), status: { size: 7 } },
      apply("me"),
    );
    expect(applied).toMatchObject({ spec: { size: 2 }, status: { size: 7 } });
  });
});

test("writers are told apart by the first word of their name", async () => {
  await using example = await openExample();
  const { registry, context } = example;
  const made = await registry.create(
    resourceOf(configMaps),
    { namespace: "default" },
    configMap("a", { k: "v" }),
    {},
    context,
  );
  expect(made.object.metadata.managedFields?.map(({ manager }) => manager)).toEqual(["kubectl"]);
});
