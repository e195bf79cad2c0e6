import { describe, expect, test } from "bun:test";
import type { KubeList } from "../../../../spec/kubernetes/kube.ts";
import {
  at,
  configMap,
  configMaps,
  openExample,
  pod,
  pods,
  resourceOf,
  widgetObject,
  widgets,
  type Example,
} from "./_example.ts";

const names = ({ items }: KubeList) => items.map(({ metadata }) => metadata.name);

async function withMaps(example: Example, count: number): Promise<void> {
  for (let index = 0; index < count; index++)
    await example.client.create(
      configMaps,
      configMap(`m${index}`, {}, { labels: { odd: String(index % 2) } }),
    );
}

test("a list is of a namespace or of all", async () => {
  await using example = await openExample();
  const { client } = example;
  await client.create(configMaps, configMap("a"));
  await client.create(configMaps, configMap("b", {}, { namespace: "other" }));
  expect(names(await client.list(configMaps, { namespace: "other" }))).toEqual(["b"]);
  expect(names(await client.list(configMaps))).toEqual(["a", "b"]);
  expect((await client.list(configMaps)).resourceVersion).toBe(String(example.storage.revision));
});

test("pages show one state, whatever happens between them", async () => {
  await using example = await openExample();
  const { client } = example;
  await withMaps(example, 5);
  const first = await client.list(configMaps, { limit: 2 });
  expect(names(first)).toEqual(["m0", "m1"]);
  expect(first.remainingItemCount).toBe(3);
  await client.delete(configMaps, at("m3"));
  await client.create(configMaps, configMap("m11"));
  const second = await client.list(configMaps, { limit: 2, continue: first.continue ?? "" });
  expect(names(second)).toEqual(["m2", "m3"]);
  expect(second.resourceVersion).toBe(first.resourceVersion);
  const third = await client.list(configMaps, { limit: 2, continue: second.continue ?? "" });
  expect(names(third)).toEqual(["m4"]);
  expect(third.continue).toBeUndefined();
});

test("pages of what a selector lets through are full, and do not say what remains", async () => {
  await using example = await openExample();
  await withMaps(example, 7);
  const { client } = example;
  const first = await client.list(configMaps, { limit: 2, labelSelector: "odd=1" });
  expect(names(first)).toEqual(["m1", "m3"]);
  expect(first.remainingItemCount).toBeUndefined();
  const rest = await client.list(configMaps, {
    limit: 2,
    labelSelector: "odd=1",
    continue: first.continue ?? "",
  });
  expect(names(rest)).toEqual(["m5"]);
});

test("a token whose state is gone is refused with one that goes on in the present", async () => {
  await using example = await openExample({ history: { count: 5 } });
  await withMaps(example, 4);
  const { client, storage } = example;
  const { continue: token = "", resourceVersion } = await client.list(configMaps, { limit: 2 });
  for (let round = 0; round < 5; round++)
    await Promise.all(
      Array.from({ length: 250 }, (_, index) =>
        storage.write((transaction) =>
          transaction.put(
            { resource: "x", namespace: "", name: "x" },
            configMap("x", { index: String(index + round) }),
          ),
        ),
      ),
    );
  const refusal = await client
    .list(configMaps, { limit: 2, continue: token })
    .catch((error: unknown) => error);
  expect(refusal).toMatchObject({ reason: "Expired", status: { code: 410 } });
  const { status } = refusal as { status: { metadata: { continue: string } } };
  expect(names(await client.list(configMaps, { limit: 5, continue: status.metadata.continue }))).toEqual([
    "m2",
    "m3",
  ]);
  expect(client.list(configMaps, { resourceVersion, resourceVersionMatch: "Exact" })).rejects.toMatchObject({
    reason: "Expired",
    message: "The resourceVersion for the provided list is too old.",
  });
});

describe("resourceVersion", () => {
  test("asks for a state of the past, or for none that is older", async () => {
    await using example = await openExample();
    const { client } = example;
    const { metadata } = await client.create(configMaps, configMap("a"));
    await client.create(configMaps, configMap("b"));
    const { resourceVersion = "" } = metadata;
    expect(names(await client.list(configMaps, { resourceVersion, resourceVersionMatch: "Exact" }))).toEqual([
      "a",
    ]);
    expect(names(await client.list(configMaps, { resourceVersion, limit: 5 }))).toEqual(["a"]);
    expect(names(await client.list(configMaps, { resourceVersion }))).toEqual(["a", "b"]);
    expect(
      names(await client.list(configMaps, { resourceVersion, resourceVersionMatch: "NotOlderThan" })),
    ).toEqual(["a", "b"]);
    expect(names(await client.list(configMaps, { resourceVersion: "0" }))).toEqual(["a", "b"]);
  });

  test("of the future is told from one of the past", async () => {
    await using example = await openExample();
    expect(example.client.list(configMaps, { resourceVersion: "1000000" })).rejects.toMatchObject({
      reason: "Timeout",
      message: `Too large resource version: 1000000, current: ${example.storage.revision}`,
      status: { details: { causes: [{ reason: "ResourceVersionTooLarge" }] } },
    });
  });

  const wrong: readonly (readonly [what: string, options: object])[] = [
    ["a word", { resourceVersion: "new" }],
    ["a match without a version", { resourceVersionMatch: "Exact" }],
    ["exactly any", { resourceVersion: "0", resourceVersionMatch: "Exact" }],
    ["a version beside a token", { resourceVersion: "5", continue: "x" }],
    ["a token that is none", { continue: "x" }],
    ["a token of something else", { continue: Buffer.from("{}").toString("base64url") }],
  ];
  test.each(wrong)("%s is refused", async (_what, options) => {
    await using example = await openExample();
    expect(example.client.list(configMaps, options)).rejects.toMatchObject({ reason: "BadRequest" });
  });
});

test("one object by its name is found, and not again behind itself", async () => {
  await using example = await openExample();
  const { client } = example;
  await withMaps(example, 3);
  const options = { namespace: "default", fieldSelector: "metadata.name=m1" };
  expect(names(await client.list(configMaps, options))).toEqual(["m1"]);
  const start = ["default", "m1"];
  const token = Buffer.from(JSON.stringify({ v: "meta.k8s.io/v1", rv: -1, start })).toString("base64url");
  expect(names(await client.list(configMaps, { ...options, continue: token }))).toEqual([]);
});

describe("selectors of fields", () => {
  test("know names, namespaces and what the kind offers", async () => {
    await using example = await openExample();
    const { client } = example;
    await client.create(pods, pod("a", { labels: { app: "x" } }));
    await client.create(pods, pod("b", { labels: { app: "x" } }));
    const binding = {
      apiVersion: "v1",
      kind: "Binding",
      metadata: { name: "b" },
      target: { kind: "Node", name: "n1" },
    };
    await client.create(pods, binding, { subresourceOf: at("b", "binding") });
    expect(
      names(await client.list(pods, { fieldSelector: "metadata.name=a", namespace: "default" })),
    ).toEqual(["a"]);
    expect(
      names(
        await client.list(pods, {
          fieldSelector: "metadata.name=a",
          namespace: "default",
          labelSelector: "app!=x",
        }),
      ),
    ).toEqual([]);
    expect(
      names(await client.list(pods, { fieldSelector: "metadata.name!=a,metadata.namespace=default" })),
    ).toEqual(["b"]);
    expect(
      names(await client.list(pods, { fieldSelector: "spec.nodeName=n1", labelSelector: "app" })),
    ).toEqual(["b"]);
  });

  test("refuse what it does not offer", async () => {
    await using example = await openExample();
    expect(example.client.list(pods, { fieldSelector: "spec.colour=red" })).rejects.toMatchObject({
      reason: "BadRequest",
      message: "field label not supported: spec.colour",
    });
  });
});

test("an object is served in each version, and encoded once in each", async () => {
  await using example = await openExample();
  const { client, registry, context } = example;
  const made = await client.create(widgets, widgetObject("a"));
  const inOther = await registry.get(resourceOf({ ...widgets, version: "v2" }), at("a"), context);
  expect(inOther.object).toEqual({ ...made, apiVersion: "example.com/v2" });
  expect(JSON.parse(new TextDecoder().decode(inOther.json()))).toEqual(inOther.object);
  const [one, other] = [
    await registry.list(resourceOf(widgets), {}, context),
    await registry.get(resourceOf(widgets), at("a"), context),
  ];
  expect(one.encodables[0]?.json()).toBe(other.json());
  expect(JSON.parse(new TextDecoder().decode(other.json()))).toEqual(made);
});

test("events are the same in both groups", async () => {
  await using example = await openExample();
  const { client } = example;
  const events = { group: "", version: "v1", resource: "events" };
  const involvedObject = { kind: "Pod", name: "p", namespace: "default" };
  await client.create(events, {
    apiVersion: "v1",
    kind: "Event",
    metadata: { name: "e", namespace: "default" },
    involvedObject,
    reason: "Started",
    message: "it began",
    type: "Normal",
  });
  const newer = { group: "events.k8s.io", version: "v1", resource: "events" };
  const seen = await client.get(newer, at("e"));
  expect(seen).toMatchObject({ apiVersion: "events.k8s.io/v1", regarding: involvedObject, note: "it began" });
  expect(names(await client.list(newer, { namespace: "default" }))).toEqual(["e"]);
  expect(names(await client.list(newer, { fieldSelector: "regarding.name=p" }))).toEqual(["e"]);
  expect(names(await client.list(events, { fieldSelector: "involvedObject.name=p" }))).toEqual(["e"]);
});
