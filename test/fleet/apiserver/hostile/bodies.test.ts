/** Bodies that are made to cost: the right status, little memory, and others are served. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { openCluster, type Cluster } from "../_server.ts";
import { type Client, clientOf, person } from "./_client.ts";

let cluster: Cluster;
let client: Client;
beforeAll(async () => {
  cluster = await openCluster({ controllers: false });
  client = clientOf(cluster, await person(cluster, "admin", "system:masters"));
  const body = `{"metadata":{"name":"default"}}`;
  await client.send("POST", "/api/v1/namespaces/default/serviceaccounts", { body });
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});

const maps = "/api/v1/namespaces/default/configmaps";
const yaml = "application/yaml";
const mebi = 1 << 20;

/** Texts that a YAML composer takes minutes and gigabytes for, and what is said of each. */
const costly = {
  "open brackets": ["[".repeat(3 * mebi - 1), 400],
  "open braces": ["{a: ".repeat(700_000), 400],
  "lists in lists on one line": ["- ".repeat(mebi), 400],
  "keys that are keys": ["? ".repeat(mebi), 400],
  "lists in lists, line by line": [
    Array.from({ length: 600 }, (_, indent) => `${" ".repeat(indent)}-`).join("\n"),
    400,
  ],
  "a key on each of many lines": ["a: 1\n".repeat(500_000), 413],
  "nothing but documents": ["---\n".repeat(500_000), 413],
  "nothing but comments": ["#\n".repeat(mebi), 413],
  "many anchors, each with its alias": [
    Array.from({ length: 5000 }, (_, at) => `k${at}: &a${at} 1\nl${at}: *a${at}`).join("\n"),
    413,
  ],
  "aliases of aliases": [
    "abcdefghi"
      .split("")
      .map(
        (name, at, all) =>
          `${name}: &${name} [${Array(9)
            .fill(at === 0 ? "x" : `*${all[at - 1]}`)
            .join()}]`,
      )
      .join("\n"),
    400,
  ],
  "a long text many times": [
    `x: &x ${"y".repeat(mebi)}\n${Array.from({ length: 50 }, (_, at) => `a${at}: *x`).join("\n")}`,
    413,
  ],
} as const;

describe.each(Object.entries(costly))("YAML: %s", (_name, [body, code]) => {
  test("is refused", async () => {
    expect((await client.send("POST", maps, { body, type: yaml })).code).toBe(code);
  });

  test("is refused as an apply", async () => {
    const type = "application/apply-patch+yaml";
    const path = `${maps}/a?fieldManager=me`;
    expect((await client.send("PATCH", path, { body, type })).code).toBe(code);
  });
});

test("YAML that is JSON may be as large as JSON", async () => {
  const labels = Array.from({ length: 60_000 }, (_, at) => `"k${at}":"v"`).join();
  const body = `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"json"},"data":{${labels}}}`;
  const type = "application/apply-patch+yaml";
  const { code } = await client.send("PATCH", `${maps}/json?fieldManager=me`, { body, type });
  expect([201, 413, 422]).toContain(code);
});

test("long texts in few words are no burden to YAML", async () => {
  const line = `    ${"word ".repeat(20)}\n`;
  const body = `metadata: {name: long}\ndata:\n  text: |\n${line.repeat(5000)}`;
  expect((await client.send("POST", maps, { body, type: yaml })).code).toBe(201);
});

const deep = { lists: "[".repeat(mebi), objects: '{"a":'.repeat(200_000) };

test.each(Object.entries(deep))("JSON nested too deep is refused: %s", async (_name, body) => {
  expect((await client.send("POST", maps, { body })).code).toBe(400);
});

test("a body beyond 3 MiB is refused, announced or not", async () => {
  const body = " ".repeat(3 * mebi + 1);
  expect((await client.send("POST", maps, { body })).code).toBe(413);
  const { certificate = "", key = "" } = await person(cluster, "admin", "system:masters");
  const chunk = `${(64 << 10).toString(16)}\r\n${" ".repeat(64 << 10)}\r\n`;
  const head = `POST ${maps} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n`;
  const received = await clientOf(cluster, { certificate, key }).raw(`${head}${chunk.repeat(64)}0\r\n\r\n`);
  expect(received).toStartWith("HTTP/1.1 413 ");
});

test("what is said of many faults is not many times what was sent", async () => {
  const labels = Array.from({ length: 20_000 }, (_, at) => `"_${at}":""`).join();
  const body = `{"metadata":{"name":"a","labels":{${labels}}}}`;
  const { code, text } = await client.send("POST", maps, { body });
  expect(code).toBe(422);
  expect(text).toContain("and 19900 more");
  expect(text.length).toBeLessThan(body.length);
});

const many = {
  fields: Array.from({ length: 100_001 }, (_, at) => `"${at}":0`).join(),
  elements: `"a":[${Array(100_001).fill("{}").join()}]`,
} as const;

test.each(Object.entries(many))("more than a hundred thousand %s are refused", async (_name, body) => {
  expect((await client.send("POST", maps, { body: `{${body}}` })).code).toBe(413);
});

test("tens of thousands of wrong elements are told as wrong, though they are all the same", async () => {
  const containers = Array(45_000).fill("{}").join();
  const body = `{"metadata":{"name":"a"},"spec":{"containers":[${containers}]}}`;
  const { code, text } = await client.send("POST", "/api/v1/namespaces/default/pods", { body });
  expect(code, text).toBe(422);
  const owners = `{"metadata":{"name":"a","ownerReferences":[${containers}]}}`;
  expect((await client.send("POST", maps, { body: owners })).code).toBe(422);
});

test("an element that repeats ten thousands of times is looked at once each", async () => {
  const body = `{"metadata":{"name":"a","finalizers":[${Array(90_000).fill('"_"').join()}]}}`;
  expect((await client.send("POST", maps, { body })).code).toBe(422);
});

test.each(["constructor", "__proto__", "toString", "application/x-www-form-urlencoded"])(
  "the content type %s is none that is read",
  async (type) => {
    expect((await client.send("POST", maps, { body: "{}", type })).code).toBe(415);
  },
);
