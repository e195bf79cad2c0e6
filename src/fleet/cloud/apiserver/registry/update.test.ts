import { describe, expect, test } from "bun:test";
import type { KubeObject } from "../../../../spec/kubernetes/kube.ts";
import {
  at,
  configMap,
  configMaps,
  deployment,
  deployments,
  merge,
  namespaces,
  openExample,
  pod,
  pods,
  resourceOf,
  widgetObject,
  widgets,
} from "./_example.ts";

test("an update is over the version that it says, and over any where it says none", async () => {
  await using example = await openExample();
  const { client } = example;
  const first = await client.create(configMaps, configMap("a", { k: "1" }));
  const second = await client.update(configMaps, { ...first, data: { k: "2" } });
  expect(Number(second.metadata.resourceVersion)).toBeGreaterThan(Number(first.metadata.resourceVersion));
  expect(client.update(configMaps, { ...first, data: { k: "3" } })).rejects.toMatchObject({
    reason: "Conflict",
    message: `Operation cannot be fulfilled on configmaps "a": the object has been modified; please apply your changes to the latest version and try again`,
    status: { code: 409, details: { name: "a", kind: "configmaps" } },
  });
  expect(await client.update(configMaps, configMap("a", { k: "4" }))).toMatchObject({ data: { k: "4" } });
});

test("kinds of CustomResourceDefinitions must say a version", async () => {
  await using example = await openExample();
  await example.client.create(widgets, widgetObject("a"));
  expect(example.client.update(widgets, widgetObject("a"))).rejects.toMatchObject({
    reason: "Invalid",
    message: `Widget.example.com "a" is invalid: metadata.resourceVersion: Invalid value: 0x0: must be specified for an update`,
  });
});

test("what changes nothing is not written, and keeps its version", async () => {
  await using example = await openExample();
  const made = await example.client.create(deployments, deployment("a"));
  const { revision } = example.storage;
  const again = await example.client.update(deployments, deployment("a"));
  expect(again.metadata.resourceVersion).toBe(made.metadata.resourceVersion ?? "");
  expect(example.storage.revision).toBe(revision);
});

test("identity and times are not the client's", async () => {
  await using example = await openExample();
  const made = await example.client.create(configMaps, configMap("a"));
  const changed = await example.client.update(configMaps, {
    ...configMap("a", { k: "v" }),
    metadata: {
      name: "a",
      namespace: "default",
      creationTimestamp: "2001-01-01T00:00:00Z",
      deletionTimestamp: "2001-01-01T00:00:00Z",
      generation: 9,
    },
  });
  const { uid, creationTimestamp } = made.metadata;
  expect(changed.metadata).toMatchObject({ uid, creationTimestamp });
  expect(changed.metadata.deletionTimestamp).toBeUndefined();
  expect(changed.metadata.generation).toBeUndefined();
});

test("the generation counts changes of what is wanted, not of labels or the status", async () => {
  await using example = await openExample();
  const { client } = example;
  const generations: (number | undefined)[] = [];
  const keep = ({ metadata }: KubeObject) => void generations.push(metadata.generation);
  keep(await client.create(widgets, widgetObject("a")));
  keep(await client.patch(widgets, at("a"), { metadata: { labels: { a: "b" } } }, merge));
  keep(await client.patch(widgets, at("a", "status"), { status: { size: 1 } }, merge));
  keep(await client.patch(widgets, at("a"), { spec: { size: 4 } }, merge));
  expect(generations).toEqual([1, 1, 1, 2]);
});

describe("is refused:", () => {
  test("what is not there", async () => {
    await using example = await openExample();
    expect(example.client.update(configMaps, configMap("a"))).rejects.toMatchObject({
      reason: "NotFound",
      message: `configmaps "a" not found`,
    });
  });

  test("another name than that of the path", async () => {
    await using example = await openExample();
    const { registry, context, client } = example;
    await client.create(configMaps, configMap("a"));
    expect(
      registry.update(resourceOf(configMaps), at("a"), configMap("b"), {}, context),
    ).rejects.toMatchObject({
      reason: "BadRequest",
      message: "the name of the object (b) does not match the name on the URL (a)",
    });
  });

  test("another object of the same name", async () => {
    await using example = await openExample();
    await example.client.create(configMaps, configMap("a"));
    expect(example.client.update(configMaps, configMap("a", {}, { uid: "x" }))).rejects.toMatchObject({
      reason: "Conflict",
      message: expect.stringContaining("Precondition failed: UID in precondition: x, UID in object meta: "),
    });
  });

  test("a value that may not be", async () => {
    await using example = await openExample();
    await example.client.create(widgets, widgetObject("a"));
    expect(example.client.patch(widgets, at("a"), { spec: { size: 10 } }, merge)).rejects.toMatchObject({
      reason: "Invalid",
      details: { causes: [{ field: "spec.size" }] },
    });
  });

  test("a new finalizer on what is being deleted", async () => {
    await using example = await openExample();
    const { client } = example;
    await client.create(configMaps, configMap("a", {}, { finalizers: ["example.com/a"] }));
    await client.delete(configMaps, at("a"));
    const finalizers = ["example.com/a", "example.com/b"];
    expect(client.patch(configMaps, at("a"), { metadata: { finalizers } }, merge)).rejects.toMatchObject({
      reason: "Invalid",
      message: expect.stringContaining(
        `metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{"example.com/b"}`,
      ),
    });
  });
});

test("some kinds are made by an update", async () => {
  await using example = await openExample();
  const leases = { group: "coordination.k8s.io", version: "v1", resource: "leases" };
  const lease = {
    apiVersion: "coordination.k8s.io/v1",
    kind: "Lease",
    metadata: { name: "a", namespace: "default" },
    spec: { holderIdentity: "me" },
  };
  const { registry, context } = example;
  const made = await registry.update(resourceOf(leases), at("a"), lease, {}, context);
  expect(made.created).toBe(true);
  expect(made.object.metadata.uid).toBeDefined();
  const again = await registry.update(resourceOf(leases), at("a"), lease, {}, context);
  expect(again.created).toBe(false);
});

describe("status", () => {
  test("is changed by its subresource alone", async () => {
    await using example = await openExample();
    const { client } = example;
    const made = await client.create(widgets, widgetObject("a", { colour: "red" }));
    const { resourceVersion } = made.metadata;
    const metadata = { name: "a", namespace: "default", resourceVersion: resourceVersion ?? "" };
    const whole = {
      ...widgetObject("a", { colour: "blue" }, { ...metadata, labels: { a: "b" } }),
      status: { size: 1 },
    };
    const reported = await client.update(widgets, whole, { subresource: "status" });
    expect(reported).toMatchObject({ spec: { colour: "red" }, status: { size: 1 } });
    expect(reported.metadata.labels).toBeUndefined();
    const again = await client.update(widgets, {
      ...whole,
      metadata: { ...metadata, resourceVersion: reported.metadata.resourceVersion ?? "" },
      status: { size: 2 },
    });
    expect(again).toMatchObject({ spec: { colour: "blue" }, status: { size: 1 } });
  });

  test("of a pod is the node's to tell", async () => {
    await using example = await openExample();
    const { client } = example;
    await client.create(pods, pod("a"));
    const told = await client.patch(
      pods,
      at("a", "status"),
      { status: { phase: "Running" }, spec: { nodeName: "x" } },
      merge,
    );
    expect(told).toMatchObject({ status: { phase: "Running" } });
    expect(told["spec"]).not.toHaveProperty("nodeName");
  });
});

describe("scale", () => {
  test("is told of every kind in the same form", async () => {
    await using example = await openExample();
    const { client } = example;
    const { metadata } = await client.create(deployments, deployment("a", { replicas: 2 }));
    const { uid, resourceVersion, creationTimestamp } = metadata;
    expect(await client.get(deployments, at("a", "scale"))).toEqual({
      kind: "Scale",
      apiVersion: "autoscaling/v1",
      metadata: {
        name: "a",
        namespace: "default",
        uid,
        resourceVersion,
        creationTimestamp,
      } as KubeObject["metadata"],
      spec: { replicas: 2 },
      status: { replicas: 0, selector: "app=a" },
    });
    await client.create(widgets, widgetObject("w", { size: 4 }));
    expect(await client.get(widgets, at("w", "scale"))).toMatchObject({
      spec: { replicas: 4 },
      status: { replicas: 0 },
    });
  });

  test("changes only the number", async () => {
    await using example = await openExample();
    const { client } = example;
    await client.create(widgets, widgetObject("a", { size: 4, colour: "red" }));
    const scale = await client.get(widgets, at("a", "scale"));
    const updated = await client.update(
      widgets,
      { ...scale, spec: { replicas: 5 } },
      { subresource: "scale" },
    );
    expect(updated).toMatchObject({ kind: "Scale", spec: { replicas: 5 } });
    expect(await client.get(widgets, at("a"))).toMatchObject({ spec: { size: 5, colour: "red" } });
    expect(updated.metadata.resourceVersion).toBe(
      (await client.get(widgets, at("a"))).metadata.resourceVersion ?? "",
    );
    expect(
      client.update(widgets, { ...scale, spec: { replicas: 6 } }, { subresource: "scale" }),
    ).rejects.toMatchObject({ reason: "Conflict" });
    expect(await client.patch(widgets, at("a", "scale"), { spec: { replicas: 7 } }, merge)).toMatchObject({
      spec: { replicas: 7 },
    });
  });

  test("below nothing is refused", async () => {
    await using example = await openExample();
    await example.client.create(deployments, deployment("a"));
    expect(
      example.client.patch(deployments, at("a", "scale"), { spec: { replicas: -1 } }, merge),
    ).rejects.toMatchObject({
      reason: "Invalid",
      message: `Scale.autoscaling "a" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0`,
    });
  });
});

test("a namespace's finalizers are changed by finalize, and it goes with the last one", async () => {
  await using example = await openExample();
  const { client } = example;
  const other = await client.get(namespaces, { name: "other" });
  expect(other["spec"]).toEqual({ finalizers: ["kubernetes"] });
  const kept = await client.update(namespaces, { ...other, spec: { finalizers: [] } });
  expect(kept["spec"]).toEqual({ finalizers: ["kubernetes"] });
  const { gone, object } = await example.registry.delete(
    resourceOf(namespaces),
    { name: "other" },
    {},
    example.context,
  );
  expect(gone).toBe(false);
  expect(object).toMatchObject({ status: { phase: "Terminating" } });
  expect(object.metadata.deletionTimestamp).toBeString();
  await client.update(namespaces, { ...object, spec: { finalizers: [] } }, { subresource: "finalize" });
  expect(client.get(namespaces, { name: "other" })).rejects.toMatchObject({ reason: "NotFound" });
});

test("ephemeral containers are added by their subresource", async () => {
  await using example = await openExample();
  const { client } = example;
  await client.create(pods, pod("a"));
  const change = { spec: { ephemeralContainers: [{ name: "debug", image: "busybox" }], nodeName: "x" } };
  const changed = await client.patch(pods, at("a", "ephemeralcontainers"), change, merge);
  expect(changed).toMatchObject({ spec: { ephemeralContainers: [{ name: "debug" }] } });
  expect(changed["spec"]).not.toHaveProperty("nodeName");
});

test("a subresource that others answer is theirs", async () => {
  const asked: string[] = [];
  await using example = await openExample({
    subresources: {
      "serviceaccounts/token": ({ key, object }) => {
        asked.push(key.name);
        return Promise.resolve({ ...object, status: { token: "t" } });
      },
    },
  });
  const request = { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", metadata: {}, spec: {} };
  const accounts = { group: "", version: "v1", resource: "serviceaccounts" };
  expect(
    await example.client.create(accounts, request, { subresourceOf: at("default", "token") }),
  ).toMatchObject({ status: { token: "t" } });
  expect(asked).toEqual(["default"]);
  expect(
    example.client.create(accounts, request, { subresourceOf: at("default", "other") }),
  ).rejects.toMatchObject({ reason: "MethodNotAllowed" });
});

test("a kind that got a default since has it in what was written before", async () => {
  await using example = await openExample();
  const { client, storage, registry, context } = example;
  const old = {
    ...widgetObject("a", { colour: "red" }),
    metadata: { name: "a", namespace: "default", uid: "u" },
  };
  const key = { resource: "example.com/widgets", namespace: "default", name: "a" };
  await storage.write((transaction) => transaction.put(key, old));
  expect(await client.get(widgets, at("a"))).toMatchObject({ spec: { size: 3, colour: "red" } });
  const found = await registry.get(resourceOf(widgets), at("a"), context);
  expect(JSON.parse(new TextDecoder().decode(found.json()))).toMatchObject({ spec: { size: 3 } });
  const changed = await client.patch(widgets, at("a"), { spec: { colour: "blue" } }, merge);
  expect(changed).toMatchObject({ spec: { size: 3, colour: "blue" } });
});
