import { afterEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openApiServer } from "../../../src/fleet/cloud/apiserver/server.ts";
import { openCluster, type Cluster } from "./_server.ts";

const open: Cluster[] = [];
const openHere = async (): Promise<Cluster> => {
  const cluster = await openCluster({ controllers: false });
  open.push(cluster);
  return cluster;
};

afterEach(async () => {
  for (const cluster of open.splice(0)) await cluster[Symbol.asyncDispose]();
});

const core = (resource: string) => ({ group: "", version: "v1", resource });
const get = async ({ server }: Cluster, path: string, init: RequestInit = {}) =>
  await fetch(`${server.url}${path}`, { ...init, tls: { ca: server.authority.ca } } as RequestInit);

test("a new server has its namespaces, priorities, roles and the service of its own", async () => {
  const { server } = await openHere();
  const { items } = await server.client.list(core("namespaces"));
  const names = items.map(({ metadata }) => metadata.name);
  expect(names).toEqual(["default", "kube-node-lease", "kube-public", "kube-system"]);
  const service = await server.client.get(core("services"), { namespace: "default", name: "kubernetes" });
  expect(service["spec"]).toMatchObject({
    clusterIP: "10.96.0.1",
    ports: [{ port: 443, targetPort: server.port }],
  });
  const priority = { group: "scheduling.k8s.io", version: "v1", resource: "priorityclasses" };
  expect((await server.client.get(priority, { name: "system-node-critical" }))["value"]).toBe(2_000_001_000);
  const roles = { group: "rbac.authorization.k8s.io", version: "v1", resource: "clusterroles" };
  expect((await server.client.get(roles, { name: "cluster-admin" })).kind).toBe("ClusterRole");
});

test("it is ready when it says so, and anybody may ask", async () => {
  const cluster = await openHere();
  expect(await (await get(cluster, "/readyz")).text()).toBe("ok");
  expect((await get(cluster, "/api/v1/pods")).status).toBe(403);
  expect((await get(cluster, "/api/v1/pods", { headers: { Authorization: "Bearer x.y.z" } })).status).toBe(
    401,
  );
});

test("objects and the revision outlive a restart, and tokens stay good", async () => {
  const cluster = await openHere();
  const { client } = cluster.server;
  const made = await client.create(core("configmaps"), {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "kept", namespace: "default" },
    data: { a: "b" },
  });
  await cluster.restart();
  const found = await cluster.server.client.get(core("configmaps"), { namespace: "default", name: "kept" });
  expect(found).toEqual(made);
});

test("a watch ends when the server closes, and closing does not wait for it", async () => {
  const cluster = await openHere();
  const { certificate, key } = await cluster.server.authority.issueClient({
    user: "a",
    groups: ["system:masters"],
  });
  const tls = { ca: cluster.server.authority.ca, cert: certificate, key };
  const url = `${cluster.server.url}/api/v1/namespaces?watch=1&resourceVersion=0`;
  const response = await fetch(url, { tls } as RequestInit);
  expect(response.status).toBe(200);
  const text = response.text();
  await cluster.server.close();
  expect(await text).toContain('"type":"ADDED"');
});

test("a folder is served by one server at a time", async () => {
  const folder = mkdtempSync(join(tmpdir(), "sampan-cluster-"));
  const options = { folder, host: "127.0.0.1", port: 0, log: () => {}, controllers: false };
  const first = await openApiServer(options);
  try {
    const second = openApiServer(options);
    expect(second).rejects.toMatchObject({ code: "unavailable" });
    await second.catch(() => {});
  } finally {
    await first.close();
    rmSync(folder, { recursive: true });
  }
});
