import { expect, test } from "bun:test";
import type { WatchEvent } from "../../../../spec/kubernetes/kube.ts";
import {
  at,
  configMap,
  configMaps,
  merge,
  openExample,
  resourceOf,
  widgetObject,
  widgets,
  type Example,
} from "./_example.ts";

/** `ADDED a`, with what the options ask for. */
async function take(events: AsyncIterable<WatchEvent>, count: number): Promise<string[]> {
  const seen: string[] = [];
  for await (const { type, object } of events) {
    seen.push(
      `${type} ${object.metadata.name ?? Object.keys(object.metadata.annotations ?? {}).join()}`.trim(),
    );
    if (seen.length === count) break;
  }
  return seen;
}

async function label({ client }: Example, name: string, app: string | null): Promise<void> {
  await client.patch(configMaps, at(name), { metadata: { labels: { app } } }, merge);
}

test("without a version a watch begins with what is there", async () => {
  await using example = await openExample();
  const { client } = example;
  await client.create(configMaps, configMap("a"));
  for (const resourceVersion of [undefined, "0"]) {
    const events = client.watch(configMaps, {
      namespace: "default",
      ...(resourceVersion ? { resourceVersion } : {}),
    });
    const seen = take(events, 3);
    await client.create(configMaps, configMap("b"));
    await client.delete(configMaps, at("b"));
    expect(await seen).toEqual(
      resourceVersion ? ["ADDED a", "ADDED b", "DELETED b"] : ["ADDED a", "ADDED b", "DELETED b"],
    );
  }
});

test("from a version it tells what came after, and nothing of other namespaces", async () => {
  await using example = await openExample();
  const { client } = example;
  const { metadata } = await client.create(configMaps, configMap("a"));
  await client.create(configMaps, configMap("x", {}, { namespace: "other" }));
  await label(example, "a", "x");
  const { resourceVersion = "" } = metadata;
  expect(await take(client.watch(configMaps, { namespace: "default", resourceVersion }), 1)).toEqual([
    "MODIFIED a",
  ]);
  expect(await take(client.watch(configMaps, { resourceVersion }), 2)).toEqual(["ADDED x", "MODIFIED a"]);
});

test("through a selector, what begins to match appears, and what ceases to goes", async () => {
  await using example = await openExample();
  const { client } = example;
  await client.create(configMaps, configMap("a"));
  await client.create(configMaps, configMap("b", {}, { labels: { app: "x" } }));
  const { resourceVersion } = await client.list(configMaps);
  await label(example, "a", "x");
  await label(example, "b", "y");
  await client.delete(configMaps, at("b"));
  await client.patch(configMaps, at("a"), { data: { k: "v" } }, merge);
  await client.delete(configMaps, at("a"));
  expect(await take(client.watch(configMaps, { resourceVersion, labelSelector: "app=x" }), 4)).toEqual([
    "ADDED a",
    "DELETED b",
    "MODIFIED a",
    "DELETED a",
  ]);
  const [first] = await Array.fromAsync(
    client.watch(configMaps, {
      resourceVersion,
      fieldSelector: "metadata.name=b",
      timeoutSeconds: 1,
      labelSelector: "app=x",
    }),
  );
  expect(first?.object.metadata.labels).toEqual({ app: "x" });
  expect(Number(first?.object.metadata.resourceVersion)).toBeGreaterThan(Number(resourceVersion));
});

test("a client can have the state sent, with a mark at its end", async () => {
  await using example = await openExample();
  const { client, storage } = example;
  await client.create(configMaps, configMap("a"));
  const options = {
    sendInitialEvents: true,
    resourceVersionMatch: "NotOlderThan",
    allowWatchBookmarks: true,
  } as const;
  const events = client.watch(configMaps, { ...options, resourceVersion: "1" });
  const { revision } = storage;
  const seen: WatchEvent[] = [];
  for await (const event of events) if (seen.push(event) === 2) break;
  expect(seen.map(({ type }) => type)).toEqual(["ADDED", "BOOKMARK"]);
  expect(seen[1]?.object).toEqual({
    kind: "ConfigMap",
    apiVersion: "v1",
    metadata: { resourceVersion: String(revision), annotations: { "k8s.io/initial-events-end": "true" } },
  });
});

test("options that contradict one another are refused at once", async () => {
  await using example = await openExample();
  const { registry, context } = example;
  const resource = resourceOf(configMaps);
  const wrong = [
    { sendInitialEvents: true },
    { sendInitialEvents: true, resourceVersionMatch: "NotOlderThan" },
    { resourceVersion: "x" },
    { resourceVersion: "5", resourceVersionMatch: "NotOlderThan" },
    { labelSelector: "a=b=c" },
    { fieldSelector: "spec.x=y" },
  ] as const;
  for (const options of wrong)
    expect(() => registry.watch(resource, options, context)).toThrow(
      expect.objectContaining({ reason: "BadRequest" }),
    );
  expect(() => registry.watch(resource, { resourceVersion: "1000000" }, context)).toThrow(
    "Too large resource version",
  );
});

test("from before the history it ends with Expired", async () => {
  await using example = await openExample({ history: { count: 5 } });
  const { client, storage } = example;
  await Promise.all(
    Array.from({ length: 1200 }, (_, index) =>
      storage.write((transaction) =>
        transaction.put(
          { resource: "x", namespace: "", name: "x" },
          configMap("x", { index: String(index) }),
        ),
      ),
    ),
  );
  await client.create(configMaps, configMap("a"));
  expect(take(client.watch(configMaps, { resourceVersion: "1" }), 1)).rejects.toMatchObject({
    reason: "Expired",
    message: `too old resource version: 1 (${storage.oldest})`,
  });
});

test("it ends when nobody listens any more, and leaves no watcher", async () => {
  await using example = await openExample();
  const { client, storage } = example;
  const stop = new AbortController();
  await client.create(configMaps, configMap("a"));
  const seen: string[] = [];
  for await (const { object } of client.watch(configMaps, { signal: stop.signal })) {
    seen.push(object.metadata.name ?? "");
    expect(storage.figures().watchers).toBe(1);
    // While the watch waits for what does not come.
    setImmediate(() => stop.abort());
  }
  expect(seen).toEqual(["a"]);
  expect(storage.figures().watchers).toBe(0);
  await take(client.watch(configMaps, {}), 1);
  expect(storage.figures().watchers).toBe(0);
});

test("it ends when its time is over", async () => {
  await using example = await openExample();
  expect(await take(example.client.watch(configMaps, { timeoutSeconds: 1 }), 1)).toEqual([]);
});

test("all watchers of a version are handed the same bytes", async () => {
  await using example = await openExample();
  const { registry, client, context } = example;
  const first = async (version: string) => {
    for await (const { encodable } of registry.watch(resourceOf({ ...widgets, version }), {}, context))
      return encodable.json();
    return undefined;
  };
  const watches = [first("v1"), first("v1"), first("v2")];
  await client.create(widgets, widgetObject("a"));
  const [one, other, inOther] = await Promise.all(watches);
  expect(one).toBeDefined();
  expect(one).toBe(other as Uint8Array);
  expect(JSON.parse(new TextDecoder().decode(inOther))).toMatchObject({ apiVersion: "example.com/v2" });
});

test("bookmarks say how far it is though nothing happens to what is watched", async () => {
  await using example = await openExample({ bookmarkEvery: 1 });
  const { client, storage } = example;
  const { resourceVersion } = await client.list(configMaps);
  await client.create(widgets, widgetObject("a"));
  for await (const { type, object } of client.watch(configMaps, {
    resourceVersion,
    allowWatchBookmarks: true,
  })) {
    expect(type).toBe("BOOKMARK");
    expect(object).toEqual({
      kind: "ConfigMap",
      apiVersion: "v1",
      metadata: { resourceVersion: String(storage.revision) },
    });
    break;
  }
  const silent = client.watch(configMaps, { resourceVersion, timeoutSeconds: 1 });
  expect(await take(silent, 1)).toEqual([]);
});
