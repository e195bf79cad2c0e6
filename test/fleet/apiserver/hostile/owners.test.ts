/** Owners that own each other go when they are told to, whatever waits for whom. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { openCluster, type Cluster } from "../_server.ts";
import { type Client, clientOf, person } from "./_client.ts";

let cluster: Cluster;
let admin: Client;
beforeAll(async () => {
  cluster = await openCluster({ controllers: true });
  admin = clientOf(cluster, await person(cluster, "admin", "system:masters"));
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});

const maps = "/api/v1/namespaces/default/configmaps";
const type = "application/merge-patch+json";

/** Each is owned by the one before it, the first by the last. */
async function circle(names: readonly string[]): Promise<void> {
  const owners = await Promise.all(
    names.map(async (name) => {
      const { text } = await admin.send("POST", maps, { body: JSON.stringify({ metadata: { name } }) });
      const { uid } = JSON.parse(text).metadata;
      return { apiVersion: "v1", kind: "ConfigMap", name, uid, blockOwnerDeletion: true };
    }),
  );
  for (const [index, name] of names.entries()) {
    const body = JSON.stringify({ metadata: { ownerReferences: [owners.at(index - 1)] } });
    expect((await admin.send("PATCH", `${maps}/${name}`, { body, type })).code).toBe(200);
  }
}

test.each([1, 2, 3, 5])(
  "a circle of %d goes when one of them is deleted in the foreground",
  async (count) => {
    const names = Array.from({ length: count }, (_, index) => `circle-${count}-${index}`);
    await circle(names);
    const body = JSON.stringify({ kind: "DeleteOptions", apiVersion: "v1", propagationPolicy: "Foreground" });
    await admin.send("DELETE", `${maps}/${names[0]}`, { body });
    for (const name of names) while ((await admin.send("GET", `${maps}/${name}`)).code !== 404);
  },
);

test("what names an owner of another namespace goes, and its owner stays", async () => {
  const kept = await admin.send("POST", maps, { body: JSON.stringify({ metadata: { name: "kept" } }) });
  const { uid } = JSON.parse(kept.text).metadata;
  const ownerReferences = [
    { apiVersion: "v1", kind: "ConfigMap", name: "kept", uid, blockOwnerDeletion: true },
  ];
  const others = maps.replace("default", "kube-public");
  const body = JSON.stringify({ metadata: { name: "stray", ownerReferences } });
  expect((await admin.send("POST", others, { body })).code).toBe(201);
  while ((await admin.send("GET", `${others}/stray`)).code !== 404);
  expect((await admin.send("GET", `${maps}/kept`)).code).toBe(200);
});
