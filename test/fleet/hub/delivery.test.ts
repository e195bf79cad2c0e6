/** Objects reach an edge, and what it has is written down. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { type Api, type Cloud, configMap, delivery, openApi, openCloudHub, syncs, until } from "./_cloud.ts";

let api: Api;
let cloud: Cloud;
beforeAll(async () => {
  api = await openApi();
  cloud = await openCloudHub(api.client);
});
afterAll(async () => {
  await cloud[Symbol.asyncDispose]();
  await api[Symbol.asyncDispose]();
});

const versionOf = async (name: string) => {
  const sync = await api.client
    .get(syncs("objectsyncs"), { namespace: "default", name })
    .catch(() => undefined);
  return (sync?.["status"] as { objectResourceVersion?: string } | undefined)?.objectResourceVersion;
};

test("an object reaches a node that joined, and its version is written down when it is acknowledged", async () => {
  const edge = await cloud.connect("e1", await cloud.join("e1"));
  cloud.hub.deliver("e1", delivery(configMap("a", 7), "insert"));
  const message = await edge.until(({ route }) => route.resource === "default/configmap/a");
  expect([
    message.route.operation,
    message.route.source,
    message.route.group,
    message.resourceVersion,
  ]).toEqual(["insert", "edgecontroller", "resource", "7"]);
  expect(await until(() => versionOf("e1.uid-of-a"))).toBe("7");
  const sync = await api.client.get(syncs("objectsyncs"), { namespace: "default", name: "e1.uid-of-a" });
  expect(sync["spec"]).toEqual({ objectAPIVersion: "v1", objectKind: "ConfigMap", objectName: "a" });
  await edge.close();
});
