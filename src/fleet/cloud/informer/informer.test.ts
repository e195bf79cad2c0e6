import { Store } from "./store.ts";
import { describe, expect, test } from "bun:test";
import {
  KubeError,
  type KubeClient,
  type KubeList,
  type KubeObject,
  type WatchEvent,
  type WatchOptions,
} from "../../../spec/kubernetes/kube.ts";
import type { Clock } from "../../../base/clock.ts";
import { kinds } from "../apiserver/controllers/kinds.ts";
import { Informer } from "./informer.ts";

function object(name: string, revision: number, part: KubeObject["metadata"] = {}): KubeObject {
  const metadata = {
    name,
    namespace: "default",
    uid: `uid-${name}`,
    resourceVersion: String(revision),
    ...part,
  };
  return { apiVersion: "v1", kind: "ConfigMap", metadata };
}

/** One answer of the server after the other: lists and watches, in the order in which they are asked for. */
interface Script {
  readonly lists: (KubeList | KubeError)[];
  readonly watches: ((events: readonly WatchEvent[] | KubeError) => void)[];
}

function openInformer(lists: readonly (KubeList | KubeError)[]) {
  const script: Script = { lists: [...lists], watches: [] };
  const asked: (string | undefined)[] = [];
  const told: string[] = [];
  const pauses: number[] = [];
  const stop = new AbortController();
  let open = Promise.withResolvers<void>();
  async function* watch(_resource: unknown, options: WatchOptions): AsyncGenerator<WatchEvent> {
    asked.push(options.resourceVersion);
    for (;;) {
      const next = Promise.withResolvers<readonly WatchEvent[] | KubeError>();
      options.signal?.addEventListener("abort", () => next.resolve([]), { once: true });
      script.watches.push(next.resolve);
      open.resolve();
      const events = await next.promise;
      if (events instanceof KubeError) throw events;
      if (events.length === 0) return;
      yield* events;
    }
  }
  const client = {
    list() {
      asked.push("list");
      const list = script.lists.shift() ?? { items: [], resourceVersion: "0" };
      return list instanceof KubeError ? Promise.reject(list) : Promise.resolve(list);
    },
    watch,
  } as unknown as KubeClient;
  // Waits are over at once, and noted.
  const clock: Clock = {
    now: () => 0,
    after(milliseconds, call) {
      pauses.push(milliseconds);
      setImmediate(call);
      return () => {};
    },
  };
  const informer = new Informer({ client, resource: kinds.configMaps, clock, log: () => {} }, new Store());
  informer.onChange((now, before) => {
    const name = (now ?? before)?.metadata.name ?? "";
    told.push(`${now ? (before ? "~" : "+") : "-"}${name}`);
  });
  const ended = informer.run(stop.signal);
  return {
    informer,
    asked,
    told,
    pauses,
    /** What the watch that is open says next; nothing ends it. */
    say: async (...events: readonly WatchEvent[]): Promise<void> => {
      const tell = await next();
      tell(events);
      await settle();
    },
    fail: async (error: KubeError): Promise<void> => {
      const tell = await next();
      tell(error);
      await settle();
    },
    close: async (): Promise<void> => {
      stop.abort();
      await ended;
    },
  };

  async function next(): Promise<(events: readonly WatchEvent[] | KubeError) => void> {
    for (;;) {
      const resolve = script.watches.shift();
      if (resolve) return resolve;
      open = Promise.withResolvers();
      await open.promise;
    }
  }
}

function settle(): Promise<unknown> {
  return new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
}

const list = (revision: number, ...items: readonly KubeObject[]): KubeList => ({
  items,
  resourceVersion: String(revision),
});
const event = (type: WatchEvent["type"], one: KubeObject): WatchEvent => ({ type, object: one });

describe("an informer", () => {
  test("lists, then watches from there on", async () => {
    const { informer, told, asked, say, close } = openInformer([list(5, object("a", 3))]);
    await informer.synced;
    await say(event("ADDED", object("b", 6)), event("MODIFIED", object("a", 7)));
    await say(event("DELETED", object("b", 8)));
    expect(told).toEqual(["+a", "+b", "~a", "-b"]);
    expect(asked).toEqual(["list", "5"]);
    expect(informer.store.get("default", "a")?.metadata.resourceVersion).toBe("7");
    await close();
  });

  test("goes on where a watch ended, bookmarks included", async () => {
    const { informer, asked, say, close } = openInformer([list(5)]);
    await informer.synced;
    await say(event("BOOKMARK", object("", 40)));
    await say();
    await say(event("ADDED", object("a", 41)));
    expect(asked).toEqual(["list", "5", "40"]);
    await close();
  });

  test("lists again when the history is gone, and tells what changed meanwhile", async () => {
    const lists = [
      list(5, object("a", 1), object("b", 2), object("c", 3)),
      list(90, object("b", 2), object("c", 80)),
    ];
    const { informer, told, asked, fail, say, close } = openInformer(lists);
    await informer.synced;
    await fail(new KubeError("Expired", "too old resource version"));
    await say(event("ADDED", object("d", 91)));
    expect(told.slice(3)).toEqual(["-a", "~c", "+d"]);
    expect(asked).toEqual(["list", "5", "list", "90"]);
    await close();
  });

  test("waits longer and longer while the server refuses", async () => {
    const refusal = new KubeError("ServiceUnavailable", "no");
    const { informer, pauses, close } = openInformer([refusal, refusal, refusal, list(1)]);
    await informer.synced;
    expect(pauses).toEqual([400, 800, 1600]);
    await close();
  });

  test("does not list without end when every watch finds its history gone", async () => {
    const { informer, pauses, fail, close } = openInformer([list(5)]);
    await informer.synced;
    for (let time = 0; time < 4; time++) await fail(new KubeError("Expired", "too old resource version"));
    expect(pauses).toEqual([800, 1600, 3200]);
    await close();
  });

  test("a kind that is not served is an empty one", async () => {
    const { informer, close } = openInformer([new KubeError("NotFound", "no such kind")]);
    await informer.synced;
    expect(informer.store.all()).toEqual([]);
    await close();
  });

  test("lists in pages", async () => {
    const first = { ...list(5, object("a", 1)), continue: "more" };
    const { informer, asked, close } = openInformer([first, list(5, object("b", 2))]);
    await informer.synced;
    await settle();
    expect(informer.store.all().map(({ metadata }) => metadata.name)).toEqual(["a", "b"]);
    expect(asked.slice(0, 2)).toEqual(["list", "list"]);
    await close();
  });

  test("keeps no managed fields", async () => {
    const { informer, close } = openInformer([
      list(5, object("a", 1, { managedFields: [{ manager: "m" }] })),
    ]);
    await informer.synced;
    expect(informer.store.get("default", "a")?.metadata.managedFields).toBeUndefined();
    await close();
  });

  test("a name that is given again is another object", async () => {
    const { informer, told, say, close } = openInformer([list(5, object("a", 1))]);
    await informer.synced;
    await say(event("MODIFIED", object("a", 9, { uid: "other" })));
    expect(told).toEqual(["+a", "-a", "+a"]);
    await close();
  });
});

describe("what this process writes", () => {
  test("is known at once, and not told again by the watch", async () => {
    const { informer, told, say, close } = openInformer([list(5)]);
    await informer.synced;
    informer.wrote(object("a", 6));
    informer.wrote(object("a", 8));
    await say(event("ADDED", object("a", 6)), event("MODIFIED", object("a", 8)));
    expect(told).toEqual(["+a", "~a"]);
    expect(informer.store.get("default", "a")?.metadata.resourceVersion).toBe("8");
    await close();
  });

  test("does not come back when it was deleted before the answer was there", async () => {
    const { informer, told, say, close } = openInformer([list(5)]);
    await informer.synced;
    await say(event("ADDED", object("a", 6)), event("DELETED", object("a", 7)));
    informer.wrote(object("a", 6));
    expect(informer.store.all()).toEqual([]);
    expect(told).toEqual(["+a", "-a"]);
    await close();
  });

  test("and deletes is gone at once, whatever the watch still tells from before", async () => {
    const { informer, told, say, close } = openInformer([list(5, object("a", 1))]);
    await informer.synced;
    informer.deleted(object("a", 1));
    expect(informer.store.all()).toEqual([]);
    await say(event("MODIFIED", object("a", 6)));
    expect(informer.store.all()).toEqual([]);
    await say(event("DELETED", object("a", 7)), event("ADDED", object("a", 8, { uid: "other" })));
    expect(told).toEqual(["+a", "-a", "+a"]);
    await close();
  });

  test("stays though a list from before it does not have it", async () => {
    const { informer, told, fail, say, close } = openInformer([list(5), list(6)]);
    await informer.synced;
    informer.wrote(object("a", 9));
    await fail(new KubeError("Expired", "too old resource version"));
    await say(event("BOOKMARK", object("", 8)));
    expect(informer.store.get("default", "a")).toBeDefined();
    expect(told).toEqual(["+a"]);
    await close();
  });
});

test("objects are found by namespace, owner and node", async () => {
  const owner = { apiVersion: "v1", kind: "X", name: "o", uid: "owner" };
  const placed = { ...object("b", 2, { ownerReferences: [owner] }), spec: { nodeName: "n1" } };
  const { informer, say, close } = openInformer([list(5, object("a", 1, { namespace: "other" }), placed)]);
  await informer.synced;
  const { store } = informer;
  const names = (objects: readonly KubeObject[]) => objects.map(({ metadata }) => metadata.name);
  expect(names(store.inNamespace("other"))).toEqual(["a"]);
  expect(names(store.ownedBy("owner"))).toEqual(["b"]);
  expect(names(store.onNode("n1"))).toEqual(["b"]);
  expect(names(store.onNoNode())).toEqual(["a"]);
  await say(event("MODIFIED", object("b", 6)));
  expect(names(store.ownedBy("owner"))).toEqual([]);
  expect(names(store.onNode("n1"))).toEqual([]);
  expect(names(store.onNoNode())).toEqual(["a", "b"]);
  expect(names([...store.values()])).toEqual(["a", "b"]);
  await close();
});
