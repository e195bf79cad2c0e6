import { describe, expect, test } from "bun:test";
import type { KubeObject } from "../../../../spec/kubernetes/kube.ts";
import {
  configMap,
  configMaps,
  deployment,
  deployments,
  namespaces,
  openExample,
  pod,
  pods,
  resourceOf,
  widgetObject,
  widgets,
} from "./_example.ts";

const uid = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

test("the server gives what only it can know", async () => {
  await using example = await openExample({ now: () => Date.UTC(2026, 10, 21, 8, 30, 15, 400) });
  const { metadata } = await example.client.create(deployments, {
    ...deployment("a"),
    status: { replicas: 9 },
    metadata: {
      name: "a",
      namespace: "default",
      uid: "mine",
      generation: 7,
      creationTimestamp: "2001-01-01T00:00:00Z",
      deletionTimestamp: "2001-01-01T00:00:00Z",
      selfLink: "/x",
    },
  });
  const { managedFields, ...rest } = metadata;
  expect(rest).toEqual({
    name: "a",
    namespace: "default",
    uid: expect.stringMatching(uid),
    generation: 1,
    creationTimestamp: "2026-11-21T08:30:15Z",
    resourceVersion: String(example.storage.revision),
  });
  expect(managedFields).toMatchObject([
    { manager: "system:apiserver", operation: "Update", time: "2026-11-21T08:30:15Z" },
  ]);
});

test("the status is not for who creates", async () => {
  await using example = await openExample();
  const made = await example.client.create(deployments, { ...deployment("a"), status: { replicas: 9 } });
  expect(made["status"] ?? {}).not.toHaveProperty("replicas", 9);
  const widget = await example.client.create(widgets, { ...widgetObject("a"), status: { size: 9 } });
  expect(widget["status"]).toBeUndefined();
});

test("a name that is taken is refused", async () => {
  await using example = await openExample();
  await example.client.create(configMaps, configMap("a"));
  expect(example.client.create(configMaps, configMap("a"))).rejects.toMatchObject({
    reason: "AlreadyExists",
    message: `configmaps "a" already exists`,
    status: { code: 409, details: { name: "a", kind: "configmaps" } },
  });
});

test("generateName makes names that differ", async () => {
  await using example = await openExample();
  const made = await Promise.all(
    Array.from({ length: 30 }, () =>
      example.client.create(configMaps, configMap("", {}, { generateName: "web-" })),
    ),
  );
  const names = made.map(({ metadata }) => metadata.name);
  expect(new Set(names).size).toBe(30);
  for (const name of names) expect(name).toMatch(/^web-[a-z0-9]{5}$/);
  const long = await example.client.create(
    configMaps,
    configMap("", {}, { generateName: `${"x".repeat(80)}` }),
  );
  expect(long.metadata.name).toHaveLength(63);
});

test("defaults of the kind are filled in", async () => {
  await using example = await openExample();
  const made = await example.client.create(deployments, deployment("a"));
  expect(made).toMatchObject({ spec: { replicas: 1, template: { spec: { restartPolicy: "Always" } } } });
  expect(await example.client.create(widgets, widgetObject("a"))).toMatchObject({ spec: { size: 3 } });
});

test("a dry run answers as if it were done, and does nothing", async () => {
  await using example = await openExample();
  const { revision } = example.storage;
  const made = await example.client.create(configMaps, configMap("a", { k: "v" }), { dryRun: true });
  expect(made.metadata.uid).toMatch(uid);
  expect(made.metadata.resourceVersion).toBeUndefined();
  expect(example.storage.revision).toBe(revision);
  expect(example.client.create(configMaps, configMap("A"), { dryRun: true })).rejects.toMatchObject({
    reason: "Invalid",
  });
});

describe("is refused:", () => {
  const cases: readonly (readonly [
    what: string,
    object: object,
    reason: string,
    message: string | RegExp,
  ])[] = [
    [
      "a namespace that is not there",
      configMap("a", {}, { namespace: "nowhere" }),
      "NotFound",
      `namespaces "nowhere" not found`,
    ],
    [
      "no name",
      configMap(""),
      "Invalid",
      `ConfigMap "" is invalid: metadata.name: Required value: name or generateName is required`,
    ],
    [
      "a name that is none",
      configMap("A_b"),
      "Invalid",
      /^ConfigMap "A_b" is invalid: metadata.name: Invalid value: "A_b": a lowercase RFC 1123 subdomain must consist of/,
    ],
    [
      "a resourceVersion",
      configMap("a", {}, { resourceVersion: "5" }),
      "BadRequest",
      "resourceVersion should not be set on objects to be created",
    ],
    ["another kind", { ...configMap("a"), kind: "Secret" }, "BadRequest", /must be of type ConfigMap/],
    [
      "another version",
      { ...configMap("a"), apiVersion: "v2" },
      "BadRequest",
      "the API version in the data (v2) does not match the expected API version (v1)",
    ],
    [
      "a wrong type",
      { ...configMap("a"), data: { k: 7 } },
      "BadRequest",
      /^ConfigMap in version "v1" cannot be handled as a ConfigMap: data\.k: /,
    ],
    [
      "a label that is none",
      configMap("a", {}, { labels: { "a b": "c" } }),
      "Invalid",
      /metadata\.labels: Invalid value: "a b"/,
    ],
    [
      "too many annotations",
      configMap("a", {}, { annotations: { a: "x".repeat(300_000) } }),
      "Invalid",
      /metadata\.annotations: Too long/,
    ],
  ];
  test.each(cases)("%s", async (_what, object, reason, message) => {
    await using example = await openExample();
    const attempt = example.client.create(configMaps, object as ReturnType<typeof configMap>);
    expect(attempt).rejects.toMatchObject({
      reason,
      message: typeof message === "string" ? message : expect.stringMatching(message),
    });
    await attempt.catch(() => {});
    expect((await example.client.list(configMaps, {})).items).toEqual([]);
  });

  test("an object that is nested too deeply", async () => {
    await using example = await openExample();
    let deep: object = {};
    for (let level = 0; level < 20_000; level++) deep = { deep };
    expect(example.client.create(widgets, widgetObject("a", deep))).rejects.toMatchObject({
      reason: "BadRequest",
    });
  });

  test("more than can be stored", async () => {
    await using example = await openExample();
    expect(
      example.client.create(widgets, widgetObject("a", { colour: "x".repeat(1_600_000) })),
    ).rejects.toMatchObject({
      reason: "RequestEntityTooLarge",
      message: "Request entity too large: limit is 1572864",
    });
  });

  test("no metadata", async () => {
    await using example = await openExample();
    const { registry, context } = example;
    const bare = { apiVersion: "v1", kind: "ConfigMap" } as KubeObject;
    for (const object of [
      bare,
      { ...bare, metadata: null },
      { ...bare, metadata: "x" },
      { ...bare, metadata: [] },
    ])
      expect(
        registry.create(resourceOf(configMaps), { namespace: "default" }, object as KubeObject, {}, context),
      ).rejects.toMatchObject({ reason: "BadRequest" });
  });

  test("several faults, told together and each as a cause", async () => {
    await using example = await openExample();
    const attempt = example.client.create(
      pods,
      pod("a", {}, { containers: [{ image: "x" }, { image: "x" }] }),
    );
    expect(attempt).rejects.toMatchObject({
      reason: "Invalid",
      message: expect.stringMatching(
        /^Pod "a" is invalid: \[.*spec\.containers\[0\]\.name: Required value, spec\.containers\[1\]\.name: Required value\]$/,
      ),
      details: { name: "a", kind: "Pod" },
    });
    await attempt.catch(() => {});
  });

  test("a namespace that goes", async () => {
    await using example = await openExample();
    await example.client.delete(namespaces, { name: "other" });
    expect(
      example.client.create(configMaps, configMap("a", {}, { namespace: "other" })),
    ).rejects.toMatchObject({
      reason: "Forbidden",
      message: `configmaps "a" is forbidden: unable to create new content in namespace other because it is being terminated`,
      details: { causes: [{ reason: "NamespaceTerminating" }] },
    });
  });

  test("a namespace that differs from that of the path", async () => {
    await using example = await openExample();
    const { registry, context } = example;
    expect(
      registry.create(
        resourceOf(configMaps),
        { namespace: "default" },
        configMap("a", {}, { namespace: "other" }),
        {},
        context,
      ),
    ).rejects.toMatchObject({
      reason: "BadRequest",
      message: "the namespace of the provided object does not match the namespace sent on the request",
    });
  });
});

describe("a field that the kind does not have", () => {
  const odd = { ...configMap("a"), daat: { k: "v" } };
  const create = async (fieldValidation?: "Ignore" | "Warn" | "Strict") => {
    await using example = await openExample();
    const { registry, context, warnings } = example;
    const options = fieldValidation ? { fieldValidation } : {};
    const { object } = await registry.create(
      resourceOf(configMaps),
      { namespace: "default" },
      odd,
      options,
      context,
    );
    return { object, warnings };
  };

  test("is left out and warned of", async () => {
    for (const way of [undefined, "Warn"] as const) {
      const { object, warnings } = await create(way);
      expect(object).not.toHaveProperty("daat");
      expect(warnings).toEqual([`unknown field "daat"`]);
    }
  });

  test("is left out in silence where that is wanted", async () => {
    const { object, warnings } = await create("Ignore");
    expect(object).not.toHaveProperty("daat");
    expect(warnings).toEqual([]);
  });

  test("is refused where that is wanted", () => {
    expect(create("Strict")).rejects.toMatchObject({
      reason: "BadRequest",
      message: `ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: unknown field "daat"`,
    });
  });
});

test("what a strategy refuses is not there, nor what it kept", async () => {
  await using example = await openExample();
  const before = example.storage.revision;
  const services = { group: "", version: "v1", resource: "services" };
  const service = {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "a", namespace: "default" },
    spec: { ports: [] },
  };
  expect(example.client.create(services, service)).rejects.toMatchObject({ reason: "Invalid" });
  expect(
    example.client.create(services, { ...service, spec: { ports: [{ port: 80 }] } }, { dryRun: true }),
  ).resolves.toMatchObject({ kind: "Service" });
  await example.storage.write(() => {});
  expect(example.storage.revision).toBe(before);
});
