import { afterAll, beforeAll, expect, test } from "bun:test";
import { installCrds } from "../../../src/fleet/cloud/crds/install.ts";
import { ids } from "../../../src/fleet/cloud/edgecontroller/ids.ts";
import { roleIds } from "../../../src/fleet/cloud/policycontroller/roles.ts";
import { accessId, startPolicyController } from "../../../src/fleet/cloud/policycontroller/start.ts";
import { openTestCloud, type TestCloud } from "./_cloud.ts";

let cloud: TestCloud;
beforeAll(async () => {
  cloud = await openTestCloud([startPolicyController], installCrds);
});
afterAll(() => cloud[Symbol.asyncDispose]());

const edge = { "node-role.kubernetes.io/edge": "" };
const apiVersion = "rbac.authorization.k8s.io/v1";
const rules = [{ apiGroups: [""], resources: ["configmaps"], verbs: ["get"] }];

test("an account that comes to a node brings its rules, which follow its roles and go with its last pod", async () => {
  await cloud.join("edge1", undefined, edge);
  const reader = { name: "reader", namespace: "default" };
  await cloud.create(ids.serviceAccounts, { kind: "ServiceAccount", metadata: reader });
  await cloud.create(roleIds.roles, { apiVersion, kind: "Role", metadata: reader, rules });
  const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "reader" };
  const subjects = [{ kind: "ServiceAccount", ...reader }];
  await cloud.create(roleIds.roleBindings, {
    apiVersion,
    kind: "RoleBinding",
    metadata: reader,
    subjects,
    roleRef,
  });
  const pod = await cloud.run("edge1", "p1", { serviceAccountName: "reader" });
  const first = await cloud.hub.untilDelivered("edge1", (each) => bindingsOf(each.object).length > 0);
  expect(first).toMatchObject({
    type: "serviceaccountaccess",
    source: "policycontroller",
    object: { kind: "ServiceAccountAccess", apiVersion: "policy.kubeedge.io/v1alpha1", metadata: reader },
  });
  expect(bindingsOf(first.object)).toMatchObject([{ roleBinding: { metadata: reader, roleRef }, rules }]);
  expect(first.object["status"]).toBeUndefined();
  expect(cloud.hub.wanted("edge1").map(({ object }) => object.metadata.name)).toEqual(["reader"]);
  const wider = [{ op: "add", path: "/rules/0/verbs/-", value: "list" }];
  await cloud.client.patch(roleIds.roles, reader, wider, { type: "application/json-patch+json" });
  const second = await cloud.hub.untilDelivered("edge1", ({ operation }) => operation === "update");
  expect(bindingsOf(second.object)).toMatchObject([{ rules: [{ verbs: ["get", "list"] }] }]);
  const access = await cloud.client.get(accessId, reader);
  expect(access).toMatchObject({ status: { nodeList: ["edge1"] } });
  await cloud.client.delete(
    ids.pods,
    { namespace: "default", name: pod.metadata.name ?? "" },
    { gracePeriodSeconds: 0 },
  );
  for await (const { type, object } of cloud.client.watch(accessId, {
    resourceVersion: access.metadata.resourceVersion ?? "",
  }))
    if (type === "DELETED" && object.metadata.name === "reader") break;
  expect(cloud.hub.wanted("edge1")).toEqual([]);
});

function bindingsOf(object: object): readonly unknown[] {
  const { spec } = object as { readonly spec: { readonly accessRoleBinding?: readonly unknown[] } };
  return spec.accessRoleBinding ?? [];
}

test("an account whose pods are on no edge node has none", async () => {
  await cloud.join("server");
  await cloud.run("server", "p2");
  await cloud.join("edge2", undefined, edge);
  await cloud.create(ids.serviceAccounts, {
    kind: "ServiceAccount",
    metadata: { name: "last", namespace: "default" },
  });
  await cloud.run("edge2", "p3", { serviceAccountName: "last" });
  await cloud.hub.untilDelivered("edge2", ({ object }) => object.metadata.name === "last");
  expect(cloud.hub.delivered("server")).toEqual([]);
  expect(cloud.hub.wanted("server")).toEqual([]);
});
