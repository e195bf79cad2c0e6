/** What one edge with a good certificate may send the cloud: nothing that the other edges would notice. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { message } from "../../../src/fleet/link/envelope.ts";
import { type Api, type Cloud, openApi, openCloudHub } from "../hub/_cloud.ts";
import type { Identity } from "../hub/fake-edge.ts";

let api: Api;
let cloud: Cloud;
let identity: Identity;
const seen: string[] = [];
beforeAll(async () => {
  api = await openApi();
  cloud = await openCloudHub(api.client);
  cloud.hub.on("objects", (_edge, { route }) => void seen.push(route.resource));
  identity = await cloud.join("evil");
});
afterAll(async () => {
  await cloud[Symbol.asyncDispose]();
  await api[Symbol.asyncDispose]();
});

const envelope = (content: string) =>
  `{"header":{"msg_id":"1"},"route":{"source":"edged","group":"meta","operation":"update","resource":"default/pod/p"},"content":${content}}`;

const list = (value: string, count: number) => `[${`${value},`.repeat(count - 1)}${value}]`;

test.each([
  ["a list of 32 MiB of empty objects", () => envelope(list("{}", 11_000_000))],
  ["a list of small numbers", () => envelope(list("1", 2_000_000))],
  ["an object of many keys", () => envelope(`{${'"a":1,'.repeat(1_000_000)}"b":1}`)],
  ["a number that is no number among many", () => envelope(`[1e999,${list("1", 1_000_000)}]`)],
  ["more than any object can have", () => envelope(JSON.stringify(" ".repeat(9 << 20)))],
])("%s is refused before anything is built of it", async (_what, make) => {
  const edge = await cloud.connect("evil", identity);
  seen.length = 0;
  edge.sendRaw(make());
  edge.send(
    message(
      { source: "edged", group: "meta", operation: "query", resource: "default/configmap/after" },
      null,
    ),
  );
  await edge.ping();
  expect(seen).toEqual(["default/configmap/after"]);
  await edge.close();
});
