import { afterAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SampanError } from "../../../src/base/errors.ts";
import { openMeta } from "../../../src/fleet/edge/meta/open.ts";
import type { MetaChange } from "../../../src/fleet/edge/meta/meta.ts";
import { message, respond, type Envelope } from "../../../src/fleet/link/envelope.ts";
import type { KubeObject } from "../../../src/spec/kubernetes/kube.ts";
import { fakeLink, type FakeLink } from "./fake-link.ts";

const base = mkdtempSync(join(tmpdir(), "sampan-meta-"));
afterAll(() => rmSync(base, { recursive: true, force: true }));

const { signal } = new AbortController();

interface Around {
  readonly root?: string;
  readonly link?: FakeLink;
  readonly now?: () => number;
}

async function meta({
  root = mkdtempSync(join(base, "root-")),
  link = fakeLink(),
  now = Date.now,
}: Around = {}) {
  const lines: string[] = [];
  const clock = { now, after: () => () => {} };
  const opened = await openMeta({ root, link, clock, log: (text) => lines.push(text), signal });
  return Object.assign(opened, { lines, link, root });
}

function pod(name: string, more: object = {}, spec: object = {}) {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace: "default", uid: `uid-${name}`, resourceVersion: "10", ...more },
    spec: { nodeName: "edge1", containers: [], ...spec },
  };
}

function change(operation: string, resource: string, content: unknown, source = "edgecontroller"): Envelope {
  return message({ source, group: "resource", operation, resource }, content);
}

const key = { namespace: "default", type: "pod", name: "web" };

async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return "none";
  } catch (error) {
    return SampanError.from(error).code;
  }
}

test("an object is told after it is on the disk, and is there after a restart", async () => {
  const first = await meta();
  const told: MetaChange[] = [];
  first.follow(["pod"], (change) => {
    expect(first.get(change.key)).toEqual(change.object);
    told.push(change);
  });
  await first.link.say("meta", change("insert", "default/pod/web", pod("web")));
  await first.link.say(
    "meta",
    change("insert", "default/configmap/c", { metadata: { name: "c", namespace: "default" } }),
  );
  expect(told).toEqual([{ key, object: pod("web") as KubeObject }]);
  await first[Symbol.asyncDispose]();
  await using second = await meta({ root: first.root });
  expect(second.get(key)).toEqual(pod("web") as KubeObject);
  expect(second.list("pod", "default")).toHaveLength(1);
  expect(second.list("pod", "other")).toEqual([]);
  expect(second.fresh).toBe(false);
});

test("what a resync leaves out is put in, in front", async () => {
  await using store = await meta();
  const { apiVersion: _a, kind: _k, ...bare } = pod("web");
  await store.link.say("meta", change("update", "default/pod/web", bare));
  expect(Object.entries(store.get(key) ?? {}).slice(0, 2)).toEqual([
    ["apiVersion", "v1"],
    ["kind", "Pod"],
  ]);
  const device = { metadata: { name: "d1", namespace: "default", uid: "u" }, spec: { nodeName: "edge1" } };
  await store.link.say("meta", change("update", "default/device/d1", device));
  expect(store.get({ namespace: "default", type: "device", name: "d1" })).toMatchObject({
    apiVersion: "devices.kubeedge.io/v1beta1",
    kind: "Device",
  });
});

interface Case {
  readonly what: string;
  readonly stored: object;
  readonly sent: Envelope;
  /** The resourceVersion that is there then; undefined: nothing. */
  readonly rest: string | undefined;
}

const update = (more: object, spec?: object) => change("update", "default/pod/web", pod("web", more, spec));
const remove = (metadata: object) =>
  change("delete", "default/pod/web", { metadata: { name: "web", namespace: "default", ...metadata } });

const cases: readonly Case[] = [
  { what: "a newer version replaces", stored: {}, sent: update({ resourceVersion: "11" }), rest: "11" },
  { what: "an older version does not", stored: {}, sent: update({ resourceVersion: "9" }), rest: "10" },
  {
    what: "versions are numbers, not texts",
    stored: {},
    sent: update({ resourceVersion: "9999999999999999999" }),
    rest: "9999999999999999999",
  },
  { what: "the same again changes nothing", stored: {}, sent: update({}), rest: "10" },
  {
    what: "another object of the same name replaces, though its cloud counts from the beginning",
    stored: { creationTimestamp: "2026-01-01T00:00:00Z" },
    sent: update({ uid: "new", resourceVersion: "2", creationTimestamp: "2026-02-01T00:00:00Z" }),
    rest: "2",
  },
  {
    what: "a late word about the object before does not",
    stored: { creationTimestamp: "2026-02-01T00:00:00Z" },
    sent: update({ uid: "old", resourceVersion: "12", creationTimestamp: "2026-01-01T00:00:00Z" }),
    rest: "10",
  },
  {
    what: "a deletion of this object deletes",
    stored: {},
    sent: remove({ uid: "uid-web" }),
    rest: undefined,
  },
  {
    what: "a deletion of another one of the name does not",
    stored: {},
    sent: remove({ uid: "other" }),
    rest: "10",
  },
];

test.each([...cases])("$what", async ({ stored, sent, rest }) => {
  await using store = await meta();
  await store.link.say("meta", change("insert", "default/pod/web", pod("web", stored)));
  await store.link.say("meta", sent);
  expect(store.get(key)?.metadata.resourceVersion).toBe(rest);
});

const hostile: readonly (readonly [what: string, sent: Envelope])[] = [
  ["a deletion that does not say of which", remove({})],
  ["an object of another name", change("update", "default/pod/web", pod("db", { resourceVersion: "99" }))],
  [
    "an object of another namespace",
    change("update", "default/pod/web", pod("web", { namespace: "kube-system", resourceVersion: "99" })),
  ],
  [
    "an object of another kind",
    change("update", "default/pod/web", { ...pod("web", { resourceVersion: "99" }), kind: "Secret" }),
  ],
  ["an object without metadata", change("update", "default/pod/web", { spec: {} })],
  ["a text", change("update", "default/pod/web", "delete everything")],
  [
    "an object that is too large",
    change("update", "default/pod/web", pod("web", { resourceVersion: "99" }, { x: "y".repeat(3 << 20) })),
  ],
];

test.each([...hostile])("%s is refused, and what was there stays", async (_what, sent) => {
  await using store = await meta();
  await store.link.say("meta", change("insert", "default/pod/web", pod("web")));
  expect(await codeOf(store.link.say("meta", sent))).toBe("invalid_argument");
  expect(store.get(key)?.metadata.resourceVersion).toBe("10");
});

test("a pod or node of another node is not taken, nor a name that is a path", async () => {
  await using store = await meta();
  await store.link.say("meta", change("insert", "default/pod/web", pod("web", {}, { nodeName: "edge2" })));
  await store.link.say("meta", change("update", "null/node/edge2", { metadata: { name: "edge2" } }));
  await store.link.say("meta", change("insert", "default/pod/../../etc", pod("..")));
  expect(store.list("pod")).toEqual([]);
  expect(store.list("node")).toEqual([]);
});

test("a node is one object, whatever namespace it comes in", async () => {
  await using store = await meta();
  await store.keep({ namespace: "default", type: "node", name: "edge1" }, node("1"));
  await store.link.say("meta", change("update", "null/node/edge1", node("2")));
  expect(store.list("node")).toEqual([node("2")]);
  expect(store.get({ namespace: "default", type: "node", name: "edge1" })).toEqual(node("2"));
});

function node(resourceVersion: string): KubeObject {
  return { apiVersion: "v1", kind: "Node", metadata: { name: "edge1", uid: "n", resourceVersion } };
}

test("what the edge itself keeps, the cloud neither replaces nor deletes", async () => {
  await using store = await meta();
  await store.keep(key, pod("web", { uid: "static" }) as KubeObject);
  await store.link.say("meta", update({ resourceVersion: "11" }));
  await store.link.say("meta", remove({ uid: "static" }));
  expect(store.get(key)?.metadata.uid).toBe("static");
  await store.forget(key);
  expect(store.get(key)).toBeUndefined();
});

test("a pod that goes takes its waiting patch with it", async () => {
  await using store = await meta();
  await store.link.say("meta", change("insert", "default/pod/web", pod("web")));
  const patch = { ...key, type: "podpatch" };
  await store.keep(patch, pod("web") as KubeObject);
  await store.link.say("meta", remove({ uid: "uid-web" }));
  expect(store.get(patch)).toBeUndefined();
});

const secret = {
  apiVersion: "v1",
  kind: "Secret",
  metadata: { name: "s", namespace: "default", uid: "s1", resourceVersion: "3" },
  data: { password: "aHVzaC1odXNo" },
};
const secretKey = { namespace: "default", type: "secret", name: "s" };

function bytesIn(root: string): string {
  const folder = join(root, "meta");
  const files = readdirSync(folder).filter((name) => name.startsWith("edgecore.db"));
  return files.map((name) => readFileSync(join(folder, name), "latin1")).join("");
}

test("no secret and no token stands on the disk in clear, and the key is the node's alone", async () => {
  const link = fakeLink();
  link.answer = ({ content }) => tokenFor(content, "very-secret-token", Date.now() + 3_600_000);
  await using store = await meta({ link });
  await link.say("meta", change("update", "default/secret/s", secret));
  await link.say(
    "meta",
    change(
      "update",
      "default/secret/t",
      { ...secret, metadata: { ...secret.metadata, name: "t" } },
      "dynamiccontroller",
    ),
  );
  await store.token(account, tokenRequest(), signal);
  const disk = bytesIn(store.root);
  expect(disk).toContain("default/secret/s");
  for (const text of ["aHVzaC1odXNo", "very-secret-token"]) expect(disk).not.toContain(text);
  expect(store.get(secretKey)).toEqual(secret);
  expect(statSync(join(store.root, "meta", "edgecore.key")).mode & 0o777).toBe(0o600);
});

test("with another key secrets are as good as not there, and all else is", async () => {
  const first = await meta();
  await first.link.say("meta", change("update", "default/secret/s", secret));
  await first.link.say("meta", change("insert", "default/pod/web", pod("web")));
  await first[Symbol.asyncDispose]();
  writeFileSync(join(first.root, "meta", "edgecore.key"), new Uint8Array(32));
  await using second = await meta({ root: first.root });
  expect(second.get(secretKey)).toBeUndefined();
  expect(second.get(key)).toBeDefined();
  expect(second.lines.join()).toContain("not encrypted by this node's key");
  second.link.answer = () => secret;
  expect(await second.fetch(secretKey, signal)).toEqual(secret);
});

test("a row that was put in another's place is not read", async () => {
  const first = await meta();
  for (const name of ["s", "t"])
    await first.link.say(
      "meta",
      change("update", `default/secret/${name}`, { ...secret, metadata: { ...secret.metadata, name } }),
    );
  await first[Symbol.asyncDispose]();
  const { Database } = await import("bun:sqlite");
  const db = new Database(join(first.root, "meta", "edgecore.db"));
  db.run("UPDATE meta SET value = (SELECT value FROM meta WHERE name = 't') WHERE name = 's'");
  db.close();
  await using second = await meta({ root: first.root });
  expect(second.get(secretKey)).toBeUndefined();
  expect(second.get({ ...secretKey, name: "t" })).toBeDefined();
});

test("a damaged database is put aside and begun anew", async () => {
  const root = mkdtempSync(join(base, "root-"));
  mkdirSync(join(root, "meta"));
  writeFileSync(
    join(root, "meta", "edgecore.db"),
    "this is no database, but it is long enough to look like one".repeat(50),
  );
  await using store = await meta({ root });
  expect(store.fresh).toBe(true);
  expect(store.lines.join()).toContain("is damaged: it was moved");
  await store.link.say("meta", change("insert", "default/pod/web", pod("web")));
  expect(store.get(key)).toBeDefined();
});

test("what is stored is given without asking; what is not is asked for and kept", async () => {
  await using store = await meta();
  const config = { namespace: "default", type: "configmap", name: "c" };
  store.link.answer = () => ({
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "c", namespace: "default", uid: "c" },
    data: { a: "b" },
  });
  const both = await Promise.all([store.fetch(config, signal), store.fetch(config, signal)]);
  expect(both[0]).toEqual(both[1]);
  expect(store.link.asked.map(({ route }) => route)).toEqual([
    { source: "edged", group: "meta", operation: "query", resource: "default/configmap/c" },
  ]);
  store.link.connected = false;
  expect(await store.fetch(config, signal)).toEqual(both[0]);
});

test.each([
  {
    what: "the cloud says there is none",
    answer: { ErrStatus: { code: 404, message: "not found" } },
    code: "not_found",
  },
  { what: "the cloud fails without a word", answer: {}, code: "unavailable" },
  { what: "the cloud is silent", answer: undefined, code: "unavailable" },
  {
    what: "the answer is another object",
    answer: { metadata: { name: "c" }, kind: "Secret" },
    code: "invalid_argument",
  },
])("$what: $code", async ({ answer, code }) => {
  await using store = await meta();
  store.link.answer = () => answer;
  expect(await codeOf(store.fetch({ namespace: "default", type: "configmap", name: "c" }, signal))).toBe(
    code,
  );
});

test("what is not here and cannot be asked for is unavailable at once", async () => {
  await using store = await meta();
  store.link.connected = false;
  expect(await codeOf(store.fetch(key, signal))).toBe("unavailable");
  expect(store.link.asked).toEqual([]);
});

const account = { namespace: "default", name: "app" };

function tokenRequest(): KubeObject {
  return {
    apiVersion: "authentication.k8s.io/v1",
    kind: "TokenRequest",
    metadata: {},
    spec: {
      audiences: null,
      expirationSeconds: 3607,
      boundObjectRef: { kind: "Pod", apiVersion: "v1", name: "web", uid: "uid-web" },
    },
  };
}

/** As an API answers: the audience that was left out is filled in. */
function tokenFor(request: unknown, token: string, until: number): object {
  const { spec, ...rest } = request as KubeObject;
  return {
    ...rest,
    spec: { ...(spec as object), audiences: ["https://kubernetes.default.svc.cluster.local"] },
    status: { token, expirationTimestamp: new Date(until).toISOString() },
  };
}

const given = (request: KubeObject) => (request["status"] as { token: string }).token;

test("a token is found again after a restart without the cloud, though the answer has another audience", async () => {
  const link = fakeLink();
  link.answer = ({ content }) => tokenFor(content, "one", Date.now() + 3_600_000);
  const first = await meta({ link });
  expect(given(await first.token(account, tokenRequest(), signal))).toBe("one");
  await first[Symbol.asyncDispose]();
  const offline = fakeLink();
  offline.connected = false;
  await using second = await meta({ root: first.root, link: offline });
  expect(given(await second.token(account, tokenRequest(), signal))).toBe("one");
  expect(second.ownerOf("one")).toEqual(account);
  expect(second.ownerOf("two")).toBeUndefined();
  expect(await codeOf(second.token({ ...account, name: "other" }, tokenRequest(), signal))).toBe(
    "unavailable",
  );
});

test("a token is renewed after 80 % of its life, in the background while it is good", async () => {
  const life = 1_000_000;
  let now = 1_800_000_000_000;
  let count = 0;
  const link = fakeLink();
  link.answer = ({ content }) => tokenFor(content, `token ${++count}`, now + life);
  await using store = await meta({ link, now: () => now });
  const get = async () => given(await store.token(account, tokenRequest(), signal));
  expect(await get()).toBe("token 1");
  now += life * 0.79;
  expect(await get()).toBe("token 1");
  expect(link.asked).toHaveLength(1);
  now += life * 0.02;
  expect(await get()).toBe("token 1");
  expect(link.asked).toHaveLength(2);
  expect(await get()).toBe("token 2");
});

test("a token that has ended is given when the cloud cannot be asked, and renewed when it can", async () => {
  let now = 1_800_000_000_000;
  const link = fakeLink();
  link.answer = ({ content }) => tokenFor(content, "old", now + 1_000);
  await using store = await meta({ link, now: () => now });
  await store.token(account, tokenRequest(), signal);
  now += 365 * 86_400_000;
  for (const state of ["silent", "offline"] as const) {
    if (state === "offline") link.connected = false;
    link.answer = () => undefined;
    expect(given(await store.token(account, tokenRequest(), signal))).toBe("old");
  }
  expect(store.ownerOf("old")).toBeUndefined();
  link.connected = true;
  link.answer = ({ content }) => tokenFor(content, "new", now + 1_000);
  expect(given(await store.token(account, tokenRequest(), signal))).toBe("new");
});

test("the tokens of a pod go with it", async () => {
  const link = fakeLink();
  link.answer = ({ content }) => tokenFor(content, "one", Date.now() + 3_600_000);
  await using store = await meta({ link });
  await link.say("meta", change("insert", "default/pod/web", pod("web")));
  await store.token(account, tokenRequest(), signal);
  await link.say("meta", remove({ uid: "uid-web" }));
  expect(store.ownerOf("one")).toBeUndefined();
});

test("a watch of MetaServer brings objects of other nodes without touching this node's own", async () => {
  await using store = await meta();
  await store.link.say("meta", change("insert", "default/pod/web", pod("web")));
  const foreign = pod("web", { resourceVersion: "50" }, { nodeName: "edge2" });
  await store.link.say("meta", change("update", "default/pod/web", foreign, "dynamiccontroller"));
  expect(store.get(key)?.metadata.resourceVersion).toBe("10");
  const pods = { group: "", version: "v1", resource: "pods" };
  expect(store.mirror.list(pods)).toEqual([foreign as KubeObject]);
  await store.link.say("meta", change("delete", "default/pod/web", foreign, "dynamiccontroller"));
  expect(store.mirror.list(pods)).toEqual([]);
  expect(store.get(key)).toBeDefined();
});

test("an answer that came after nobody waited is kept too", async () => {
  await using store = await meta();
  const question = message(
    { source: "edged", group: "meta", operation: "query", resource: "default/secret/s" },
    null,
  );
  await store.link.say("meta", respond(question, { source: "edgecontroller", group: "resource" }, secret));
  expect(store.get(secretKey)).toEqual(secret);
});

test("one who follows and throws keeps nobody else from being told", async () => {
  await using store = await meta();
  const told: string[] = [];
  store.follow(["pod"], () => {
    throw new Error("no");
  });
  store.follow(["pod"], ({ key: { name } }) => told.push(name));
  await store.link.say("meta", change("insert", "default/pod/web", pod("web")));
  expect(told).toEqual(["web"]);
});
