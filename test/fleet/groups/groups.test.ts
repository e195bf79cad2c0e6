/** Node groups and edge applications on a real API. */
import { expect, test } from "bun:test";
import { startGroups } from "../../../src/fleet/cloud/groups/start.ts";
import type { KubeObject } from "../../../src/spec/kubernetes/kube.ts";
import { openPartCloud, type PartCloud } from "../devices/cloud.ts";

const group = "apps.kubeedge.io";
const groups = { group, version: "v1alpha1", resource: "nodegroups" };
const applications = { group, version: "v1alpha1", resource: "edgeapplications" };
const nodes = { group: "", version: "v1", resource: "nodes" };
const deployments = { group: "apps", version: "v1", resource: "deployments" };
const services = { group: "", version: "v1", resource: "services" };
const apiVersion = `${group}/v1alpha1`;
const belonging = "apps.kubeedge.io/belonging-to";
const merge = { type: "application/merge-patch+json" } as const;

const node = (name: string, labels: Record<string, string> = {}): KubeObject => ({
  apiVersion: "v1",
  kind: "Node",
  metadata: { name, labels },
});
const nodeGroup = (name: string, spec: object): KubeObject => ({
  apiVersion,
  kind: "NodeGroup",
  metadata: { name },
  spec,
});

test("nodes get and lose the label of their group, and the group says how they are", async () => {
  await using cloud = await openPartCloud(startGroups);
  const { client } = cloud;
  await client.create(nodes, node("edge1", { site: "x" }));
  await client.create(groups, nodeGroup("north", { nodes: ["edge2"], matchLabels: { site: "x" } }));
  await cloud.until(nodes, "edge1", ({ metadata }) => metadata.labels?.[belonging] === "north");
  await client.create(nodes, node("edge2"));
  await cloud.until(nodes, "edge2", ({ metadata }) => metadata.labels?.[belonging] === "north");
  const conditions = [{ type: "Ready", status: "True" }];
  await client.patch(nodes, { name: "edge2", subresource: "status" }, { status: { conditions } }, merge);
  const isReady = ({ status }: KubeObject) =>
    JSON.stringify(status ?? "").includes('"edge2","readyStatus":"Ready"');
  const said = await cloud.until(groups, "north", isReady);
  expect(said["status"]).toEqual({
    nodeStatuses: [
      { nodeName: "edge1", readyStatus: "Unknown", selectionStatus: "Succeeded" },
      { nodeName: "edge2", readyStatus: "Ready", selectionStatus: "Succeeded" },
    ],
  });
  await client.delete(groups, { name: "north" });
  for (const name of ["edge1", "edge2"])
    await cloud.until(nodes, name, ({ metadata }) => metadata.labels?.[belonging] === undefined);
});

const deployment = (name = "web") => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name },
  spec: {
    selector: { matchLabels: { app: name } },
    template: {
      metadata: { labels: { app: name } },
      spec: { containers: [{ name: "c", image: "nginx:1" }] },
    },
  },
});
const service = {
  apiVersion: "v1",
  kind: "Service",
  metadata: { name: "web" },
  spec: { selector: { app: "web" }, ports: [{ port: 80 }] },
};

function application(manifests: unknown[], names: readonly string[], overriders = {}): KubeObject {
  const targetNodeGroups = names.map((name) => ({ name, overriders }));
  const spec = { workloadTemplate: { manifests }, workloadScope: { targetNodeGroups } };
  return { apiVersion, kind: "EdgeApplication", metadata: { name: "app", namespace: "default" }, spec };
}

const conditionsOf = ({ status }: KubeObject) =>
  (
    (status ?? {}) as { workloadStatus?: { conditions: string; identifier: { name: string } }[] }
  ).workloadStatus?.map(({ conditions, identifier }) => `${identifier.name} ${conditions}`);

async function change(cloud: PartCloud, spec: unknown): Promise<void> {
  const found = await cloud.client.get(applications, { namespace: "default", name: "app" });
  await cloud.client.update(applications, { ...found, spec });
}

test("an application is made, changed and taken away with its groups", async () => {
  await using cloud = await openPartCloud(startGroups);
  const { client } = cloud;
  await client.create(applications, application([deployment(), service], ["north", "south"]));
  const made = await cloud.until(deployments, "web-north", () => true, "default");
  await cloud.until(deployments, "web-south", () => true, "default");
  await cloud.until(services, "web", () => true, "default");
  expect(made["spec"]).toMatchObject({ template: { spec: { nodeSelector: { [belonging]: "north" } } } });
  await cloud.until(applications, "app", (each) => conditionsOf(each)?.length === 3, "default");

  await change(cloud, application([deployment(), service], ["north"], { replicas: 4 })["spec"]);
  await cloud.until(
    deployments,
    "web-north",
    ({ spec }) => (spec as { replicas?: number }).replicas === 4,
    "default",
  );
  await cloud.untilGone(deployments, "web-south", "default");
  await change(cloud, application([deployment()], ["north"])["spec"]);
  await cloud.untilGone(services, "web", "default");

  const { generation: observedGeneration } = (
    await client.get(deployments, { namespace: "default", name: "web-north" })
  ).metadata;
  const status = { observedGeneration, replicas: 1, updatedReplicas: 1, availableReplicas: 1 };
  await cloud.until(
    deployments,
    "web-north",
    ({ spec }) => (spec as { replicas?: number }).replicas === 1,
    "default",
  );
  const now = await client.get(deployments, { namespace: "default", name: "web-north" });
  const current = { ...status, observedGeneration: now.metadata.generation };
  await client.patch(
    deployments,
    { namespace: "default", name: "web-north", subresource: "status" },
    { status: current },
    merge,
  );
  await cloud.until(
    applications,
    "app",
    (each) => conditionsOf(each)?.[0] === "web-north Available",
    "default",
  );
});

test("what somebody else changes of it is put right", async () => {
  await using cloud = await openPartCloud(startGroups);
  await cloud.client.create(applications, application([deployment()], ["north"]));
  await cloud.until(deployments, "web-north", () => true, "default");
  const containers = [{ name: "c", image: "other:1" }];
  const patch = { spec: { template: { spec: { containers } } } };
  await cloud.client.patch(deployments, { namespace: "default", name: "web-north" }, patch, merge);
  await cloud.until(
    deployments,
    "web-north",
    (object) => JSON.stringify(object).includes("nginx:1") && (object.metadata.generation ?? 0) > 1,
    "default",
  );
});

test("an object of somebody else is not taken over", async () => {
  await using cloud = await openPartCloud(startGroups);
  const own = { ...deployment("web-north"), metadata: { name: "web-north", namespace: "default" } };
  await cloud.client.create(deployments, own);
  await cloud.client.create(applications, application([deployment(), service], ["north"]));
  const app = await cloud.until(applications, "app", (each) => conditionsOf(each) !== undefined, "default");
  expect(conditionsOf(app)).toEqual(["web-north Processing", "web Available"]);
  const found = await cloud.client.get(deployments, { namespace: "default", name: "web-north" });
  expect(found.metadata.ownerReferences).toBeUndefined();
  expect(cloud.logs.some((line) => line.includes("not of this application"))).toBe(true);
});

test("an application that is deleted takes all of it along", async () => {
  await using cloud = await openPartCloud(startGroups, { controllers: true });
  await cloud.client.create(applications, application([deployment(), service], ["north"]));
  await cloud.until(deployments, "web-north", () => true, "default");
  await cloud.until(services, "web", () => true, "default");
  await cloud.client.delete(applications, { namespace: "default", name: "app" });
  await cloud.untilGone(deployments, "web-north", "default");
  await cloud.untilGone(services, "web", "default");
});
