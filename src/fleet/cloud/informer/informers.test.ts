import { expect, test } from "bun:test";
import type { KubeClient, KubeObject } from "../../../spec/kubernetes/kube.ts";
import { Informers } from "./informers.ts";
import { writeThrough } from "./write-through.ts";

const resource = { group: "", version: "v1", resource: "configmaps" } as const;

const object: KubeObject = {
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { namespace: "default", name: "a", uid: "1", resourceVersion: "2", labels: { of: "us" } },
  data: { key: "value" },
};

/** Lists one object, and watches until it is told to end. */
function open() {
  const stop = new AbortController();
  const { signal } = stop;
  let lists = 0;
  const client = {
    list: async () => ({ items: [object], resourceVersion: "2", lists: ++lists }),
    async *watch(_id: unknown, options: { readonly signal: AbortSignal }) {
      const { promise, resolve } = Promise.withResolvers<void>();
      options.signal.addEventListener("abort", () => resolve(), { once: true });
      yield { type: "BOOKMARK", object: { ...object, metadata: { resourceVersion: "2" } } };
      if (!options.signal.aborted) await promise;
    },
    update: async (_id: unknown, written: KubeObject) => written,
  } as unknown as KubeClient;
  const clock = { now: () => 0, after: () => () => {} };
  const informers = new Informers({ client, clock, log: () => {}, signal });
  return {
    informers,
    client,
    lists: () => lists,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await informers.ended();
    },
  };
}

test("a kind is listed once for all who need it whole, and for those who need its metadata after them", async () => {
  await using opened = open();
  const { informers } = opened;
  const whole = informers.of(resource);
  await whole.synced;
  expect(informers.of(resource)).toBe(whole);
  expect(informers.metadataOf(resource)).toBe(whole);
  expect(opened.lists()).toBe(1);
});

test("who needs whole objects gets them, though another began with metadata alone", async () => {
  await using opened = open();
  const { informers } = opened;
  const metadata = informers.metadataOf(resource);
  const whole = informers.of(resource);
  await Promise.all([metadata.synced, whole.synced]);
  expect(metadata.store.get("default", "a")?.["data"]).toBeUndefined();
  expect(whole.store.get("default", "a")?.["data"]).toEqual({ key: "value" });
});

test("both are told of what this process writes", async () => {
  await using opened = open();
  const { informers, client } = opened;
  const both = [informers.metadataOf(resource), informers.of(resource)];
  await Promise.all(both.map(({ synced }) => synced));
  const written = { ...object, metadata: { ...object.metadata, resourceVersion: "3" } };
  await writeThrough(client, informers).update(resource, written);
  for (const { store } of both) expect(store.get("default", "a")?.metadata.resourceVersion).toBe("3");
});

test("the end of a kind's metadata is not the end for who needs it whole", async () => {
  await using opened = open();
  const { informers } = opened;
  const metadata = informers.metadataOf(resource);
  const whole = informers.of(resource);
  await Promise.all([metadata.synced, whole.synced]);
  await informers.stop(resource);
  expect(informers.of(resource)).toBe(whole);
  expect(informers.metadataOf(resource)).toBe(whole);
});
