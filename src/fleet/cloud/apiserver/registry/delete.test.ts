import { describe, expect, test } from "bun:test";
import {
  at,
  configMap,
  configMaps,
  merge,
  namespaces,
  openExample,
  pod,
  pods,
  resourceOf,
} from "./_example.ts";

test("a deletion answers what was there and says that it is gone", async () => {
  await using example = await openExample();
  const { client, registry, context } = example;
  await client.create(configMaps, configMap("a", { k: "v" }));
  const { gone, object } = await registry.delete(resourceOf(configMaps), at("a"), {}, context);
  expect(gone).toBe(true);
  expect(object).toMatchObject({ data: { k: "v" } });
  expect(client.get(configMaps, at("a"))).rejects.toMatchObject({ reason: "NotFound" });
  expect(client.delete(configMaps, at("a"))).rejects.toMatchObject({
    reason: "NotFound",
    message: `configmaps "a" not found`,
  });
});

test("finalizers hold an object until the last one is taken away", async () => {
  await using example = await openExample();
  const { client, registry, context } = example;
  await client.create(configMaps, configMap("a", {}, { finalizers: ["example.com/a", "example.com/b"] }));
  const { gone, object } = await registry.delete(resourceOf(configMaps), at("a"), {}, context);
  expect(gone).toBe(false);
  expect(object.metadata.deletionTimestamp).toBeString();
  expect(object.metadata.deletionGracePeriodSeconds).toBe(0);
  const { revision } = example.storage;
  await client.delete(configMaps, at("a"));
  expect(example.storage.revision).toBe(revision);
  await client.patch(configMaps, at("a"), { metadata: { finalizers: ["example.com/b"] } }, merge);
  expect(await client.get(configMaps, at("a"))).toMatchObject({
    metadata: { finalizers: ["example.com/b"] },
  });
  await client.patch(configMaps, at("a"), { metadata: { finalizers: null } }, merge);
  expect(client.get(configMaps, at("a"))).rejects.toMatchObject({ reason: "NotFound" });
});

describe("the policy of a deletion leaves a mark for the garbage collector:", () => {
  const policies = [
    ["Foreground", ["foregroundDeletion"]],
    ["Orphan", ["orphan"]],
  ] as const;
  test.each(policies)("%s", async (propagationPolicy, finalizers) => {
    await using example = await openExample();
    const { client } = example;
    await client.create(configMaps, configMap("a"));
    const object = await client.delete(configMaps, at("a"), { propagationPolicy });
    expect(object.metadata.finalizers).toEqual([...finalizers]);
    expect(object.metadata.deletionTimestamp).toBeString();
    await client.delete(configMaps, at("a"), { propagationPolicy: "Background" });
    expect(client.get(configMaps, at("a"))).rejects.toMatchObject({ reason: "NotFound" });
  });
});

test("the pods of a job stay where nothing is said of them, and that is warned of", async () => {
  await using example = await openExample();
  const { client, registry, context, warnings } = example;
  const jobs = { group: "batch", version: "v1", resource: "jobs" };
  const template = { spec: { containers: [{ name: "a", image: "b" }], restartPolicy: "Never" } };
  await client.create(jobs, {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: { name: "a", namespace: "default" },
    spec: { template },
  });
  const { object } = await registry.delete(resourceOf(jobs), at("a"), {}, context);
  expect(object.metadata.finalizers).toContain("orphan");
  expect(warnings).toEqual([expect.stringContaining("child pods are preserved by default")]);
});

describe("preconditions", () => {
  test("of another object or version are refused", async () => {
    await using example = await openExample();
    const { client } = example;
    const { metadata } = await client.create(configMaps, configMap("a"));
    expect(client.delete(configMaps, at("a"), { preconditions: { uid: "x" } })).rejects.toMatchObject({
      reason: "Conflict",
      message: `Operation cannot be fulfilled on ConfigMap "a": the UID in the precondition (x) does not match the UID in record (${metadata.uid}). The object might have been deleted and then recreated`,
    });
    expect(
      client.delete(configMaps, at("a"), { preconditions: { resourceVersion: "1" } }),
    ).rejects.toMatchObject({ reason: "Conflict" });
    const { uid = "", resourceVersion = "" } = metadata;
    expect(
      await client.delete(configMaps, at("a"), { preconditions: { uid, resourceVersion } }),
    ).toMatchObject({ kind: "ConfigMap" });
  });
});

describe("a pod", () => {
  const time = Date.UTC(2026, 10, 21, 8, 0, 0);
  const opened = async () => {
    const example = await openExample({ now: () => time });
    await example.client.create(pods, pod("a", {}, { terminationGracePeriodSeconds: 20 }));
    const binding = {
      apiVersion: "v1",
      kind: "Binding",
      metadata: { name: "a" },
      target: { kind: "Node", name: "n1" },
    };
    await example.client.create(pods, binding, { subresourceOf: at("a", "binding") });
    return example;
  };

  test("has its time of grace, which can only become shorter", async () => {
    await using example = await opened();
    const { client } = example;
    const first = await client.delete(pods, at("a"));
    expect(first.metadata).toMatchObject({
      deletionTimestamp: "2026-11-21T08:00:20Z",
      deletionGracePeriodSeconds: 20,
    });
    const longer = await client.delete(pods, at("a"), { gracePeriodSeconds: 60 });
    expect(longer.metadata).toMatchObject({
      deletionTimestamp: "2026-11-21T08:00:20Z",
      deletionGracePeriodSeconds: 20,
    });
    const shorter = await client.delete(pods, at("a"), { gracePeriodSeconds: 5 });
    expect(shorter.metadata).toMatchObject({
      deletionTimestamp: "2026-11-21T08:00:05Z",
      deletionGracePeriodSeconds: 5,
    });
    await client.delete(pods, at("a"), { gracePeriodSeconds: 0 });
    expect(client.get(pods, at("a"))).rejects.toMatchObject({ reason: "NotFound" });
  });

  test("that nobody runs goes at once", async () => {
    await using example = await openExample();
    await example.client.create(pods, pod("a"));
    const { gone } = await example.registry.delete(resourceOf(pods), at("a"), {}, example.context);
    expect(gone).toBe(true);
  });

  test("that is held by a finalizer stays when its grace is over", async () => {
    await using example = await opened();
    const { client } = example;
    await client.patch(pods, at("a"), { metadata: { finalizers: ["example.com/a"] } }, merge);
    const held = await client.delete(pods, at("a"), { gracePeriodSeconds: 0 });
    expect(held.metadata).toMatchObject({ deletionGracePeriodSeconds: 0 });
    await client.patch(pods, at("a"), { metadata: { finalizers: [] } }, merge);
    expect(client.get(pods, at("a"))).rejects.toMatchObject({ reason: "NotFound" });
  });

  test("is bound to a node once", async () => {
    await using example = await opened();
    const found = await example.client.get(pods, at("a"));
    expect(found).toMatchObject({
      spec: { nodeName: "n1" },
      status: {
        conditions: [{ type: "PodScheduled", status: "True", lastTransitionTime: "2026-11-21T08:00:00Z" }],
      },
    });
    const binding = { apiVersion: "v1", kind: "Binding", metadata: { name: "a" }, target: { name: "n2" } };
    expect(example.client.create(pods, binding, { subresourceOf: at("a", "binding") })).rejects.toMatchObject(
      {
        reason: "Conflict",
        message: `Operation cannot be fulfilled on pods/binding "a": pod a is already assigned to node "n1"`,
      },
    );
  });

  test("is evicted as it is deleted", async () => {
    await using example = await opened();
    const eviction = {
      apiVersion: "policy/v1",
      kind: "Eviction",
      metadata: { name: "a" },
      deleteOptions: { gracePeriodSeconds: 3 },
    };
    const answer = await example.client.create(pods, eviction, { subresourceOf: at("a", "eviction") });
    expect(answer).toMatchObject({ kind: "Status", status: "Success", code: 201 });
    expect((await example.client.get(pods, at("a"))).metadata.deletionGracePeriodSeconds).toBe(3);
  });
});

test("a dry run deletes nothing", async () => {
  await using example = await openExample();
  const { client } = example;
  const made = await client.create(configMaps, configMap("a"));
  expect(await client.delete(configMaps, at("a"), { dryRun: true })).toEqual(made);
  expect(await client.get(configMaps, at("a"))).toEqual(made);
});

test("the first namespaces stay", async () => {
  await using example = await openExample();
  expect(example.client.delete(namespaces, { name: "default" })).rejects.toMatchObject({
    reason: "Forbidden",
    message: `namespaces "default" is forbidden: this namespace may not be deleted`,
  });
});

test("a collection is what a list would give", async () => {
  await using example = await openExample();
  const { client, registry, context } = example;
  for (const [name, app] of [
    ["a", "x"],
    ["b", "y"],
    ["c", "x"],
  ] as const)
    await client.create(configMaps, configMap(name, {}, { labels: { app } }));
  const { items } = await registry.deleteCollection(
    resourceOf(configMaps),
    { namespace: "default", labelSelector: "app=x" },
    {},
    context,
  );
  expect(items.map(({ metadata }) => metadata.name)).toEqual(["a", "c"]);
  expect((await client.list(configMaps, {})).items.map(({ metadata }) => metadata.name)).toEqual(["b"]);
});

test("an eviction whose options are none is refused", async () => {
  await using example = await openExample();
  const { client } = example;
  await client.create(pods, pod("a"));
  for (const deleteOptions of [
    "x",
    { gracePeriodSeconds: "x" },
    { propagationPolicy: "x" },
    { preconditions: { uid: "x" } },
  ]) {
    const eviction = { apiVersion: "policy/v1", kind: "Eviction", metadata: { name: "a" }, deleteOptions };
    const attempt = client.create(pods, eviction, { subresourceOf: at("a", "eviction") });
    expect(attempt).rejects.toMatchObject({ reason: expect.stringMatching(/^(BadRequest|Conflict)$/) });
  }
  expect(await client.get(pods, at("a"))).toMatchObject({ kind: "Pod" });
});
